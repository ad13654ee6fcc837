"""kill -9 at every kind of moment: nothing acknowledged is lost, and whatever is left opens and searches rightly.

A moment is an event and never a time: just before the nth write, sync, rename or word of an operation. The writers are
real processes, each forked from one that has only imported the catalogue: 200 starts of Python would take the time, not
the 200 kills.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import apsw
import deadly_events as events
import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.catalogue.local import LocalCatalogue
from indexer.errors import CatalogueMissing

DIM = 49
CATALOGUES = 8
AT_ONCE = 4
KILLS_OF_EACH = 25

BEGUN, DONE = "begun", "done"
"""An operation has been announced; it has returned, and has not been acknowledged yet."""

FROM_OUTSIDE = "from outside"
"""The test kills as soon as it hears that the operation has begun, and so at any instruction of it."""


class Moment(NamedTuple):
    """When a writer dies: in an operation of a kind, at one of the first few events of a kind."""

    operation: str
    event: str
    first_few: int = 1


CREATING = (
    Moment("create", FROM_OUTSIDE),
    Moment("create", events.DATABASE_WRITE, 2),  # before there is a database, and before it has a write-ahead log
    Moment("create", events.WAL_WRITE, 20),
    Moment("create", events.WAL_SYNC),
    Moment("create", events.DATABASE_WRITE, 12),  # while the log is taken over into the database
    Moment("create", events.FSYNC, 2),
    Moment("create", DONE),
)
WRITING = (
    Moment("upsert", FROM_OUTSIDE),
    Moment("upsert", BEGUN),
    Moment("upsert", events.WAL_WRITE, 60),
    Moment("upsert", events.WAL_SYNC, 3),
    Moment("upsert", events.DATABASE_WRITE, 40),
    Moment("upsert", DONE, 3),
    Moment("delete", FROM_OUTSIDE),
    Moment("delete", BEGUN),
    Moment("delete", events.WAL_WRITE, 30),
    Moment("delete", events.WAL_SYNC, 2),
    Moment("delete", DONE, 2),
    Moment("publish", FROM_OUTSIDE),
    Moment("publish", BEGUN),
    Moment("publish", events.INDEX_WRITE, 40),
    Moment("publish", events.FSYNC, 2),
    Moment("publish", events.REPLACE),
    Moment("publish", events.WAL_WRITE, 6),
    Moment("publish", events.WAL_SYNC),
    Moment("publish", events.UNLINK),
    Moment("publish", DONE, 2),
)
"""Every catalogue is struck at each of these, in an order of its own."""

WRITERS = """
import json, os, sys
sys.path.insert(0, "tests")
import numpy as np
from deadly_events import Death, kill_this_process
from indexer.catalogue.local import LocalCatalogue
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Record
from models.datasets.fashion_mnist import CLASSES

vectors = np.load(sys.argv[1])

def tell(word):
    os.write(1, f"{word}\\n".encode())  # whole lines, as two processes write them

def write(directory, seed, log, deadly, event, nth):
    random = np.random.default_rng(seed)
    log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    kill = (lambda: None) if event == "from outside" else kill_this_process
    death = Death(event, nth, lambda: tell(event), kill)
    death.watch_files()
    def say(*words):
        os.write(log, json.dumps(words).encode() + b"\\n")
    def begin(kind, changes):
        say(kind, changes)
        death.is_near = kind == deadly
        death.see("from outside")
        death.see("begun")
    def end():
        death.see("done")
        death.is_near = False
        say("done")
    begin("create", {})
    catalogue = LocalCatalogue.create(directory, "f", vectors.shape[1], CLASSES)
    end()
    for _ in range(3000):  # its moment comes long before
        kind = str(random.choice(["upsert", "delete", "publish", deadly], p=[0.5, 0.1, 0.15, 0.25]))
        ids = [f"item-{n}" for n in random.choice(300, int(random.integers(1, 30)), replace=False)]
        images = random.integers(len(vectors), size=len(ids)).tolist()
        picture = DisplayCopy(random.bytes(600), "image/png", 28, 28)
        if kind == "upsert":
            begin(kind, dict(zip(ids, images)))
            bag = predicted_class("Bag", 1.0)
            catalogue.upsert(
                [Record(id_, bag, vectors[n], picture, {"image": n}) for id_, n in zip(ids, images)]
            )
        elif kind == "delete":
            begin(kind, dict.fromkeys(ids))
            catalogue.delete(ids)
        elif kind == "publish":
            begin(kind, {})
            catalogue.publish(exact_up_to=int(random.choice([20, 1000])))  # with a graph, and without
        end()

tell("ready")
for order in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            tell(os.getpid())
            write(*json.loads(order))
        finally:
            os._exit(1)
    tell(os.waitpid(child, 0)[1])
"""


class Writers:
    """Starts writers one after another, each of which dies at its moment."""

    def __init__(self, vectors_file: Path, project: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WRITERS, str(vectors_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=project,
            env={**os.environ, "OMP_NUM_THREADS": "1"},  # several writers at once share the processors
        )
        assert self._answer() == "ready"

    def let_one_live(self, directory: Path, seed: int, log: Path, moment: Moment, nth: int) -> None:
        assert self._process.stdin is not None
        order = [str(directory), seed, str(log), moment.operation, moment.event, nth]
        print(json.dumps(order), file=self._process.stdin, flush=True)
        writer = int(self._answer())
        assert self._answer() == moment.event, "the moment never came"
        if moment.event == FROM_OUTSIDE:
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
    def kill_again_and_again(writers: Writers, numbers: range) -> Counter[Moment]:
        return sum((_survives(writers, tmp_path / f"c{number}", vectors, number) for number in numbers), Counter())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        shares = [range(start, CATALOGUES, AT_ONCE) for start in range(AT_ONCE)]
        struck = sum(pool.map(kill_again_and_again, all_writers, shares), Counter[Moment]())
    assert struck.total() == CATALOGUES * KILLS_OF_EACH == 200
    assert struck.keys() == {*CREATING, *WRITING}
    assert all(struck[moment] >= CATALOGUES for moment in WRITING)


def _survives(writers: Writers, directory: Path, vectors: NDArray[np.float32], number: int) -> Counter[Moment]:
    """Kill the writers of one catalogue many times, checking it each time; return the moments that were struck."""
    random = np.random.default_rng(number)
    struck: Counter[Moment] = Counter()
    again = random.choice(len(WRITING), KILLS_OF_EACH - 1 - len(WRITING)).tolist()
    shuffled = random.permutation([*range(len(WRITING)), *again]).tolist()
    moments = [CREATING[number % len(CREATING)], *(WRITING[index] for index in shuffled)]
    items: dict[str, int] = {}
    was_created = False
    for life, moment in enumerate(moments):
        log = directory.with_suffix(f".{life}.log")
        nth = int(random.integers(moment.first_few)) + 1
        writers.let_one_live(directory, 1000 * number + life, log, moment, nth)
        acknowledged, doing, under_way = _told(log, items)
        assert doing == moment.operation or moment.event == FROM_OUTSIDE
        was_created |= acknowledged is not None
        items = acknowledged or items
        struck[moment] += 1
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
