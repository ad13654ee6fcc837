"""Filters: a `where` mapping as a tree of conditions, which every kind of catalogue compiles for itself."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from indexer.errors import InvalidFilter
from indexer.records import AttributeValue, Where
from models.colours.matching import WITHIN, NearColour

LARGEST_INTEGER = 2**63 - 1

COLOUR = "colour~"
"""The field of a filter that asks for what the garments' colours are seen to be, whatever their attributes say."""

COLOUR_FIELDS = (COLOUR, "color~")
"""Both spellings."""

_IS_LIKE = '"navy", "#1f2a44", a list of such, or {"near": "navy", "within": 15}'

Comparison: TypeAlias = Literal["gte", "lte"]
_COMPARISONS: tuple[Comparison, ...] = ("gte", "lte")


@dataclass(frozen=True, slots=True)
class LabelIn:
    """Holds for items whose predicted class is one of these."""

    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    """Holds for items whose attribute equals one of these values as Python's `==` says.

    1, 1.0 and True are equal, 1 and "1" are not; None equals an attribute that is null or absent.
    """

    name: str
    values: tuple[AttributeValue, ...]


@dataclass(frozen=True, slots=True)
class InRange:
    """Holds for items whose attribute is of the bounds' kind, numbers or strings, and within all of them.

    Strings are in the order of their code points.
    """

    name: str
    bounds: tuple[tuple[Comparison, int | float | str], ...]

    @property
    def of_strings(self) -> bool:
        """Whether the bounds are strings, not numbers."""
        return isinstance(self.bounds[0][1], str)


@dataclass(frozen=True, slots=True)
class HasColour:
    """Holds for items whose garment has a dominant colour near one of these; not where no colours are kept."""

    near: NearColour


@dataclass(frozen=True, slots=True)
class AllOf:
    """Holds where all of these do."""

    conditions: tuple["Condition", ...]


Condition: TypeAlias = LabelIn | OneOf | InRange | HasColour | AllOf
"""A node of the tree. Equal conditions are equal and hash alike, so that what they allow can be remembered."""


def condition_of(where: Where | None, labels: Sequence[str], attribute_names: Collection[str]) -> Condition | None:
    """Return the condition that holds for exactly the items a filter asks for; None when it asks for all.

    `labels` are the model's classes, `attribute_names` those that any item ever had. Raises InvalidFilter for an
    unknown field or class, and for a value that no attribute can have.
    """
    if where is None:
        return None
    if not isinstance(where, Mapping):
        raise InvalidFilter('A filter maps fields to values, such as {"label": "Dress"}.')
    conditions = tuple(_field(name, wanted, labels, attribute_names) for name, wanted in where.items())
    if len(conditions) > 1:
        return AllOf(conditions)
    return conditions[0] if conditions else None


def is_text(value: str) -> bool:
    """Tell whether a string can be stored: a lone surrogate, as JSON can carry one, can't."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _field(name: Any, wanted: Any, labels: Sequence[str], attribute_names: Collection[str]) -> Condition:
    values = wanted if isinstance(wanted, Sequence) and not isinstance(wanted, str | bytes) else [wanted]
    if name == "label":
        for value in values:
            if value not in labels:
                raise InvalidFilter(f"There is no class {value!r}. The classes are: {', '.join(labels)}.")
        return LabelIn(tuple(values))
    if name in COLOUR_FIELDS:
        return _colour(wanted)
    if name not in attribute_names:
        known = ", ".join(["label", COLOUR, *sorted(attribute_names)])
        raise InvalidFilter(f"No item has a field {name!r} to filter by. There are: {known}.")
    if isinstance(wanted, Mapping):
        return _range(name, wanted)
    return OneOf(name, tuple(_value(name, value) for value in values))


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


def _range(name: str, wanted: Mapping[Any, Any]) -> InRange:
    if not wanted or not wanted.keys() <= set(_COMPARISONS):
        raise InvalidFilter(f'A range of {name!r} has the bounds "gte" and "lte", one or both, and nothing else.')
    bounds: list[tuple[Comparison, int | float | str]] = []
    for comparison in _COMPARISONS:
        if comparison in wanted:
            bound = _value(name, wanted[comparison])
            if bound is None or isinstance(bound, bool):
                raise InvalidFilter(f"The bounds of {name!r} are numbers, or both are strings.")
            bounds.append((comparison, bound))
    if len({isinstance(bound, str) for _, bound in bounds}) > 1:
        raise InvalidFilter(f"The bounds of {name!r} are numbers, or both are strings.")
    return InRange(name, tuple(bounds))


def _value(name: str, value: Any) -> AttributeValue:
    """Return a value that an attribute can have, as it is."""
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
