"""Repeated measurements and what they say: taken in turns, because a machine's speed drifts."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Say = Callable[[str], None]
"""Hears a line about progress."""

T = TypeVar("T")


class BenchmarkFailed(Exception):
    """Something that a benchmark needs is missing, or the two sides don't do the same work."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A value, and the quartiles of the rounds that it comes from where there were several."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Measured":
        """Return the median of n >= 1 values, with quartiles when n > 1."""
        low, median, high = (float(quartile) for quartile in np.quantile(values, (0.25, 0.5, 0.75)))
        return cls(median, low, high) if len(values) > 1 else cls(median)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One quantity, `ours` and `theirs` in `unit`, and their ratio; `meaning` says what the ratio counts."""

    name: str
    unit: str
    ours: Measured
    against: str
    theirs: Measured
    ratio: Measured
    meaning: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A promise of the project, and what was measured: `at_least` the bound, or at most it."""

    claim: str
    measured: float
    bound: float
    at_least: bool
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the measured value keeps the promise."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


@dataclass(frozen=True, slots=True)
class Section:
    """What one benchmark found out; `others_cores` is the mean number of cores that other programs kept busy."""

    name: str
    title: str
    comparisons: tuple[Comparison, ...]
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    others_cores: float | None = None


def in_turns(contenders: Mapping[str, Callable[[], T]], rounds: int, say: Say) -> dict[str, list[T]]:
    """Measure every contender once a round, each round beginning with another; return their rounds by name."""
    names = list(contenders)
    measured: dict[str, list[T]] = {name: [] for name in names}
    for done in range(rounds):
        say(f"round {done + 1} of {rounds}")
        first = done % len(names)
        for name in names[first:] + names[:first]:
            measured[name].append(contenders[name]())
    return measured


def less(
    name: str, unit: str, ours: Sequence[float], against: str, theirs: Sequence[float], meaning: str = "times the speed"
) -> Comparison:
    """Compare rounds of something that should be small: the ratio is theirs over ours, round by round."""
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    return Comparison(name, unit, Measured.of(ours), against, Measured.of(theirs), Measured.of(ratios), meaning)


def more(
    name: str, unit: str, ours: Sequence[float], against: str, theirs: Sequence[float], meaning: str = "times as many"
) -> Comparison:
    """Compare rounds by ours over theirs: of something that should be large, or of a cost on top of theirs."""
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    return Comparison(name, unit, Measured.of(ours), against, Measured.of(theirs), Measured.of(ratios), meaning)


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def median_seconds(action: Callable[[], object], calls: int) -> float:
    """Return the median time of so many calls in a row."""
    return float(np.median([seconds(action) for _ in range(calls)]))
