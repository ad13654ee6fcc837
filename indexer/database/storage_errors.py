"""SQLite's and the file system's errors as errors that a person can act on."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from indexer.database.commit_note import Lost
from indexer.database.locations import DATABASE_FILE
from indexer.errors import (
    CatalogueBusy,
    CatalogueDamaged,
    CatalogueMissing,
    CatalogueNotWritable,
    CommitsLost,
    MemoryExhausted,
)
from models.errors import LookalikeError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LEAST_ROOM = 64 * 1024
"""Bytes with which SQLite can't even begin: its log's index takes half of them."""

_WRITE_FAILURES = {
    apsw.SQLITE_IOERR_WRITE,
    apsw.SQLITE_IOERR_FSYNC,
    apsw.SQLITE_IOERR_DIR_FSYNC,
    apsw.SQLITE_IOERR_TRUNCATE,
    apsw.SQLITE_IOERR_SHMOPEN,
    apsw.SQLITE_IOERR_SHMSIZE,
    apsw.SQLITE_IOERR_SHMMAP,
}


@contextmanager
def storage_errors(directory: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into the catalogue's own errors."""
    try:
        yield
    except apsw.Error as error:
        raise _explain(error, directory) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise damaged(directory, str(error)) from error
    except OSError as error:
        raise not_writable(directory, error) from error


def damaged(directory: Path, reason: str) -> CatalogueDamaged:
    """Return the error for a database that can't be right."""
    return CatalogueDamaged(
        f"{directory / DATABASE_FILE} is damaged or no catalogue ({reason}). See what can be saved with `lookalike "
        "verify`, and save it with --repair; or restore a backup, or index again into a new directory."
    )


def missing(directory: Path) -> LookalikeError:
    """Return the error for a directory without a database: one that has index files has lost it."""
    if any(directory.glob("generation-*.faiss")):
        return CatalogueDamaged(
            f"{directory / DATABASE_FILE} is gone, and with it the catalogue: what lies beside it can't give it back. "
            "Put it back from a copy, restore a backup, or index again into a new directory."
        )
    return CatalogueMissing(f"There is no catalogue in {directory}. Make one with: lookalike index")


def commits_lost(root: Path, reason: str, lost: Lost | None) -> CommitsLost:
    """Return the error for a catalogue of whose log SQLite would drop what was committed, or has it no more."""
    what = "what was committed last" if lost is None else str(lost)
    return CommitsLost(
        f"The log of {root} is damaged ({reason}), and to open it would lose {what}. If its file "
        f"{DATABASE_FILE}-wal can be had, put it back; else keep what is left, with: "
        f"lookalike verify --repair --catalogue {root}",
        None if lost is None else lost.items,
    )


def _explain(error: apsw.Error, directory: Path) -> Exception:
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return CatalogueBusy(f"Another process is writing to {directory} and has not finished. Try again in a moment.")
    if isinstance(error, apsw.NoMemError):
        return MemoryExhausted(
            "There was not enough memory to read the catalogue. Give the process more, and try again."
        )
    if isinstance(error, apsw.FullError | apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError):
        return not_writable(directory, error)
    if isinstance(error, apsw.IOError) and getattr(error, "extendedresult", 0) in _WRITE_FAILURES:
        return not_writable(directory, error)
    if isinstance(error, apsw.NotADBError | apsw.CorruptError | apsw.FormatError | apsw.IOError | apsw.SQLError):
        return damaged(directory, str(error))
    return error


def not_writable(directory: Path, error: BaseException) -> CatalogueNotWritable:
    """Return the error for what can't be opened or written, with why that is and what to do."""
    reason, remedy = why(directory, error)
    return CatalogueNotWritable(
        f"{directory} can't be opened or written: {reason}. What was indexed before is safe; {remedy} or choose "
        "another directory, and run the same command again."
    )


def why(path: Path, error: BaseException) -> tuple[str, str]:
    """Return why a path can't be written, as its file system tells, and what to do.

    SQLite tells little: a full disk may keep it from making a file, which it takes for one that it may but read.
    """
    place = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
    try:
        disk = os.statvfs(place)
    except OSError:
        disk = None
    number = getattr(error, "errno", None)
    is_full = disk is not None and (disk.f_bavail * disk.f_frsize < _LEAST_ROOM or (disk.f_files and not disk.f_ffree))
    if disk is not None and disk.f_flag & os.ST_RDONLY:
        return "its file system is mounted read-only", "mount it so that it can be written"
    if isinstance(error, apsw.FullError) or number in _NO_SPACE or (number is None and is_full):
        return "the disk is full", "make room"
    if number is not None:
        return str(getattr(error, "strerror", None) or error), "see to that"
    if isinstance(error, apsw.IOError):
        return "writing failed: is the disk full, or failing?", "make room"
    return (
        "the directory or its files are read-only for this user (permission denied)",
        "let this user write there",
    )
