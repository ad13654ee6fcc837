"""A small load generator: connections that each send the next request when an answer is whole."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from benchmarks.measuring import BenchmarkFailed
from benchmarks.processes import Server
from benchmarks.queries import HEAD_END, AnswerHead

CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Load:
    """How many requests were answered with 200 in a time."""

    answered: int
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


def generate(server: Server, requests: Sequence[bytes], seconds: float) -> Load:
    """Send whole HTTP requests in turn over 16 connections, from a process of its own.

    Counting begins after a tenth of the time. Raises BenchmarkFailed when an answer is not 200 or does not come.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as own_process:
        return own_process.submit(_generate, server, requests, seconds).result()


def _generate(server: Server, requests: Sequence[bytes], seconds: float) -> Load:
    return asyncio.run(_load(server, requests, seconds))


async def _load(server: Server, requests: Sequence[bytes], seconds: float) -> Load:
    tally = _Tally()
    turns = itertools.cycle(requests)
    asking = [asyncio.create_task(_ask(server, turns, tally)) for _ in range(CONNECTIONS)]
    await _wait(asking, seconds / 10)
    before, started = tally.answered, time.perf_counter()
    await _wait(asking, seconds)
    answered, ended = tally.answered - before, time.perf_counter()
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    if answered == 0:
        raise BenchmarkFailed(f"{server.host}:{server.port} answered nothing within {seconds:.0f} s.")
    return Load(answered, ended - started)


async def _wait(asking: Sequence["asyncio.Task[None]"], seconds: float) -> None:
    """Let the connections work for a time. Raises what ends one of them."""
    ended, _ = await asyncio.wait(asking, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in ended:
        task.result()


@dataclass(slots=True)
class _Tally:
    answered: int = 0


async def _ask(server: Server, requests: Iterator[bytes], tally: _Tally) -> None:
    """Send one request after another, over a new connection where the server closes the old one."""
    while True:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        try:
            while True:
                writer.write(next(requests))
                answer = AnswerHead(await reader.readuntil(HEAD_END))
                await reader.readexactly(answer.length)
                tally.answered += 1
                if answer.closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise BenchmarkFailed(
                f"{server.host}:{server.port} closed a connection without an answer: {error!r}."
            ) from error
        finally:
            writer.close()
