"""Putting a database in the place of another in one step, while no other process has that one open."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from indexer.errors import CatalogueInUse
from indexer.store import DATABASE_FILE, explained, sync_directory
from indexer.write_ahead_log import LOG_SUFFIX, SHARED_MEMORY_SUFFIX

_FIRST_SHARED_LOCK, _SHARED_LOCKS = 0x40000002, 510
"""Where SQLite holds a lock for as long as a database is open (https://www.sqlite.org/fileformat2.html)."""


def switch(new: Path, directory: Path, keep_as: str | None = None) -> None:
    """Give a whole, closed database the place of the one in a directory, which is kept under another name if asked.

    The old one's log goes with it: replayed on the new one, it would spoil it. Raises CatalogueInUse while another
    process has the old one open, CatalogueNotWritable. No connection of this process may have either open.
    """
    database = directory / DATABASE_FILE
    with explained(directory), _alone(database, directory):
        if keep_as is not None:
            _keep(database, directory / keep_as)
        for suffix in (LOG_SUFFIX, SHARED_MEMORY_SUFFIX):
            Path(f"{database}{suffix}").unlink(missing_ok=True)
        new.replace(database)
        sync_directory(directory)


def _keep(database: Path, kept: Path) -> None:
    """Give a database and its log a second name."""
    for suffix in ("", LOG_SUFFIX):
        Path(f"{kept}{suffix}").unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            os.link(f"{database}{suffix}", f"{kept}{suffix}")


@contextmanager
def _alone(database: Path, directory: Path) -> Iterator[None]:
    """Hold the lock that every process that has the database open holds in part."""
    try:
        descriptor = os.open(database, os.O_RDWR)
    except FileNotFoundError:
        yield
        return
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_LOCKS, _FIRST_SHARED_LOCK)
        except (BlockingIOError, PermissionError) as error:
            raise CatalogueInUse(
                f"Another process has the catalogue in {directory} open. Stop it (a server, an indexing run), "
                "and run the same command again."
            ) from error
        yield
    finally:
        os.close(descriptor)
