"""The parts that a vector is made of, and how a query weighs them anew while the catalogue stays as it is.

Each part is a unit vector of its own, multiplied by the root of its share and set beside the others. So the inner
product of two whole vectors is the sum of the parts' cosines, each times its share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.embedder import Vectors

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


def with_look(vectors: Vectors, parts: Sequence[VectorPart], look: float) -> Vectors:
    """Return queries that find by `(1 - look) * cosine of the kind + look * cosine of the look`.

    `vectors` is float32 (n, dim), unit rows made of `parts`; `look` is 0 to 1. The result has the same shape and
    type, and its inner product with such a unit row is that weighted cosine, -1 to 1. Its rows are of length
    `sqrt((1 - look)**2 / (1 - share) + look**2 / share) >= 1`, and equal `vectors` where `look` is the share itself.
    Raises ValueError where there is no look among the parts.
    """
    share = look_share(parts)
    if share is None:
        raise ValueError("These vectors have no part that is the look.")
    factors = [look / share if part.name == LOOK else (1 - look) / (1 - share) for part in parts]
    weighted: Vectors = vectors * np.repeat(np.array(factors, np.float32), [part.dim for part in parts])
    return weighted
