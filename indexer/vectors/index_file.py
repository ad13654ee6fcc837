"""Index files: immutable, checked, and always to be had again from the vectors in the database."""

import errno
import hashlib
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import BinaryIO

import apsw
import faiss
import numpy as np

from indexer.columns.column_files import SUFFIX as COLUMNS_SUFFIX
from indexer.columns.column_files import Generation
from indexer.database.storage_errors import storage_errors
from indexer.errors import CatalogueBusy
from indexer.vectors.faiss_index import Index
from models.files import AlreadyLocked, locked, written_whole

LOCK_FILE = "publish.lock"

_SUFFIX = ".faiss"
_TEMPORARY = ".faiss.tmp"
_ENDINGS = (_SUFFIX, _TEMPORARY, COLUMNS_SUFFIX, f"{COLUMNS_SUFFIX}.tmp")
_BLOCK = 1 << 20  # bytes that are read or written at once
_KIND = re.compile(r"(?P<method>flat|hnsw)( breadth=\d+)?( recall=(?P<recall>\d\.\d+))?")
MOST_PUBLISHED_MEANWHILE = 20
"""Index files that others may publish, each in place of the one before, while a reader is about to read one."""

_PROBES = 8
_NORM_TOLERANCE = 1e-3


class IndexFileDamaged(Exception):
    """An index file is missing or is not the one that was published. Never leaves the catalogue: it rebuilds."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What the database says of the published index file: a row of the table `generations`.

    `kind` is "flat" where every vector is compared with, "hnsw breadth=64 recall=0.9931" where there is a graph, and
    "flat recall=0.9712" where one was built and found too little.
    """

    number: int
    kind: str
    file: str
    size: int
    sha256: str
    count: int
    last_row: int
    last_tombstone: int

    @property
    def generation(self) -> Generation:
        """What the columns beside it are known by."""
        return Generation(self.file, self.sha256)

    @property
    def has_graph(self) -> bool:
        """Whether the index has a graph."""
        return self.kind.startswith("hnsw")

    @property
    def recall(self) -> float | None:
        """The recall@10 that was measured of a graph, be it used or not; None where none was built."""
        known = _KIND.fullmatch(self.kind)
        return float(known["recall"]) if known and known["recall"] else None


class _Counted:
    """A file that is read or written from its beginning on, with the size and the SHA-256 of what has been."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._count(data)

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._count(data)
        return data

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def _count(self, data: bytes) -> None:
        self._digest.update(data)
        self.size += len(data)


@contextmanager
def publisher_lock(directory: Path, seconds: float) -> Iterator[None]:
    """Hold the lock that lets one thread of one process at a time write index files; a kill frees it.

    Raises CatalogueBusy when it can't be had in time, CatalogueNotWritable.
    """
    with ExitStack() as held:
        try:
            with storage_errors(directory):
                held.enter_context(locked(directory / LOCK_FILE, seconds))
        except AlreadyLocked as error:
            raise CatalogueBusy(f"Another process is publishing {directory}. Try again in a moment.") from error
        yield


def write(
    directory: Path, number: int, index: Index, last_row: int, last_tombstone: int, recall: float | None = None
) -> Pointer:
    """Write an index file that is whole, durable and proven before it gets its name. Raises OSError.

    `recall` is what was measured of a graph, where one was built. A kill at any moment leaves either nothing under the
    final name or the complete file.
    """
    name = f"generation-{number:06}"
    with written_whole(directory / f"{name}{_SUFFIX}", directory / f"{name}{_TEMPORARY}") as draft:
        with draft.open("wb") as file:
            counted = _Counted(file)
            index.write(faiss.PyCallbackIOWriter(counted.write, _BLOCK))  # type: ignore[attr-defined]
        pointer = Pointer(
            number=number,
            kind=_kind(index, recall),
            file=f"{name}{_SUFFIX}",
            size=counted.size,
            sha256=counted.sha256,
            count=len(index.rows),
            last_row=last_row,
            last_tombstone=last_tombstone,
        )
        try:
            _check(draft, pointer, index.vectors.shape[1])
        except IndexFileDamaged as error:
            raise OSError(errno.EIO, f"what was written does not read back ({error})") from error
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


def has_been_replaced(connection: apsw.Connection, pointer: Pointer) -> bool:
    """Begin a read transaction anew, and tell whether it sees another published generation, or none."""
    connection.execute("ROLLBACK")
    connection.execute("BEGIN")
    return published(connection) != pointer


def record_published(connection: apsw.Connection, pointer: Pointer) -> None:
    """Make a written index file the published one; the removals that it knows of need no tombstone any more."""
    connection.execute("DELETE FROM generations")
    connection.execute(
        "INSERT INTO generations VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, digest(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8))",
        astuple(pointer),
    )
    connection.execute("DELETE FROM tombstones WHERE number <= ?", (pointer.last_tombstone,))


def sweep(directory: Path, keep: str) -> None:
    """Remove all index files, and columns beside them, but one's: those replaced, and what killed publishers left."""
    for path in directory.glob("generation-*"):
        is_kept = path.name in {keep, Path(keep).with_suffix(COLUMNS_SUFFIX).name}
        if not is_kept and path.name.endswith(_ENDINGS) and not path.is_dir():
            path.unlink(missing_ok=True)


def _kind(index: Index, recall: float | None) -> str:
    method = f"hnsw breadth={index.ef_search}" if index.has_graph else "flat"
    return method if recall is None else f"{method} recall={recall:.4f}"


def _check(path: Path, pointer: Pointer, dim: int) -> Index:
    """Load the very bytes that were checked: FAISS itself would not notice a flipped bit.

    The file is read twice, so that FAISS is never given what is not sound, and memory never holds it twice.
    """
    if not _KIND.fullmatch(str(pointer.kind)):  # what a flipped bit made of it need not be a text
        raise IndexFileDamaged(f"{pointer.file} is an index of kind {pointer.kind}, which this version does not know")
    with path.open("rb", buffering=0) as file:
        checked = _Counted(file)
        while checked.read(_BLOCK):
            pass
        if (checked.size, checked.sha256) != (pointer.size, pointer.sha256):
            raise IndexFileDamaged(f"{pointer.file} is not the file that was published")
        file.seek(0)
        loaded = _Counted(file)
        try:
            index = Index.read(faiss.PyCallbackIOReader(loaded.read, _BLOCK))  # type: ignore[attr-defined]
        except RuntimeError as error:
            raise IndexFileDamaged(f"{pointer.file} changed while it was read") from error
        if loaded.sha256 != pointer.sha256:
            raise IndexFileDamaged(f"{pointer.file} changed while it was read")
    if index.vectors.shape != (pointer.count, dim) or index.has_graph != pointer.has_graph or not _finds_itself(index):
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
