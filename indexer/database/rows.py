"""What is read from and written to the tables, each inside a transaction that the caller holds."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

from indexer.conditions import Condition
from indexer.content_key import picture_digest
from indexer.database.proofs import damaged_item, is_proven, prove_part, prove_row
from indexer.database.row_checksums import Value, blob_checksum, item_checksum, own_checksum
from indexer.database.sql_filters import where_clause
from indexer.errors import UnknownItem, VersionConflict
from indexer.predictions import CLASS, predicted_class
from indexer.records import AttributeUpdate, DisplayCopy, Item, PictureInfo, Record
from indexer.told_values import with_told, without_told
from indexer.validation import attribute_error, id_error
from models.arrays import Vectors
from models.colours.garment_colours import colours_text, read_colours

Rows = NDArray[np.int64]
"""(n,) row numbers, ascending."""

ROW_COLUMNS = "row, id, label, probability, attributes, content, media_type, width, height, colours, fingerprint"
"""What the table `items` holds of an item; its digest is of these, then of its vector and its picture."""

ITEM_COLUMNS = f"{ROW_COLUMNS}, digest, row_digest"
"""The columns that `item_of` reads."""

Vector = NDArray[np.float32]

_VECTOR_TYPE = np.dtype("<f4")
_NORM_TOLERANCE = 1e-3
_VECTORS_AT_ONCE = 8192
_VERSION_BYTES = 4


def insert(
    connection: apsw.Connection, records: Sequence[Record], numbers: Sequence[int] | None = None
) -> dict[str, str]:
    """Write records as new rows after the last, or as given ones; no live item may have one of their ids.

    Return the versions of the items by id.
    """
    if numbers is None:
        first = last_row_ever(connection) + 1
        numbers = range(first, first + len(records))
    kept = [_columns(row, record) for row, record in zip(numbers, records, strict=True)]
    digests = [item_checksum(columns, *blobs) for columns, blobs in kept]
    connection.executemany(
        f"INSERT INTO items ({ITEM_COLUMNS}) VALUES ({', '.join('?' * len(ITEM_COLUMNS.split()))})",
        [(*columns, digest, own_checksum(columns, digest)) for (columns, _), digest in zip(kept, digests, strict=True)],
    )
    for place, part in enumerate(("vectors (row, vector, digest)", "displays (row, data, digest)")):
        connection.executemany(
            f"INSERT INTO {part} VALUES (?, ?, ?)",
            [
                (row, blobs[place], blob_checksum(row, blobs[place]))
                for row, (_, blobs) in zip(numbers, kept, strict=True)
            ],
        )
    names = sorted({name for record in records for name in with_told(record.attributes, record.predicted)})
    connection.executemany(
        "INSERT OR IGNORE INTO attribute_names (name, digest) VALUES (?1, digest(?1))", [(name,) for name in names]
    )
    return {record.id: version_of(row, digest) for row, record, digest in zip(numbers, records, digests, strict=True)}


def version_of(row: int, digest: bytes) -> str:
    """Return what names the content of a row: its number, and the beginning of its checksum in case that a backup is
    put back and numbers are given out again.
    """
    return f"{row:x}-{digest[:_VERSION_BYTES].hex()}"


def versions_of(connection: apsw.Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return the versions of those items that are known, by id."""
    found = connection.execute(
        "SELECT id, row, digest FROM items WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
    )
    return {id_: version_of(row, digest) for id_, row, digest in found}


def require_versions(known: Mapping[str, str], expected: Mapping[str, str | None]) -> None:
    """Raise VersionConflict for the first item that does not have the version expected; None is for no such item."""
    for id_, version in expected.items():
        if known.get(id_) != version:
            raise VersionConflict(f"The item {id_!r} has been written meanwhile. Read it again, and write it then.")


def completed(connection: apsw.Connection, changes: Sequence[Record | AttributeUpdate], dim: int) -> list[Record]:
    """Return changes as whole records: an update of attributes with the picture and the vector that its item has.

    Raises UnknownItem for an update of an item that is not there.
    """
    ids = [change.id for change in changes if isinstance(change, AttributeUpdate)]
    kept = zip(items_by_id(connection, ids), vectors_by_id(connection, ids, dim), strict=True)
    whole = {item.id: (item, vector, display_of(connection, item.id)) for item, vector in kept}
    return [
        _updated(change, *whole[change.id]) if isinstance(change, AttributeUpdate) else change for change in changes
    ]


def _updated(update: AttributeUpdate, item: Item, vector: Vector, display: DisplayCopy) -> Record:
    return Record(
        item.id,
        item.predicted,
        vector,
        display,
        update.attributes,
        update.content_key,
        item.colours,
        item.fingerprint,
    )


def delete(connection: apsw.Connection, ids: Iterable[str]) -> int:
    """Take the live items with these ids out and leave tombstones; return how many there were."""
    return delete_rows(connection, rows_of(connection, ids))


def delete_rows(connection: apsw.Connection, rows: Rows) -> int:
    """Take live rows out and leave tombstones; return how many there were."""
    removed = json.dumps(rows.tolist())
    connection.execute("INSERT INTO tombstones (row, digest) SELECT value, digest(value) FROM json_each(?)", (removed,))
    for table in ("items", "vectors", "displays"):
        connection.execute(f"DELETE FROM {table} WHERE row IN (SELECT value FROM json_each(?))", (removed,))
    return len(rows)


def last_row_ever(connection: apsw.Connection) -> int:
    """Return the highest row number that was ever given, 0 before the first."""
    return int(connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'items'").get or 0)


def rows_of(connection: apsw.Connection, ids: Iterable[str]) -> Rows:
    """Return the rows of those ids that are known."""
    found = connection.execute(
        "SELECT row FROM items WHERE id IN (SELECT value FROM json_each(?)) ORDER BY row", (json.dumps(list(ids)),)
    )
    return _as_rows(found)


def rows_where(connection: apsw.Connection, condition: Condition | None) -> Rows:
    """Return the rows that a filter allows."""
    where, parameters = where_clause(condition)
    return _as_rows(connection.execute(f"SELECT row FROM items {where} ORDER BY row", parameters))


def items_by_row(connection: apsw.Connection, rows: Iterable[int]) -> dict[int, Item]:
    """Return the items of those rows that live."""
    found = connection.execute(
        f"SELECT {ITEM_COLUMNS} FROM items WHERE row IN (SELECT value FROM json_each(?))", (json.dumps(list(rows)),)
    )
    return {row[0]: item_of(connection, row) for row in found}


def rows_by_id(connection: apsw.Connection, ids: Sequence[str]) -> dict[str, tuple[int, Item]]:
    """Return the rows and the items of those ids that are known, by id."""
    found = connection.execute(
        f"SELECT {ITEM_COLUMNS} FROM items WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
    )
    return {row[1]: (row[0], item_of(connection, row)) for row in found}


def items_by_id(connection: apsw.Connection, ids: Sequence[str]) -> list[Item]:
    """Return the items with these ids, in their order. Raises UnknownItem."""
    return [item for _, item in in_order(ids, rows_by_id(connection, ids))]


def vectors_by_id(connection: apsw.Connection, ids: Sequence[str], dim: int) -> Vectors:
    """Return the vectors of these ids in their order: float32 (n, dim). Raises UnknownItem."""
    found = connection.execute(
        "SELECT id, row, vector, vectors.digest FROM items JOIN vectors USING (row)"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(ids)),),
    )
    known = {}
    for id_, row, vector, digest in found:
        prove_part(connection, row, vector, digest)
        known[id_] = vector
    return as_vectors(in_order(ids, known), dim)


def vectors_after(connection: apsw.Connection, row: int, dim: int) -> tuple[Rows, Vectors]:
    """Return the live rows newer than one, and their vectors: float32 (n, dim)."""
    count = int(connection.execute("SELECT count(*) FROM vectors WHERE row > ?", (row,)).get)
    rows, vectors = np.empty(count, np.int64), np.empty((count, dim), np.float32)
    found = connection.execute(
        "SELECT row, vector, digest FROM vectors WHERE row > ? ORDER BY row LIMIT ?", (row, count)
    )
    done = 0
    # In blocks, since a million vectors should not be in memory several times over.
    while block := list(islice(found, _VECTORS_AT_ONCE)):
        here = slice(done, done := done + len(block))
        rows[here] = [number for number, _, _ in block]
        vectors[here] = proven_vectors(block, dim)
    if done != count:
        raise apsw.CorruptError("some vectors can't be read")
    return rows, vectors


def tombstones_after(connection: apsw.Connection, number: int) -> tuple[Rows, int]:
    """Return the rows that were removed after one tombstone, and the number of the last tombstone."""
    found: list[Any] = connection.execute(
        "SELECT row, number FROM tombstones WHERE number > ? ORDER BY number", (number,)
    ).fetchall()
    return _as_rows(found), found[-1][1] if found else number


def display_of(connection: apsw.Connection, id_: str) -> DisplayCopy:
    """Return an item's display copy. Raises UnknownItem."""
    found = connection.execute(
        f"SELECT {', '.join(f'items.{name}' for name in ITEM_COLUMNS.split(', '))}, data, displays.digest"
        " FROM items JOIN displays USING (row) WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps([id_]),),
    ).fetchone()
    if found is None:
        raise unknown(id_)
    *kept, data, digest = found
    picture = item_of(connection, kept).picture
    if digest is not None:
        prove_part(connection, kept[0], data, digest)
    return DisplayCopy(data, picture.media_type, picture.width, picture.height)


def content_keys_of(connection: apsw.Connection, ids: Iterable[str]) -> dict[str, str]:
    """Return the content keys of those items that are known, by id."""
    found = connection.execute(
        "SELECT id, content FROM items WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
    )
    return dict(found)


def revision(connection: apsw.Connection) -> int:
    """Return the number of the state that a transaction sees."""
    return int(connection.execute("SELECT revision FROM catalogue").get)


def all_ids(connection: apsw.Connection) -> list[str]:
    """Return the ids of all live items, in order."""
    found = connection.execute(f"SELECT {ITEM_COLUMNS} FROM items NOT INDEXED")
    return sorted(row[1] for row in found if is_proven(connection, row))


def count_by_class(connection: apsw.Connection) -> dict[str, int]:
    """Return the number of items of each predicted class that has any."""
    return dict(connection.execute("SELECT label, count(*) FROM items GROUP BY label"))


def attribute_names(connection: apsw.Connection) -> frozenset[str]:
    """Return every attribute name that an item ever had."""
    return frozenset(name for (name,) in connection.execute("SELECT name FROM attribute_names"))


def in_order(ids: Sequence[str], found: Mapping[str, Any]) -> list[Any]:
    """Return what was found for each id, in the order of ids. Raises UnknownItem for the first that is missing."""
    for id_ in ids:
        if id_ not in found:
            raise unknown(id_)
    return [found[id_] for id_ in ids]


def unknown(id_: str) -> UnknownItem:
    """Return the error for an id that no item has."""
    return UnknownItem(f"No item has the id {id_[:200]!r}.")


def check_change(change: Record | AttributeUpdate, dim: int, classes: Sequence[str]) -> None:
    """Raise ValueError, naming the item, for a change that the catalogue could not give back as it is."""
    if error := id_error(change.id):
        raise ValueError(error)
    if isinstance(change, Record):
        _check_seen(change, dim, classes)
    if error := attribute_error(change.attributes):
        raise ValueError(f"{change.id}: {error}")


def _check_seen(record: Record, dim: int, classes: Sequence[str]) -> None:
    """Raise ValueError unless what a record says is predicted, and its vector, are what a model gives."""
    best = record.predicted.get(CLASS)
    if best is None or best.value not in classes or not 0 <= best.probability <= 1:
        raise ValueError(f"{record.id}: {best!r} is no prediction of a class.")
    vector = record.vector
    if vector.shape != (dim,) or vector.dtype != np.float32:
        raise ValueError(f"{record.id}: the vector is {vector.dtype} {vector.shape}, not float32 ({dim},).")
    if not _are_unit(vector[np.newaxis]):
        raise ValueError(f"{record.id}: the vector is not of length 1.")


def _columns(row: int, record: Record) -> tuple[tuple[Value, ...], tuple[bytes, bytes]]:
    """Return what a record becomes in the table `items`, and its vector and picture."""
    display, best = record.display, record.predicted[CLASS]
    columns = (
        row,
        record.id,
        best.value,
        float(best.probability),
        json.dumps(with_told(record.attributes, record.predicted), ensure_ascii=False, allow_nan=False),
        record.content_key,
        display.media_type,
        display.width,
        display.height,
        None if record.colours is None else colours_text(record.colours),
        record.fingerprint,
    )
    return columns, (record.vector.astype(_VECTOR_TYPE, copy=False).tobytes(), display.data)


def item_of(connection: apsw.Connection, row: Sequence[Any]) -> Item:
    """Return the item of a row of the columns ITEM_COLUMNS. Raises apsw.CorruptError unless it is as it was written."""
    prove_row(connection, row)
    number, id_, label, probability, attributes, content, media_type, width, height, colours, fingerprint, *_ = row
    version = version_of(number, row[-2])
    picture = PictureInfo(media_type, width, height, picture_digest(content, version))
    seen = None if colours is None else read_colours(colours)
    own, told = without_told(json.loads(attributes))
    predicted = {**predicted_class(label, probability), **told}
    return Item(id_, predicted, own, picture, seen, fingerprint, version)


def _as_rows(found: Iterator[tuple[Any, ...]] | list[tuple[Any, ...]]) -> Rows:
    return np.fromiter((row[0] for row in found), dtype=np.int64)


def proven_vectors(found: Sequence[tuple[Any, ...]], dim: int) -> Vectors:
    """Return vectors, float32 (n, dim), of (row, vector, digest): those with a digest are held against it."""
    for row, blob, digest in found:
        if digest is not None and blob_checksum(row, blob) != digest:
            raise damaged_item(row)
    return as_vectors([blob for _, blob, _ in found], dim)


def as_vectors(blobs: list[bytes], dim: int) -> Vectors:
    """Return vectors as they are kept as float32 (n, dim). Raises apsw.CorruptError unless they are unit vectors."""
    joined = b"".join(blobs)
    if len(joined) != len(blobs) * dim * _VECTOR_TYPE.itemsize:
        raise apsw.CorruptError("a vector has another size")
    vectors = np.frombuffer(joined, dtype=_VECTOR_TYPE).reshape(len(blobs), dim).astype(np.float32, copy=False)
    if not _are_unit(vectors):
        raise apsw.CorruptError("a vector is not of length 1")
    return vectors


def _are_unit(vectors: Vectors) -> bool:
    squares = np.einsum("ij,ij->i", vectors, vectors)
    return bool(np.all(np.abs(squares - 1) < 2 * _NORM_TOLERANCE))
