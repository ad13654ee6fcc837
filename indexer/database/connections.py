"""Who has a database open: this process by its own account, others by SQLite's locks.

A process that closes a file gives up every lock that it holds on it (POSIX), SQLite's among them: so the files of a
database that is open here are not looked at beside SQLite.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from weakref import WeakSet

import apsw

from indexer.database import commit_note, wal
from indexer.database.commit_note import Lost
from indexer.errors import CatalogueInUse
from models.files import AlreadyLocked, range_locked

_FIRST_SHARED_LOCK, _SHARED_LOCKS = 0x40000002, 510
"""Where SQLite holds a lock for as long as a database is open (https://www.sqlite.org/fileformat2.html)."""


class Signature(NamedTuple):
    """What changes when somebody writes to a database."""

    size: int
    modified_ns: int
    log_size: int


_open_here: defaultdict[Path, WeakSet[apsw.Connection]] = defaultdict(WeakSet)
_turn = threading.Lock()


def opened(database: Path, name: str, flags: int) -> apsw.Connection:
    """Open a database by the name that SQLite is to know it by."""
    with _turn:
        connection = apsw.Connection(name, flags=flags)
        _open_here[database.resolve()].add(connection)
    return connection


def close(database: Path, connection: apsw.Connection) -> None:
    """Close what `opened` returned."""
    connection.close()
    with _turn:
        _open_here[database.resolve()].discard(connection)


def forget(database: Path) -> None:
    """Let a file of a database that is no more not count as open, whoever has it open still."""
    with _turn:
        _open_here[database.resolve()].clear()


def signature_of(database: Path) -> Signature:
    """Return the signature of a database. Raises OSError."""
    present, log = database.stat(), database.with_name(database.name + wal.LOG_SUFFIX)
    return Signature(present.st_size, present.st_mtime_ns, log.stat().st_size if log.exists() else 0)


def begin_log_anew(connection: apsw.Connection) -> None:
    """Take a log over into its database and cut it to the size that is kept, unless somebody reads from it.

    It is never emptied: one that is empty beside an index that says otherwise is taken for lost.
    """
    with suppress(apsw.Error):  # what is in it is committed whatever comes of this
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        connection.pragma("user_version", connection.pragma("user_version"))  # one page, with which SQLite cuts it


@contextmanager
def alone(database: Path) -> Iterator[None]:
    """Hold the lock that every process that has a database open holds in part; raise CatalogueInUse when one has.

    No connection of this process may have it open. Raises OSError.
    """
    with ExitStack() as held:
        try:
            with suppress(FileNotFoundError):
                held.enter_context(range_locked(database, _FIRST_SHARED_LOCK, _SHARED_LOCKS))
        except AlreadyLocked as error:
            raise CatalogueInUse(
                f"Another process has the catalogue in {database.parent} open. Stop it (a server, an indexing run), "
                "and run the same command again."
            ) from error
        yield


def any_log_problem(database: Path) -> str | None:
    """Return what is wrong with the log of a database; None where nothing is, or where this process has it open.

    Raises OSError.
    """
    with _turn:
        return None if _open_here[database.resolve()] else wal.inspect(database).problem


def log_problem(database: Path) -> tuple[str, Lost | None] | None:
    """Return why SQLite would drop what is committed in the log of a database that is about to be opened.

    With it goes what is lost, where that is known. None when it drops nothing, or but a last transaction that a power
    failure may have left half-written; also while others have the database open, as it was they who read the log then:
    unless it has been taken from under them. Raises OSError.
    """
    with _turn:
        if _open_here[database.resolve()] or wal.is_at_rest(database):
            return None
        log = wal.inspect(database)
        if not log.loses_commits:
            return None
        if not log.content:
            return str(log.problem), commit_note.lost_without_log(database)
        try:
            with alone(database):
                log = wal.inspect(database)  # now that nobody writes to it
        except CatalogueInUse:
            return None
    return (str(log.problem), None) if log.loses_commits else None
