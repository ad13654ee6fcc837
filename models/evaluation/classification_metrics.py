"""How good answers are at naming the class: by class, which for which, and how far to be believed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.arrays import Probabilities
from models.calibration import ReliabilityBin, expected_calibration_error, reliability_bins


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class as answered: shares between 0 and 1, and the number of its items.

    `precision` is the share that is right of what was given this label, `recall` the share of this class that was
    given it, `f1` their harmonic mean; each is 0 where there is nothing to take a share of.
    """

    precision: float
    recall: float
    f1: float
    items: int


@dataclass(frozen=True, slots=True)
class ClassificationMetrics:
    """How well n items were named. `confusion` counts by true class (rows) and predicted class (columns)."""

    accuracy: float
    expected_calibration_error: float
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[ReliabilityBin, ...]


def classification_metrics(probabilities: Probabilities, labels: NDArray[np.integer]) -> ClassificationMetrics:
    """Measure probabilities, float32 (n, classes), n >= 1, against true labels, integer (n,)."""
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), probabilities.shape[1])
    return ClassificationMetrics(
        accuracy=float(np.trace(matrix) / matrix.sum()),
        expected_calibration_error=expected_calibration_error(probabilities, labels),
        classes=class_figures(matrix),
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        reliability=reliability_bins(probabilities, labels),
    )


def confusion_matrix(labels: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Return counts (classes, classes): rows are true classes, columns predicted ones."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix


def class_figures(matrix: NDArray[np.int64]) -> tuple[ClassFigures, ...]:
    """Return precision, recall and F1 of each class of a confusion matrix."""
    right, given, items = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    precision, recall = right / np.maximum(given, 1), right / np.maximum(items, 1)
    f1 = 2 * right / np.maximum(given + items, 1)
    return tuple(
        ClassFigures(float(p), float(r), float(f), int(n))
        for p, r, f, n in zip(precision, recall, f1, items, strict=True)
    )
