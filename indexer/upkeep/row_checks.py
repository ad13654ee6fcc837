"""The items of a database that may be damaged: read one by one where need be, and proven by their digests."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import apsw
import numpy as np
import orjson
from numpy.typing import NDArray

from indexer.database.row_checksums import blob_checksum, item_checksum, own_checksum, values_of_item
from indexer.database.rows import ITEM_COLUMNS, ROW_COLUMNS, check_change
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Record
from indexer.thumbnails import is_shown
from indexer.told_values import without_told
from indexer.upkeep.bit_repair import BitRepair
from indexer.vectors.faiss_index import Index
from models.colours.garment_colours import read_colours

ROWS_AT_ONCE = 256
_NOTHING = (None, None, None)
UNREADABLE = (apsw.Error, UnicodeDecodeError)

_TEXTS = ("id", "label", "attributes", "content", "media_type", "colours", "fingerprint")
_TEXT_PLACES = frozenset(ROW_COLUMNS.split(", ").index(name) for name in _TEXTS[:-1])
# As bytes: what a flipped bit made of a text, or of anything else, can be of any kind.
_SELECT = ", ".join(f"CAST({name} AS BLOB)" if name in _TEXTS else name for name in ROW_COLUMNS.split(", "))
_ITEMS = f"SELECT {_SELECT}, CAST(digest AS BLOB), row_digest FROM items WHERE row BETWEEN ? AND ?"
_VECTORS = "SELECT row, CAST(vector AS BLOB), digest FROM vectors WHERE row BETWEEN ? AND ?"
_DISPLAYS = "SELECT row, CAST(data AS BLOB), digest FROM displays WHERE row BETWEEN ? AND ?"

_WHOLE = (
    f"SELECT {', '.join(f'items.{name}' for name in ITEM_COLUMNS.split(', '))}, vector, vectors.digest, data,"
    " displays.digest FROM items JOIN vectors USING (row) JOIN displays USING (row) WHERE items.row BETWEEN ? AND ?"
)

# Wherever a row's number is written: what one tree of pages has lost, another may still have.
_NAMES = (
    "SELECT row, CAST(id AS BLOB) FROM items ORDER BY id {way}",
    "SELECT row, CAST(id AS BLOB) FROM items INDEXED BY items_by_label ORDER BY label {way}, id {way}",
)
_NUMBERS = (
    "SELECT row FROM items NOT INDEXED ORDER BY row {way}",
    "SELECT row FROM vectors ORDER BY row {way}",
    "SELECT row FROM displays ORDER BY row {way}",
    *_NAMES,
)


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """What there is at one row: the record when it can be proven, the problem when something is wrong with it.

    Both, when its vector was to be had from the index file alone; neither, when it is sound and nobody asked for
    records. `id` is None where nothing names the item any more, `attributes` are those of an item that is proven.
    """

    row: int
    id: str | None
    record: Record | None
    problem: str | None
    is_indexed_rightly: bool = True
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_proven(self) -> bool:
        """Whether the item is as it was written, or can be made so."""
        return self.record is not None or self.problem is None


def checked_rows(
    connection: apsw.Connection, dim: int, classes: Sequence[str], index: Index | None, *, with_records: bool
) -> tuple[int, Iterator[CheckedRow]]:
    """Return how many rows there are, and what is at each, in their order.

    Without records, which take time to make, what proves itself part by part is looked at no further: who wrote it so
    had checked it. `index` is the published one when it is sound; its vectors (float32, (n, dim)) are compared with
    those of the items, and stand in for them.
    """
    numbers = np.unique(np.concatenate([_numbers(connection, sql) for sql in _NUMBERS]))
    return len(numbers), _examined(connection, numbers, dim, classes, index, with_records=with_records)


def _numbers(connection: apsw.Connection, sql: str) -> NDArray[np.int64]:
    found = (row for row, *_ in _from_both_ends(connection, sql) if isinstance(row, int) and row > 0)
    return np.fromiter(found, np.int64)


def _from_both_ends(connection: apsw.Connection, sql: str) -> Iterator[tuple[Any, ...]]:
    """Yield what a query gives; when it can't be read through, what can be read from its end as well."""
    for way in ("ASC", "DESC"):
        try:
            yield from connection.execute(sql.format(way=way))
            return
        except UNREADABLE:
            continue


def _examined(
    connection: apsw.Connection,
    numbers: NDArray[np.int64],
    dim: int,
    classes: Sequence[str],
    index: Index | None,
    *,
    with_records: bool,
) -> Iterator[CheckedRow]:
    indexed = {} if index is None else dict(zip(index.rows.tolist(), range(len(index.rows)), strict=True))
    names: Mapping[int, str] | None = None
    bit_repair = BitRepair()
    for start in range(0, len(numbers), ROWS_AT_ONCE):
        some = numbers[start : start + ROWS_AT_ONCE].tolist()
        sound = {} if with_records else _sound(connection, some)
        tables = (_ITEMS, _VECTORS, _DISPLAYS) if len(sound) < len(some) else ()
        items, vectors, displays = [_found(connection, sql, some) for sql in tables] or ({}, {}, {})
        for row in some:
            if row in sound:
                id_, attributes, vector = sound[row]
                place = indexed.get(row)
                is_right = index is None or place is None or index.vectors[place].astype("<f4").tobytes() == vector
                yield CheckedRow(row, id_, None, None, is_right, attributes)
                continue
            _, vector, of_vector = vectors.get(row, _NOTHING)
            _, data, of_data = displays.get(row, _NOTHING)
            place = indexed.get(row)
            spare = None if index is None or place is None else index.vectors[place].astype("<f4").tobytes()
            kept = items.get(row)
            item = _judged(row, kept and kept[:-1], vector, data, spare, dim, classes, bit_repair)
            record = item.record
            if record is None:
                names = _names(connection) if names is None else names
                yield CheckedRow(row, names.get(row, item.id), None, item.problem)
                continue
            if item.problem is None and not _are_own(row, kept or (), (vector, of_vector), (data, of_data)):
                item = replace(item, problem="a digest of its parts is damaged")
            yield item if spare in {None, record.vector.tobytes()} else replace(item, is_indexed_rightly=False)


def _sound(connection: apsw.Connection, numbers: Sequence[int]) -> dict[int, tuple[str, Mapping[str, Any], bytes]]:
    """Return id, attributes and vector of those rows that are as they were written, by the digests of their parts."""
    sound = {}
    try:
        for *kept, vector, of_vector, data, of_data in connection.execute(_WHOLE, (numbers[0], numbers[-1])):
            *columns, digest, own = kept
            row, picture = columns[0], DisplayCopy(data, columns[6], columns[7], columns[8])
            is_own = own == own_checksum(columns, digest) and of_vector == blob_checksum(row, vector)
            if is_own and of_data == blob_checksum(row, data) and is_shown(picture):
                sound[row] = columns[1], orjson.loads(columns[4]), vector
    except (*UNREADABLE, TypeError, AttributeError, ValueError, OverflowError):
        return {}  # which row that was, those who read one by one find out
    return sound


def _are_own(row: int, kept: Sequence[Any], *parts: tuple[bytes | None, bytes | None]) -> bool:
    """Tell whether the digests of a proven item's row, vector and picture alone are theirs, where it has them."""
    *columns, digest, own = kept
    values = [
        bytes(value).decode() if place in _TEXT_PLACES and value is not None else value
        for place, value in enumerate(columns)
    ]
    return (own is None or own == own_checksum(values, digest)) and all(
        known is None or known == blob_checksum(row, part or b"") for part, known in parts
    )


def _found(connection: apsw.Connection, sql: str, rows: Sequence[int]) -> dict[int, tuple[Any, ...]]:
    """Return what a query gives for these rows; where they can't be read together, for those that can alone."""
    try:
        return {found[0]: found for found in connection.execute(sql, (rows[0], rows[-1]))}
    except UNREADABLE:
        alone = {}
        for row in rows:
            try:
                alone.update({found[0]: found for found in connection.execute(sql, (row, row))})
            except UNREADABLE:
                continue
        return alone


def _names(connection: apsw.Connection) -> dict[int, str]:
    """Return the ids as the indexes of the table have them: they lie on other pages than the items."""
    names: dict[int, str] = {}
    for sql in _NAMES:
        for row, id_ in _from_both_ends(connection, sql):
            if id_ is not None:
                names.setdefault(row, _readable(id_))
    return names


def _judged(
    row: int,
    item: tuple[Any, ...] | None,
    vector: bytes | None,
    data: bytes | None,
    spare: bytes | None,
    dim: int,
    classes: Sequence[str],
    bit_repair: BitRepair,
) -> CheckedRow:
    if item is None:
        return CheckedRow(row, None, None, "its row can't be read")
    *columns, kept_digest = item
    id_ = None if columns[1] is None else _readable(columns[1])
    if data is None:
        return CheckedRow(row, id_, None, "its picture can't be read")
    for candidate, problem in ((vector, None), (spare, "its vector is damaged")):
        if candidate is not None and item_checksum(columns, candidate, data) == kept_digest:
            return _proven(row, columns, candidate, data, problem, dim, classes)
    if vector is None:
        return CheckedRow(row, id_, None, "its vector can't be read")
    whole: Any = bit_repair.repaired(values_of_item(columns, vector, data), kept_digest or b"")
    if whole is not None:
        *known, vector, data = whole
        columns[: len(known)] = known
        return _proven(row, columns, vector, data, "one of its bits is flipped", dim, classes)
    return CheckedRow(row, id_, None, "it is not what its digest says")


def _proven(
    row: int,
    columns: Sequence[Any],
    vector: bytes,
    data: bytes,
    problem: str | None,
    dim: int,
    classes: Sequence[str],
) -> CheckedRow:
    """Return an item that is as it was written, unless it was never one that a catalogue may have."""
    id_, label, attributes, content, media_type = (bytes(columns[place]).decode() for place in (1, 2, 4, 5, 6))
    try:
        own, told = without_told(json.loads(attributes))
        record = Record(
            id_,
            {**predicted_class(label, columns[3]), **told},
            np.frombuffer(vector, "<f4").astype(np.float32),
            DisplayCopy(data, media_type, columns[7], columns[8]),
            own,
            content,
            None if columns[9] is None else read_colours(bytes(columns[9]).decode()),
            None if columns[10] is None else bytes(columns[10]),
        )
        check_change(record, dim, classes)
    except ValueError as error:
        return CheckedRow(row, id_, None, str(error))
    if not is_shown(record.display):
        return CheckedRow(row, id_, None, "its picture is none that a page can show")
    return CheckedRow(row, id_, record, problem, attributes=json.loads(attributes))


def _readable(id_: bytes) -> str:
    return id_.decode(errors="backslashreplace")
