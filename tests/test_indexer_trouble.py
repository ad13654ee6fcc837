"""Full disks, read-only directories, and many threads and processes at once."""

import json
import resource
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.catalogue.local import LocalCatalogue
from indexer.errors import BackupUnusable, CatalogueNotWritable
from indexer.pipeline.failures import ReportOfRun
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Record
from indexer.sources.items import Failure
from indexer.upkeep.backup import back_up
from models.datasets.fashion_mnist import CLASSES

DIM = 49
PICTURE = DisplayCopy(bytes(600), "image/png", 28, 28)
NOBODY = 65534
PATIENCE = 300.0


def record(id_: str, image: int, vectors: NDArray[np.float32]) -> Record:
    return Record(id_, predicted_class("Bag", 1.0), vectors[image], PICTURE, {"image": image})


def fill(catalogue: LocalCatalogue, vectors: NDArray[np.float32], batches: range, acknowledged: list[str]) -> None:
    """Write batches of 100 items, noting the ids of each when the catalogue says that they are safe."""
    for batch in batches:
        ids = [f"{batch:03}-{number:02}" for number in range(100)]
        catalogue.upsert([record(id_, number, vectors) for number, id_ in enumerate(ids)])
        acknowledged += ids


PREAMBLE = """
import json, os, sys
from pathlib import Path
import apsw, faiss, numpy as np
from indexer.catalogue.local import LocalCatalogue
from indexer.errors import (CatalogueNotWritable)
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Record
from indexer.sources.items import Failure
from indexer.upkeep.backup import back_up
from models.datasets.fashion_mnist import CLASSES

directory, vectors = Path(sys.argv[1]), np.load(sys.argv[2])

def record(id_, vector):
    return Record(id_, predicted_class("Bag", 1.0), vector, DisplayCopy(bytes(600), "image/png", 28, 28), {})
"""


def start(code: str, directory: Path, vectors: NDArray[np.float32], project: Path) -> subprocess.Popen[str]:
    """Run Python code in a process of its own that knows `directory`, `vectors` and `record(id, vector)`."""
    file = directory.with_name("vectors.npy")
    np.save(file, vectors)
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(code), directory, file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=project,
    )


def printed_by(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out


def test_a_full_disk_is_said_and_costs_nothing_that_was_acknowledged(
    tmp_path: Path, vectors: NDArray[np.float32]
) -> None:
    """A limit on the size of files is a disk that fills up, without needing one."""
    directory = tmp_path / "catalogue"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with LocalCatalogue.create(directory, "f", DIM, CLASSES) as catalogue:
        acknowledged: list[str] = []
        fill(catalogue, vectors, range(2), acknowledged)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
        try:
            with pytest.raises(CatalogueNotWritable, match=r"disk.* full.*before is safe"):
                fill(catalogue, vectors, range(2, 100), acknowledged)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
            with pytest.raises(CatalogueNotWritable, match="disk is full"):
                catalogue.publish()
            assert [hit.item.attributes["image"] for hit in catalogue.search(vectors[7:8], 1)[0]] == [7]
            with LocalCatalogue.open(directory) as opened:
                assert [item.id for item in opened.browse(limit=10**6).items] == acknowledged
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert not list(directory.glob("*.tmp"))
        assert len(catalogue) == len(acknowledged)
        catalogue.upsert([record("with room again", 0, vectors)])
        assert catalogue.publish() == 1
        assert len(catalogue) == len(acknowledged) + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "none", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill_up(file: Path) -> None:
    """Leave not one byte free."""
    with suppress(OSError), file.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(1000))


def test_a_disk_that_fills_up_costs_nothing_that_was_acknowledged(
    small_disk: Path, vectors: NDArray[np.float32]
) -> None:
    directory = small_disk / "catalogue"
    acknowledged: list[str] = []
    with LocalCatalogue.create(directory, "f", DIM, CLASSES) as catalogue:
        fill(catalogue, vectors, range(2), acknowledged)
        with pytest.raises(CatalogueNotWritable, match=r"disk.* full"):
            fill(catalogue, vectors, range(2, 100), acknowledged)
        fill_up(small_disk / "filler")
        with pytest.raises(CatalogueNotWritable, match="disk is full"):
            catalogue.publish()
        assert len(catalogue) == len(acknowledged) > 1000
    with LocalCatalogue.open(directory) as opened:
        assert [item.id for item in opened.browse(limit=10**6).items] == acknowledged
        assert [hit.item.attributes["image"] for hit in opened.search(vectors[7:8], 1)[0]] == [7]
        with pytest.raises(CatalogueNotWritable, match=r"disk.* full"):
            fill(opened, vectors, range(900, 950), acknowledged)
        assert len(opened) == len(acknowledged)
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    with LocalCatalogue.open(directory) as opened:
        fill(opened, vectors, range(950, 953), acknowledged)
        assert opened.publish() == 1
        assert [item.id for item in opened.browse(limit=10**6).items] == acknowledged


def test_a_catalogue_on_a_disk_without_one_free_byte_is_searched(
    small_disk: Path, vectors: NDArray[np.float32]
) -> None:
    directory = small_disk / "catalogue"
    with LocalCatalogue.create(directory, "f", DIM, CLASSES) as catalogue:
        fill(catalogue, vectors, range(2), [])
        catalogue.publish()
    fill_up(small_disk / "filler")
    with LocalCatalogue.open(directory) as opened:
        assert [hit.item.attributes["image"] for hit in opened.search(vectors[7:8], 1)[0]] == [7]
        with pytest.raises(CatalogueNotWritable, match=r"the disk is full\. .*make room"):
            opened.upsert([record("one more", 0, vectors)])
        with pytest.raises(BackupUnusable, match=r"the disk is full\. Make room"):
            back_up(directory, small_disk / "backup")
        with pytest.raises(CatalogueNotWritable, match="the disk is full"), ReportOfRun(directory) as report:
            report.add(Failure(1, "a", "picture-missing", "It is not there."))
        (small_disk / "filler").unlink()
        with LocalCatalogue.open(directory) as another:
            another.upsert([record("one more", 0, vectors)])
            assert len(opened) == len(another) == 201
        opened.upsert([record("and one", 0, vectors)])
        assert len(opened) == 202


def test_a_file_system_that_is_mounted_read_only_is_said(small_disk: Path, vectors: NDArray[np.float32]) -> None:
    directory = small_disk / "catalogue"
    with LocalCatalogue.create(directory, "f", DIM, CLASSES) as catalogue:
        fill(catalogue, vectors, range(1), [])
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    said = "mounted read-only.*mount it so that it can be written"
    with LocalCatalogue.open(directory) as opened:
        assert len(opened) == 100
        with pytest.raises(CatalogueNotWritable, match=said):
            opened.delete(["000-00"])
        with pytest.raises(BackupUnusable, match="(?i)" + said):
            back_up(directory, small_disk / "backup")
        with pytest.raises(CatalogueNotWritable, match=said), ReportOfRun(directory) as report:
            report.add(Failure(1, "a", "picture-missing", "It is not there."))


def test_a_place_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CatalogueNotWritable, match="another directory"):
        LocalCatalogue.create(tmp_path / "file" / "catalogue", "f", DIM, CLASSES)


@pytest.fixture
def readable_directory() -> Iterator[Path]:
    """A directory that other users can get to, as they can't to pytest's own."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory) / "catalogue"


BECOME_NOBODY = f"""
    if os.getuid() == 0:  # root may read and write anywhere
        os.setgroups([])
        os.setgid({NOBODY})
        os.setuid({NOBODY})
"""

READ_ONLY = f"""{BECOME_NOBODY}
    assert not os.access(directory, os.W_OK)
    with LocalCatalogue.open(directory) as catalogue:
        print(json.dumps([len(catalogue), catalogue.search(vectors, 1)[0][0].item.id, catalogue.generation]))
        for write in (
            lambda: catalogue.upsert([record("x", vectors[0])]),
            lambda: catalogue.delete(["7"]),
            lambda: catalogue.publish(),
        ):
            try:
                write()
            except CatalogueNotWritable as error:
                assert "read-only" in str(error) or "denied" in str(error), error
            else:
                raise AssertionError("it was written")
        assert len(catalogue.search(vectors, 200)[0]) == len(catalogue)
    try:
        LocalCatalogue.create(directory / "another", "f", {DIM}, CLASSES)
    except CatalogueNotWritable:
        pass
    else:
        raise AssertionError("it was created")
"""


@pytest.mark.parametrize("state", ["closed", "being written", "left by a kill", "index file damaged"])
def test_a_read_only_directory_is_searched_and_never_written(
    readable_directory: Path, tmp_path: Path, vectors: NDArray[np.float32], project: Path, state: str
) -> None:
    with LocalCatalogue.create(readable_directory, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert([record(str(number), number, vectors) for number in range(100)])
        catalogue.publish()
        catalogue.upsert([record(str(number), number, vectors) for number in range(100, 120)])
        if state == "being written":
            _assert_read_only(readable_directory, vectors, project)
            return
    if state == "left by a kill":
        code = """
            catalogue = LocalCatalogue.open(directory)
            catalogue.upsert([record("120", vectors[0])])
            catalogue.delete(["0"])
            os.kill(os.getpid(), 9)
        """
        killed = start(code, readable_directory, vectors[120:121], project)
        killed.communicate(timeout=PATIENCE)
        assert killed.returncode == -signal.SIGKILL
        assert (readable_directory / "catalogue.sqlite-wal").stat().st_size
    if state == "index file damaged":
        next(readable_directory.glob("*.faiss")).write_bytes(b"")
    _assert_read_only(readable_directory, vectors, project)


def _assert_read_only(directory: Path, vectors: NDArray[np.float32], project: Path) -> None:
    before = {path.name: path.stat().st_size for path in directory.iterdir()}
    for path in (*directory.iterdir(), directory):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        printed = printed_by(start(READ_ONLY, directory, vectors[7:8], project))
    finally:
        directory.chmod(0o755)
        for path in directory.iterdir():
            path.chmod(0o644)
    assert json.loads(printed) == [120, "7", 1]
    assert {path.name: path.stat().st_size for path in directory.iterdir()} == before


def test_a_directory_that_may_not_even_be_entered_is_said(
    readable_directory: Path, vectors: NDArray[np.float32], project: Path
) -> None:
    LocalCatalogue.create(readable_directory, "f", DIM, CLASSES).close()
    code = f"""{BECOME_NOBODY}
    try:
        LocalCatalogue.open(directory)
    except CatalogueNotWritable as error:
        print(error)
    """
    readable_directory.chmod(0o000)
    try:
        printed = printed_by(start(code, readable_directory, vectors[:1], project))
    finally:
        readable_directory.chmod(0o755)
    assert "Permission denied" in printed


def test_another_process_s_writes_and_publications_are_seen_at_once(
    tmp_path: Path, vectors: NDArray[np.float32], project: Path
) -> None:
    code = """
        catalogue = LocalCatalogue.open(directory)
        for line in sys.stdin:
            exec(line)
            print("done", flush=True)
    """
    with LocalCatalogue.create(tmp_path / "catalogue", "f", DIM, CLASSES) as reader:
        other = start(code, tmp_path / "catalogue", vectors[:300], project)

        def order(line: str) -> None:
            assert other.stdin is not None
            assert other.stdout is not None
            print(line, file=other.stdin, flush=True)
            assert other.stdout.readline() == "done\n"

        try:
            order("catalogue.upsert([record(str(n), v) for n, v in enumerate(vectors)])")
            assert [len(reader), reader.generation] == [300, 0]
            assert reader.search(vectors[7:8], 1)[0][0].item.id == "7"
            order("catalogue.publish()")
            assert [len(reader), reader.generation] == [300, 1]
            order("catalogue.delete(['7'])")
            assert reader.search(vectors[7:8], 1)[0][0].item.id != "7"
            order("catalogue.upsert([record('8', vectors[7])]); catalogue.publish()")
            assert reader.search(vectors[7:8], 1)[0][0].item.id == "8"
            assert [len(reader), reader.generation] == [299, 2]
        finally:
            printed_by(other)


def test_threads_read_one_consistent_state_while_others_write_and_publish(
    tmp_path: Path, vectors: NDArray[np.float32]
) -> None:
    """Each item says which image it is; an answer that mixes two states would pair it with another's score."""
    finished = threading.Event()
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue, LocalCatalogue.open(tmp_path) as publisher:
        catalogue.upsert([record(f"stays-{n:03}", n, vectors) for n in range(200)])

        def read(seed: int) -> int:
            random = np.random.default_rng(seed)
            answers = 0
            while not finished.is_set() or answers < 20:
                number = int(random.integers(200))
                hits = catalogue.search(vectors[number : number + 1], 30)[0]
                images = [int(hit.item.attributes["image"]) for hit in hits]  # type: ignore[arg-type]
                scores = np.minimum(vectors[images].astype(np.float64) @ vectors[number].astype(np.float64), 1)
                assert [hit.score for hit in hits] == scores.astype(np.float32).tolist()
                assert len({hit.item.id for hit in hits}) == 30
                assert f"stays-{number:03}" in {hit.item.id for hit in hits if hit.score > 0.9999}
                answers += 1
            return answers

        def write() -> None:
            random = np.random.default_rng(99)
            for step in range(120):
                ids = [f"moves-{number}" for number in random.choice(100, 20, replace=False)]
                catalogue.upsert([record(id_, int(random.integers(10_000)), vectors) for id_ in ids])
                catalogue.delete(ids[:5])
                if step % 10 == 9:
                    (publisher if step % 20 == 9 else catalogue).publish()

        with ThreadPoolExecutor(4) as pool:
            readers = [pool.submit(read, seed) for seed in range(3)]
            try:
                pool.submit(write).result()
            finally:
                finished.set()
            assert all(reader.result() >= 20 for reader in readers)
        assert catalogue.generation == publisher.generation == 12


def test_a_process_forked_before_opening_can_open_and_search(
    tmp_path: Path, vectors: NDArray[np.float32], project: Path
) -> None:
    with LocalCatalogue.create(tmp_path / "catalogue", "f", DIM, CLASSES) as catalogue:
        catalogue.upsert([record(str(number), number, vectors) for number in range(100)])
        catalogue.publish()
    code = """
        children = []
        for _ in range(3):
            if (child := os.fork()) == 0:
                with LocalCatalogue.open(directory) as catalogue:
                    queries = np.repeat(vectors, 50, axis=0)
                    os._exit(0 if catalogue.search(queries, 1)[49][0].item.id == "3" else 1)
            children.append(child)
        print([os.waitpid(child, 0)[1] for child in children])
    """
    assert printed_by(start(code, tmp_path / "catalogue", vectors[3:4], project)) == "[0, 0, 0]\n"
