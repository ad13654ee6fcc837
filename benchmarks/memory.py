"""What a server weighs once it has worked."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.gallery import OBVIOUS, OBVIOUS_PATH, OUR_PATH, OURS, K, build
from benchmarks.harness.load import CONNECTIONS
from benchmarks.harness.measuring import BenchmarkFailed, Figure, Say, Section, in_turns, more
from benchmarks.harness.processes import Memory, memory_of, serving
from benchmarks.harness.queries import Client, search

MOST_MEGABYTES = 230
"""What the project promises, of all its processes, pages that they share counted once."""

QUERIES = 200
"""Asked before weighing, over 16 connections at once, so that every thread has what it needs."""


def run(say: Say, quick: bool) -> Section:
    """Weigh the server's processes, and the obvious server's, after the same 200 queries."""
    with TemporaryDirectory(prefix="lookalike-benchmark-") as directory:
        gallery = build(Path(directory), say)
        weighed = in_turns(
            {
                OURS: partial(_weigh, gallery.serve_command, OUR_PATH, gallery.pictures),
                OBVIOUS: partial(_weigh, gallery.obvious_command, OBVIOUS_PATH, gallery.pictures),
            },
            1 if quick else 3,
            say,
        )
    resident = {name: [weight.resident / 1e6 for weight in weights] for name, weights in weighed.items()}
    shared_once = {name: [weight.proportional / 1e6 for weight in weights] for name, weights in weighed.items()}
    proportional = more(
        "shared pages once (PSS)", "MB", shared_once[OURS], OBVIOUS, shared_once[OBVIOUS], "of the memory"
    )
    return Section(
        name="memory",
        title=f"all processes of a server after {QUERIES} queries, {gallery.items:,} items (MB of 10^6 bytes)",
        comparisons=(
            more(
                "resident (RSS), processes added up", "MB", resident[OURS], OBVIOUS, resident[OBVIOUS], "of the memory"
            ),
            proportional,
        ),
        figures=(Figure("memory (PSS)", proportional.ours.value, MOST_MEGABYTES, at_least=False, unit="MB"),),
    )


def _weigh(command: Sequence[str], path: str, pictures: Sequence[bytes]) -> Memory:
    with serving(command) as server:

        def ask(requests: Sequence[bytes]) -> None:
            with Client(server) as client:
                for request in requests:
                    client.ask(request)

        requests = [search(server, path, picture, K) for picture in pictures[:QUERIES]]
        with ThreadPoolExecutor(CONNECTIONS) as connections:
            list(connections.map(ask, (requests[first::CONNECTIONS] for first in range(CONNECTIONS))))
        weight = memory_of(server.pid)
    if weight is None:
        raise BenchmarkFailed("Memory is read from /proc, which this system does not have.")
    return weight
