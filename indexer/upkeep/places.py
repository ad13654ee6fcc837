"""Changing what is in a catalogue's directory: by one process at a time, each change in one step."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.database.locations import CURRENT, pointer_to
from indexer.database.scratch import scratch
from indexer.database.storage_errors import explained
from indexer.database.store import sync_directory
from indexer.errors import CatalogueBusy

LOCK_FILE = "reindex.lock"


@contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the lock that lets one process at a time make or delete catalogues beside the current one; a kill frees it.

    Raises CatalogueBusy, CatalogueNotWritable.
    """
    with explained(root):
        descriptor = os.open(root / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise CatalogueBusy(f"Another process is reindexing {root}. Let it end, or stop it.") from error
    finally:
        os.close(descriptor)


def point_at(root: Path, place: Path) -> None:
    """Make a place the current one: in one step, and durably."""
    with explained(root):
        draft = root / f"{CURRENT}.tmp"
        with draft.open("wb") as file:
            file.write(pointer_to(root, place))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(root / CURRENT)
        sync_directory(root)


def discard(root: Path, place: Path) -> None:
    """Delete a sub-directory: what a kill leaves of it is under a name that the next run sweeps. Raises OSError."""
    with scratch(root, "dropped") as rubbish:
        place.rename(rubbish / place.name)
        sync_directory(root)
