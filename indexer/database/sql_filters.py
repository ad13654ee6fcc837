"""Conditions of a filter as SQL over the table `items`."""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

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
from indexer.predictions import CLASS
from indexer.records import Scalar
from models.colours.matching import NearColour, matcher_of

Parameter: TypeAlias = str | bytes | int | float | None

NUMBERS, TEXTS = "('integer', 'real')", "('text')"
"""Kinds of values as SQL's `typeof` tells them; what JSON keeps as true or false, SQL reads as 1 or 0."""

COLUMNS = {CLASS: "label"}
"""The columns of the table `items` that hold what is predicted, by target."""

_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Clause(NamedTuple):
    """A WHERE clause, empty where all items are asked for, and its parameters in order."""

    sql: str
    parameters: tuple[Parameter, ...]


def where_clause(condition: Condition | None) -> Clause:
    """Return the clause that holds for the rows of `items` for which a condition does."""
    if condition is None:
        return Clause("", ())
    sql, parameters = _compiled(condition)
    return Clause(f"WHERE ({sql})", parameters)


def _compiled(condition: Condition) -> Clause:
    match condition:
        case PredictedIn(target, values):
            return Clause(f"{COLUMNS[target]} IN (SELECT value FROM json_each(?))", (json.dumps(values),))
        case IdIn(ids):
            return Clause("id IN (SELECT value FROM json_each(?))", (json.dumps(ids),))
        case OneOf(name, values):
            return _one_of(name, values)
        case InRange(name, bounds):
            within = " AND ".join(f"value {_OPERATORS[comparison]} ?" for comparison, _ in bounds)
            kind = TEXTS if condition.of_strings else NUMBERS
            return _has_member(name, f"typeof(value) IN {kind} AND {within}", *(bound for _, bound in bounds))
        case StartsWith(name, ""):
            return _has_member(name, f"typeof(value) IN {TEXTS}")
        case StartsWith(name, prefix):
            begins = "substr(CAST(value AS BLOB), 1, ?) = ?"  # of bytes: the same in UTF-8, and NUL ends nothing
            encoded = prefix.encode()
            return _has_member(name, f"typeof(value) IN {TEXTS} AND {begins}", len(encoded), encoded)
        case HasColour(near):
            return Clause("colours IS NOT NULL AND has_colour(colours, ?)", (_colour_text(near),))
        case InRows(rows):
            return Clause("row IN (SELECT value FROM json_each(?))", (rows,))
        case HasWords():
            raise ValueError("words are looked up before a condition becomes SQL")
        case Not(inner):
            sql, parameters = _compiled(inner)
            return Clause(f"({sql}) IS NOT TRUE", parameters)
        case AllOf(conditions):
            return _joined(" AND ", conditions)
        case AnyOf(conditions):
            return _joined(" OR ", conditions)


def _joined(word: str, conditions: Sequence[Condition]) -> Clause:
    parts = [_compiled(part) for part in conditions]
    return Clause(
        word.join(f"({part.sql})" for part in parts),
        tuple(parameter for part in parts for parameter in part.parameters),
    )


def _one_of(name: str, values: tuple[Scalar, ...]) -> Clause:
    known = json.dumps([value for value in values if value is not None])
    equals = _has_member(name, "value IN (SELECT wanted.value FROM json_each(?) AS wanted)", known)
    if None not in values:
        return equals
    sql, parameters = _has_member(name, "type != 'null'")
    return Clause(f"{equals.sql} OR NOT {sql}", equals.parameters + parameters)


def _has_member(name: str, condition: str, *parameters: Parameter) -> Clause:
    """Return the clause that an attribute, or one member of it where it is a list, meets a condition on `value`."""
    return Clause(
        f"EXISTS (SELECT 1 FROM json_each(attributes, ?) AS member WHERE {condition})", (path_of(name), *parameters)
    )


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


def path_of(name: str) -> str:
    """Return where an attribute is in the JSON of all of an item's."""
    return f'$."{name}"'
