"""The parts that a vector is made of, and how a query weighs them anew while the catalogue stays as it is.

Each part is a unit vector of its own, multiplied by the root of its share and set beside the others. So the inner
product of two whole vectors is the sum of the parts' cosines, each times its share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Vectors
from models.errors import InvalidWeights, UnknownPart

LOOK = "look"
"""The name of the part that says how an item looks; all others together say what kind of thing it is."""


@dataclass(frozen=True, slots=True)
class VectorPart:
    """Some consecutive dimensions of a vector, and what they contribute to the cosine, more than 0 and at most 1."""

    name: str
    dim: int
    share: float


def look_share(parts: Sequence[VectorPart]) -> float | None:
    """Return what the look contributes to the cosine; None where it can't be told from the rest of the vector."""
    shares = {part.name: part.share for part in parts}
    return shares.get(LOOK) if len(shares) > 1 else None


def weights_of_look(parts: Sequence[VectorPart], look: float) -> Mapping[str, float]:
    """Return the weights that a look, 0 (same kind) to 1 (same look), stands for: all other parts share the rest.

    Raises UnknownPart where the look can't be told from the rest of the vector.
    """
    if look_share(parts) is None:
        raise UnknownPart("The model's vectors have no part that is the look beside others. Search without look.")
    return {LOOK: look}


def full_weights(parts: Sequence[VectorPart], weights: Mapping[str, float]) -> Mapping[str, float]:
    """Return the weight of every part, adding up to 1, that some weights, 0 to 1 by the parts' names, stand for.

    Parts that are not named share what the named ones leave of 1, in the proportions of their own shares: nothing
    where the named weights add up to 1 or more. Only proportions count: all are divided by their sum.

    Raises UnknownPart for a name that no part has, InvalidWeights for a weight outside 0 to 1 and where none is left
    that is positive.
    """
    named = {part.name for part in parts}
    for name, weight in weights.items():
        if name not in named:
            has = f"it has {', '.join(part.name for part in parts)}" if parts else "its vectors are undivided"
            raise UnknownPart(f"The model's vectors have no part {name[:60]!r}: {has}. Weigh only what there is.")
        if not 0 <= weight <= 1:  # nor is NaN
            raise InvalidWeights(f"The weight of {name!r} must be between 0 and 1, not {weight}.")
    others = sum(part.share for part in parts if part.name not in weights)
    rest = max(0.0, 1 - sum(weights.values())) if others else 0.0
    total = sum(weights.values()) + rest
    if not total > 0:
        raise InvalidWeights("All weights are 0, so there is nothing to search by. Give one part at least some weight.")
    return {
        part.name: (weights[part.name] if part.name in weights else rest * part.share / others) / total
        for part in parts
    }


def weighted(vectors: Vectors, parts: Sequence[VectorPart], weights: Mapping[str, float]) -> Vectors:
    """Return queries that find by the weighted mean of the parts' cosines instead of the model's own.

    `vectors` is float32 (n, dim), unit rows made of `parts`; `weights` are what `full_weights` takes. The result has
    the shape and type of `vectors`; its inner product with such a unit row is that mean, -1 to 1, and its rows are 1 or
    longer. It equals `vectors` where the weights are the parts' shares. Raises what `full_weights` does.
    """
    full = full_weights(parts, weights)
    factors = np.array([full[part.name] / part.share for part in parts], np.float32)
    result: Vectors = vectors * np.repeat(factors, [part.dim for part in parts])
    return result
