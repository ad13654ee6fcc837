"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747): found or downloaded, checked, and parsed."""

import hashlib
import math
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.card import file_sha256
from models.errors import DatasetDamaged, DatasetMissing
from models.progress import Progress

CLASSES: tuple[str, ...] = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""The ten classes; a label is an index into it."""

SIDE = 28
"""Height and width of an image in pixels."""

DATA_DIR_VARIABLE = "LOOKALIKE_DATA_DIR"
"""The environment variable that names the data directory when no argument does."""

SplitName: TypeAlias = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class FileSpec:
    """What one official file must be: its size and checksums as downloaded, and its size unpacked (bytes)."""

    size: int
    unpacked: int
    sha256: str
    md5: str


FILES: Mapping[str, FileSpec] = MappingProxyType(
    {
        "train-images-idx3-ubyte.gz": FileSpec(
            size=26_421_880,
            unpacked=16 + 60_000 * SIDE * SIDE,
            sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        ),
        "train-labels-idx1-ubyte.gz": FileSpec(
            size=29_515,
            unpacked=8 + 60_000,
            sha256="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            md5="25c81989df183df01b3e8a0aad5dffbe",
        ),
        "t10k-images-idx3-ubyte.gz": FileSpec(
            size=4_422_102,
            unpacked=16 + 10_000 * SIDE * SIDE,
            sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            md5="bef4ecab320f06d8554ea6380940ec79",
        ),
        "t10k-labels-idx1-ubyte.gz": FileSpec(
            size=5_148,
            unpacked=8 + 10_000,
            sha256="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            md5="bb300cfdad3c16e7a12a480ee83cd310",
        ),
    }
)
"""The four official files by name."""

SPLIT_FILES: Mapping[SplitName, tuple[str, str]] = MappingProxyType(
    {
        "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
    }
)
"""The images and the labels of each official split."""

MIRRORS: tuple[str, ...] = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
"""Public homes, in the order in which they are tried: Keras's copy, Zalando's, Zalando's on GitHub."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One official split: `images` uint8 (n, 28, 28), 0 = background; `labels` uint8 (n,), 0 to 9."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def first(self, n: int) -> "Split":
        """Return the first n images and labels, or all where there are fewer."""
        return Split(self.images[:n], self.labels[:n])


def locate(
    data_dir: Path | str | None = None,
    progress: Progress | None = None,
    mirrors: Sequence[str] = MIRRORS,
    names: Iterable[str] = FILES,
) -> Path:
    """Return the directory that holds the named files (all four by default), each checked by its SHA-256.

    It is `data_dir`, else the environment's LOOKALIKE_DATA_DIR, else Keras's own cache. A file that is missing
    there is downloaded into it; `progress(done, total)` counts the bytes of all that is downloaded. A file that
    is there and damaged is never used and never overwritten.

    Raises DatasetMissing when no mirror gives a file, NotWritable when it has no place, DatasetDamaged.
    """
    names = tuple(names)
    directory = _directory_with(names, data_dir, progress, mirrors)
    for name in names:
        _check(directory / name, FILES[name])
    return directory


def load(
    split: SplitName,
    data_dir: Path | str | None = None,
    progress: Progress | None = None,
    mirrors: Sequence[str] = MIRRORS,
) -> Split:
    """Return a split, found (or downloaded) as by `locate`; only its own two files are looked at.

    Raises DatasetMissing, DatasetDamaged or NotWritable.
    """
    images_name, labels_name = SPLIT_FILES[split]
    directory = _directory_with((images_name, labels_name), data_dir, progress, mirrors)
    images, labels = (_unpack(directory / name, FILES[name]) for name in (images_name, labels_name))
    return parse_split(images, labels)


def data_directory(data_dir: Path | str | None = None) -> Path:
    """Return where the files belong: `data_dir`, else LOOKALIKE_DATA_DIR, else Keras's cache."""
    chosen = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    keras_home = os.environ.get("KERAS_HOME")
    return (Path(keras_home) if keras_home else Path.home() / ".keras") / "datasets" / "fashion-mnist"


def parse_split(images: bytes, labels: bytes) -> Split:
    """Return the split that two unpacked IDX files hold.

    Raises DatasetDamaged when either is no sound IDX file, when the images are not 28x28, when a label is above
    9, or when there are not as many labels as images.
    """
    image_array, label_array = parse_idx(images), parse_idx(labels)
    if image_array.shape[1:] != (SIDE, SIDE):
        raise DatasetDamaged(f"The images have shape {image_array.shape} instead of (n, {SIDE}, {SIDE}).")
    if label_array.shape != image_array.shape[:1]:
        raise DatasetDamaged(f"There are {len(image_array)} images and labels of shape {label_array.shape}.")
    if label_array.size and label_array.max() >= len(CLASSES):
        raise DatasetDamaged(f"A label is {label_array.max()}; they go from 0 to {len(CLASSES) - 1}.")
    return Split(image_array, label_array)


def parse_idx(data: bytes) -> NDArray[np.uint8]:
    """Return the uint8 array of an unpacked IDX file (LeCun's format: magic, big-endian sizes, values in C order).

    Raises DatasetDamaged unless the header is of bytes in 1 to 3 dimensions and the values fill the file exactly.
    """
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or not 1 <= data[3] <= 3:
        raise DatasetDamaged(f"An IDX file of bytes can't begin with {data[:4].hex(' ') or 'nothing'}.")
    header = 4 + 4 * data[3]
    if len(data) < header:
        raise DatasetDamaged(f"The IDX header ends after {len(data)} of {header} bytes.")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", count=data[3], offset=4))
    if math.prod(shape) != len(data) - header:
        raise DatasetDamaged(f"The IDX header promises shape {shape}, but {len(data) - header} bytes follow.")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def gunzip(data: bytes, size: int) -> bytes:
    """Return the `size` bytes that a gzip file holds, never unpacking more than one byte beyond.

    Raises DatasetDamaged when it is not gzip, ends early, fails its checksum or holds another number of
    bytes.
    """
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise DatasetDamaged(f"It is not sound gzip ({error}).") from error
    if len(unpacked) != size or not unpacker.eof or unpacker.unused_data:
        raise DatasetDamaged(f"It does not unpack to exactly {size} bytes.")
    return unpacked


def _directory_with(
    names: Sequence[str], data_dir: Path | str | None, progress: Progress | None, mirrors: Sequence[str]
) -> Path:
    """Return the data directory after downloading what it lacks."""
    directory = data_directory(data_dir)
    missing = [name for name in names if not (directory / name).exists()]
    total = sum(FILES[name].size for name in missing)
    before = 0
    for name in missing:
        _download(name, directory, mirrors, _part_of(progress, before, total))
        before += FILES[name].size
    return directory


def _part_of(progress: Progress | None, before: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(before + done, total)


def _download(name: str, directory: Path, mirrors: Sequence[str], progress: Progress | None) -> None:
    from models.datasets.download import DownloadFailed, download  # urllib3 is needed only where files are missing

    spec = FILES[name]
    urls = [mirror.rstrip("/") + "/" + name for mirror in mirrors]
    try:
        download(urls, directory / name, size=spec.size, sha256=spec.sha256, progress=progress)
    except DownloadFailed as error:
        tried = "".join(f"\n  {url}: {reason}" for url, reason in error.attempts)
        raise DatasetMissing(
            f"Fashion-MNIST is not in {directory} and could not be downloaded. Put the four files "
            f"{', '.join(FILES)} there, or name their folder with --data-dir or {DATA_DIR_VARIABLE}. "
            f"Tried:{tried}"
        ) from error


def _check(path: Path, spec: FileSpec) -> None:
    try:
        sound = path.stat().st_size == spec.size and file_sha256(path) == spec.sha256
    except OSError as error:
        raise _unreadable(path, error) from error
    if not sound:
        raise _damaged(path, spec)


def _unpack(path: Path, spec: FileSpec) -> bytes:
    """Read, check and unpack one file, the bytes that are used being those that were checked."""
    try:
        with path.open("rb") as file:
            data = file.read(spec.size + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if hashlib.sha256(data).hexdigest() != spec.sha256:
        raise _damaged(path, spec)
    return gunzip(data, spec.unpacked)


def _damaged(path: Path, spec: FileSpec) -> DatasetDamaged:
    size = path.stat().st_size
    what = f"has {size:,} of {spec.size:,} bytes" if size != spec.size else "has the wrong SHA-256"
    return DatasetDamaged(f"{path} is damaged: it {what}. Delete it, and it is downloaded again.")


def _unreadable(path: Path, error: OSError) -> DatasetDamaged:
    return DatasetDamaged(f"{path} can't be read ({error.strerror or error}). Restore it, or name another folder.")
