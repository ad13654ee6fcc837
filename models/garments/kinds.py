"""What kind of garment a vector of the model for product pictures says it is: more than its ten classes tell.

The vector's kind holds the roots of a posterior over the folders of photographs that the model learned from, which
know shorts and skirts (`models.training.product_photos.network`).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.arrays import Probabilities, Vectors

KINDS = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt")
"""The folders of photographs, in the posterior's order."""

TOPS = frozenset({"dress", "longsleeve", "outwear", "shirt", "t-shirt"})
_TOP_CLASSES = frozenset({"Coat", "Dress", "Pullover", "Shirt", "T-shirt/top"})
"""Kinds, and classes of Fashion-MNIST, of what is worn above the waist, dresses among them."""

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


def top_agreement(vectors: Vectors, probabilities: Probabilities, classes: Sequence[str]) -> NDArray[np.float32]:
    """Return how surely the kinds and the classes agree that pictures are of a top, a coat or a dress, float32 (n,).

    It is the smaller one of both probabilities, 0 to 1, given vectors (n, dim), and probabilities (n, classes) of
    `classes`; 0 for vectors that tell no kinds. What a model finds strange, such as a top that somebody wears, may be
    as plain to it as this.
    """
    kinds = kind_posteriors(vectors)
    if kinds is None:
        return np.zeros(len(vectors), np.float32)
    by_kind = kinds[:, [KINDS.index(kind) for kind in sorted(TOPS)]].sum(axis=1)
    by_class = probabilities[:, [label in _TOP_CLASSES for label in classes]].sum(axis=1)
    return np.asarray(np.minimum(by_kind, by_class).clip(0, 1), np.float32)
