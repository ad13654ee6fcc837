"""One attribute of many items: each value kept once, in order, and for every item the places of its values there."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexer.conditions import AttributeCondition, InRange, OneOf, StartsWith

Mask: TypeAlias = NDArray[np.bool_]
Range: TypeAlias = tuple[int, int]
"""Places of values, from one on and up to another that is not among them."""

_MOST_RANGES = 4
"""Ranges up to which each is compared with; more are looked up in a table."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The values of n items: numbers first, ascending, then texts in the order of their code points.

    `places` is int32 (m,), where each of m values is among those; `owners` int32 (m,), ascending, whose it is, None
    where every item has just one. As filters have it, 1, 1.0 and true are one value, and null is none.
    """

    items: int
    numbers: Sequence[int | float]
    texts: "Texts"
    places: NDArray[np.int32]
    owners: NDArray[np.int32] | None

    def __len__(self) -> int:
        """Return how many different values there are."""
        return len(self.numbers) + len(self.texts)

    def value(self, place: int) -> int | float | str:
        """Return the value at a place."""
        return self.numbers[place] if place < len(self.numbers) else self.texts[place - len(self.numbers)].decode()

    def meeting(self, condition: AttributeCondition) -> Mask:
        """Return which items meet a condition, bool (n,)."""
        match condition:
            case OneOf(_, values):
                mask = self.having([self._equal(value) for value in values if value is not None])
                return mask | ~self.having([(0, len(self))]) if None in values else mask
            case InRange(_, bounds):
                low, high = (len(self.numbers), len(self)) if condition.of_strings else (0, len(self.numbers))
                for comparison, bound in bounds:
                    before = self._before(bound, or_equal=comparison in ("lte", "gt"))
                    low, high = (low, min(high, before)) if comparison in ("lt", "lte") else (max(low, before), high)
                return self.having([(low, high)])
            case StartsWith(_, prefix):
                first, last = self.texts.beginning(prefix.encode())
                return self.having([(len(self.numbers) + first, len(self.numbers) + last)])

    def having(self, ranges: Sequence[Range]) -> Mask:
        """Return which items have a value in one of these ranges, bool (n,)."""
        ranges = [(low, high) for low, high in ranges if low < high]
        return self.of_owners(self._within(ranges)) if ranges else np.zeros(self.items, np.bool_)

    def of_owners(self, are_meant: Mask) -> Mask:
        """Return which items have one of the values that are meant, bool (m,), as bool (n,)."""
        if self.owners is None:
            return are_meant
        mask = np.zeros(self.items, np.bool_)
        mask[self.owners[are_meant]] = True
        return mask

    def of_items(self, mask: Mask) -> Mask:
        """Return which values, bool (m,), are those of some items, bool (n,)."""
        return mask if self.owners is None else mask[self.owners]

    def _within(self, ranges: Sequence[Range]) -> Mask:
        if ranges == [(0, len(self))]:
            return np.ones(len(self.places), np.bool_)
        if len(ranges) > _MOST_RANGES:
            are_meant = np.zeros(len(self), np.bool_)
            for low, high in ranges:
                are_meant[low:high] = True
            return are_meant[self.places]
        mask = np.zeros(len(self.places), np.bool_)
        for low, high in ranges:
            mask |= self.places == low if high - low == 1 else (self.places >= low) & (self.places < high)
        return mask

    def _equal(self, value: int | float | str) -> Range:
        return self._before(value, or_equal=False), self._before(value, or_equal=True)

    def _before(self, bound: int | float | str, *, or_equal: bool) -> int:
        """Return how many places hold what is below a bound of its kind, or equal to it."""
        find = bisect_right if or_equal else bisect_left
        if isinstance(bound, str):
            return len(self.numbers) + find(self.texts, bound.encode())
        return find(self.numbers, bound)


@dataclass(frozen=True, slots=True, eq=False)
class Texts(Sequence[bytes]):
    """Texts as UTF-8, ascending, which is the order of their code points: in one piece, since they may be many."""

    content: bytes
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> "Texts":
        """Return texts that are in order already."""
        return cls(b"".join(texts), np.cumsum([len(text) for text in texts], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, place: Any) -> Any:
        """Return the text at a place, 0 or more."""
        return self.content[self.ends[place - 1] if place else 0 : self.ends[place]]

    def beginning(self, prefix: bytes) -> Range:
        """Return where the texts are that begin so."""
        size = len(prefix)
        return (
            bisect_left(self, prefix),
            bisect_right(self, prefix, key=lambda text: text[:size]),
        )


class _Places(dict[Any, int]):
    """Numbers for values, given as they come; null has -1."""

    def __missing__(self, value: Any) -> int:
        self[value] = place = len(self) - 1
        return place


@dataclass(slots=True)
class ColumnBuilder:
    """Makes a column of values that come in blocks, each of so many items."""

    _places: _Places = field(default_factory=lambda: _Places({None: -1}))
    _found: list[NDArray[np.int32]] = field(default_factory=list)
    _owners: list[NDArray[np.int32]] = field(default_factory=list)

    def add(self, first: int, values: Sequence[Any]) -> None:
        """Take in the values of items from the place of the first on; null where one has none, a list where several."""
        try:
            found = np.fromiter(map(self._places.__getitem__, values), np.int32, len(values))
            owners = np.arange(first, first + len(values), dtype=np.int32)
        except TypeError:  # there are lists
            pairs = list(_members(first, values))
            found = np.fromiter((self._places[value] for _, value in pairs), np.int32, len(pairs))
            owners = np.fromiter((owner for owner, _ in pairs), np.int32, len(pairs))
        are_values = found >= 0
        self._found.append(found[are_values])
        self._owners.append(owners[are_values])

    def built(self, items: int) -> Column:
        """Return the column of so many items."""
        values = [value for value in self._places if value is not None]
        numbers = sorted(value for value in values if not isinstance(value, str))
        texts = sorted(value.encode() for value in values if isinstance(value, str))
        order = np.full(len(values) + 1, -1, np.int32)
        for place, value in enumerate([*numbers, *(text.decode() for text in texts)]):
            order[self._places[value]] = place
        places = order[np.concatenate(self._found)] if self._found else np.empty(0, np.int32)
        owners = np.concatenate(self._owners) if self._owners else np.empty(0, np.int32)
        has_one_each = len(owners) == items and bool(np.all(owners == np.arange(items, dtype=np.int32)))
        return Column(items, compact(numbers), Texts.of(texts), places, None if has_one_each else owners)


def compact(numbers: Sequence[int | float]) -> Sequence[int | float]:
    """Return numbers as an array of them where none is a fraction, or all are: they are compared exactly either way."""
    if len(numbers) < 256:
        return numbers
    if all(isinstance(number, int) for number in numbers):
        return _Array(np.array(numbers, np.int64))
    if all(isinstance(number, float) for number in numbers):
        return _Array(np.array(numbers, np.float64))
    return numbers


@dataclass(frozen=True, slots=True, eq=False)
class _Array(Sequence[Any]):
    """Numbers in an array, read as Python's, which compare whole ones and fractions exactly."""

    values: NDArray[Any]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, place: Any) -> Any:
        return self.values[place].item()


def _members(first: int, values: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    for owner, value in enumerate(values, first):
        if isinstance(value, list):
            yield from ((owner, member) for member in value)
        elif value is not None:
            yield owner, value
