"""What heads are worth: right values, calibration, what is found near a product, and from when a value is believed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.tagging.tags import threshold_of
from models.training.own_catalogue.examples import OTHER, Learnable, expected_calibration_error

MOST = 10
"""Nearest products that are looked at, where there are enough; a value with no more products does not count."""

_PRODUCTS_A_NEIGHBOUR, _FEWEST = 50, 3

WANTED_PRECISION = 0.95
"""Share of the cells that are filled which are to be right, where nothing else is asked for."""

_ONE_OF_THEM = "+"


@dataclass(frozen=True, slots=True)
class TargetFigures:
    """One target on products that were not learned from, shares between 0 and 1.

    `right`: the likeliest value is the product's; `calibration_error`: the mean gap of confidence and accuracy;
    `threshold`: the probability from which values are right in WANTED_PRECISION of the cases, more than 1 where they
    never are; `filled`: the share of products that reach it.
    """

    right: float
    calibration_error: float
    threshold: float
    filled: float


def figures_of(probabilities: NDArray[np.float32], target: Learnable) -> TargetFigures:
    """Return the figures of held-out probabilities, float32 (n, values), of the examples that have a value."""
    known = target.labels >= 0
    told, labels = probabilities[known], target.labels[known]
    threshold, filled = threshold_of(told, labels, WANTED_PRECISION)
    return TargetFigures(
        float((told.argmax(axis=1) == labels).mean()),
        expected_calibration_error(told, labels),
        threshold,
        filled,
    )


def joined(targets: Sequence[Learnable]) -> dict[str, NDArray[np.int64]]:
    """Return what products are found to share: each target's labels, and the first kind's with each other's.

    -1 is for no value, and for one that gathers others.
    """
    alone = {
        one.name: np.where(one.labels == one.values.index(OTHER), -1, one.labels) if OTHER in one.values else one.labels
        for one in targets
    }
    first, *others = targets
    both = {
        f"{first.name}{_ONE_OF_THEM}{one.name}": np.where(
            (alone[first.name] >= 0) & (alone[one.name] >= 0),
            alone[first.name] * len(one.values) + alone[one.name],
            -1,
        )
        for one in others
    }
    return alone | both


def precision_at_10(vectors: NDArray[np.float32], labels: Mapping[str, NDArray[np.int64]]) -> dict[str, float]:
    """Return the share of each vector's ten nearest others that have its label, by name; NaN where none counts.

    `vectors` is float32 (n, dim), unit rows; labels are int64 (n,). Among fewer than 500 it is one in fifty of them, at
    least three; labels that no more examples have don't count.
    """
    n = len(vectors)
    k = min(MOST, max(_FEWEST, n // _PRODUCTS_A_NEIGHBOUR))
    if n <= k:
        return dict.fromkeys(labels, float("nan"))
    nearest = np.empty((n, k), np.int64)
    for start in range(0, n, 1024):
        cosines = vectors[start : start + 1024] @ vectors.T
        cosines[np.arange(len(cosines)), np.arange(start, start + len(cosines))] = -np.inf
        nearest[start : start + 1024] = np.argpartition(-cosines, k, axis=1)[:, :k]
    found = {}
    for name, of in labels.items():
        counts = np.bincount(of[of >= 0], minlength=1)
        asks = (of >= 0) & (counts[np.maximum(of, 0)] > k)
        alike = (of[nearest[asks]] == of[asks, None]).mean(axis=1)
        found[name] = float(alike.mean()) if len(alike) else float("nan")
    return found


def mean_of(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the means of figures by name over those that are numbers."""
    found = {}
    for name in figures[0]:
        numbers = [one[name] for one in figures if not math.isnan(one[name])]
        found[name] = sum(numbers) / len(numbers) if numbers else float("nan")
    return found
