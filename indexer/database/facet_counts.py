"""What fields hold among the items that a filter allows, counted in one pass."""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

import apsw
import orjson

from indexer.conditions import Condition
from indexer.database import rows
from indexer.database.sql_filters import where_clause
from indexer.errors import InvalidFacet
from indexer.fields import COLOUR, COLOUR_FIELDS, ID, PREDICTED_CLASS, attribute_in, field_of
from indexer.records import Facet
from models.colours.matching import names_that_count

MOST_FACETS = 50
"""Fields that are counted at once."""

_ITEMS_AT_ONCE = 4096

Counts: TypeAlias = Counter[Any]


def facets(
    connection: apsw.Connection, condition: Condition | None, fields: Sequence[str] | None, most: int
) -> list[Facet]:
    """Return what fields hold among the items that a filter allows, in the order of the fields, as records say it.

    Without fields, of `predicted.class`, `colour~` and all attributes that an item ever had, the first MOST_FACETS.
    Raises InvalidFacet.
    """
    if fields is None:
        attributes = sorted(rows.attribute_names(connection))
        fields = [PREDICTED_CLASS, COLOUR, *map(field_of, attributes)][:MOST_FACETS]
    if len(fields) > MOST_FACETS:
        raise InvalidFacet(f"Facets are asked of at most {MOST_FACETS} fields at once, not {len(fields)}.")
    names = {field: _attribute(field) for field in fields}
    having = dict.fromkeys(names, 0)
    counts: Mapping[str, Counts] = {field: Counter() for field in names}
    where, parameters = where_clause(condition)
    found = connection.execute(f"SELECT label, colours, attributes FROM items {where}", parameters)
    while block := list(islice(found, _ITEMS_AT_ONCE)):
        kept = orjson.loads(f"[{','.join(attributes for _, _, attributes in block)}]") if any(names.values()) else []
        for field, name in names.items():
            if field == PREDICTED_CLASS:
                values: list[Any] = [label for label, _, _ in block]
            elif name is None:
                values = [[*names_that_count(text)] if text else None for _, text, _ in block]
            else:
                values = [attributes.get(name) for attributes in kept]
            having[field] += _count(values, counts[field])
    return [_facet(field, having[field], counts[field], most) for field in names]


def _attribute(field: str) -> str | None:
    """Return the attribute that a field is; None for what is none. Raises InvalidFacet."""
    if field == PREDICTED_CLASS or field in COLOUR_FIELDS:
        return None
    attribute = None if field == ID else attribute_in(field)
    if attribute is None:
        raise InvalidFacet(f"There are no facets of {field[:60]!r}. Ask for {PREDICTED_CLASS}, {COLOUR} or attributes.")
    return attribute


def _count(values: Sequence[Any], counts: Counts) -> int:
    """Add values, the members of those that are lists, to counts; return how many have one.

    As filters have it, 1, 1.0 and true are one value, and null is none.
    """
    if any(isinstance(value, list) for value in values):
        members = [set(value) if isinstance(value, list) else {value} - {None} for value in values]
        counts.update(member for some in members for member in some)
        return sum(map(bool, members))
    here = Counter(values)
    missing = here.pop(None, 0)
    counts.update(here)
    return len(values) - missing


def _facet(field: str, items: int, counts: Counts, most: int) -> Facet:
    numbers = [value for value in counts if isinstance(value, int | float) and not isinstance(value, bool)]
    if not numbers or len(numbers) < len(counts):
        values = _first(counts.items(), most)
        return Facet(field, items, values, len(counts) - len(values))
    values = _first(counts.items(), most) if len(counts) <= most else ()
    return Facet(field, items, values, len(counts) - len(values), min(numbers), max(numbers))


def _first(counted: Iterable[tuple[Any, int]], most: int) -> tuple[tuple[Any, int], ...]:
    """Return the values that most have, ties in order, numbers before texts."""
    return tuple(heapq.nsmallest(most, counted, key=lambda pair: (-pair[1], isinstance(pair[0], str), pair[0])))
