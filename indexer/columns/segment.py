"""Some rows of a catalogue as columns: what filters ask of them, and what facets count."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import apsw
import numpy as np
import orjson
from numpy.typing import NDArray

from indexer.columns.column import Column, ColumnBuilder, Mask
from indexer.conditions import (
    AllOf,
    AnyOf,
    Condition,
    HasColour,
    HasWords,
    IdIn,
    InRange,
    InRows,
    Not,
    OneOf,
    PredictedIn,
    StartsWith,
)
from indexer.database import rows
from indexer.database.proofs import is_proven
from indexer.database.rows import Rows
from indexer.predictions import CLASS
from models.colours.matching import are_near, places_that_count

_AT_ONCE = 4096
_LABEL, _ATTRIBUTES, _COLOURS = map(rows.ITEM_COLUMNS.split(", ").index, ("label", "attributes", "colours"))


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """The rows from `first` to `last` that lived when they were read; none of them ever changes.

    `rows` is int64 (n,), ascending. The values of `colours`, `colour_numbers`, are those of `models.colours.matching`.
    """

    first: int
    last: int
    rows: Rows
    classes: Column
    attributes: Mapping[str, Column]
    colours: Column
    colour_numbers: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.rows)

    def meeting(self, condition: Condition, by_id: Mapping[IdIn, Rows]) -> Mask:
        """Return which rows meet a condition, bool (n,); `by_id` are the rows of the ids that it names."""
        match condition:
            case PredictedIn(_, values):
                return self.classes.meeting(OneOf(CLASS, values))
            case OneOf(name, values):
                column = self.attributes.get(name)
                return np.full(len(self), None in values) if column is None else column.meeting(condition)
            case InRange(name) | StartsWith(name):
                column = self.attributes.get(name)
                return np.zeros(len(self), np.bool_) if column is None else column.meeting(condition)
            case IdIn():
                return among(self.rows, by_id[condition])
            case InRows(text):
                return among(self.rows, np.array(orjson.loads(text), np.int64))
            case HasColour(near):
                return self.colours.of_owners(are_near(near)[self.colour_numbers][self.colours.places])
            case HasWords():
                raise ValueError("words are looked up before a condition is asked for")
            case Not(inner):
                return ~self.meeting(inner, by_id)
            case AllOf(parts):
                masks = (self.meeting(part, by_id) for part in parts)
                mask = next(masks).copy()
                for other in masks:
                    mask &= other
                return mask
            case AnyOf(parts):
                masks = (self.meeting(part, by_id) for part in parts)
                mask = next(masks).copy()
                for other in masks:
                    mask |= other
                return mask


def read_segment(connection: apsw.Connection, first: int, last: int) -> Segment:
    """Return the rows that live from one on up to another. Raises apsw.CorruptError for one that is damaged."""
    found = connection.execute(
        f"SELECT {rows.ITEM_COLUMNS} FROM items NOT INDEXED WHERE row BETWEEN ? AND ? ORDER BY row", (first, last)
    )
    numbers: list[int] = []
    classes, colours = ColumnBuilder(), ColumnBuilder()
    attributes: dict[str, ColumnBuilder] = {}
    while block := list(islice(found, _AT_ONCE)):
        start = len(numbers)
        for row in block:
            is_proven(connection, row)
        numbers += [row[0] for row in block]
        classes.add(start, [row[_LABEL] for row in block])
        colours.add(start, [places_that_count(row[_COLOURS]) if row[_COLOURS] else None for row in block])
        kept = orjson.loads(f"[{','.join([row[_ATTRIBUTES] for row in block])}]")
        for name in set[str]().union(*kept):
            attributes.setdefault(name, ColumnBuilder()).add(start, [one.get(name) for one in kept])
    count = len(numbers)
    seen = colours.built(count)
    return Segment(
        first,
        last,
        np.array(numbers, np.int64),
        classes.built(count),
        {name: builder.built(count) for name, builder in attributes.items()},
        seen,
        np.fromiter(seen.numbers, np.intp, len(seen.numbers)),
    )


def among(numbers: Rows, wanted: Rows) -> Mask:
    """Return which of n rows, ascending, are among others, bool (n,)."""
    if not len(numbers) or not len(wanted):
        return np.zeros(len(numbers), np.bool_)
    first, span = int(numbers[0]), int(numbers[-1] - numbers[0]) + 1
    if span > 8 * (len(numbers) + _AT_ONCE):
        return np.isin(numbers, wanted)
    table: NDArray[np.bool_] = np.zeros(span, np.bool_)
    table[wanted[(wanted >= first) & (wanted < first + span)] - first] = True
    return table if span == len(numbers) else table[numbers - first]
