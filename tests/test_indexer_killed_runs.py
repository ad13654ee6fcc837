"""100 kills at random moments of indexing runs, each followed by a resume: the end is as if none had happened.

Every run is a process of its own, forked from one that has only imported what it needs, and decodes in workers of its
own where its pictures are files.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from catalogue_asserts import assert_same

from indexer.catalogue.local import LocalCatalogue
from indexer.errors import CatalogueMissing
from models.datasets.fashion_mnist import Split
from models.pictures.png import encode_png

FILES = 160
TILES = 400
KILLS = {"files": 30, "tiles": 70}

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see what still runs")

RUNS = f"""
import json, os, sys, traceback
from pathlib import Path
import models
from indexer.pipeline import indexing
from indexer.pipeline import plan
from indexer.catalogue.local import LocalCatalogue
from indexer.sources.fashion_mnist import FashionMNIST
from indexer.sources.folder import Folder
from models.datasets import fashion_mnist

test = fashion_mnist.load("test")
tiles = fashion_mnist.Split(test.images[:{TILES}], test.labels[:{TILES}])

def index(kind, directory):
    os.setpgid(0, 0)
    plan.BATCH = 8 if kind == "tiles" else 4
    embedder = models.load()
    card = embedder.card
    source = FashionMNIST(tiles, "test") if kind == "tiles" else Folder(Path(sys.argv[1]))
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        indexing.index(source, embedder, catalogue, workers=1)

print("ready", flush=True)
for order in sys.stdin:
    run = os.fork()
    if run == 0:
        try:
            index(*json.loads(order))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    print(run, flush=True)
    print(os.waitpid(run, 0)[1], flush=True)
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

    def start(self, kind: str, directory: Path) -> int:
        """Start a run and return its process, which is its process group as well."""
        assert self._process.stdin is not None
        print(json.dumps([kind, str(directory)]), file=self._process.stdin, flush=True)
        return int(self._answer())

    def ended_with(self) -> int:
        """Wait for the run to end, and return its status."""
        return int(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0


@dataclass
class Struck:
    """What kills have struck: runs in all, runs that had committed something of their own, finished catalogues."""

    kills: int = 0
    in_the_middle: int = 0
    finished: int = 0


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
    assert {kind: one.kills for kind, one in struck.items()} == KILLS
    for kind, one in struck.items():
        assert one.finished > 0, kind
        assert one.in_the_middle >= KILLS[kind] / 8, f"the kills of {kind} missed the moments that matter"


def _survives(runs: Runs, kind: str, tmp_path: Path) -> Struck:
    """Kill runs until there have been enough kills, and hold every catalogue that gets finished to the whole one."""
    random, struck = np.random.default_rng(len(kind)), Struck()
    started = time.monotonic()
    runs.start(kind, tmp_path / f"{kind}-whole")
    assert runs.ended_with() == 0
    lasts = time.monotonic() - started
    with LocalCatalogue.open(tmp_path / f"{kind}-whole") as whole:
        while struck.kills < KILLS[kind]:
            directory, before = tmp_path / f"{kind}-{struck.finished}", 0
            while _is_killed(runs, kind, directory, float(random.uniform(0, lasts)), group=bool(random.integers(2))):
                struck.kills += 1
                after = _items(directory)
                assert after >= before
                struck.in_the_middle += before < after < len(whole)
                before = after
                if struck.kills == KILLS[kind]:
                    runs.start(kind, directory)
                    assert runs.ended_with() == 0
                    break
            struck.finished += 1
            with LocalCatalogue.open(directory) as resumed:
                assert resumed.generation >= 1
                assert_same(resumed, whole)
    return struck


def _is_killed(runs: Runs, kind: str, directory: Path, seconds: float, group: bool) -> bool:
    """Kill a run after a time, with its workers or without; tell whether it had not ended before."""
    run = runs.start(kind, directory)
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        (os.killpg if group and os.getpgid(run) == run else os.kill)(run, signal.SIGKILL)
    status = runs.ended_with()
    assert status in {0, signal.SIGKILL}
    deadline = time.monotonic() + 30
    while _group_lives(run):
        assert time.monotonic() < deadline, "a worker outlives the run that it worked for"
        time.sleep(0.01)
    return status != 0


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
