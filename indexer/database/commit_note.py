"""What was committed last, noted beside a database for as long as it has a log: so that a log that is gone is missed.

SQLite takes a log that is missing, empty or cut for one that nobody wrote to. The note says which revision was reached,
and which numbers were given out by then. It is written after a commit and never synced: so it may lag behind the
database, after a power failure far behind, and never tells of what was not durable.
"""

import os
import struct
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import apsw

from indexer.database.wal import is_empty

SUFFIX = "-last"

_NUMBERS = struct.Struct("<QQQ")
_DIGEST_SIZE = 8
_MOST_APART = 2**32
"""Revisions that are further apart are of two catalogues: each begins at a random number."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A state: its revision, the number that was given to an item last, and to a removal last."""

    revision: int
    last_row: int
    last_tombstone: int

    def lacks(self, other: "Committed") -> bool:
        """Tell whether another state of the same catalogue is later than this one."""
        return 0 < other.revision - self.revision < _MOST_APART


@dataclass(frozen=True, slots=True)
class Lost:
    """What is missing of a database: how many items, and removals, were written after the state that is left."""

    items: int
    removals: int

    def __str__(self) -> str:
        parts = [
            f"{count} {one if count == 1 else many}"
            for count, one, many in ((self.items, "item", "items"), (self.removals, "removal", "removals"))
            if count
        ]
        return f"{' and '.join(parts)} written last" if parts else "what was published last"


def state_of(connection: apsw.Connection) -> Committed:
    """Return the state that a transaction sees."""
    numbers = dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))
    revision = int(connection.execute("SELECT revision FROM catalogue").get or 0)
    return Committed(revision, numbers.get("items", 0), numbers.get("tombstones", 0))


def note(database: Path, state: Committed) -> None:
    """Write down what was committed, unless a later state has been; where that can't be done, it is left."""
    before = noted(database)
    if before is not None and state.lacks(before):
        return
    content = _NUMBERS.pack(state.revision, state.last_row, state.last_tombstone)
    with suppress(OSError, struct.error):
        descriptor = os.open(_file(database), os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            os.pwrite(descriptor, content + _digest(content), 0)
        finally:
            os.close(descriptor)


def noted(database: Path) -> Committed | None:
    """Return what is noted; None where nothing is, or not wholly."""
    try:
        content = _file(database).read_bytes()
    except OSError:
        return None
    numbers, digest = content[: _NUMBERS.size], content[_NUMBERS.size :]
    return Committed(*_NUMBERS.unpack(numbers)) if digest and _digest(numbers) == digest else None


def lost(later: Committed | None, connection: apsw.Connection) -> Lost | None:
    """Return what was noted before a transaction began and that it does not see; None where it sees all."""
    state = None if later is None else state_of(connection)
    if later is None or state is None or not state.lacks(later):
        return None
    return Lost(max(later.last_row - state.last_row, 0), max(later.last_tombstone - state.last_tombstone, 0))


def lost_without_log(database: Path) -> Lost | None:
    """Return what is noted and not in a database's own file; None where all is, or nothing tells.

    No connection of this process may have the database open.
    """
    uri = f"{database.absolute().as_uri()}?immutable=1"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    with suppress(apsw.Error), closing(apsw.Connection(uri, flags=flags)) as connection:
        return lost(noted(database), connection)
    return None


def forget_at_rest(database: Path) -> None:
    """Remove the note where the log has been taken over into the database, and is no more."""
    with suppress(OSError):
        if _file(database).exists() and is_empty(database):
            _file(database).unlink(missing_ok=True)


def _file(database: Path) -> Path:
    return database.with_name(database.name + SUFFIX)


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=_DIGEST_SIZE).digest()
