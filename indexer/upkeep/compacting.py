"""Compacting: what was deleted gives its room back, and what an earlier version wrote gets the digests of today."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from indexer.catalogue.local import LocalCatalogue
from indexer.database import rows
from indexer.database.locations import DATABASE_FILE, PAGES_FILE
from indexer.database.row_checksums import blob_checksum, item_checksum, own_checksum
from indexer.database.storage_errors import storage_errors
from indexer.database.store import Store
from indexer.database.wal import LOG_SUFFIX, SHARED_MEMORY_SUFFIX
from indexer.upkeep.page_checksums import note_pages
from indexer.upkeep.scratch import sweep_scratch
from models.files import sync
from models.progress import Progress

_AT_ONCE = 1000
_WITHOUT = (
    f"SELECT {', '.join(f'items.{name}' for name in rows.ROW_COLUMNS.split(', '))}, items.digest, vector, data"
    " FROM items JOIN vectors USING (row) JOIN displays USING (row)"
    " WHERE items.row > ? AND (row_digest IS NULL OR vectors.digest IS NULL OR displays.digest IS NULL)"
    " ORDER BY items.row LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Compacted:
    """How many items there are, and how many bytes the files of the catalogue, its log aside, took and take."""

    items: int
    before: int
    after: int


def compact(root: Path | str, progress: Progress | None = None) -> Compacted:
    """Write a catalogue's database anew without the room of what was deleted, and publish what is left.

    What was there stays there at every moment, whatever ends this; others read meanwhile, and who writes waits. It
    takes as much room again as the database, for as long as it lasts. `progress` counts items that get digests.

    Raises what `LocalCatalogue.open` and writing raise; CatalogueNotWritable where there is no room for it.
    """
    root = Path(root)
    sweep_scratch(root)
    with LocalCatalogue.open(root) as catalogue:
        directory = catalogue.directory
        before = _size(directory)
        catalogue.publish()
        items = len(catalogue)
    with closing(Store(root)) as store:
        _add_digests(store, items, progress)
        with storage_errors(directory):  # which are of pages as they were
            (directory / PAGES_FILE).unlink(missing_ok=True)
            sync(directory)
        store.vacuum()
    note_pages(root)
    return Compacted(items, before, _size(directory))


def _add_digests(store: Store, items: int, progress: Progress | None) -> None:
    """Let what an earlier version wrote prove itself part by part; what is damaged is left for `verify`."""
    last, done = 0, 0
    while True:
        with store.read() as connection:
            block: list[Any] = connection.execute(_WITHOUT, (last, _AT_ONCE)).fetchall()
        if not block:
            return
        last = block[-1][0]
        with store.write() as connection:
            for *columns, digest, vector, data in block:
                if item_checksum(columns, vector, data) == digest:
                    _add_to(connection, columns[0], own_checksum(columns, digest), vector, data)
        done += len(block)
        if progress is not None:
            progress(done, max(items, done))


def _add_to(connection: apsw.Connection, row: int, own: bytes, vector: bytes, data: bytes) -> None:
    # Rows that were removed meanwhile are not there to be changed, and no number is given twice.
    connection.execute("UPDATE items SET row_digest = ? WHERE row = ?", (own, row))
    connection.execute("UPDATE vectors SET digest = ? WHERE row = ?", (blob_checksum(row, vector), row))
    connection.execute("UPDATE displays SET digest = ? WHERE row = ?", (blob_checksum(row, data), row))


def _size(directory: Path) -> int:
    passing = {DATABASE_FILE + suffix for suffix in (LOG_SUFFIX, SHARED_MEMORY_SUFFIX)}
    return sum(path.stat().st_size for path in directory.iterdir() if path.is_file() and path.name not in passing)
