"""What is read from the tables in one pass over all that is there, each inside a transaction that the caller holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import apsw
import numpy as np

from indexer.conditions import Condition
from indexer.database import rows
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


def vector_table(connection: apsw.Connection, dim: int, condition: Condition | None) -> VectorTable:
    """Return all ids and vectors, and which a filter allows. Takes the memory of the vectors, and little more."""
    ids: list[str] = []
    vectors = np.empty((count(connection, None), dim), np.float32)
    numbers = np.empty(len(vectors), np.int64)
    found = connection.execute("SELECT row, id, vector FROM items JOIN vectors USING (row) ORDER BY id")
    while block := list(islice(found, _VECTORS_AT_ONCE)):
        here = slice(len(ids), len(ids) + len(block))
        numbers[here] = [row for row, _, _ in block]
        vectors[here] = rows.as_vectors([vector for _, _, vector in block], dim)
        ids += [id_ for _, id_, _ in block]
    if len(ids) != len(vectors):
        raise apsw.CorruptError("an item has no vector")
    allowed = None if condition is None else np.flatnonzero(np.isin(numbers, rows.rows_where(connection, condition)))
    return VectorTable(ids, vectors, allowed)


def stored_items(connection: apsw.Connection, numbers: Rows) -> list[StoredItem]:
    """Return what is kept of those rows that live, in order."""
    found = connection.execute(
        "SELECT row, id, attributes, content, data, media_type, width, height FROM items JOIN displays USING (row)"
        " WHERE row IN (SELECT value FROM json_each(?)) ORDER BY row",
        (json.dumps(numbers.tolist()),),
    )
    return [
        StoredItem(row, id_, json.loads(attributes), content_key, DisplayCopy(*display))
        for row, id_, attributes, content_key, *display in found
    ]
