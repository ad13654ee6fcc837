"""SQLite's and the file system's errors as errors that a person can act on."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from indexer.database.commit_note import Lost
from indexer.database.locations import DATABASE_FILE
from indexer.errors import CatalogueBusy, CatalogueDamaged, CatalogueNotWritable, CommitsLost

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
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
        reason = "the disk is full" if error.errno in _NO_SPACE else error.strerror or str(error)
        raise _not_writable(directory, reason) from error


def damaged(directory: Path, reason: str) -> CatalogueDamaged:
    """Return the error for a database that can't be right."""
    return CatalogueDamaged(
        f"{directory / DATABASE_FILE} is damaged or no catalogue ({reason}). See what can be saved with `lookalike "
        "verify`, and save it with --repair; or restore a backup, or index again into a new directory."
    )


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
    if isinstance(error, apsw.FullError):
        return _not_writable(directory, "the disk is full")
    if isinstance(error, apsw.ReadOnlyError):
        return _not_writable(directory, "the directory or its files are read-only")
    if isinstance(error, apsw.CantOpenError | apsw.PermissionsError | apsw.AuthError):
        return _not_writable(directory, "the permissions of the directory or its files forbid it")
    if isinstance(error, apsw.IOError) and getattr(error, "extendedresult", 0) in _WRITE_FAILURES:
        return _not_writable(directory, "writing failed: is the disk full?")
    if isinstance(error, apsw.NotADBError | apsw.CorruptError | apsw.FormatError | apsw.IOError | apsw.SQLError):
        return damaged(directory, str(error))
    return error


def _not_writable(directory: Path, reason: str) -> CatalogueNotWritable:
    return CatalogueNotWritable(
        f"{directory} can't be opened or written: {reason}. What was indexed before is safe; make room or choose "
        "another directory, and run the same command again."
    )
