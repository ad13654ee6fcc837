"""What the server weighs and how soon it is ready, against the server of an earlier commit."""

import sys
from functools import partial
from pathlib import Path
from time import perf_counter

from benchmarks.harness import load
from benchmarks.harness.measuring import BenchmarkFailed, Figure, Say, Section, in_turns, more, seconds
from benchmarks.harness.processes import memory_of, run_quietly
from benchmarks.harness.queries import Client, get
from benchmarks.server.sides import ITEMS, Side, Sides, both_sides
from benchmarks.server.throughput import FEW, picture_requests, similar_requests

MEGABYTES = 230
OF_THE_IMPORT = 0.15
"""What the project promises: memory with shared pages counted once, ready within this part of TensorFlow's import."""

IMPORT = "import tensorflow"


def run(say: Say, quick: bool, against_checkout: Path | None = None) -> Section:
    """Weigh both servers after seconds of work, and start them in turns with an import of TensorFlow."""
    rounds = 1 if quick else 3
    with both_sides(against_checkout, say) as sides:
        ours, theirs = sides.ours.name, sides.theirs.name
        both = {ours: sides.ours, theirs: sides.theirs}
        weights = in_turns(
            {name: partial(_weigh, side, sides, 1.0 if quick else 4.0) for name, side in both.items()},
            rounds,
            lambda text: say(f"weighing, {text}"),
        )
        launches = {name: partial(_launch, side) for name, side in both.items()} | {
            IMPORT: partial(seconds, partial(run_quietly, [sys.executable, "-c", IMPORT]))
        }
        in_turns(launches, 1, lambda _: say("filling the disk cache"))
        starts = in_turns(launches, 2 * rounds, lambda text: say(f"starting, {text}"))
    memory = more(
        "all processes, shared pages once (PSS)", "MB", weights[ours], theirs, weights[theirs], "of the memory"
    )
    of_import = more("until /readyz is 200", "s", starts[ours], IMPORT, starts[IMPORT], "of the time")
    return Section(
        name="footprint",
        title=f"memory after work and start, {ITEMS:,} items (MB of 10^6 bytes)",
        comparisons=(
            memory,
            more("until /readyz is 200", "s", starts[ours], theirs, starts[theirs], "of the time"),
            of_import,
        ),
        figures=(
            Figure("memory of all processes (PSS)", memory.ours.value, MEGABYTES, at_least=False, unit="MB"),
            Figure("ready, of the time of import tensorflow", of_import.ratio.value, OF_THE_IMPORT, at_least=False),
        ),
    )


def _weigh(side: Side, sides: Sides, duration: float) -> float:
    """Return the megabytes of a server's processes after picture searches and `similar` over 8 connections."""
    with side.serving() as server:
        for requests in (picture_requests(server, sides), similar_requests(server, sides)):
            load.generate(server, requests, duration, FEW)
        weight = memory_of(server.pid)
    if weight is None:
        raise BenchmarkFailed("Memory is read from /proc, which this system does not have.")
    return weight.proportional / 1e6


def _launch(side: Side) -> float:
    """Return the seconds from the start of the process until /readyz is 200."""
    with side.serving() as server, Client(server) as client:
        client.ask(get(server, "/readyz"))
        return perf_counter() - server.started
