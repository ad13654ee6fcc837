"""Changing which catalogue a directory holds: by one process at a time, each change in one step."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import apsw

from indexer.database import commit_note
from indexer.database.connections import alone
from indexer.database.locations import CURRENT, DATABASE_FILE, beside, files_of, located, pointer_to
from indexer.database.storage_errors import storage_errors
from indexer.database.store import Store
from indexer.database.wal import LOG_SUFFIX, SHARED_MEMORY_SUFFIX
from indexer.errors import CatalogueBusy
from indexer.upkeep.scratch import scratch, sweep_scratch
from models.files import AlreadyLocked, locked, put_in_place, sync, written_whole

REINDEX_LOCK_FILE = "reindex.lock"

_CLOSING_MS = 1000  # that a server which is about to close a catalogue is waited for


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the lock that lets one process at a time make or delete catalogues beside the current one; a kill frees it.

    Raises CatalogueBusy, CatalogueNotWritable.
    """
    with ExitStack() as held:
        try:
            with storage_errors(root):
                held.enter_context(locked(root / REINDEX_LOCK_FILE, seconds=0))
        except AlreadyLocked as error:
            raise CatalogueBusy(f"Another process is reindexing {root}. Let it end, or stop it.") from error
        yield


def point_at(root: Path, place: Path) -> None:
    """Make a place the current one, in one step and durably. Raises CatalogueNotWritable."""
    with storage_errors(root), written_whole(root / CURRENT, root / f"{CURRENT}.tmp") as draft:
        draft.write_bytes(pointer_to(root, place))


def switch(new: Path, directory: Path, keep_as: str | None = None) -> None:
    """Give a whole, closed database the place of the one in a directory, which is kept under another name if asked.

    The old one's log goes with it: replayed on the new one, it would spoil it. Raises CatalogueInUse while another
    process has the old one open, CatalogueNotWritable. No connection of this process may have either open.
    """
    database = directory / DATABASE_FILE
    with storage_errors(directory), alone(database):
        if keep_as is not None:
            kept = directory / keep_as
            for suffix in ("", LOG_SUFFIX):
                Path(f"{kept}{suffix}").unlink(missing_ok=True)
                with suppress(FileNotFoundError):
                    os.link(f"{database}{suffix}", f"{kept}{suffix}")
        for suffix in (LOG_SUFFIX, SHARED_MEMORY_SUFFIX, commit_note.SUFFIX):
            Path(f"{database}{suffix}").unlink(missing_ok=True)
        put_in_place(new, database)


def discard(root: Path, place: Path) -> None:
    """Delete a sub-directory: what a kill leaves of it is under a name that the next run sweeps. Raises OSError."""
    with scratch(root, "dropped") as rubbish:
        place.rename(rubbish / place.name)
        sync(root)


def drop_previous(root: Path | str) -> list[Path]:
    """Delete the catalogues that reindexing has left beside the current one, and return where they were.

    Raises CatalogueBusy, and deletes nothing, while a server or command still has one of them open, or one is being
    made; what `LocalCatalogue.open` raises for the current one; CatalogueNotWritable.
    """
    root = Path(root)
    with closing(Store(root)) as current:
        current.check()
        with only_one(root), storage_errors(root):
            sweep_scratch(root)
            previous = beside(root, located(root))
            for place in previous:
                _require_unused(place)
            for place in previous:
                if place == root:
                    for file in files_of(root, place):
                        file.unlink(missing_ok=True)
                else:
                    discard(root, place)
            sync(root)
    return previous


def _require_unused(place: Path) -> None:
    """Raise CatalogueBusy while anybody has a database open: SQLite leaves its write-ahead log only when nobody has."""
    path = place / DATABASE_FILE
    if not path.is_file():
        return
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            connection.set_busy_timeout(_CLOSING_MS)
            is_unused = connection.pragma("journal_mode", "delete") == "delete"
    except apsw.BusyError:
        is_unused = False
    except (apsw.NotADBError, apsw.CorruptError):
        return  # nobody can be using that
    if not is_unused:
        raise CatalogueBusy(
            f"The catalogue in {place} is still in use, perhaps by a server that was started before the reindexing. "
            "Start that again, or stop it, and then run the same command again."
        )
