"""Conditions of a filter as SQL over the table `items`."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from indexer.filters import AllOf, Condition, HasColour, InRange, LabelIn, OneOf
from models.colours.matching import NearColour, matcher_of

Parameter: TypeAlias = str | int | float | None

_OPERATORS = {"gte": ">=", "lte": "<="}
_ATTRIBUTE = "(attributes ->> ?)"
"""The value of an attribute; what JSON keeps as true or false, SQL reads as 1 or 0."""


class Clause(NamedTuple):
    """A WHERE clause, empty where all items are asked for, and its parameters in order."""

    sql: str
    parameters: tuple[Parameter, ...]


def where_clause(condition: Condition | None) -> Clause:
    """Return the clause that holds for the rows of `items` for which a condition does."""
    if condition is None:
        return Clause("", ())
    sql, parameters = _compiled(condition)
    return Clause(f"WHERE {sql}", parameters)


def _compiled(condition: Condition) -> Clause:
    match condition:
        case LabelIn(labels):
            return Clause("label IN (SELECT value FROM json_each(?))", (json.dumps(labels),))
        case OneOf(name, values):
            return _one_of(_path(name), values)
        case InRange(name, bounds):
            kinds = "('text')" if condition.of_strings else "('integer', 'real')"
            comparisons = [f"{_ATTRIBUTE} {_OPERATORS[comparison]} ?" for comparison, _ in bounds]
            parameters = [part for _, bound in bounds for part in (_path(name), bound)]
            return Clause(" AND ".join([f"typeof({_ATTRIBUTE}) IN {kinds}", *comparisons]), (_path(name), *parameters))
        case HasColour(near):
            return Clause("colours IS NOT NULL AND has_colour(colours, ?)", (_colour_text(near),))
        case AllOf(conditions):
            parts = [_compiled(part) for part in conditions]
            return Clause(
                " AND ".join(f"({part.sql})" for part in parts),
                tuple(parameter for part in parts for parameter in part.parameters),
            )


def _one_of(path: str, values: tuple[Parameter, ...]) -> Clause:
    known = json.dumps([value for value in values if value is not None])
    if None not in values:
        return Clause(f"{_ATTRIBUTE} IN (SELECT value FROM json_each(?))", (path, known))
    return Clause(f"{_ATTRIBUTE} IN (SELECT value FROM json_each(?)) OR {_ATTRIBUTE} IS NULL", (path, known, path))


def has_colour(*arguments: Any) -> bool:
    """Tell, in SQL, whether one of the colours that are kept is near what a clause asks for."""
    colours, wanted = arguments
    return _matcher(wanted)(colours)


def _colour_text(near: NearColour) -> str:
    return json.dumps([near.wanted, near.within])


@lru_cache(64)
def _matcher(wanted: str) -> Callable[[str], bool]:
    colours, within = json.loads(wanted)
    return matcher_of(NearColour(tuple(colours), within))


def _path(name: str) -> str:
    return f'$."{name}"'
