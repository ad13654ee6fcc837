"""Conditions of a filter as SQL over the table `items`."""

import json
from typing import NamedTuple, TypeAlias

from indexer.filters import AllOf, Condition, InRange, LabelIn, OneOf

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


def _path(name: str) -> str:
    return f'$."{name}"'
