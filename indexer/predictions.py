"""What a model says of a picture: for each thing that it tells, its target, a value and how probable that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.card import ModelCard
    from models.embedder import Answers

CLASS = "class"
"""The target that models have."""


SURE = 0.5
"""The probability from which on a value is told as if it were so."""


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


def best_of(card: "ModelCard", answers: "Answers", at: int) -> dict[str, TargetPrediction]:
    """Return the most probable value of each target that a model tells of the picture number `at`."""
    told = {CLASS: (card.classes, answers.probabilities[at])}
    told |= {one.name: (one.values, answers.targets[one.name][at]) for one in card.targets}
    return {
        name: TargetPrediction(values[best], float(row[best]))
        for name, (values, row) in told.items()
        for best in [int(row.argmax())]
    }


def all_of(
    card: "ModelCard", probabilities: "NDArray[np.float32]", targets: "Mapping[str, NDArray[np.float32]]"
) -> dict[str, TargetPrediction]:
    """Return every value of each target of a picture, the most probable first.

    `probabilities` is float32 (classes,), `targets` hold float32 (values,) by name.
    """
    told = {CLASS: (card.classes, probabilities)}
    told |= {one.name: (one.values, targets[one.name]) for one in card.targets if one.name in targets}
    found = {}
    for name, (values, row) in told.items():
        best, *others = (Guess(values[at], float(row[at])) for at in np.argsort(-row, kind="stable").tolist())
        found[name] = TargetPrediction(best.value, best.probability, tuple(others))
    return found


def shop_words(predicted: Predicted) -> tuple[Guess, ...]:
    """Return what is told beside the class, as a sentence says it: 'Shirts', 'navy blue', 'men'.

    What is less than SURE is left out, but for the likeliest where nothing is surer; none where the class is all.
    """
    told = [one for target, one in predicted.items() if target != CLASS]
    sure = [one for one in told if one.probability >= SURE] or sorted(told, key=lambda one: -one.probability)[:1]
    return tuple(
        Guess(one.value if at == 0 or not one.value.istitle() else one.value.lower(), one.probability)
        for at, one in enumerate(sure)
    )


def predicted_class(value: str, probability: float, others: tuple[Guess, ...] = ()) -> Predicted:
    """Return what a model says whose only target is the class."""
    return {CLASS: TargetPrediction(value, probability, others)}
