"""A small load generator: connections that each send the next request when an answer is whole."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from benchmarks.measuring import BenchmarkFailed

CONNECTIONS = 16

# As they are in a head brought to lower case.
_STATUS_OK = b"http/1.1 200 "
_LENGTH = b"\r\ncontent-length:"
_CLOSES = b"\r\nconnection: close\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """How many requests were answered with 200 in a time."""

    answered: int
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


def generate(host: str, port: int, messages: Sequence[bytes], seconds: float) -> Load:
    """Send whole HTTP requests in turn over 16 connections, from a process of its own.

    Counting begins after a tenth of the time. Raises BenchmarkFailed when an answer is not 200 or does not come.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as own_process:
        return own_process.submit(_generate, host, port, messages, seconds).result()


def _generate(host: str, port: int, messages: Sequence[bytes], seconds: float) -> Load:
    return asyncio.run(_load(host, port, messages, seconds))


async def _load(host: str, port: int, messages: Sequence[bytes], seconds: float) -> Load:
    tally = _Tally()
    turns = itertools.cycle(messages)
    asking = [asyncio.create_task(_ask(host, port, turns, tally)) for _ in range(CONNECTIONS)]
    await _wait(asking, seconds / 10)
    before, started = tally.answered, time.perf_counter()
    await _wait(asking, seconds)
    answered, ended = tally.answered - before, time.perf_counter()
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    if answered == 0:
        raise BenchmarkFailed(f"{host}:{port} answered nothing within {seconds:.0f} s.")
    return Load(answered, ended - started)


async def _wait(asking: Sequence["asyncio.Task[None]"], seconds: float) -> None:
    """Let the connections work for a time. Raises what ends one of them."""
    ended, _ = await asyncio.wait(asking, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in ended:
        task.result()


@dataclass(slots=True)
class _Tally:
    answered: int = 0


async def _ask(host: str, port: int, messages: Iterator[bytes], tally: _Tally) -> None:
    """Send one request after another, over a new connection where the server closes the old one."""
    while True:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            while True:
                writer.write(next(messages))
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                if not head.startswith(_STATUS_OK):
                    raise BenchmarkFailed(f"A request was answered with {head.splitlines()[0].decode()!r}.")
                await reader.readexactly(_content_length(head))
                tally.answered += 1
                if _CLOSES in head:
                    break
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise BenchmarkFailed(f"{host}:{port} closed a connection without an answer: {error!r}.") from error
        finally:
            writer.close()


def _content_length(head: bytes) -> int:
    return int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
