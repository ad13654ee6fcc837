"""The data set: parsed with bounds checks, found in the right place, never used damaged."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from models.datasets import fashion_mnist
from models.datasets.download import NotWritable
from models.datasets.fashion_mnist import CLASSES, FILES, SPLIT_FILES
from models.errors import DatasetDamaged, DatasetMissing

NO_MIRRORS: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def data_directory() -> Path:
    """Where this machine keeps the real files."""
    return fashion_mnist.locate()


@pytest.fixture
def partial_copy(data_directory: Path, tmp_path: Path) -> Path:
    """The two small label files in a directory of their own."""
    for name in FILES:
        if "labels" in name:
            (tmp_path / name).write_bytes((data_directory / name).read_bytes())
    return tmp_path


def idx(array: np.ndarray, dtype: int = 8, sizes: tuple[int, ...] | None = None) -> bytes:
    sizes = array.shape if sizes is None else sizes
    header = bytes([0, 0, dtype, len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes)
    return header + array.astype(np.uint8).tobytes()


def test_test_split_is_the_official_one(test_split: fashion_mnist.Split) -> None:
    assert test_split.images.shape == (10_000, 28, 28)
    assert test_split.images.dtype == test_split.labels.dtype == np.uint8
    assert np.bincount(test_split.labels).tolist() == [1000] * len(CLASSES)
    assert CLASSES[test_split.labels[0]] == "Ankle boot"
    assert CLASSES[test_split.labels[1]] == "Pullover"


def test_train_split_is_the_official_one() -> None:
    split = fashion_mnist.load("train")
    assert split.images.shape == (60_000, 28, 28)
    assert np.bincount(split.labels).tolist() == [6000] * len(CLASSES)
    assert split.images.min() == 0
    assert split.images.max() == 255


def test_file_table_describes_the_files(data_directory: Path) -> None:
    for name, spec in FILES.items():
        data = (data_directory / name).read_bytes()
        assert len(data) == spec.size
        assert hashlib.md5(data, usedforsecurity=False).hexdigest() == spec.md5
        assert hashlib.sha256(data).hexdigest() == spec.sha256
        assert len(gzip.decompress(data)) == spec.unpacked


def test_images_can_not_be_changed_by_accident(test_split: fashion_mnist.Split) -> None:
    with pytest.raises(ValueError, match="read-only"):
        test_split.images[0, 0, 0] = 1


def test_argument_comes_before_environment_before_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("LOOKALIKE_DATA_DIR", raising=False)
    assert fashion_mnist.data_directory() == tmp_path / "keras" / "datasets" / "fashion-mnist"
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path / "variable"))
    assert fashion_mnist.data_directory() == tmp_path / "variable"
    assert fashion_mnist.data_directory(tmp_path / "argument") == tmp_path / "argument"
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", "")
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert fashion_mnist.data_directory() == tmp_path / "home" / ".keras" / "datasets" / "fashion-mnist"


def test_home_is_understood_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", "~/data")
    assert fashion_mnist.data_directory() == tmp_path / "data"


def test_sound_files_are_located_without_the_others(partial_copy: Path) -> None:
    labels = [name for name in FILES if "labels" in name]
    assert fashion_mnist.locate(partial_copy, mirrors=NO_MIRRORS, names=labels) == partial_copy


def test_missing_file_that_nobody_gives_is_explained(partial_copy: Path) -> None:
    mirrors = ("http://127.0.0.1:9/", "ftp://127.0.0.1/")
    with pytest.raises(DatasetMissing) as caught:
        fashion_mnist.locate(partial_copy, mirrors=mirrors)
    message = str(caught.value)
    assert str(partial_copy) in message
    assert all(name in message for name in FILES)
    assert all(f"{mirror}train-images-idx3-ubyte.gz: " in message for mirror in mirrors)
    assert "LOOKALIKE_DATA_DIR" in message
    assert sorted(path.name for path in partial_copy.iterdir()) == [n for n in sorted(FILES) if "labels" in n]


def test_data_directory_that_is_a_file_is_named(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("not a directory")
    with pytest.raises(NotWritable, match=str(place)):
        fashion_mnist.load("test", place, mirrors=NO_MIRRORS)


@pytest.mark.parametrize("damage", ["truncated", "empty", "one bit", "too long", "other file"])
def test_damaged_file_is_named_and_never_used(partial_copy: Path, damage: str) -> None:
    name = "t10k-labels-idx1-ubyte.gz"
    path = partial_copy / name
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[2000] ^= 1
    damaged = {
        "truncated": good[:-1],
        "empty": b"",
        "one bit": bytes(flipped),
        "too long": good + b"\0",
        "other file": (partial_copy / "train-labels-idx1-ubyte.gz").read_bytes(),
    }[damage]
    path.write_bytes(damaged)
    with pytest.raises(DatasetDamaged, match=name):
        fashion_mnist.locate(partial_copy, mirrors=NO_MIRRORS, names=[name])
    assert path.read_bytes() == damaged, "a damaged file is not overwritten"


def test_loading_checks_what_it_reads(data_directory: Path, tmp_path: Path) -> None:
    for name in SPLIT_FILES["test"]:
        (tmp_path / name).write_bytes((data_directory / name).read_bytes())
    assert len(fashion_mnist.load("test", tmp_path, mirrors=NO_MIRRORS).images) == 10_000
    images = tmp_path / SPLIT_FILES["test"][0]
    data = bytearray(images.read_bytes())
    data[len(data) // 2] ^= 64
    images.write_bytes(data)
    with pytest.raises(DatasetDamaged, match="t10k-images"):
        fashion_mnist.load("test", tmp_path, mirrors=NO_MIRRORS)


def test_directory_in_place_of_a_file_is_damage(tmp_path: Path) -> None:
    for name in SPLIT_FILES["test"]:
        (tmp_path / name).mkdir()
    with pytest.raises(DatasetDamaged, match="t10k"):
        fashion_mnist.load("test", tmp_path, mirrors=NO_MIRRORS)


def test_idx_keeps_values_and_shape() -> None:
    array = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    assert np.array_equal(fashion_mnist.parse_idx(idx(array)), array)
    assert fashion_mnist.parse_idx(idx(np.zeros((0, 28, 28)))).shape == (0, 28, 28)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        b"\1\0\x08\1\0\0\0\0",
        idx(np.zeros(4), dtype=0x0D),
        b"\0\0\x08\0\0",
        b"\0\0\x08\4" + 4 * b"\0\0\0\1" + b"\0",
        b"\0\0\x08\3\0\0\0\1\0\0",
        idx(np.zeros((2, 3)))[:-1],
        idx(np.zeros((2, 3))) + b"\0",
        idx(np.zeros(0), sizes=(2**32 - 1, 2**32 - 1, 2**32 - 1)),
    ],
    ids=["empty", "short", "magic", "floats", "no dims", "four dims", "half header", "short by 1", "long by 1", "huge"],
)
def test_idx_that_lies_is_refused(data: bytes) -> None:
    with pytest.raises(DatasetDamaged):
        fashion_mnist.parse_idx(data)


def test_half_an_idx_file_anywhere_is_refused() -> None:
    data = idx(np.arange(60).reshape(3, 4, 5))
    for length in range(len(data)):
        with pytest.raises(DatasetDamaged):
            fashion_mnist.parse_idx(data[:length])


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 28, 27)), np.zeros(2), "shape"),
        (np.zeros((2, 28)), np.zeros(2), "shape"),
        (np.zeros((2, 28, 28)), np.zeros(3), "2 images"),
        (np.zeros((2, 28, 28)), np.zeros((2, 1)), "2 images"),
        (np.zeros((2, 28, 28)), np.array([9, 10]), "label is 10"),
    ],
)
def test_images_and_labels_must_fit(images: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(DatasetDamaged, match=message):
        fashion_mnist.parse_split(idx(images), idx(labels))


def test_gzip_is_unpacked_exactly() -> None:
    packed = gzip.compress(bytes(1000))
    assert fashion_mnist.gunzip(packed, 1000) == bytes(1000)
    bomb = gzip.compress(bytes(50_000_000))
    for data, size in ((packed, 999), (packed, 1001), (packed[:-5], 1000), (packed + b"x", 1000), (bomb, 1000)):
        with pytest.raises(DatasetDamaged):
            fashion_mnist.gunzip(data, size)
    for data in (b"", b"not gzip", packed[:20] + b"\xff" + packed[21:]):
        with pytest.raises(DatasetDamaged):
            fashion_mnist.gunzip(data, 1000)
