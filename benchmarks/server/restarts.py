"""What clients notice of workers that die, of reloads and of rolling restarts, against an earlier commit's server."""

import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks.harness.gallery import OUR_PATH, K
from benchmarks.harness.load import Load, Underway, underway
from benchmarks.harness.measuring import BenchmarkFailed, Comparison, Figure, Measured, Say, Section, in_turns
from benchmarks.harness.processes import Server, workers_of
from benchmarks.harness.queries import get, search
from benchmarks.server.sides import ITEMS, Side, both_sides

T = TypeVar("T")

CONNECTIONS = 8

FAILED_PER_KILL, GAP_SECONDS = 1.0, 0.4
"""What the project promises of workers that are killed; reloads and rolling restarts fail nobody."""

_KILL_EVERY_SECONDS = 1.0
_CALM_SECONDS = 1.0
_CHANGE_SECONDS = 60.0
_POLL_SECONDS = 0.01


def run(say: Say, quick: bool, against_checkout: Path | None = None) -> Section:
    """Keep 8 connections busy with pictures and `similar` while workers are killed, reloaded, or servers replaced.

    The earlier server knows neither reload nor handing over: it is stopped and started again.
    """
    kills, changes = (3, 1) if quick else (30, 5)
    comparisons: list[Comparison] = []
    figures: list[Figure] = []
    notes: list[str] = []
    with both_sides(against_checkout, say) as sides:
        trials = [
            ("kills of a worker, one a second", kills, _killed, _killed),
            ("reloads", changes, _reloaded, _restarted),
            ("rolling restarts", changes, _rolled, _restarted),
        ]
        for name, times, ours, theirs in trials:
            what = f"{times} {name}"
            loads = in_turns(
                {
                    sides.ours.name: partial(ours, sides.ours, sides.pictures, times),
                    sides.theirs.name: partial(theirs, sides.theirs, sides.pictures, times),
                },
                1,
                partial(_say_which, say, what),
            )
            (our_load,), (their_load,) = loads[sides.ours.name], loads[sides.theirs.name]
            against = sides.theirs.name if theirs is _killed else f"{sides.theirs.name} restarted"
            comparisons += _compared(what, our_load, against, their_load)
            failed = our_load.failed / (times if ours is _killed else 1)
            most = FAILED_PER_KILL if ours is _killed else 0
            figures.append(
                Figure(f"{what}: failed requests{' a kill' * (ours is _killed)}", failed, most, at_least=False)
            )
            if ours is _killed:
                figures.append(
                    Figure(f"{what}: longest gap", our_load.longest_gap, GAP_SECONDS, at_least=False, unit="s")
                )
            notes += [_note(what, "lookalike", our_load), _note(what, against, their_load)]
    return Section(
        name="restarts",
        title=f"what {CONNECTIONS} busy connections notice, {ITEMS:,} items",
        comparisons=tuple(comparisons),
        figures=tuple(figures),
        notes=tuple(notes),
    )


def _killed(side: Side, pictures: tuple[bytes, ...], times: int) -> Load:
    """Kill one worker of those that there are, once a second."""
    chance = random.Random(7)
    with side.serving() as server, _busy(server, pictures) as load:
        for _ in range(times):
            workers = _until(lambda: workers_of(server), f"{side.name} has no worker")
            os.kill(chance.choice(workers), signal.SIGKILL)
            load.wait(_KILL_EVERY_SECONDS)
        return load.end()


def _reloaded(side: Side, pictures: tuple[bytes, ...], times: int) -> Load:
    """Tell the server to reload, and go on when every worker is another one."""
    with side.serving() as server, _busy(server, pictures) as load:
        for _ in range(times):
            before = set(workers_of(server))
            os.kill(server.pid, signal.SIGHUP)  # in vain where nohup has it ignored
            _until(partial(_all_others, server, before), f"{side.name} did not reload on SIGHUP")
            load.wait(_CALM_SECONDS)
        return load.end()


def _rolled(side: Side, pictures: tuple[bytes, ...], times: int) -> Load:
    """Start a second server on the same port, stop the first one when the second is ready, and so on."""
    with ExitStack() as everything:
        current = everything.enter_context(ExitStack())
        server = current.enter_context(side.serving("--reuse-port"))
        load = everything.enter_context(_busy(server, pictures))
        for _ in range(times):
            following = everything.enter_context(ExitStack())
            following.enter_context(side.serving("--reuse-port", port=server.port))
            current.close()
            current = following
            load.wait(_CALM_SECONDS)
        return load.end()


def _restarted(side: Side, pictures: tuple[bytes, ...], times: int) -> Load:
    """Stop the server, and start it again on the same port."""
    with ExitStack() as everything:
        current = everything.enter_context(ExitStack())
        server = current.enter_context(side.serving())
        load = everything.enter_context(_busy(server, pictures))
        for _ in range(times):
            current.close()
            current.enter_context(side.serving(port=server.port))
            load.wait(_CALM_SECONDS)
        return load.end()


def _all_others(server: Server, before: set[int]) -> bool:
    workers = set(workers_of(server))
    return bool(workers) and not workers & before


def _say_which(say: Say, what: str, round_: str) -> None:
    say(f"{what}, {round_}")


@contextmanager
def _busy(server: Server, pictures: tuple[bytes, ...]) -> Iterator[Underway]:
    asked = [search(server, OUR_PATH, picture, K) for picture in pictures]
    similar = [get(server, f"/v1/items/test-{number:05d}/similar?k={K}") for number in range(len(pictures))]
    with underway(server, list(itertools.chain(*zip(asked, similar, strict=True))), CONNECTIONS, _CALM_SECONDS) as load:
        yield load


def _until(found: Callable[[], T], otherwise: str) -> T:
    deadline = time.perf_counter() + _CHANGE_SECONDS
    while not (value := found()):
        if time.perf_counter() > deadline:
            raise BenchmarkFailed(f"{otherwise} within {_CHANGE_SECONDS:.0f} s.")
        time.sleep(_POLL_SECONDS)
    return value


def _compared(what: str, ours: Load, against: str, theirs: Load) -> Iterator[Comparison]:
    for name, unit, our, their in (
        ("failed", "", float(ours.failed), float(theirs.failed)),
        ("longest gap", "s", ours.longest_gap, theirs.longest_gap),
    ):
        ratio = our / their if their else float(our > 0)
        yield Comparison(f"{what}: {name}", unit, Measured(our), against, Measured(their), Measured(ratio), "of that")


def _note(what: str, name: str, load: Load) -> str:
    reasons = "; ".join(f"{count} {reason}" for reason, count in load.failures.items())
    return f"{what}, {name}: {load.answered:,} answered, {reasons or 'none failed'}."
