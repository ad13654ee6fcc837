"""Whether a picture is like anything that the model knows.

Vectors of known classes lie near the mean of their class; how far off a vector is, is told by its Mahalanobis distance
to the nearest of these means (Lee et al., arXiv 1807.03888, eq. 2). Held-out images say how far is usual.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.array_file import read_arrays, write_arrays
from models.embedder import Vectors

ACCEPTED = 0.95
"""The share of known pictures that count as familiar."""

_RIDGE = 1e-3
"""What is added to every variance, as a share of the mean variance: some directions hardly vary at all."""

_QUANTILES = 401


@dataclass(frozen=True, slots=True, eq=False)
class Familiarity:
    """Where known vectors lie.

    `means` is float32 (classes, dim); `whitening`, float32 (dim, dim), turns differences from a mean into such of
    unit variance; `distances`, float32 (quantiles,), rising, are evenly spaced quantiles of held-out images.
    """

    means: NDArray[np.float32]
    whitening: NDArray[np.float32]
    distances: NDArray[np.float32]

    @classmethod
    def fit(cls, vectors: Vectors, labels: NDArray[np.integer], held_out: Vectors) -> "Familiarity":
        """Fit to vectors of training images, float32 (n, dim), n well above dim, of every class 0 to the highest.

        `held_out` are vectors of images that were not learned from, float32 (m, dim).
        """
        classes = int(labels.max()) + 1
        means = np.stack([vectors[labels == label].mean(axis=0, dtype=np.float64) for label in range(classes)])
        spread = vectors - means[labels]
        covariance = spread.T @ spread / len(spread)
        ridge = _RIDGE * np.trace(covariance) / len(covariance)
        whitening = np.linalg.cholesky(np.linalg.inv(covariance + ridge * np.eye(len(covariance))))
        known = cls(means.astype(np.float32), whitening.astype(np.float32), np.zeros(2, np.float32))
        quantiles = np.quantile(known.distance(held_out), np.linspace(0, 1, _QUANTILES))
        return cls(known.means, known.whitening, quantiles.astype(np.float32))

    def distance(self, vectors: Vectors) -> NDArray[np.float32]:
        """Return how far vectors, float32 (n, dim), are from the nearest class, float32 (n,), 0 or more."""
        white, means = vectors @ self.whitening, self.means @ self.whitening
        squares = (white**2).sum(axis=1)[:, None] - 2 * white @ means.T + (means**2).sum(axis=1)
        nearest: NDArray[np.float32] = np.sqrt(np.maximum(squares.min(axis=1), 0))
        return nearest

    def of(self, vectors: Vectors) -> NDArray[np.float32]:
        """Return the share of held-out images that are at least as far off as each vector, float32 (n,), 0 to 1."""
        shares = np.linspace(1, 0, len(self.distances))
        familiarity: NDArray[np.float32] = np.interp(self.distance(vectors), self.distances, shares, right=0).astype(
            np.float32
        )
        return familiarity

    @property
    def limit(self) -> float:
        """The distance up to which a vector is familiar."""
        return float(np.interp(ACCEPTED, np.linspace(0, 1, len(self.distances)), self.distances))

    def save(self, path: Path) -> None:
        """Write the arrays into a file."""
        write_arrays(path, {"means": self.means, "whitening": self.whitening, "distances": self.distances})

    @classmethod
    def load(cls, path: Path, classes: int, dim: int) -> "Familiarity":
        """Read what `save` wrote. Raises ValueError or OSError when it is not that, or of other shapes."""
        known = cls(*read_arrays(path, "means", "whitening", "distances"))
        if known.means.shape != (classes, dim) or known.whitening.shape != (dim, dim) or known.distances.ndim != 1:
            raise ValueError(f"its means have the shape {known.means.shape}")
        return known


def is_familiar(familiarity: float) -> bool:
    """Return whether a picture is as familiar as the given share of known pictures."""
    return familiarity >= 1 - ACCEPTED


def auroc(known: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Return the chance that one of `other` scores higher than one of `known`; an equal score counts as half.

    Both hold at least one number. It is the area under the receiver operating characteristic (Fawcett, 2006).
    """
    rising = np.sort(known)
    below = np.searchsorted(rising, other, side="left")
    not_above = np.searchsorted(rising, other, side="right")
    return float((below + not_above).mean() / (2 * len(rising)))
