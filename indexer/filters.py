"""Filters: a `where` mapping read as a tree of conditions."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from indexer.conditions import (
    COMPARISONS,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    HasColour,
    HasWords,
    IdIn,
    InRange,
    Not,
    OneOf,
    PredictedIn,
    StartsWith,
)
from indexer.errors import FilterTooLarge, InvalidFilter
from indexer.fields import ALL, ANY, ATTRIBUTES, COLOUR_FIELDS, ID, NOT, PREDICTED_CLASS, WORDS, attribute_in
from indexer.predictions import CLASS
from indexer.records import Scalar, Where
from models.colours.matching import WITHIN, NearColour

LARGEST_INTEGER = 2**63 - 1

MOST_CONDITIONS = 100
"""Conditions that a filter holds at most; a list of values is one."""

MOST_DEPTH = 8
"""Levels of `not`, `any` and `all` that a filter has at most."""

LONGEST_WORDS = 300
"""Characters that the words that are asked for have together."""

_PREFIX = "prefix"
_COMPARED_BY = (*COMPARISONS, _PREFIX)
_IS_LIKE = '"navy", "#1f2a44", a list of such, or {"near": "navy", "within": 15}'


def condition_of(where: Where | None, classes: Sequence[str]) -> Condition | None:
    """Return the condition that holds for exactly the items a filter asks for; None when it asks for all.

    `classes` are the model's. A field maps to a value, to a list of values of which one is wanted, or to
    comparisons that must all hold: `lt`, `lte`, `gt`, `gte` with a number or a text, `prefix` with a text, `not` with
    any of these. `predicted.class` is the predicted class and `id` the item's own, each a value or a list; `colour~`
    what colours are seen: a name or six hexadecimal digits, a list of these, or `{"near": .., "within": ..}` with a
    Delta E; `q~` a text of words that it says. Every other name is an attribute. `not` maps to a filter that must not
    hold, `any` to a list of filters of which one must, `all` to a list of which all must.

    Raises InvalidFilter for what is none of these, for a class that there is not and a value that no attribute can
    have; FilterTooLarge for more than MOST_CONDITIONS or MOST_DEPTH.
    """
    if where is None:
        return None
    return _Reader(classes).read(where)


def is_text(value: str) -> bool:
    """Tell whether a string can be stored: a lone surrogate, as JSON can carry one, can't."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Reader:
    """Reads one filter, and counts its conditions."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self._count = 0

    def read(self, where: Any, depth: int = 0) -> Condition | None:
        if not isinstance(where, Mapping):
            raise InvalidFilter('A filter maps fields to values, such as {"predicted.class": "Dress"}.')
        _check_depth(depth)
        conditions = [self._field(name, wanted, depth) for name, wanted in where.items()]
        return _all_of(conditions) if conditions else None

    def _field(self, name: Any, wanted: Any, depth: int) -> Condition:
        if name == NOT:
            return Not(self._inner(NOT, wanted, depth))
        if name in (ANY, ALL):
            if not isinstance(wanted, Sequence) or isinstance(wanted, str | bytes) or not wanted:
                raise InvalidFilter(
                    f'"{name}" takes a list of filters. An attribute of that name is called "{ATTRIBUTES}{name}".'
                )
            parts = [self._inner(name, part, depth) for part in wanted]
            return _all_of(parts) if name == ALL else parts[0] if len(parts) == 1 else AnyOf(tuple(parts))
        return self._on(name, wanted, depth)

    def _inner(self, name: str, where: Any, depth: int) -> Condition:
        condition = self.read(where, depth + 1) if isinstance(where, Mapping) else None
        if condition is None:
            raise InvalidFilter(
                f'"{name}" is about filters with a condition each, such as {{"predicted.class": "Dress"}}. An '
                f'attribute of that name is called "{ATTRIBUTES}{name}".'
            )
        return condition

    def _on(self, name: Any, wanted: Any, depth: int) -> Condition:
        """Return the condition on one field."""
        _check_depth(depth)
        if isinstance(wanted, Mapping) and NOT in wanted:
            others = {key: value for key, value in wanted.items() if key != NOT}
            unwanted = Not(self._on(name, wanted[NOT], depth + 1))
            return _all_of([self._on(name, others, depth), unwanted]) if others else unwanted
        self._count += 1
        if self._count > MOST_CONDITIONS:
            raise FilterTooLarge(
                f"The filter has more than {MOST_CONDITIONS} conditions. Give values of one field as a list: that is "
                "one condition."
            )
        values = wanted if isinstance(wanted, Sequence) and not isinstance(wanted, str | bytes) else [wanted]
        if name == PREDICTED_CLASS:
            for value in values:
                if value not in self._classes:
                    raise InvalidFilter(
                        f"There is no class {repr(value)[:60]}. The classes are: {', '.join(self._classes)}."
                    )
            return PredictedIn(CLASS, tuple(values))
        if name == ID:
            if not all(isinstance(value, str) and is_text(value) for value in values):
                raise InvalidFilter(
                    f'"{ID}" takes an id or a list of ids. An attribute of that name is called "{ATTRIBUTES}{ID}".'
                )
            return IdIn(tuple(values))
        if name in COLOUR_FIELDS:
            return _colour(wanted)
        if name == WORDS:
            return _words(wanted)
        attribute = attribute_in(name)
        if attribute is None:
            raise InvalidFilter(f"No item can have a field {str(name)[:60]!r} to filter by.")
        if isinstance(wanted, Mapping):
            return _compared(attribute, wanted)
        return OneOf(attribute, tuple(_value(attribute, value) for value in values))


def _all_of(conditions: list[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else AllOf(tuple(conditions))


def _check_depth(depth: int) -> None:
    if depth > MOST_DEPTH:
        raise FilterTooLarge(f"The filter is more than {MOST_DEPTH} levels deep. Ask for the same with fewer.")


def _colour(wanted: Any) -> HasColour:
    within: Any = WITHIN
    if isinstance(wanted, Mapping):
        if "near" not in wanted or not wanted.keys() <= {"near", "within"}:
            raise InvalidFilter(f"A colour is asked for as {_IS_LIKE}.")
        wanted, within = wanted["near"], wanted.get("within", WITHIN)
    texts = wanted if isinstance(wanted, Sequence) and not isinstance(wanted, str | bytes) else [wanted]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidFilter(f"A colour is asked for as {_IS_LIKE}.")
    if isinstance(within, bool) or not isinstance(within, int | float):
        raise InvalidFilter("How near a colour must be is a number, a Delta E of 0 to 100.")
    try:
        return HasColour(NearColour.read(tuple(texts), within))
    except ValueError as error:
        raise InvalidFilter(str(error)) from error


def _words(wanted: Any) -> HasWords:
    if not isinstance(wanted, str) or not is_text(wanted) or len(wanted) > LONGEST_WORDS:
        raise InvalidFilter(f"Words are asked for as a text of at most {LONGEST_WORDS} characters.")
    return HasWords(wanted)


def _compared(name: str, wanted: Mapping[Any, Any]) -> Condition:
    """Return what comparisons of an attribute ask for, all together."""
    if not wanted or not wanted.keys() <= set(_COMPARED_BY):
        known = ", ".join(f'"{comparison}"' for comparison in _COMPARED_BY)
        raise InvalidFilter(f'{name!r} is compared by {known} and "{NOT}", one or more of them, and nothing else.')
    conditions: list[Condition] = []
    bounds = tuple((comparison, wanted[comparison]) for comparison in COMPARISONS if comparison in wanted)
    if bounds:
        conditions.append(InRange(name, _bounds(name, bounds)))
    if _PREFIX in wanted:
        if not isinstance(wanted[_PREFIX], str) or not is_text(wanted[_PREFIX]):
            raise InvalidFilter(f"What {name!r} is to begin with is a text.")
        conditions.append(StartsWith(name, wanted[_PREFIX]))
    return _all_of(conditions)


def _bounds(name: str, given: tuple[tuple[Comparison, Any], ...]) -> tuple[tuple[Comparison, int | float | str], ...]:
    bounds: list[tuple[Comparison, int | float | str]] = []
    for comparison, value in given:
        bound = _value(name, value)
        if bound is None or isinstance(bound, bool):
            raise InvalidFilter(f"The bounds of {name!r} are numbers, or all are strings.")
        bounds.append((comparison, bound))
    if len({isinstance(bound, str) for _, bound in bounds}) > 1:
        raise InvalidFilter(f"The bounds of {name!r} are numbers, or all are strings.")
    return tuple(bounds)


def _value(name: str, value: Any) -> Scalar:
    """Return a value that an attribute can have, as it is."""
    if is_scalar(value):
        checked: Scalar = value
        return checked
    raise InvalidFilter(
        f"{_shortened(value)} is nothing that {name!r} can be: a string, a finite number, true, false or null."
    )


def is_scalar(value: Any) -> bool:
    """Tell whether something is a value that an attribute can have: no list, but maybe a member of one, or null."""
    match value:
        case None | bool():
            return True
        case str():
            return is_text(value)
        case int():
            return abs(value) <= LARGEST_INTEGER
        case float():
            return math.isfinite(value)
    return False


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}..."
