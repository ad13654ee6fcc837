"""What is read from the tables in one pass over all that is there, each inside a transaction that the caller holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import apsw
import numpy as np

from indexer.conditions import Condition
from indexer.database import rows
from indexer.database.proofs import prove_part
from indexer.database.rows import Rows
from indexer.database.sql_filters import where_clause
from indexer.records import AttributeValue, DisplayCopy, VectorTable

_VECTORS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class StoredItem:
    """What a catalogue keeps of an item beside what its model made of it."""

    row: int
    id: str
    attributes: Mapping[str, AttributeValue]
    content_key: str
    display: DisplayCopy


def count(connection: apsw.Connection, condition: Condition | None) -> int:
    """Return how many items a filter allows."""
    where, parameters = where_clause(condition)
    return int(connection.execute(f"SELECT count(*) FROM items {where}", parameters).get)


def vector_table(connection: apsw.Connection, dim: int, among: Rows | None) -> VectorTable:
    """Return all ids and vectors, and which are among some rows. Takes the memory of the vectors, and little more."""
    ids: list[str] = []
    vectors = np.empty((count(connection, None), dim), np.float32)
    numbers = np.empty(len(vectors), np.int64)
    found = connection.execute("SELECT row, id, vector, vectors.digest FROM items JOIN vectors USING (row) ORDER BY id")
    while block := list(islice(found, _VECTORS_AT_ONCE)):
        here = slice(len(ids), len(ids) + len(block))
        numbers[here] = [row for row, *_ in block]
        vectors[here] = rows.proven_vectors([(row, *vector) for row, _, *vector in block], dim)
        ids += [id_ for _, id_, *_ in block]
    if len(ids) != len(vectors):
        raise apsw.CorruptError("an item has no vector")
    allowed = None if among is None else np.flatnonzero(np.isin(numbers, among))
    return VectorTable(ids, vectors, allowed)


def stored_items(connection: apsw.Connection, numbers: Rows) -> list[StoredItem]:
    """Return what is kept of those rows that live, in order."""
    kept = ", ".join(f"items.{name}" for name in rows.ITEM_COLUMNS.split(", "))
    found = connection.execute(
        f"SELECT {kept}, data, displays.digest FROM items JOIN displays USING (row)"
        " WHERE row IN (SELECT value FROM json_each(?)) ORDER BY row",
        (json.dumps(numbers.tolist()),),
    )
    items = []
    for *columns, data, digest in found:
        item = rows.item_of(connection, columns)
        if digest is not None:
            prove_part(connection, columns[0], data, digest)
        display = DisplayCopy(data, item.picture.media_type, item.picture.width, item.picture.height)
        items.append(StoredItem(columns[0], item.id, item.attributes, columns[5], display))
    return items
