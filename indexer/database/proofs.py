"""Whether what was read is what was written: by the digests that rows, vectors and pictures carry of themselves."""

from collections.abc import Sequence
from typing import Any

import apsw

from indexer.database.row_checksums import blob_checksum, item_checksum, own_checksum

_PARTS = "SELECT vector, data FROM vectors JOIN displays USING (row) WHERE row = ?"


def prove_row(connection: apsw.Connection, found: Sequence[Any]) -> None:
    """Raise apsw.CorruptError unless an item's row is as it was written.

    `found` are its ROW_COLUMNS, its digest and the digest of the row alone; where that is null, the whole item is read.
    """
    *columns, digest, own = found
    try:
        if own is None:
            parts = connection.execute(_PARTS, (columns[0],)).fetchone()
            is_right = parts is not None and item_checksum(columns, *parts) == digest
        else:
            is_right = own_checksum(columns, digest) == own
    except (TypeError, AttributeError, ValueError):
        is_right = False
    if not is_right:
        raise damaged_item(columns[1])


def is_proven(connection: apsw.Connection, found: Sequence[Any]) -> bool:
    """Return True; raise as `prove_row` does. A row without a digest of its own is passed: to prove it takes too long.

    For who reads all rows there are.
    """
    if found[-1] is not None:
        prove_row(connection, found)
    return True


def prove_part(connection: apsw.Connection, row: int, part: bytes, digest: bytes | None) -> None:
    """Raise apsw.CorruptError unless a vector, or a picture, is as it was written; where it has no digest, the item."""
    if digest is not None:
        if blob_checksum(row, part) != digest:
            raise damaged_item(row)
        return
    columns = (
        "row, id, label, probability, attributes, content, media_type, width, height, colours, fingerprint, digest"
    )
    found = connection.execute(f"SELECT {columns} FROM items WHERE row = ?", (row,)).fetchone()
    if found is not None:
        prove_row(connection, (*found, None))


def damaged_item(name: Any) -> apsw.CorruptError:
    """Return the error for an item, by its id or its row, that is not as it was written."""
    what = f"row {name}" if isinstance(name, int) else repr(str(name)[:200])
    return apsw.CorruptError(f"the item {what} is not what its digest says")
