"""Index files: every flipped bit and every missing byte is noticed, and the file built anew."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.catalogue.local import LocalCatalogue
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Hit, Record
from indexer.vectors import index_file
from indexer.vectors.faiss_index import Index
from indexer.vectors.index_file import IndexFileDamaged, Pointer
from models.datasets.fashion_mnist import CLASSES

DIM = 49
QUERIES = 5


@pytest.fixture(scope="module")
def vectors(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first 200 of them."""
    return vectors[:200]


@pytest.fixture
def catalogue(tmp_path: Path, vectors: NDArray[np.float32]) -> Iterator[LocalCatalogue]:
    """A published catalogue, with some rows after its index file and some that died."""
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as catalogue:
        catalogue.upsert([_record(number, vector) for number, vector in enumerate(vectors[:150])])
        catalogue.delete(["3", "70"])
        catalogue.publish()
        catalogue.upsert([_record(number, vector) for number, vector in enumerate(vectors[150:], 150)])
        catalogue.delete(["5", "160"])
        yield catalogue


def _record(number: int, vector: NDArray[np.float32]) -> Record:
    return Record(str(number), predicted_class("Bag", 1.0), vector, DisplayCopy(b"", "image/png", 28, 28))


def _published_file(directory: Path) -> Path:
    (path,) = (path for path in directory.glob("generation-*.faiss") if path.is_file())
    return path


def _answers(catalogue: LocalCatalogue, vectors: NDArray[np.float32]) -> list[list[Hit]]:
    return catalogue.search(vectors[:QUERIES], 20)


def test_every_flipped_bit_is_noticed_and_the_file_rebuilt(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32]
) -> None:
    expected = _answers(catalogue, vectors)
    random = np.random.default_rng(0)
    size = _published_file(catalogue.directory).stat().st_size
    # Every byte of FAISS's headers, and places all over the vectors and the rows behind them.
    places = [*range(120), *random.integers(120, size, 150).tolist(), *range(size - 20, size)]
    for place in places:
        path = _published_file(catalogue.directory)
        content = bytearray(path.read_bytes())
        content[place] ^= 1 << int(random.integers(8))
        path.write_bytes(content)
        damaged_number = catalogue.generation
        with LocalCatalogue.open(catalogue.directory) as opened:
            assert _answers(opened, vectors) == expected
            assert opened.generation == damaged_number + 1
        assert not path.exists()


@pytest.mark.parametrize("content", ["nothing", "empty", "half", "one byte less", "one byte more", "a directory"])
def test_a_file_of_another_length_is_rebuilt(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32], content: str
) -> None:
    expected = _answers(catalogue, vectors)
    path = _published_file(catalogue.directory)
    whole = path.read_bytes()
    path.unlink()
    match content:
        case "empty":
            path.write_bytes(b"")
        case "half":
            path.write_bytes(whole[: len(whole) // 2])
        case "one byte less":
            path.write_bytes(whole[:-1])
        case "one byte more":
            path.write_bytes(whole + b"\0")
        case "a directory":
            path.mkdir()
    with LocalCatalogue.open(catalogue.directory) as opened:
        assert _answers(opened, vectors) == expected
        assert opened.generation == 2
    assert _published_file(catalogue.directory).stat().st_size != len(whole)  # it has the new rows too
    with LocalCatalogue.open(catalogue.directory) as again:
        assert again.generation == 2
        assert _answers(again, vectors) == expected


def test_damage_to_a_file_that_others_publish_is_noticed_on_pick_up(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32]
) -> None:
    expected = _answers(catalogue, vectors)
    with LocalCatalogue.open(catalogue.directory) as reader:
        catalogue.publish()
        path = _published_file(catalogue.directory)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 16
        path.write_bytes(content)
        assert _answers(reader, vectors) == expected
        assert reader.generation == 3
        assert _answers(catalogue, vectors) == expected


def test_an_unwritable_directory_with_a_damaged_file_is_served_from_the_database(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32]
) -> None:
    """The publisher's lock can't be had because a directory is in its place: true for root as well."""
    expected = _answers(catalogue, vectors)
    _published_file(catalogue.directory).write_bytes(b"garbage")
    (catalogue.directory / index_file.LOCK_FILE).unlink()
    (catalogue.directory / index_file.LOCK_FILE).mkdir()
    with LocalCatalogue.open(catalogue.directory) as opened:
        assert _answers(opened, vectors) == expected
        opened.upsert([_record(500, vectors[0])])
        opened.delete(["0"])
        assert [hit.item.id for hit in opened.search(vectors[:1], 1)[0]] == ["500"]
        assert opened.generation == 1
        (catalogue.directory / index_file.LOCK_FILE).rmdir()
        assert opened.publish() == 2
        assert [hit.item.id for hit in opened.search(vectors[:1], 1)[0]] == ["500"]


def test_one_index_file_is_kept_and_leftovers_of_killed_publishers_are_swept(
    catalogue: LocalCatalogue, vectors: NDArray[np.float32]
) -> None:
    for leftover in ("generation-000007.faiss", "generation-000002.faiss.tmp"):
        (catalogue.directory / leftover).write_bytes(b"half")
    (catalogue.directory / "generation-notes.txt").write_text("not ours")
    assert catalogue.publish() == 2
    names = sorted(path.name for path in catalogue.directory.glob("generation-*"))
    assert names == ["generation-000002.faiss", "generation-notes.txt"]


def test_publishing_without_a_change_is_nothing_new(catalogue: LocalCatalogue) -> None:
    assert [catalogue.publish(), catalogue.publish(), catalogue.publish()] == [2, 2, 2]
    catalogue.delete(["9"])
    assert catalogue.publish() == 3


def test_an_index_kind_from_the_future_is_not_trusted(tmp_path: Path, vectors: NDArray[np.float32]) -> None:
    pointer = index_file.write(tmp_path, 1, Index.build(np.arange(1, 201), vectors), 200, 0)
    assert len(index_file.load(tmp_path, pointer, DIM).rows) == 200
    later = Pointer(1, "ivf", *(getattr(pointer, name) for name in Pointer.__slots__[2:]))
    with pytest.raises(IndexFileDamaged, match="ivf"):
        index_file.load(tmp_path, later, DIM)


def test_an_index_that_does_not_find_its_own_vectors_is_never_published(
    tmp_path: Path, vectors: NDArray[np.float32]
) -> None:
    broken = Index.build(np.arange(1, 201), vectors)
    broken.vectors[:] = 0.5  # the same everywhere, and not of length 1
    with pytest.raises(OSError, match="own vectors"):
        index_file.write(tmp_path, 1, broken, 200, 0)
    assert list(tmp_path.iterdir()) == []
