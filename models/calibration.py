"""Probabilities that mean what they say."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Equal-width bins of confidence."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The answers whose confidence lies in (low, high]: how many, how sure on average, and what share is right.

    Both means are 0 in a bin without answers.
    """

    low: float
    high: float
    items: int
    confidence: float
    accuracy: float


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.integer]) -> float:
    """Return the temperature that minimises the held-out cross-entropy (Guo et al., arXiv 1706.04599).

    `logits` is (n, classes), `labels` integer (n,); the result lies between 0.05 and 20. The cross-entropy has a
    single minimum in the inverse temperature, found by golden-section search.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    right = shifted[np.arange(len(labels)), labels]

    def cross_entropy(log_inverse: float) -> float:
        inverse = np.exp(log_inverse)
        return float(np.mean(np.log(np.exp(inverse * shifted).sum(axis=1)) - inverse * right))

    ratio = (np.sqrt(5) - 1) / 2
    low, high = -np.log(20.0), np.log(20.0)
    for _ in range(60):
        inner_low, inner_high = high - ratio * (high - low), low + ratio * (high - low)
        if cross_entropy(inner_low) < cross_entropy(inner_high):
            high = inner_high
        else:
            low = inner_low
    return float(np.exp(-(low + high) / 2))


def reliability_bins(
    probabilities: NDArray[np.float32], labels: NDArray[np.integer], bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Return the reliability diagram's equal-width bins, lowest confidence first (arXiv 1706.04599, sec. 2).

    `probabilities` is (n, classes) with rows that sum to 1, `labels` integer (n,). The confidence of an answer is
    its highest probability.
    """
    return binned(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels, bins)


def binned(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Return equal-width bins of n answers by their stated confidence (n,), 0 to 1, and whether each is right (n,)."""
    stated = confidence.astype(np.float64)
    bin_of = np.clip(np.ceil(stated * bins).astype(int) - 1, 0, bins - 1)
    counts, sure, right = (np.bincount(bin_of, weights, bins) for weights in (None, stated, correct))
    return tuple(
        ReliabilityBin(
            low=index / bins,
            high=(index + 1) / bins,
            items=int(counts[index]),
            confidence=float(sure[index] / max(counts[index], 1)),
            accuracy=float(right[index] / max(counts[index], 1)),
        )
        for index in range(bins)
    )


def expected_calibration_error(
    probabilities: NDArray[np.float32], labels: NDArray[np.integer], bins: int = BINS
) -> float:
    """Return the mean gap between confidence and accuracy over equal-width bins, 0 to 1 (arXiv 1706.04599, eq. 3).

    `probabilities` is (n, classes) with rows that sum to 1, `labels` integer (n,).
    """
    return mean_gap(reliability_bins(probabilities, labels, bins))


def mean_gap(bins: Sequence[ReliabilityBin]) -> float:
    """Return the mean gap between confidence and accuracy, each bin counted by its answers, 0 to 1."""
    answers = sum(one.items for one in bins)
    return sum(abs(one.accuracy - one.confidence) * one.items for one in bins) / max(answers, 1)
