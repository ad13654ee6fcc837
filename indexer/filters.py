"""Filters: a `where` mapping as one parameterised SQL condition over the table `items`."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.errors import InvalidFilter
from indexer.records import Where

_BOUNDS = {"gte": ">=", "lte": "<="}
LARGEST_INTEGER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL to put after WHERE, and its parameters in order."""

    sql: str
    parameters: tuple[str | int | float | None, ...]


def compile_where(where: Where | None, labels: Sequence[str], attribute_names: Collection[str]) -> Condition | None:
    """Return the condition that holds for exactly the items a filter asks for; None when it asks for all.

    A value or a list holds where Python's `==` does (1, 1.0 and True are equal, 1 and "1" are not); None holds for
    an attribute that is null or absent. A range holds for values of its bounds' kind only, numbers or strings, the
    latter in order of their code points.

    Raises InvalidFilter for an unknown field or class, and for a value that no attribute can have.
    """
    if where is None:
        return None
    if not isinstance(where, Mapping):
        raise InvalidFilter('A filter maps fields to values, such as {"label": "Dress"}.')
    conditions = [_field(name, wanted, labels, attribute_names) for name, wanted in where.items()]
    if not conditions:
        return None
    return Condition(
        " AND ".join(f"({condition.sql})" for condition in conditions),
        tuple(parameter for condition in conditions for parameter in condition.parameters),
    )


def _field(name: Any, wanted: Any, labels: Sequence[str], attribute_names: Collection[str]) -> Condition:
    if name == "label":
        values = wanted if _is_list(wanted) else [wanted]
        for value in values:
            if value not in labels:
                raise InvalidFilter(f"There is no class {value!r}. The classes are: {', '.join(labels)}.")
        return _one_of("label", [], values)
    if name not in attribute_names:
        known = ", ".join(["label", *sorted(attribute_names)])
        raise InvalidFilter(f"No item has a field {name!r} to filter by. There are: {known}.")
    column, path = "(attributes ->> ?)", f'$."{name}"'
    if isinstance(wanted, Mapping):
        return _range(column, path, name, wanted)
    return _one_of(column, [path], [_value(name, value) for value in (wanted if _is_list(wanted) else [wanted])])


def _one_of(column: str, path: list[str], values: Sequence[Any]) -> Condition:
    sql = f"{column} IN (SELECT value FROM json_each(?))"
    parameters = [*path, json.dumps([value for value in values if value is not None])]
    if None in values:
        sql += f" OR {column} IS NULL"
        parameters += path
    return Condition(sql, tuple(parameters))


def _range(column: str, path: str, name: str, wanted: Mapping[Any, Any]) -> Condition:
    if not wanted or not wanted.keys() <= _BOUNDS.keys():
        raise InvalidFilter(f'A range of {name!r} has the bounds "gte" and "lte", one or both, and nothing else.')
    values = [_value(name, value) for value in wanted.values()]
    are_strings = {isinstance(value, str) for value in values}
    if None in values or len(are_strings) > 1 or any(isinstance(value, bool) for value in wanted.values()):
        raise InvalidFilter(f"The bounds of {name!r} are numbers, or both are strings.")
    kinds = "('text')" if True in are_strings else "('integer', 'real')"
    comparisons = [f"{column} {_BOUNDS[bound]} ?" for bound in wanted]
    kind_of_value = f"typeof({column}) IN {kinds}"
    return Condition(
        " AND ".join([kind_of_value, *comparisons]),
        (path, *(part for value in values for part in (path, value))),
    )


def _value(name: str, value: Any) -> str | int | float | None:
    """Check one value; what JSON keeps as true or false SQL reads as 1 or 0."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if is_text(value):
            return value
    elif isinstance(value, int):
        if abs(value) <= LARGEST_INTEGER:
            return value
    elif isinstance(value, float) and math.isfinite(value):
        return value
    raise InvalidFilter(f"{value!r} is nothing that {name!r} can be: a string, a finite number, true, false or null.")


def is_text(value: str) -> bool:
    """Tell whether a string can be stored: a lone surrogate, as JSON can carry one, can't."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
