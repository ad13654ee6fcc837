"""Changing what is in a catalogue's directory: by one process at a time, each change in one step."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from indexer.database.locations import CURRENT, pointer_to
from indexer.database.scratch import scratch
from indexer.database.storage_errors import explained
from indexer.errors import CatalogueBusy
from models.files import AlreadyLocked, locked, sync, written_whole

LOCK_FILE = "reindex.lock"


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the lock that lets one process at a time make or delete catalogues beside the current one; a kill frees it.

    Raises CatalogueBusy, CatalogueNotWritable.
    """
    with ExitStack() as held:
        try:
            with explained(root):
                held.enter_context(locked(root / LOCK_FILE, seconds=0))
        except AlreadyLocked as error:
            raise CatalogueBusy(f"Another process is reindexing {root}. Let it end, or stop it.") from error
        yield


def point_at(root: Path, place: Path) -> None:
    """Make a place the current one: in one step, and durably."""
    with explained(root), written_whole(root / CURRENT, root / f"{CURRENT}.tmp") as draft:
        draft.write_bytes(pointer_to(root, place))


def discard(root: Path, place: Path) -> None:
    """Delete a sub-directory: what a kill leaves of it is under a name that the next run sweeps. Raises OSError."""
    with scratch(root, "dropped") as rubbish:
        place.rename(rubbish / place.name)
        sync(root)
