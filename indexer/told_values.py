"""What a model tells of an item beside its class, as it is kept: among the attributes, under names of its own.

`predicted.type` is the value, and `predicted.type~` how probable it is. So filters, facets, orders and words find it as
they find what the shop says, and catalogues of models that tell the class alone are what they were.
"""

from collections.abc import Mapping
from typing import Any

from indexer.fields import ATTRIBUTES, PREDICTED
from indexer.predictions import CLASS, Predicted, TargetPrediction

PROBABILITY = "~"
"""What stands behind a field's name where its probability is meant."""


def with_told(attributes: Mapping[str, Any], predicted: Predicted) -> dict[str, Any]:
    """Return the attributes that are kept: an item's own, and what is predicted beside the class.

    An attribute of the shop's that is called as what is predicted is kept behind `attributes.`.
    """
    told: dict[str, Any] = {}
    for target, best in predicted.items():
        if target != CLASS:
            told[PREDICTED + target] = best.value
            told[PREDICTED + target + PROBABILITY] = float(best.probability)
    return {ATTRIBUTES + name if name in told else name: value for name, value in attributes.items()} | told


def without_told(kept: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, TargetPrediction]]:
    """Return an item's own attributes of those that are kept, and what is predicted beside the class."""
    told = {
        name.removeprefix(PREDICTED): TargetPrediction(value, kept[name + PROBABILITY])
        for name, value in kept.items()
        if name.startswith(PREDICTED) and isinstance(value, str) and _is_share(kept.get(name + PROBABILITY))
    }
    taken = {PREDICTED + target + mark for target in told for mark in ("", PROBABILITY)}
    hidden = {ATTRIBUTES + PREDICTED + target for target in told}
    own = {
        name.removeprefix(ATTRIBUTES) if name in hidden else name: value
        for name, value in kept.items()
        if name not in taken
    }
    return own, told


def _is_share(value: Any) -> bool:
    return isinstance(value, float) and 0 <= value <= 1


def is_probability(name: str) -> bool:
    """Tell whether the name of an attribute that is kept is that of a probability."""
    return name.startswith(PREDICTED) and name.endswith(PROBABILITY)
