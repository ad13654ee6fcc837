"""100 kills at every kind of moment of indexing runs, each followed by a resume: the end is as if none had happened.

A moment is an event and never a time: a run says that its event has come, goes no further in that thread, and is killed
while its other threads and its worker go on. Every run is a process of its own, forked from one that has only imported
what it needs, and decodes in a worker of its own where its pictures are files.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import deadly_events as events
import numpy as np
import pytest
from catalogue_asserts import assert_same

from indexer.catalogue.local import LocalCatalogue
from indexer.errors import CatalogueMissing
from models.datasets.fashion_mnist import Split
from models.pictures.png import encode_png

FILES = 160
TILES = 400
BATCH = {"files": 4, "tiles": 8}
CATALOGUES = {"files": 5, "tiles": 7}
KILLS_OF_EACH = {"files": 6, "tiles": 10}
KILLS = {"files": 30, "tiles": 70}

BEGUN, COMMITTED, FINISHED = "begun", "committed", "finished"
"""Nothing has been done; a batch is durable; everything is, and the run has yet to end."""

INDEXING = {BEGUN: 1, COMMITTED: 5, events.WAL_WRITE: 60, events.WAL_SYNC: 5}
"""Events of which one of the first few kills a run that indexes."""

PUBLISHING = {events.INDEX_WRITE: 10, events.REPLACE: 1, events.UNLINK: 1, FINISHED: 1}
"""And one that publishes."""

PATIENCE = 300.0
"""Seconds until what never comes is given up."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see what still runs")

RUNS = f"""
import json, os, signal, sys, traceback
sys.path.insert(0, "tests")
from pathlib import Path
import models
from deadly_events import Death
from indexer.pipeline import indexing
from indexer.pipeline import plan
from indexer.catalogue.local import LocalCatalogue
from indexer.sources.fashion_mnist import FashionMNIST
from indexer.sources.folder import Folder
from models.datasets import fashion_mnist

test = fashion_mnist.load("test")
tiles = fashion_mnist.Split(test.images[:{TILES}], test.labels[:{TILES}])

def say(word):
    os.write(1, (str(word) + "\\n").encode())  # whole lines, as two processes write them

def index(kind, directory, event, nth):
    os.setpgid(0, 0)
    signal.alarm({int(2 * PATIENCE)})  # it does not wait for ever where the test itself was killed
    death = Death(event, nth, lambda: say(event), signal.pause)
    death.watch_files()
    death.is_near = True
    death.see("{BEGUN}")
    plan.BATCH = {BATCH}[kind]
    embedder = models.load()
    card = embedder.card
    source = FashionMNIST(tiles, "test") if kind == "tiles" else Folder(Path(sys.argv[1]))
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        indexing.index(source, embedder, catalogue, lambda done, total: death.see("{COMMITTED}"), workers=1)
    death.see("{FINISHED}")

say("ready")
for order in sys.stdin:
    run = os.fork()
    if run == 0:
        try:
            say(os.getpid())
            index(*json.loads(order))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    say(os.waitpid(run, 0)[1])
"""


class Runs:
    """Starts one run after another."""

    def __init__(self, folder: Path, project: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", RUNS, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=project,
        )
        assert self._answer() == "ready"
        self._lives: int | None = None

    def finish(self, kind: str, directory: Path) -> None:
        """Run to the end."""
        self._start(kind, directory, "none", 0)
        self._ended_with(0)

    def kill(self, kind: str, directory: Path, event: str, nth: int, group: bool) -> None:
        """Kill a run at the nth event of a kind, with its workers or without, and wait until all have ended."""
        run = self._start(kind, directory, event, nth)
        assert self._answer() == event, "the moment never came"
        (os.killpg if group else os.kill)(run, signal.SIGKILL)
        self._ended_with(signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while _group_lives(run):
            assert time.monotonic() < deadline, "a worker outlives the run that it worked for"
            time.sleep(0.01)

    def _start(self, kind: str, directory: Path, event: str, nth: int) -> int:
        """Return the run's process, which is its process group as well."""
        assert self._process.stdin is not None
        print(json.dumps([kind, str(directory), event, nth]), file=self._process.stdin, flush=True)
        self._lives = int(self._answer())
        return self._lives

    def _ended_with(self, status: int) -> None:
        assert int(self._answer()) == status
        self._lives = None

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        if self._lives is not None:  # a failed test has left it waiting to be killed
            with suppress(ProcessLookupError):
                os.kill(self._lives, signal.SIGKILL)
        self._process.communicate()
        assert self._process.returncode == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, test_split: Split) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number, image in enumerate(test_split.images[:FILES]):
        (folder / f"{number:03}.png").write_bytes(encode_png(255 - image))
    return folder


@pytest.fixture(scope="module")
def both_runs(folder: Path, project: Path) -> Iterator[dict[str, Runs]]:
    some = {kind: Runs(folder, project) for kind in KILLS}
    yield some
    for runs in some.values():
        runs.close()


def test_100_kills_of_indexing_runs_change_nothing_of_what_they_end_with(
    tmp_path: Path, both_runs: dict[str, Runs]
) -> None:
    assert sum(KILLS.values()) == 100
    with ThreadPoolExecutor(len(KILLS)) as pool:
        struck = dict(zip(KILLS, pool.map(lambda kind: _survives(both_runs[kind], kind, tmp_path), KILLS), strict=True))
    assert {kind: one.total() for kind, one in struck.items()} == KILLS
    assert all(one.keys() == {*INDEXING, *PUBLISHING} for one in struck.values())


def _survives(runs: Runs, kind: str, tmp_path: Path) -> Counter[str]:
    """Kill runs again and again, hold every catalogue to the whole one, and return the events that were struck."""
    random = np.random.default_rng(len(kind))
    struck: Counter[str] = Counter()
    runs.finish(kind, tmp_path / f"{kind}-whole")
    with LocalCatalogue.open(tmp_path / f"{kind}-whole") as whole:
        for number in range(CATALOGUES[kind]):
            directory, before = tmp_path / f"{kind}-{number}", 0
            for event in _moments(random, number, KILLS_OF_EACH[kind]):
                nth = int(random.integers(1, (INDEXING | PUBLISHING)[event], endpoint=True))
                seen_again = before // BATCH[kind] if event == COMMITTED else 0  # they are passed over, and counted
                runs.kill(kind, directory, event, seen_again + nth, group=bool(random.integers(2)))
                struck[event] += 1
                after = _items(directory)
                if event == COMMITTED:
                    assert before + nth * BATCH[kind] <= after < len(whole)
                else:
                    assert before <= after <= len(whole)
                    assert event not in PUBLISHING or after == len(whole)
                before = after
            runs.finish(kind, directory)
            with LocalCatalogue.open(directory) as resumed:
                assert resumed.generation >= 1
                assert_same(resumed, whole)
    return struck


def _moments(random: np.random.Generator, number: int, kills: int) -> list[str]:
    """Return the events that a catalogue's runs are killed at: each of indexing's, then two or four of publishing's."""
    last = [event for place, event in enumerate(PUBLISHING) if kills >= 10 or place % 2 == number % 2]
    first = [*INDEXING, *random.choice(list(INDEXING), kills - len(last) - len(INDEXING)).tolist()]
    return [*random.permutation(first).tolist(), *last]


def _group_lives(group: int) -> bool:
    """Tell whether a process of a group has not ended; zombies have."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                return True
    return False


def _items(directory: Path) -> int:
    try:
        with LocalCatalogue.open(directory) as catalogue:
            return len(catalogue)
    except CatalogueMissing:
        return 0
