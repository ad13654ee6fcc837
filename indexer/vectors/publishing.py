"""When a catalogue gets a new index file, and what kind of file: one that compares with all, or one with a graph."""

from indexer.columns import column_files
from indexer.columns.columns import Segments
from indexer.database.rows import Rows
from indexer.database.storage_errors import storage_errors
from indexer.database.store import Store
from indexer.vectors import hnsw, index_file
from indexer.vectors.snapshot import MOST_CHANGED, Snapshot
from models.arrays import Vectors
from models.progress import Progress

MOST_UNPUBLISHED = 4096
"""Rows that may be written or removed, one after another, before the index file is written anew."""


def is_needed(state: Snapshot, exact_up_to: int | None) -> bool:
    """Tell whether a new index file would serve better than the published one and what came after it.

    A flat index is built in no time, so it has all live rows or is replaced. A graph takes minutes: until a tenth has
    changed, what is new is compared one by one, which costs little.
    """
    if state.pointer is None or not state.is_whole:
        return True
    if exact_up_to is not None and len(state) > exact_up_to and state.pointer.recall is None:
        return True  # so many for the first time
    return state.changed > (MOST_CHANGED * len(state.published.index.rows) if state.pointer.has_graph else 0)


def is_overdue(state: Snapshot) -> bool:
    """Tell whether so much came after the published index file that readers pay for it at every write.

    What came after is put together anew then: 0.3 ms for a thousand vectors. A graph, which takes minutes, is left to
    who asks for it.
    """
    most = max(MOST_UNPUBLISHED, int(MOST_CHANGED * len(state.published.index.rows)))
    return state.changed > most and not (state.pointer is not None and state.pointer.has_graph)


def publish(
    store: Store,
    state: Snapshot,
    rows: Rows,
    vectors: Vectors,
    exact_up_to: int | None,
    progress: Progress | None = None,
    segments: Segments = (),
) -> int:
    """Make an index file of a state's live rows, and it the published one; return its number.

    `segments` are the columns of that state, which are kept beside it; none where they were not read.

    The caller holds the publisher's lock. Raises what `storage_errors` makes of a full disk and the like.
    """
    index, recall = hnsw.chosen(rows, vectors, exact_up_to, progress)
    with storage_errors(store.directory):
        number = 1 + (state.pointer.number if state.pointer else 0)
        pointer = index_file.write(store.directory, number, index, state.last_row, state.last_tombstone, recall)
    column_files.keep(store.directory, pointer.generation, segments)
    with store.write() as connection:
        index_file.record_published(connection, pointer)
    with storage_errors(store.directory):
        index_file.sweep(store.directory, keep=pointer.file)
    return number
