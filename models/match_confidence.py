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


@dataclass(frozen=True, slots=True, eq=False)
class MatchConfidence:
    """The chance at evenly spaced cosines from -1 to 1 for each predicted class, float32 (classes, cosines).

    It never falls as the cosine rises. It was counted among items of which each class has about as many.
    """

    chances: NDArray[np.float32]

    @classmethod
    def fit(
        cls, vectors: Vectors, labels: NDArray[np.integer], predicted: NDArray[np.integer], classes: int
    ) -> "MatchConfidence":
        """Count among held-out vectors, float32 (n, dim), n > 4, each as a query among all others.

        `labels` and `predicted` are integer (n,). The chance is the isotonic regression of 'is of the same class'
        on the cosine (Zadrozny and Elkan, 2002), over the queries of one predicted class.
        """
        from sklearn.isotonic import IsotonicRegression

        grid = np.linspace(-1, 1, _COSINES)
        others = len(vectors) - 1
        near = min(max(3, round(others / _NEAREST)), others - 1)
        weights = np.where(np.arange(others) < near, 1, 1 / (others - near))
        chances = np.zeros((classes, _COSINES), np.float32)
        for label in np.unique(predicted):
            queries = np.flatnonzero(predicted == label)
            cosines = vectors[queries] @ vectors.T
            cosines[np.arange(len(queries)), queries] = -np.inf
            falling = np.argsort(-cosines, axis=1)[:, :-1]  # the last is the query itself
            curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(
                np.take_along_axis(cosines, falling, axis=1).ravel(),
                (labels[falling] == labels[queries, None]).ravel(),
                np.broadcast_to(weights, falling.shape).ravel(),
            )
            chances[label] = curve.predict(grid)
        return cls(chances)

    def of(self, predicted: NDArray[np.integer], cosines: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the chances, float32 (n, k), for queries of predicted classes (n,) with hits at cosines (n, k)."""
        place = (np.clip(cosines, -1, 1) + 1) * ((_COSINES - 1) / 2)
        below = np.minimum(place.astype(np.int64), _COSINES - 2)
        rows = predicted[:, None]
        low, high = self.chances[rows, below], self.chances[rows, below + 1]
        found: NDArray[np.float32] = (low + (place - below) * (high - low)).astype(np.float32)
        return found

    def save(self, path: Path) -> None:
        """Write the array into a file."""
        write_arrays(path, {"chances": self.chances})

    @classmethod
    def load(cls, path: Path, classes: int, data: bytes | None = None) -> "MatchConfidence":
        """Read what `save` wrote, or was read of it already. Raises ValueError, for another shape too, or OSError."""
        (chances,) = read_arrays(path, "chances", data=data)
        if chances.shape != (classes, _COSINES):
            raise ValueError(f"its chances have the shape {chances.shape}")
        return cls(chances)
