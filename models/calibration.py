"""Probabilities that mean what they say."""

import numpy as np
from numpy.typing import NDArray


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


def expected_calibration_error(
    probabilities: NDArray[np.float32], labels: NDArray[np.integer], bins: int = 15
) -> float:
    """Return the mean gap between confidence and accuracy over equal-width bins, 0 to 1 (arXiv 1706.04599, eq. 3).

    `probabilities` is (n, classes) with rows that sum to 1, `labels` integer (n,).
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = [
        abs(correct[inside].mean() - confidence[inside].mean()) * inside.mean()
        for inside in (bin_of == index for index in range(bins))
        if inside.any()
    ]
    return float(sum(gaps))
