"""Pictures of a training run: learning curves and the confusion matrix."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import seaborn
from matplotlib.figure import Figure
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.training import EpochReport

mpl.use("Agg")


def confusion_matrix(labels: NDArray[np.integer], predicted: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Return counts (classes, classes): rows are true classes, columns predicted ones."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix


def draw_curves(history: Sequence["EpochReport"], path: Path) -> None:
    """Save loss and accuracy by epoch as a PNG."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss_axes, accuracy_axes = figure.subplots(1, 2)
    epochs = [report.epoch for report in history]
    loss_axes.plot(epochs, [report.loss for report in history], color="#3a4a8c")
    loss_axes.set(title="Training loss", xlabel="epoch")
    accuracy_axes.plot(
        epochs, [report.accuracy for report in history], color="#9aa3c7", label="changed training images"
    )
    accuracy_axes.plot(
        epochs, [report.held_out_accuracy for report in history], color="#c2553a", label="held-out images"
    )
    accuracy_axes.set(title="Accuracy", xlabel="epoch")
    accuracy_axes.legend(frameon=False)
    for axes in (loss_axes, accuracy_axes):
        axes.grid(alpha=0.25)
        seaborn.despine(ax=axes)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def draw_confusion(matrix: NDArray[np.int64], classes: Sequence[str], path: Path) -> None:
    """Save a heat map of a confusion matrix in per cent of each true class as a PNG."""
    shares = 100 * matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(7.2, 6.2), layout="constrained")
    axes = figure.subplots()
    seaborn.heatmap(
        shares,
        ax=axes,
        annot=True,
        fmt=".0f",
        cmap="Blues",
        vmin=0,
        vmax=100,
        square=True,
        linewidths=0.5,
        xticklabels=list(classes),
        yticklabels=list(classes),
        cbar_kws={"label": "% of the true class", "shrink": 0.8},
    )
    axes.set(xlabel="predicted", ylabel="true")
    figure.savefig(path, dpi=120, metadata={"Software": None})
