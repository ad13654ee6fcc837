"""Whether one catalogue can be brought up to date with another by the numbers of their rows alone."""

from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from indexer.database.rows import Rows
from indexer.vectors import index_file


def continues(connection: apsw.Connection, other: apsw.Connection) -> bool:
    """Tell whether a catalogue is a later state of what another one, of whichever model, was made from.

    Then rows of one number have one item, attributes and picture (by its content) in both; and those that the other
    lacks are newer than its index file, which will not have them.
    """
    (numbers, items), (others, their_items) = _items_by_row(connection), _items_by_row(other)
    _, here, there = np.intersect1d(numbers, others, assume_unique=True, return_indices=True)
    published = index_file.published(other)
    lacking = np.setdiff1d(numbers, others, assume_unique=True)
    is_newer = published is None or bool(np.all(lacking > published.last_row))
    return is_newer and bool(np.array_equal(items[here], their_items[there]))


def _items_by_row(connection: apsw.Connection) -> tuple[Rows, NDArray[np.uint64]]:
    """Return all rows, and half of a digest of what each stands for."""
    found = connection.execute(
        "SELECT row, digest(id, attributes, content, media_type, width, height) FROM items ORDER BY row"
    ).fetchall()
    digests: list[Any] = [digest for _, digest in found]
    return np.array([row for row, _ in found], np.int64), np.frombuffer(b"".join(digests), np.uint64)[::2]
