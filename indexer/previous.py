"""The catalogues that a reindexing left beside the current one: told, and deleted when asked."""

import shutil
from contextlib import closing
from pathlib import Path

import apsw

from indexer.errors import CatalogueBusy
from indexer.location import PLACES, located
from indexer.reindexing import only_one
from indexer.store import DATABASE_FILE, Store, explained, sync_directory

_FILES = (f"{DATABASE_FILE}*", "generation-*", "publish.lock")  # of a catalogue, where other things lie beside it
_PATIENCE_MS = 1000


def previous_places(root: Path) -> list[Path]:
    """Return where in a catalogue's directory there are catalogues other than the current one, unfinished ones too."""
    places = [root, *sorted(place for place in root.glob(PLACES) if place.is_dir())]
    return [place for place in places if place != located(root) and any(_files_of(root, place))]


def drop_previous(root: Path | str) -> list[Path]:
    """Delete the catalogues beside the current one, and return where they were.

    Raises CatalogueBusy, and deletes nothing, while a server or command still has one of them open, or one is being
    made; what `Catalogue.open` raises for the current one; CatalogueNotWritable.
    """
    root = Path(root)
    with closing(Store(root)) as current:
        current.check()
        with only_one(root), explained(root):
            places = previous_places(root)
            for place in places:
                _require_unused(place)
            for place in places:
                if place == root:
                    for file in _files_of(root, place):
                        file.unlink(missing_ok=True)
                else:
                    shutil.rmtree(place)
            sync_directory(root)
    return places


def _files_of(root: Path, place: Path) -> list[Path]:
    return [file for pattern in (_FILES if place == root else ("*",)) for file in sorted(place.glob(pattern))]


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
