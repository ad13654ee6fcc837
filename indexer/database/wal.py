"""SQLite's write-ahead log, read without SQLite: which silently drops all that was committed after a flipped bit.

The format is that of https://www.sqlite.org/walformat.html. A frame's checksum begins with that of the frame before,
so that each can be checked given what the one before it says.
"""

import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LOG_SUFFIX, SHARED_MEMORY_SUFFIX = "-wal", "-shm"

_HEADER, _FRAME_HEADER = 32, 24
_MAGIC = {0x377F0682: "<u4", 0x377F0683: ">u4"}  # and the byte order in which checksums read the pages
_VERSION = 3007000
_INDEX_HEADER = 48
_BACKFILL = slice(96, 100)  # of the index: how many frames the database has by now
_PAGE = 4096  # of every catalogue
_FRAMES_AT_ONCE = 1024
_MORE_LOOKS, _PAUSE_SECONDS = 2, 0.02


@dataclass(frozen=True, slots=True)
class Log:
    """A log: its bytes, how many frames of it count, and what is wrong with it, None when nothing is.

    `missing` is the number of frames that were committed and are not there. `is_torn` tells that only the last
    transaction is damaged and nothing says that it was ever committed: a power failure leaves it like that.
    """

    content: bytes
    page_size: int
    frames: int
    problem: str | None = None
    missing: int = 0
    is_torn: bool = False

    @property
    def loses_commits(self) -> bool:
        """Whether SQLite would drop what was committed."""
        return self.problem is not None and not self.is_torn

    def pages(self) -> Iterator[tuple[int, memoryview]]:
        """Yield the number, from 1, and the content of each page up to the last commit, whether sound or not."""
        view, size = memoryview(self.content), _FRAME_HEADER + self.page_size
        frames = self.frames
        while self.missing and frames and not self._head(frames - 1)[1]:
            frames -= 1  # the rest of that transaction is what is missing
        for frame in range(frames):
            start = _HEADER + frame * size
            yield self._head(frame)[0], view[start + _FRAME_HEADER : start + size]

    def _head(self, frame: int) -> tuple[int, int]:
        page, commit = struct.unpack_from(">II", self.content, _HEADER + frame * (_FRAME_HEADER + self.page_size))
        return page, commit


def is_at_rest(database: Path) -> bool:
    """Tell whether a database has neither a log nor an index of one, as its last user leaves it. Raises OSError."""
    return is_empty(database) and not database.with_name(database.name + SHARED_MEMORY_SUFFIX).exists()


def is_empty(database: Path) -> bool:
    """Tell whether a database has no log, or nothing in it. Raises OSError."""
    try:
        return database.with_name(database.name + LOG_SUFFIX).stat().st_size == 0
    except FileNotFoundError:
        return True


def inspect(database: Path) -> Log:
    """Return what there is of a database's log, without changing anything.

    No connection of this process may have the database open: the system would let go of its locks. Raises OSError.
    """
    log = _look_at(database)
    for _ in range(_MORE_LOOKS):
        if log.problem is None:
            break
        time.sleep(_PAUSE_SECONDS)  # it may have been begun anew while it was read
        log = _look_at(database)
    return log


@dataclass(frozen=True, slots=True)
class _Committed:
    """What the shared memory says: the frames that are committed, and the salts of the log that they are in."""

    frames: int
    salts: bytes
    backfilled: int


def _look_at(database: Path) -> Log:
    # The shared memory first: what it says is committed is in the log by then.
    committed = _committed(_bytes_of(database, SHARED_MEMORY_SUFFIX))
    return _examined(_bytes_of(database, LOG_SUFFIX), committed)


def _bytes_of(database: Path, suffix: str) -> bytes:
    try:
        return database.with_name(database.name + suffix).read_bytes()
    except FileNotFoundError:
        return b""


def _committed(memory: bytes) -> _Committed | None:
    """Return what shared memory says, None when it is not whole; processes that were killed leave it."""
    header = memory[:_INDEX_HEADER]
    if len(memory) < 2 * _INDEX_HEADER or header != memory[_INDEX_HEADER : 2 * _INDEX_HEADER]:
        return None
    words = np.frombuffer(header, "=u4")
    first, second = _sums(words[np.newaxis, :10], np.zeros((1, 2), np.uint32))[0]
    if words[0] != _VERSION or (first, second) != (words[10], words[11]):
        return None
    return _Committed(int(words[4]), header[32:40], int.from_bytes(memory[_BACKFILL], sys.byteorder))


def _examined(content: bytes, committed: _Committed | None) -> Log:
    if not content:
        if committed is not None and (missing := committed.frames - committed.backfilled) > 0:
            return Log(b"", _PAGE, 0, _told_missing(missing, committed.frames), missing)
        return Log(b"", _PAGE, 0)
    magic, version, page_size = struct.unpack(">III", content[:12].ljust(12, b"\0"))
    order, is_sound = _MAGIC.get(magic, "<u4"), False
    if len(content) >= _HEADER and magic in _MAGIC and version == _VERSION:
        sums = _sums(np.frombuffer(content[:24], order)[np.newaxis], np.zeros((1, 2), np.uint32))[0]
        is_sound = sums.tolist() == list(struct.unpack(">II", content[24:32]))
    if not is_sound:
        page_size = _PAGE
    size = _FRAME_HEADER + page_size
    whole = max(len(content) - _HEADER, 0) // size
    frames = np.frombuffer(content, np.uint8, whole * size, _HEADER if whole else 0).reshape(whole, size)
    salts = content[16:24] if is_sound or not whole else frames[0, 8:16].tobytes()
    known = committed.frames if committed is not None and committed.salts == salts else None
    if committed is not None and not is_sound and known is None:
        salts, known = committed.salts, committed.frames
    count = _last_commit(frames, salts) if known is None else known
    if not is_sound and not count:
        return Log(content, page_size, 0, "its header is damaged" if whole else None)
    present = frames[:count]
    missing, problem, is_torn = count - len(present), None, False
    if missing:
        problem = _told_missing(missing, count)
    elif not is_sound:
        problem = "its header is damaged"
    elif len(damaged := _damaged(present, content, salts, order)):
        problem = f"{len(damaged)} of its {count} pages are damaged"
        is_torn = known is None and damaged[0] >= _last_commit(present[:-1], salts)
    return Log(content, page_size, len(present), problem, missing, is_torn)


def _told_missing(missing: int, count: int) -> str:
    return f"{missing} of its {count} pages are missing, and with them the changes that were committed last"


def _last_commit(frames: NDArray[np.uint8], salts: bytes) -> int:
    """Return how many frames there are up to the last commit of this log; behind it may lie frames of older ones."""
    is_commit = frames[:, 4:8].any(axis=1) & (frames[:, 8:16] == np.frombuffer(salts, np.uint8)).all(axis=1)
    return int(np.flatnonzero(is_commit)[-1]) + 1 if is_commit.any() else 0


def _damaged(frames: NDArray[np.uint8], content: bytes, salts: bytes, order: str) -> NDArray[np.int64]:
    """Return the numbers, from 0, of the frames whose salts or checksums are not right."""
    stored = np.ascontiguousarray(frames[:, 16:24]).view(">u4").astype(np.uint32)
    before = np.vstack([np.frombuffer(content[24:32], ">u4").astype(np.uint32), stored[:-1]])
    is_right = (frames[:, 8:16] == np.frombuffer(salts, np.uint8)).all(axis=1)
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        some = slice(start, start + _FRAMES_AT_ONCE)
        covered = np.concatenate([frames[some, :8], frames[some, 24:]], axis=1)
        is_right[some] &= (_sums(covered.view(order).astype(np.uint32), before[some]) == stored[some]).all(axis=1)
    return np.flatnonzero(~is_right)


def _sums(words: NDArray[np.uint32], before: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the checksums, uint32 (n, 2), of n rows of words (n, even), each going on from one (n, 2) before it.

    For each two words: `s0 += x0 + s1; s1 += x1 + s0`, modulo 2**32. That is linear, so every word has a weight.
    """
    weights = _weights(words.shape[1])
    with_before = np.concatenate([words.astype(np.uint32, copy=False), before], axis=1)
    return np.stack([(with_before * weights[:, column]).sum(axis=1, dtype=np.uint32) for column in (0, 1)], axis=1)


@cache
def _weights(words: int) -> NDArray[np.uint32]:
    """Return what each word, then each sum before them, is worth in the two sums at the end: (words + 2, 2)."""
    weights = []
    first, second = np.eye(2, dtype=np.uint32)  # what the sums after some pair are worth
    for _ in range(0, words, 2):
        weights += [second, first + second]
        first, second = first + second, first + second + second
    return np.array([*reversed(weights), first, second], np.uint32)
