"""What fields hold among the items that a filter allows, counted column by column."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from indexer.columns.column import Column, Mask
from indexer.columns.columns import Segments
from indexer.columns.segment import Segment, among
from indexer.database.rows import Rows
from indexer.errors import InvalidFacet
from indexer.fields import COLOUR, COLOUR_FIELDS, ID, PREDICTED, PREDICTED_CLASS, attribute_in, field_of
from indexer.records import Facet
from indexer.told_values import is_probability
from models.colours.matching import are_called
from models.colours.names import NAMES

MOST_FACETS = 50
"""Fields that are counted at once."""

Counts: TypeAlias = Counter[Any]


def facets(
    segments: Segments,
    allowed: Rows,
    attributes: Callable[[], Iterable[str]],
    fields: Sequence[str] | None,
    most: int,
) -> list[Facet]:
    """Return what fields hold among the rows that are allowed, in the order of the fields, as records say it.

    Without fields, of `predicted.class`, `colour~` and all `attributes` that an item ever had, the first MOST_FACETS.
    Raises InvalidFacet.
    """
    if fields is None:
        fields = [PREDICTED_CLASS, COLOUR, *_asked_about(attributes())][:MOST_FACETS]
    if len(fields) > MOST_FACETS:
        raise InvalidFacet(f"Facets are asked of at most {MOST_FACETS} fields at once, not {len(fields)}.")
    names = {field: _attribute(field) for field in fields}
    having = dict.fromkeys(names, 0)
    counts: Mapping[str, Counts] = {field: Counter() for field in names}
    for segment in segments:
        are_allowed = among(segment.rows, allowed)
        for field, name in names.items():
            having[field] += _count(segment, field, name, are_allowed, counts[field])
    return [_facet(field, having[field], counts[field], most) for field in names]


def _asked_about(attributes: Iterable[str]) -> list[str]:
    """Return the fields of attributes: first what is predicted, without its probabilities, then the items' own."""
    told = [name for name in attributes if not is_probability(name)]
    return [field_of(name) for name in sorted(told, key=lambda name: (not name.startswith(PREDICTED), name))]


def _attribute(field: str) -> str | None:
    """Return the attribute that a field is; None for what is none. Raises InvalidFacet."""
    if field == PREDICTED_CLASS or field in COLOUR_FIELDS:
        return None
    attribute = None if field == ID else attribute_in(field)
    if attribute is None:
        raise InvalidFacet(f"There are no facets of {field[:60]!r}. Ask for {PREDICTED_CLASS}, {COLOUR} or attributes.")
    return attribute


def _count(segment: Segment, field: str, name: str | None, are_allowed: Mask, counts: Counts) -> int:
    """Add the values of a segment's items to counts; return how many of these have one."""
    if field in COLOUR_FIELDS:
        return _count_colours(segment, are_allowed, counts)
    column = segment.classes if name is None else segment.attributes.get(name)
    if column is None:
        return 0
    owners, places = _values(column, are_allowed)
    owners, places = _different(owners, places, len(column))
    found = np.bincount(places, minlength=len(column))
    for place in np.flatnonzero(found).tolist():
        counts[column.value(place)] += int(found[place])
    return len(np.unique(owners))


def _count_colours(segment: Segment, are_allowed: Mask, counts: Counts) -> int:
    """Count what people call the colours that items have."""
    names = list(NAMES)
    owners, places = _values(segment.colours, are_allowed)
    owners, called = _different(owners, are_called()[segment.colour_numbers[places]], len(names))
    for place, count in enumerate(np.bincount(called, minlength=len(names)).tolist()):
        if count:
            counts[names[place]] += count
    return len(np.unique(owners))


def _values(column: Column, are_allowed: Mask) -> tuple[Any, Any]:
    """Return whose the values of some items are, and which: int (m,) each."""
    are_theirs = column.of_items(are_allowed)
    owners = np.flatnonzero(are_theirs) if column.owners is None else column.owners[are_theirs]
    return owners, column.places[are_theirs]


def _different(owners: Any, places: Any, count: int) -> tuple[Any, Any]:
    """Return the values without those that an item has twice, of `count` that there are."""
    if not len(owners) or bool(np.all(owners[1:] > owners[:-1])):
        return owners, places
    pairs = np.unique(owners.astype(np.int64) * count + places)
    return pairs // count, pairs % count


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
