"""Index files: immutable, checked, and always to be had again from the vectors in the database."""

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import apsw
import faiss
import numpy as np

from indexer.errors import CatalogueBusy
from indexer.explaining import explained
from indexer.rows import Rows
from indexer.store import sync_directory
from models.embedder import Vectors

FLAT = "flat"
"""The kind of index that compares with every vector: exact."""

LOCK_FILE = "publish.lock"

_LOCK_POLL_SECONDS = 0.02
_SUFFIX = ".faiss"
_TEMPORARY = ".faiss.tmp"
_PROBES = 8
_NORM_TOLERANCE = 1e-3


class IndexFileDamaged(Exception):
    """An index file is missing or is not the one that was published. Never leaves the catalogue: it rebuilds."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What the database says of the published index file: a row of the table `generations`."""

    number: int
    kind: str
    file: str
    size: int
    sha256: str
    count: int
    last_row: int
    last_tombstone: int


class Index:
    """Vectors in memory, in FAISS, with the rows they belong to. Immutable, safe to search from several threads.

    `rows` is int64 (n,), ascending; `vectors` float32 (n, dim), a view of FAISS's own memory.
    """

    def __init__(self, mapped: Any) -> None:
        self._mapped = mapped  # owns what `_index` and `vectors` look into
        index: Any = faiss.downcast_index(mapped.index)
        self.rows: Rows = faiss.vector_to_array(mapped.id_map)
        size = len(self.rows) * mapped.d
        flat = faiss.rev_swig_ptr(index.get_xb(), size) if size else np.empty(0, np.float32)
        self._index = index
        self.vectors: Vectors = flat.reshape(-1, mapped.d)

    @classmethod
    def build(cls, rows: Rows, vectors: Vectors) -> "Index":
        """Return an index of n >= 0 vectors."""
        mapped = faiss.IndexIDMap(faiss.IndexFlatIP(vectors.shape[1]))
        mapped.add_with_ids(np.ascontiguousarray(vectors), rows)
        return cls(mapped)

    def nearest(self, queries: Vectors, count: int, allowed: np.ndarray | None) -> tuple[np.ndarray, Vectors]:
        """Return positions, int64 (n, count), and inner products, float32 (n, count), best first.

        `allowed` is a mask, bool (len(rows),), of at least `count` positions to search among.
        """
        # Of this thread only: a server searches on several at once, and each would start helpers of its own.
        faiss.omp_set_num_threads(1)
        if allowed is None:
            scores, positions = self._index.search(queries, count)
        else:
            # FAISS's type stubs describe its C++ side here, not its Python side.
            selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))  # type: ignore[call-arg, arg-type]
            parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
            scores, positions = self._index.search(queries, count, params=parameters)
        return positions, scores

    def to_bytes(self) -> bytes:
        """Return the content of an index file."""
        return bytes(faiss.serialize_index(self._mapped).data)


@contextmanager
def publisher_lock(directory: Path, seconds: float) -> Iterator[None]:
    """Hold the lock that lets one thread of one process at a time write index files; a kill frees it.

    Raises CatalogueBusy when it can't be had in time, CatalogueNotWritable.
    """
    with explained(directory):
        descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        deadline = time.monotonic() + seconds
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                raise CatalogueBusy(f"Another process is publishing {directory}. Try again in a moment.")
            time.sleep(_LOCK_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def write(directory: Path, number: int, index: Index, last_row: int, last_tombstone: int) -> Pointer:
    """Write an index file that is whole, durable and proven before it gets its name. Raises OSError.

    A kill at any moment leaves either nothing under the final name or the complete file.
    """
    content = index.to_bytes()
    pointer = Pointer(
        number=number,
        kind=FLAT,
        file=f"generation-{number:06}{_SUFFIX}",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        count=len(index.rows),
        last_row=last_row,
        last_tombstone=last_tombstone,
    )
    temporary = directory / f"generation-{number:06}{_TEMPORARY}"
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            _check(temporary, pointer, index.vectors.shape[1])
        except IndexFileDamaged as error:
            raise OSError(errno.EIO, f"what was written does not read back ({error})") from error
        temporary.replace(directory / pointer.file)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(directory)
    return pointer


def load(directory: Path, pointer: Pointer, dim: int) -> Index:
    """Read a published index file. Raises IndexFileDamaged when one bit of it is not as it was written."""
    try:
        return _check(directory / pointer.file, pointer, dim)
    except OSError as error:
        raise IndexFileDamaged(f"{pointer.file}: {error.strerror}") from error


def published(connection: apsw.Connection) -> Pointer | None:
    """Return what the database says of the published generation; None when none has been."""
    row = connection.execute(
        "SELECT number, kind, file, size, sha256, count, last_row, last_tombstone FROM generations"
    ).fetchone()
    return Pointer(*row) if row else None


def point_at(connection: apsw.Connection, pointer: Pointer) -> None:
    """Make a written index file the published one; deaths that it knows of need no tombstone any more."""
    connection.execute("DELETE FROM generations")
    connection.execute(
        "INSERT INTO generations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, digest(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8))",
        astuple(pointer),
    )
    connection.execute("DELETE FROM tombstones WHERE number <= ?", (pointer.last_tombstone,))


def sweep(directory: Path, keep: str) -> None:
    """Remove all index files but one: those replaced, and what killed publishers left."""
    for path in directory.glob("generation-*"):
        if path.name != keep and path.name.endswith((_SUFFIX, _TEMPORARY)) and not path.is_dir():
            path.unlink(missing_ok=True)


def _check(path: Path, pointer: Pointer, dim: int) -> Index:
    """Load the very bytes that were checked: FAISS itself would not notice a flipped bit."""
    content = path.read_bytes()
    if len(content) != pointer.size or hashlib.sha256(content).hexdigest() != pointer.sha256:
        raise IndexFileDamaged(f"{pointer.file} is not the file that was published")
    if pointer.kind != FLAT:
        raise IndexFileDamaged(f"{pointer.file} is an index of kind {pointer.kind}, which this version does not know")
    index = Index(faiss.deserialize_index(np.frombuffer(content, np.uint8)))
    if index.vectors.shape != (pointer.count, dim) or not _finds_itself(index):
        raise IndexFileDamaged(f"{pointer.file} does not find its own vectors")
    return index


def _finds_itself(index: Index) -> bool:
    count = len(index.rows)
    if count == 0:
        return True
    probes = np.unique(np.linspace(0, count - 1, _PROBES).astype(np.int64))
    positions, scores = index.nearest(index.vectors[probes], 1, None)
    found = index.vectors[positions[:, 0]]
    is_same = np.all(np.abs(found - index.vectors[probes]) < _NORM_TOLERANCE, axis=1)
    return bool(np.all(is_same & (np.abs(scores[:, 0] - 1) < 2 * _NORM_TOLERANCE)))


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
