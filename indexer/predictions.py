"""What a model says of a picture: for each thing that it tells, its target, a value and how probable that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

CLASS = "class"
"""The target that models have."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One value of a target and the model's probability for it, 0 to 1."""

    value: str
    probability: float


@dataclass(frozen=True, slots=True)
class TargetPrediction:
    """The most probable value of a target, its probability, 0 to 1, and the `others`, the most probable first.

    `others` is empty where only the best is kept, as of items and garments.
    """

    value: str
    probability: float
    others: tuple[Guess, ...] = ()


Predicted: TypeAlias = Mapping[str, TargetPrediction]
"""What is predicted by the name of each target; empty where there is nothing to see."""


def predicted_class(value: str, probability: float, others: tuple[Guess, ...] = ()) -> Predicted:
    """Return what a model says whose only target is the class."""
    return {CLASS: TargetPrediction(value, probability, others)}
