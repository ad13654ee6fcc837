"""How long it takes until the command answers, and until the server does."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.harness.gallery import OBVIOUS, OBVIOUS_PATH, OUR_PATH, K, build
from benchmarks.harness.measuring import BenchmarkFailed, Figure, Say, Section, in_turns, less, more, seconds
from benchmarks.harness.processes import run_quietly, serving
from benchmarks.harness.queries import Client, get, search

OF_THE_IMPORT = 0.15
HELP_SECONDS = 1 / 3
"""What the project promises: ready within this part of TensorFlow's import, help within a third of a second."""

OURS, IMPORT, EMPTY, HELP = "lookalike serve", "import tensorflow", "python -c pass", "lookalike --help"


def run(say: Say, quick: bool) -> Section:
    """Start everything in turns, each from the disk cache that a first, uncounted round has filled."""
    with TemporaryDirectory(prefix="lookalike-benchmark-") as directory:
        gallery = build(Path(directory), say)
        picture = gallery.pictures[0]
        launches: dict[str, Callable[[], list[float]]] = {
            OURS: partial(_our_launch, gallery.serve_command, picture),
            OBVIOUS: partial(_their_launch, gallery.obvious_command, picture),
            IMPORT: partial(_run, [sys.executable, "-c", "import tensorflow"]),
            HELP: partial(_run, [sys.executable, "-m", "lookalike", "--help"]),
            EMPTY: partial(_run, [sys.executable, "-c", "pass"]),
        }
        in_turns(launches, 1, lambda _: say("filling the disk cache"))
        rounds = in_turns(launches, 2 if quick else 7, say)
    ready, first_answer = ([launch[at] for launch in rounds[OURS]] for at in range(2))
    imported, obvious, helped, empty = ([taken[0] for taken in rounds[name]] for name in (IMPORT, OBVIOUS, HELP, EMPTY))
    of_import = more("serve, until /readyz is 200", "s", ready, IMPORT, imported, "of the time")
    help_ = more("lookalike --help", "s", helped, EMPTY, empty, "times the time")
    return Section(
        name="startup",
        title=f"from the start of the process, {gallery.items:,} items, files in the disk cache",
        comparisons=(of_import, less("serve, until a query is answered", "s", first_answer, OBVIOUS, obvious), help_),
        figures=(
            Figure("ready, of the time of import tensorflow", of_import.ratio.value, OF_THE_IMPORT, at_least=False),
            Figure("lookalike --help", help_.ours.value, HELP_SECONDS, at_least=False, unit="s"),
        ),
    )


def _run(command: Sequence[str]) -> list[float]:
    return [seconds(lambda: run_quietly(command))]


def _our_launch(command: Sequence[str], picture: bytes) -> list[float]:
    """Return the seconds until /readyz is 200, and until a first query is answered."""
    with serving(command) as server, Client(server) as client:
        status = client.ask(get(server, "/readyz"))["status"]
        ready = perf_counter() - server.started
        if status != "ready":
            raise BenchmarkFailed(f"/readyz says {status!r}.")
        client.ask(search(server, OUR_PATH, picture, K))
        return [ready, perf_counter() - server.started]


def _their_launch(command: Sequence[str], picture: bytes) -> list[float]:
    """Return the seconds until a first query is answered."""
    with serving(command) as server, Client(server) as client:
        client.ask(search(server, OBVIOUS_PATH, picture, K))
        return [perf_counter() - server.started]
