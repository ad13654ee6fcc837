"""What a model tells of an item beside its class, as it is kept: among the attributes, under names of its own.

`predicted.type` is the value, and `predicted.type~` how probable it is. So filters, facets, orders and words find it as
they find what the shop says, and catalogues of models that tell the class alone are what they were.
"""

from collections.abc import Mapping
from typing import Any

from indexer.fields import PREDICTED
from indexer.predictions import CLASS, Predicted, TargetPrediction

PROBABILITY = "~"
"""What stands behind a field's name where its probability is meant."""


def with_told(attributes: Mapping[str, Any], predicted: Predicted) -> dict[str, Any]:
    """Return the attributes that are kept: an item's own, and what is predicted beside the class."""
    kept = dict(attributes)
    for target, best in predicted.items():
        if target != CLASS:
            kept[PREDICTED + target] = best.value
            kept[PREDICTED + target + PROBABILITY] = float(best.probability)
    return kept


def without_told(kept: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, TargetPrediction]]:
    """Return an item's own attributes of those that are kept, and what is predicted beside the class."""
    told = {
        name.removeprefix(PREDICTED): TargetPrediction(kept[name], kept[name + PROBABILITY])
        for name in kept
        if name.startswith(PREDICTED) and name + PROBABILITY in kept
    }
    taken = {PREDICTED + target + mark for target in told for mark in ("", PROBABILITY)}
    return {name: value for name, value in kept.items() if name not in taken}, told


def clash(attributes: Mapping[str, Any], predicted: Predicted) -> str | None:
    """Return why an item's own attributes can't be kept beside what is predicted; None where they can."""
    for target in predicted:
        name = PREDICTED + target
        if name in attributes:
            return f"{name} is what the model says. Give the attribute another name."
    return None


def is_probability(name: str) -> bool:
    """Tell whether the name of an attribute that is kept is that of a probability."""
    return name.startswith(PREDICTED) and name.endswith(PROBABILITY)
