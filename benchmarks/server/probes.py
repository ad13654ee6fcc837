"""Requests that are sent at fixed times, whatever became of those before: how long somebody else waits."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from benchmarks.harness.measuring import BenchmarkFailed
from benchmarks.harness.processes import Server
from benchmarks.harness.queries import HEAD_END, AnswerHead

PATIENCE_SECONDS = 10.0
"""Who waits longer than this has gone elsewhere."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long so many clients waited for an answer, in milliseconds; `unanswered` had none in time, or not a 200."""

    milliseconds: tuple[float, ...]
    unanswered: int

    def quantile(self, share: float) -> float:
        """Return the wait that a share of the clients had at most; who was not answered waited until the end."""
        return float(np.quantile([*self.milliseconds, *[1000 * PATIENCE_SECONDS] * self.unanswered], share))


def probe(server: Server, request: bytes, every: float, seconds: float) -> Waits:
    """Send a request over a new connection at fixed times, `every` so many seconds, from a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as own_process:
        waits = own_process.submit(_probe, server, request, every, round(seconds / every)).result()
    answered = tuple(wait for wait in waits if wait is not None)
    return Waits(answered, len(waits) - len(answered))


def _probe(server: Server, request: bytes, every: float, probes: int) -> Sequence[float | None]:
    return asyncio.run(_probes(server, request, every, probes))


async def _probes(server: Server, request: bytes, every: float, probes: int) -> Sequence[float | None]:
    started = time.perf_counter()
    return await asyncio.gather(*(_wait(server, request, started + number * every) for number in range(probes)))


async def _wait(server: Server, request: bytes, due: float) -> float | None:
    """Return the milliseconds from when a request was due until its whole answer was there; None without one."""
    await asyncio.sleep(due - time.perf_counter())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(server.host, server.port)
            try:
                writer.write(request)
                answer = AnswerHead(await reader.readuntil(HEAD_END))
                await reader.readexactly(answer.length)
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, BenchmarkFailed):
        return None
    return 1000 * (time.perf_counter() - due)
