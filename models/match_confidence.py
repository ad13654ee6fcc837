"""What a score means: the chance that a hit is of the query's true class, by cosine and predicted class."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.arrays import Vectors
from models.npz import read_arrays, write_arrays

GOOD_MATCH = 0.5
"""The chance from which a hit counts as a good match: more likely right than not."""

_COSINES = 401

_NEAREST = 1_000
"""Of each query's hits, one in so many counts in full: those that people see. All others together count as one more.

In a larger catalogue the nearest hits are nearer, though no likelier to be right; that share of held-out images fits
catalogues of 5,000 to 10,000 items best.
"""


STRANGE = 0.02
"""The familiarity below which a query counts less and less as one of a class: then it may be of none."""


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """Pictures of none of the classes as queries: cosines with all others, and whether these are of their kind.

    Both are (n, others), float32 and bool.
    """

    cosines: NDArray[np.float32]
    are_alike: NDArray[np.bool_]

    @classmethod
    def among(cls, vectors: Vectors, kinds: NDArray[np.integer], strange: NDArray[np.integer]) -> "Strangers":
        """Return those with the numbers `strange`, (n,), among all vectors, float32 (m, dim), of kinds (m,)."""
        cosines, others = _with_others(vectors[strange] @ vectors.T, strange)
        return cls(cosines, kinds[others] == kinds[strange, None])


@dataclass(frozen=True, slots=True, eq=False)
class MatchConfidence:
    """The chance at evenly spaced cosines from -1 to 1 for each predicted class, float32 (classes, cosines).

    It never falls as the cosine rises. It was counted among items of which each class has about as many.
    `of_strangers`, float32 (cosines,), is the chance for a picture that is of none of the classes: that a hit is of its
    own kind; it is 0 where nobody counted.
    """

    chances: NDArray[np.float32]
    of_strangers: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        vectors: Vectors,
        labels: NDArray[np.integer],
        predicted: NDArray[np.integer],
        classes: int,
        strangers: Strangers | None = None,
    ) -> "MatchConfidence":
        """Count among held-out vectors, float32 (n, dim), n > 4, each as a query among all others.

        `labels` and `predicted` are integer (n,). The chance is the isotonic regression of 'is of the same class'
        on the cosine (Zadrozny and Elkan, 2002), over the queries of one predicted class; that of `strangers` is over
        them and whom they are compared with.
        """
        chances = np.zeros((classes, _COSINES), np.float32)
        for label in np.unique(predicted):
            queries = np.flatnonzero(predicted == label)
            cosines, others = _with_others(vectors[queries] @ vectors.T, queries)
            chances[label] = _curve(cosines, labels[others] == labels[queries, None])
        if strangers is None:
            return cls(chances, np.zeros(_COSINES, np.float32))
        return cls(chances, _curve(strangers.cosines, strangers.are_alike))

    def of(
        self, predicted: NDArray[np.integer], cosines: NDArray[np.float32], familiarity: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the chances, float32 (n, k), for queries of predicted classes (n,) with hits at cosines (n, k).

        `familiarity`, float32 (n,), says how far a query counts as one of a class: from STRANGE on wholly.
        """
        place = (np.clip(cosines, -1, 1) + 1) * ((_COSINES - 1) / 2)
        below = np.minimum(place.astype(np.int64), _COSINES - 2)
        rows = predicted[:, None]
        low, high = self.chances[rows, below], self.chances[rows, below + 1]
        as_known = low + (place - below) * (high - low)
        low, high = self.of_strangers[below], self.of_strangers[below + 1]
        as_stranger = low + (place - below) * (high - low)
        known = np.minimum(familiarity / STRANGE, 1)[:, None]
        found: NDArray[np.float32] = (known * as_known + (1 - known) * as_stranger).astype(np.float32)
        return found

    def save(self, path: Path) -> None:
        """Write the arrays into a file."""
        write_arrays(path, {"chances": np.vstack([self.chances, self.of_strangers])})

    @classmethod
    def load(cls, path: Path, classes: int, data: bytes | None = None) -> "MatchConfidence":
        """Read what `save` wrote, or was read of it already. Raises ValueError, for another shape too, or OSError."""
        (chances,) = read_arrays(path, "chances", data=data)
        if chances.shape == (classes, _COSINES):  # as it was written before strangers were counted
            return cls(chances, np.zeros(_COSINES, np.float32))
        if chances.shape != (classes + 1, _COSINES):
            raise ValueError(f"its chances have the shape {chances.shape}")
        return cls(chances[:classes], chances[classes])


def _with_others(
    cosines: NDArray[np.float32], own: NDArray[np.integer]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the cosines of queries with all items but each itself, and the numbers of those: both (n, items - 1)."""
    items = cosines.shape[1]
    others = (own[:, None] + np.arange(1, items)) % items
    return np.take_along_axis(cosines, others, axis=1), others


def _curve(cosines: NDArray[np.float32], are_alike: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the chance of being alike at evenly spaced cosines, float32 (cosines,), from queries and their hits.

    `cosines` float32 and `are_alike` bool are (n, others).
    """
    from sklearn.isotonic import IsotonicRegression

    others = cosines.shape[1]
    near = min(max(3, round(others / _NEAREST)), others - 1)
    weights = np.where(np.arange(others) < near, 1, 1 / (others - near))
    falling = np.argsort(-cosines, axis=1)
    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(
        np.take_along_axis(cosines, falling, axis=1).ravel(),
        np.take_along_axis(are_alike, falling, axis=1).ravel(),
        np.broadcast_to(weights, falling.shape).ravel(),
    )
    found: NDArray[np.float32] = curve.predict(np.linspace(-1, 1, _COSINES)).astype(np.float32)
    return found
