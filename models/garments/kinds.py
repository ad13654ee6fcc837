"""What kind of garment a vector of the model for product pictures says it is: more than its ten classes tell.

The vector's kind holds the roots of a posterior over the folders of photographs that the model learned from, which
know shorts and skirts (`models.training.product_photos.network`).
"""

import numpy as np
from numpy.typing import NDArray

from models.arrays import Vectors

KINDS = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt")
"""The folders of photographs, in the posterior's order."""

_FIRST = 128
_SHARE = 0.66 * 0.25
"""Where in a vector the posterior begins, and what its squares add up to."""

_TOLERANCE = 1e-3


def kind_posteriors(vectors: Vectors) -> NDArray[np.float32] | None:
    """Return the probability of each of KINDS, float32 (n, 10), for vectors (n, dim); None where they hold none."""
    squares = np.square(vectors[:, _FIRST : _FIRST + len(KINDS)])
    sums = squares.sum(axis=1, keepdims=True)
    if squares.shape[1] != len(KINDS) or np.abs(sums - _SHARE).max(initial=0) > _TOLERANCE:
        return None
    return np.asarray(squares / sums, np.float32)


def tells_kinds(vectors: Vectors) -> bool:
    """Return whether vectors (n, dim) hold a posterior over KINDS."""
    return kind_posteriors(vectors) is not None
