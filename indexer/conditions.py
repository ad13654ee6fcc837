"""Conditions that an item meets or doesn't: the nodes of the tree that a filter is read as.

Every kind of catalogue compiles them for itself. Each holds or doesn't hold, there is no third: so `Not` holds for just
the items for which its condition doesn't. Of a list a condition holds where it does for one of its members.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from indexer.records import Scalar
from models.colours.matching import NearColour

Comparison: TypeAlias = Literal["gt", "gte", "lt", "lte"]
COMPARISONS: tuple[Comparison, ...] = ("gt", "gte", "lt", "lte")


@dataclass(frozen=True, slots=True)
class PredictedIn:
    """Holds for items of which one of these values is predicted for a target."""

    target: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdIn:
    """Holds for items with one of these ids."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OneOf:
    """Holds for items whose attribute equals one of these values as Python's `==` says.

    1, 1.0 and True are equal, 1 and "1" are not; None equals an attribute that is null, absent or an empty list.
    """

    name: str
    values: tuple[Scalar, ...]


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
class StartsWith:
    """Holds for items whose attribute is a string that begins so, capitals and accents as they are."""

    name: str
    prefix: str


@dataclass(frozen=True, slots=True)
class HasColour:
    """Holds for items whose garment has a dominant colour near one of these; not where no colours are kept."""

    near: NearColour


@dataclass(frozen=True, slots=True)
class HasWords:
    """Holds for items that say the words of a text, as `indexer.words` has it; a catalogue looks them up before."""

    text: str


@dataclass(frozen=True, slots=True)
class InRows:
    """Holds for the items in these rows, a JSON list, where words were found; `note` is what is to be said of it."""

    rows: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """Holds where this does not."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Holds where all of these do."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds where one of these does."""

    conditions: tuple["Condition", ...]


AttributeCondition: TypeAlias = OneOf | InRange | StartsWith
"""A condition on one attribute, `name`."""

Condition: TypeAlias = PredictedIn | IdIn | AttributeCondition | HasColour | HasWords | InRows | Not | AllOf | AnyOf
"""A node of the tree. Equal conditions are equal and hash alike, so that what they allow can be remembered."""


def attribute_conditions(condition: Condition | None) -> tuple[AttributeCondition, ...]:
    """Return the conditions on attributes in a tree, in order."""
    match condition:
        case OneOf() | InRange() | StartsWith():
            return (condition,)
        case Not(inner):
            return attribute_conditions(inner)
        case AllOf(parts) | AnyOf(parts):
            return tuple(leaf for part in parts for leaf in attribute_conditions(part))
        case _:
            return ()


def notes_of_words(condition: Condition | None) -> tuple[str, ...]:
    """Return what is to be said of the words that a tree asked for."""
    match condition:
        case InRows(_, str(note)):
            return (note,)
        case AllOf(parts) | AnyOf(parts):
            return tuple(note for part in parts for note in notes_of_words(part))
        case _:
            return ()
