"""Deleting the catalogues that a reindexing left beside the current one."""

from contextlib import closing
from pathlib import Path

import apsw

from indexer.database.locations import DATABASE_FILE, beside, files_of, located
from indexer.database.scratch import sweep
from indexer.database.storage_errors import explained
from indexer.database.store import Store, sync_directory
from indexer.errors import CatalogueBusy
from indexer.upkeep.places import discard, only_one

_PATIENCE_MS = 1000


def drop_previous(root: Path | str) -> list[Path]:
    """Delete the catalogues beside the current one, and return where they were.

    Raises CatalogueBusy, and deletes nothing, while a server or command still has one of them open, or one is being
    made; what `LocalCatalogue.open` raises for the current one; CatalogueNotWritable.
    """
    root = Path(root)
    with closing(Store(root)) as current:
        current.check()
        with only_one(root), explained(root):
            sweep(root)
            previous = beside(root, located(root))
            for place in previous:
                _require_unused(place)
            for place in previous:
                if place == root:
                    for file in files_of(root, place):
                        file.unlink(missing_ok=True)
                else:
                    discard(root, place)
            sync_directory(root)
    return previous


def _require_unused(place: Path) -> None:
    """Raise CatalogueBusy while anybody has a database open: SQLite leaves its write-ahead log only when nobody has."""
    path = place / DATABASE_FILE
    if not path.is_file():
        return
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)) as connection:
            connection.set_busy_timeout(_PATIENCE_MS)
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
