"""Items in an order, a page at a time, each inside a transaction that the caller holds."""

from itertools import chain

import apsw

from indexer.conditions import Condition
from indexer.database import rows
from indexer.database.sql_filters import COLUMNS, Parameter, path_of, where_clause
from indexer.fields import ID, PREDICTED
from indexer.records import Item, PageEnd
from indexer.sorting import Order

LONGEST_KEY = 200
"""Characters of a text that count in an order, so that a place in it is short."""

_COLUMNS = f"{rows.ITEM_COLUMNS}, sorted_by"


def items_in_order(
    connection: apsw.Connection,
    condition: Condition | None,
    order: Order,
    limit: int,
    offset: int = 0,
    after: PageEnd | None = None,
) -> tuple[tuple[Item, ...], PageEnd | None]:
    """Return items that a filter allows, in an order, from `offset` on or those behind `after`.

    Also where the last of them stands, None where nothing comes behind it. Where each page begins behind the last of
    the one before, nothing is passed over or given twice, whatever is changed meanwhile: what stays the same stays
    where it was.
    """
    where, parameters = where_clause(condition)
    key, key_parameters = _key(order)
    behind, behind_parameters = ("true", ()) if after is None else _behind(order, after)
    way = "DESC" if order.descending else "ASC"
    ordered = f"id {way}" if order.field == ID else f"sorted_by IS NULL, sorted_by {way}, id"
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM (SELECT *, {key} AS sorted_by FROM items {where}) WHERE {behind}"
        f" ORDER BY {ordered} LIMIT ? OFFSET ?",
        tuple(chain(key_parameters, parameters, behind_parameters, (limit + 1, offset))),
    ).fetchall()
    items = tuple(rows.item_of(connection, row[:-1]) for row in found[:limit])
    return items, PageEnd(found[limit - 1][-1], items[-1].id) if items and len(found) > limit else None


def place_of(connection: apsw.Connection, order: Order, id_: str) -> PageEnd:
    """Return where an item stands in an order; by id, any id has a place. Raises UnknownItem."""
    if order.field == ID:
        return PageEnd(None, id_)
    key, parameters = _key(order)
    found = connection.execute(f"SELECT {key} FROM items WHERE id = ?", (*parameters, id_)).fetchone()
    if found is None:
        raise rows.unknown(id_)
    return PageEnd(found[0], id_)


def _key(order: Order) -> tuple[str, tuple[Parameter, ...]]:
    if order.attribute is None:
        return ("NULL" if order.field == ID else COLUMNS[order.field.removeprefix(PREDICTED)]), ()
    first = "max" if order.descending else "min"
    counting = f"CASE type WHEN 'text' THEN substr(value, 1, {LONGEST_KEY}) ELSE value END"
    return f"(SELECT {first}({counting}) FROM json_each(attributes, ?))", (path_of(order.attribute),)


def _behind(order: Order, after: PageEnd) -> tuple[str, tuple[Parameter, ...]]:
    """Return the clause for what comes behind a place in an order."""
    comes_next = "<" if order.descending else ">"
    if order.field == ID:
        return f"id {comes_next} ?", (after.id,)
    if after.value is None:
        return "sorted_by IS NULL AND id > ?", (after.id,)
    return (
        f"(sorted_by {comes_next} ? OR (sorted_by = ? AND id > ?) OR sorted_by IS NULL)",
        (after.value, after.value, after.id),
    )
