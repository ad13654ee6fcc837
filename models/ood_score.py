"""Whether a picture is like anything that the model knows.

Vectors of known classes lie near the mean of their class; how far off a vector is, is told by its Mahalanobis distance
to the nearest of these means (Lee et al., arXiv 1807.03888, eq. 2). A vector that lies nearer to what is known to be
none of the classes counts as further off. Held-out pictures say how far is usual.

Photographs by phone, products on white and drawings of one class lie in places of their own. So each domain has its own
means of the classes, and directions in which domains differ count less: pictures from another shop differ in them, too.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.arrays import Vectors
from models.npz import read_arrays, write_arrays

ACCEPTED = 0.95
"""The share of known pictures that count as familiar."""

RIDGE = 1e-3
"""What is added to every variance, as a share of the mean variance: some directions hardly vary at all."""

_OTHERS_WEIGHT = 4.0
"""What being nearer to something else than to any class counts beside the distance from the classes."""

_BETWEEN_DOMAINS = 0.3
"""What the spread of a class's means from domain to domain counts beside that of its pictures around them."""

_QUANTILES = 401


@dataclass(frozen=True, eq=False)
class OodScore:
    """Where known vectors lie.

    `whitening`, float32 (dim, dim), turns differences from a class's mean into such of unit variance. So turned,
    `means`, float32 (places, dim), are those of the classes, of each in one domain or more, and `others`, float32
    (kinds, dim), of what belongs to none; `distances`, float32 (quantiles,), rising, are evenly spaced quantiles of
    held-out pictures.
    """

    means: NDArray[np.float32]
    others: NDArray[np.float32]
    whitening: NDArray[np.float32]
    distances: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        vectors: Vectors,
        labels: NDArray[np.integer],
        held_out: Vectors,
        weights: NDArray[np.floating] | None = None,
        others: NDArray[np.floating] | None = None,
        used: NDArray[np.bool_] | None = None,
        domains: NDArray[np.integer] | None = None,
        ridge: float = RIDGE,
    ) -> "OodScore":
        """Fit to vectors of training images, float32 (n, dim), n well above dim, of every class 0 to the highest.

        `held_out` are vectors of pictures that were not learned from, float32 (m, dim), and `weights` (m,) what each
        counts; `others` (kinds, dim) are means of vectors that belong to no class; `used` (dim,) says which dimensions
        are looked at, if not all; `domains` (n,) numbers where each training image is from, if not all from one place,
        of which each counts alike; `ridge` is added to every variance, as a share of the mean variance.
        """
        looked_at = np.flatnonzero(np.ones(vectors.shape[1]) if used is None else used)
        means, covariance = _spread(vectors, labels, np.zeros_like(labels) if domains is None else domains)
        covariance = covariance[np.ix_(looked_at, looked_at)]
        evened = covariance + ridge * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        whitening = np.zeros((means.shape[1], means.shape[1]))
        whitening[np.ix_(looked_at, looked_at)] = np.linalg.cholesky(np.linalg.inv(evened))
        known = cls(
            (means @ whitening).astype(np.float32),
            (np.empty((0, means.shape[1])) if others is None else others @ whitening).astype(np.float32),
            whitening.astype(np.float32),
            np.zeros(2, np.float32),
        )
        quantiles = _quantiles(known.distance(held_out), weights)
        return replace(known, distances=quantiles.astype(np.float32))

    def distance(self, vectors: Vectors) -> NDArray[np.float32]:
        """Return how far vectors, float32 (n, dim), are from the nearest class, float32 (n,), 0 or more.

        Being nearer to something else than to any class makes it more.
        """
        distances = _distances(vectors @ self.whitening, *self._places)
        nearest: NDArray[np.float32] = distances[:, : len(self.means)].min(axis=1)
        if len(self.others):
            nearer = np.maximum(nearest - distances[:, len(self.means) :].min(axis=1), 0)
            nearest = nearest + np.float32(_OTHERS_WEIGHT) * nearer
        return nearest

    @cached_property
    def _places(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Means and others, float32 (dim, classes + kinds), and their squared lengths."""
        places = np.concatenate([self.means, self.others])
        return np.ascontiguousarray(places.T), (places**2).sum(axis=1)

    @cached_property
    def _shares(self) -> NDArray[np.float64]:
        """The share of held-out pictures at each of the distances or beyond."""
        return np.linspace(1, 0, len(self.distances))

    def of(self, vectors: Vectors, *, others: bool = False) -> NDArray[np.float32]:
        """Return the share of held-out pictures that are at least as far off as each vector, float32 (n,), 0 to 1.

        With `others`, what is known to be none of the classes is as good as they are.
        """
        if others:
            distances = _distances(vectors @ self.whitening, *self._places).min(axis=1)
        else:
            distances = self.distance(vectors)
        shares = np.interp(distances, self.distances, self._shares, right=0)
        return np.asarray(shares, np.float32)

    @property
    def limit(self) -> float:
        """The distance up to which a vector is familiar."""
        return float(np.interp(ACCEPTED, np.linspace(0, 1, len(self.distances)), self.distances))

    def save(self, path: Path) -> None:
        """Write the arrays into a file."""
        arrays = {"means": self.means, "others": self.others}
        write_arrays(path, {**arrays, "whitening": self.whitening, "distances": self.distances})

    @classmethod
    def load(cls, path: Path, classes: int, dim: int, data: bytes | None = None) -> "OodScore":
        """Read what `save` wrote, or was read of it already. Raises ValueError, for other shapes too, or OSError."""
        known = cls(*read_arrays(path, "means", "others", "whitening", "distances", data=data))
        fits = all(places.ndim == 2 and places.shape[1] == dim for places in (known.means, known.others))
        if not fits or len(known.means) < classes or known.whitening.shape != (dim, dim) or known.distances.ndim != 1:
            raise ValueError(f"its means have the shape {known.means.shape}")
        return known


def _spread(
    vectors: Vectors, labels: NDArray[np.integer], domains: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means of the classes in every domain that has them, (places, dim), and the covariance (dim, dim)."""
    means: list[NDArray[np.float64]] = []
    classes: list[int] = []
    within: list[NDArray[np.float64]] = []
    for domain in np.unique(domains):
        spread = []
        for label in np.unique(labels[domains == domain]):
            some = vectors[(domains == domain) & (labels == label)]
            means.append(some.mean(axis=0, dtype=np.float64))
            classes.append(int(label))
            spread.append(some - means[-1])
        together = np.concatenate(spread)
        within.append(together.T @ together / len(together))
    places = np.stack(means)
    middles = np.stack([places[np.array(classes) == label].mean(axis=0) for label in classes])
    between = (places - middles).T @ (places - middles) / len(places)
    return places, np.mean(within, axis=0) + _BETWEEN_DOMAINS * between


def _distances(
    points: NDArray[np.float32], places: NDArray[np.float32], squared_lengths: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the distance of each point, (n, dim), from each place, (dim, m): (n, m)."""
    squares = (points**2).sum(axis=1)[:, None] - 2 * (points @ places) + squared_lengths
    distances: NDArray[np.float32] = np.sqrt(np.maximum(squares, 0))
    return distances


def _quantiles(values: NDArray[np.float32], weights: NDArray[np.floating] | None) -> NDArray[np.float64]:
    """Return evenly spaced quantiles of values that count as much as their weights."""
    steps = np.linspace(0, 1, _QUANTILES)
    if weights is None:
        return np.asarray(np.quantile(values, steps))
    order = np.argsort(values)
    share = np.cumsum(weights[order]) - weights[order] / 2
    return np.asarray(np.interp(steps, share / weights.sum(), values[order]))


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
