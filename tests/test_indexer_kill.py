"""kill -9 at random moments: nothing acknowledged is lost, and whatever is left opens and searches rightly.

The writers are real processes, each forked from one that has only imported the catalogue: 200 starts of Python would
take the time, not the 200 kills.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.catalogue.local import LocalCatalogue
from indexer.errors import CatalogueMissing

DIM = 49
CATALOGUES = 8
AT_ONCE = 4
KILLS_OF_EACH = 25
LONGEST_LIFE_SECONDS = 0.15
LONGEST_FIRST_LIFE_SECONDS = 0.02  # so that some are killed while they create the catalogue

WRITERS = """
import json, os, sys
import numpy as np
from indexer.catalogue.local import LocalCatalogue
from indexer.records import DisplayCopy, Record
from models.datasets.fashion_mnist import CLASSES

vectors = np.load(sys.argv[1])

def write(directory, seed, log):
    random = np.random.default_rng(seed)
    log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    def say(*words):
        os.write(log, json.dumps(words).encode() + b"\\n")
    say("create", {})
    catalogue = LocalCatalogue.create(directory, "f", vectors.shape[1], CLASSES)
    say("done")
    while True:
        kind = str(random.choice(["upsert", "delete", "publish"], p=[0.6, 0.15, 0.25]))
        ids = [f"item-{n}" for n in random.choice(300, int(random.integers(1, 30)), replace=False)]
        images = random.integers(len(vectors), size=len(ids)).tolist()
        picture = DisplayCopy(random.bytes(600), "image/png", 28, 28)
        if kind == "upsert":
            say(kind, dict(zip(ids, images)))
            catalogue.upsert(
                [Record(id_, "Bag", 1.0, vectors[n], picture, {"image": n}) for id_, n in zip(ids, images)]
            )
        elif kind == "delete":
            say(kind, dict.fromkeys(ids))
            catalogue.delete(ids)
        else:
            say(kind, {})
            catalogue.publish(exact_up_to=int(random.choice([20, 1000])))  # with a graph, and without
        say("done")

print("ready", flush=True)
for order in sys.stdin:
    child = os.fork()
    if child == 0:
        write(*json.loads(order))
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Writers:
    """Starts writers one after another, and kills them."""

    def __init__(self, vectors_file: Path, project: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WRITERS, str(vectors_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=project,
        )
        assert self._answer() == "ready"

    def let_one_live(self, seconds: float, directory: Path, seed: int, log: Path) -> None:
        assert self._process.stdin is not None
        print(json.dumps([str(directory), seed, str(log)]), file=self._process.stdin, flush=True)
        writer = int(self._answer())
        time.sleep(seconds)
        os.kill(writer, signal.SIGKILL)
        assert int(self._answer()) == signal.SIGKILL, "the writer ended by itself"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0


@pytest.fixture
def all_writers(tmp_path: Path, vectors: NDArray[np.float32], project: Path) -> Iterator[list[Writers]]:
    np.save(tmp_path / "vectors.npy", vectors)
    some = [Writers(tmp_path / "vectors.npy", project) for _ in range(AT_ONCE)]
    yield some
    for writers in some:
        writers.close()


def test_200_kills_lose_nothing_that_was_acknowledged(
    tmp_path: Path, vectors: NDArray[np.float32], all_writers: list[Writers]
) -> None:
    def kill_again_and_again(writers: Writers, numbers: range) -> Counter[str]:
        return sum((_survives(writers, tmp_path / f"c{number}", vectors, number) for number in numbers), Counter())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        shares = [range(start, CATALOGUES, AT_ONCE) for start in range(AT_ONCE)]
        struck = sum(pool.map(kill_again_and_again, all_writers, shares), Counter[str]())
    assert struck.total() == CATALOGUES * KILLS_OF_EACH == 200
    assert {"upsert", "delete", "publish"} <= struck.keys(), "the kills missed the moments that matter"


def _survives(writers: Writers, directory: Path, vectors: NDArray[np.float32], number: int) -> Counter[str]:
    """Kill the writers of one catalogue many times, checking it each time; return what they were doing."""
    random = np.random.default_rng(number)
    struck: Counter[str] = Counter()
    items: dict[str, int] = {}
    was_created = False
    for life in range(KILLS_OF_EACH):
        log = directory.with_suffix(f".{life}.log")
        longest = LONGEST_LIFE_SECONDS if life else LONGEST_FIRST_LIFE_SECONDS
        writers.let_one_live(float(random.uniform(0, longest)), directory, 1000 * number + life, log)
        acknowledged, doing, under_way = _told(log, items)
        was_created |= acknowledged is not None
        items = acknowledged or items
        struck[doing] += 1
        # A look at a copy leaves the write-ahead log as it is, so that it has to outlive several kills.
        copy = directory.with_suffix(f".{life}.copy")
        if life % 2 and directory.exists():
            shutil.copytree(directory, copy)
        looked_at = copy if copy.exists() else directory
        items = _state(looked_at, vectors, random, was_created, [items, _changed(items, under_way)])
    connection = apsw.Connection(str(directory / "catalogue.sqlite"))
    assert connection.pragma("integrity_check") == "ok"
    connection.close()
    return struck


def _told(log: Path, before: Mapping[str, int]) -> tuple[dict[str, int] | None, str, dict[str, int | None]]:
    """Return what a writer acknowledged (None if nothing), what it was doing when it died, and the change in that."""
    acknowledged, doing, under_way = None, "starting", {}
    for line in log.read_bytes().splitlines() if log.exists() else []:
        doing, *changes = json.loads(line)
        if doing == "done":
            acknowledged = _changed(before if acknowledged is None else acknowledged, under_way)
        under_way = changes[0] if changes else {}
    return acknowledged, doing, under_way


def _changed(items: Mapping[str, int], change: Mapping[str, int | None]) -> dict[str, int]:
    return {id_: image for id_, image in {**items, **change}.items() if image is not None}


def _state(
    directory: Path,
    vectors: NDArray[np.float32],
    random: np.random.Generator,
    was_created: bool,
    possible: list[dict[str, int]],
) -> dict[str, int]:
    """Check that a catalogue holds one of the possible states, whole and searchable, and return it."""
    try:
        catalogue = LocalCatalogue.open(directory)
    except CatalogueMissing:
        assert not was_created
        return {}
    with catalogue:
        found = {item.id: item.attributes["image"] for item in catalogue.browse(limit=1000).items}
        assert found in possible
        ids, images = list(found), list(found.values())
        np.testing.assert_array_equal(catalogue.vectors(ids), vectors[images])
        assert all(len(catalogue.display(id_).data) == 600 for id_ in ids[:20])
        for query in vectors[random.integers(len(vectors), size=3)]:
            products = vectors[images].astype(np.float64) @ query.astype(np.float64)
            scores = np.minimum(products, 1).astype(np.float32).tolist()
            best = sorted(zip(scores, ids, strict=True), key=lambda pair: (-pair[0], pair[1]))[:10]
            hits = catalogue.search(query[np.newaxis], 10)[0]
            assert [(hit.score, hit.item.id) for hit in hits] == best
    return found
