"""Putting a database in the place of another in one step, while no other process has that one open."""

import os
from contextlib import suppress
from pathlib import Path

from indexer.database.connections import alone
from indexer.database.locations import DATABASE_FILE
from indexer.database.storage_errors import explained
from indexer.database.wal import LOG_SUFFIX, SHARED_MEMORY_SUFFIX
from models.files import put_in_place


def switch(new: Path, directory: Path, keep_as: str | None = None) -> None:
    """Give a whole, closed database the place of the one in a directory, which is kept under another name if asked.

    The old one's log goes with it: replayed on the new one, it would spoil it. Raises CatalogueInUse while another
    process has the old one open, CatalogueNotWritable. No connection of this process may have either open.
    """
    database = directory / DATABASE_FILE
    with explained(directory), alone(database):
        if keep_as is not None:
            _keep(database, directory / keep_as)
        for suffix in (LOG_SUFFIX, SHARED_MEMORY_SUFFIX):
            Path(f"{database}{suffix}").unlink(missing_ok=True)
        put_in_place(new, database)


def _keep(database: Path, kept: Path) -> None:
    """Give a database and its log a second name."""
    for suffix in ("", LOG_SUFFIX):
        Path(f"{kept}{suffix}").unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            os.link(f"{database}{suffix}", f"{kept}{suffix}")
