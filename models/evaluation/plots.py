"""Charts of a model: how it learned, what it takes for what, how far it can be believed, what it finds strange."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import matplotlib as mpl
import numpy as np
import seaborn
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, ScalarFormatter
from numpy.typing import NDArray

from models.calibration import ReliabilityBin

mpl.use("Agg")

Target = Path | IO[bytes]
"""Where a chart goes, as a PNG."""

_FONTS = ("Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "Nimbus Sans", "DejaVu Sans")
_DPI = 200


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a chart: `accent` for what it is about, `quiet` for what that is held against."""

    paper: str
    ink: str
    soft: str
    line: str
    panel: str
    quiet: str
    accent: str


LIGHT = Palette("#fbfaf7", "#1b1a17", "#66625a", "#e3dfd6", "#f3f0ea", "#a39d91", "#b8381a")
DARK = Palette("#151412", "#f1ede5", "#a8a297", "#302d29", "#1d1b18", "#7d776c", "#f0835f")


def draw_curves(
    history: Sequence[Mapping[str, Any]],
    target: Target,
    palette: Palette = LIGHT,
    parts: Sequence[str] = ("loss", "accuracy"),
) -> None:
    """Save loss and accuracy by epoch, or one of them. `history` is a model card's: a mapping for each epoch."""
    lines = {
        "loss": (("loss", palette.accent, "changed training images"),),
        "accuracy": (
            ("accuracy", palette.quiet, "changed training images"),
            ("held_out_accuracy", palette.accent, "held-out images"),
        ),
    }
    titles = {"loss": "Loss on the changed training images", "accuracy": "Accuracy"}
    epochs = [epoch["epoch"] for epoch in history]
    marker = "o" if len(epochs) == 1 else None
    with _style(palette):
        figure = Figure(figsize=(4.7 * len(parts), 3.2), layout="constrained")
        for axes, part in zip(figure.subplots(1, len(parts), squeeze=False)[0], parts, strict=True):
            for key, color, label in lines[part]:
                axes.plot(epochs, [epoch[key] for epoch in history], color=color, label=label, marker=marker)
            axes.set_title(titles[part], loc="left")
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.yaxis.get_major_locator().set_params(nbins=5)
            if len(lines[part]) > 1:
                axes.legend(frameon=False, loc="lower right")
            _plain(axes)
        _save(figure, target)


def draw_confusion(
    matrix: Sequence[Sequence[int]], classes: Sequence[str], target: Target, palette: Palette = LIGHT
) -> None:
    """Save a heat map of a confusion matrix in per cent of each true class; shares below half a per cent are blank."""
    counts = np.asarray(matrix)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    texts = np.array([[f"{share:.0f}" if share >= 0.5 else "" for share in row] for row in shares])
    with _style(palette):
        figure = Figure(figsize=(4.7, 4.4), layout="constrained")
        axes = figure.subplots()
        seaborn.heatmap(
            shares,
            ax=axes,
            annot=texts,
            fmt="",
            cmap=LinearSegmentedColormap.from_list("accent", [palette.panel, palette.accent]),
            vmin=0,
            vmax=100,
            square=True,
            linewidths=1,
            linecolor=palette.paper,
            cbar=False,
            xticklabels=list(classes),
            yticklabels=list(classes),
        )
        axes.tick_params(length=0)
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_xticks(axes.get_xticks(), list(classes), rotation=40, ha="right", rotation_mode="anchor")
        _save(figure, target)


def draw_reliability(bins: Sequence[ReliabilityBin], target: Target, palette: Palette = LIGHT) -> None:
    """Save a reliability diagram: accuracy against confidence, and below it where the answers lie."""
    filled = [one for one in bins if one.items]
    width = bins[0].high - bins[0].low
    with _style(palette):
        figure = Figure(figsize=(4.7, 4.4), layout="constrained")
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        axes.bar([one.low for one in filled], [one.accuracy for one in filled], width * 0.92, align="edge",
                 color=palette.line)  # fmt: skip
        axes.plot([0, 1], [0, 1], color=palette.soft, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot([one.confidence for one in filled], [one.accuracy for one in filled], "o-", markersize=5,
                  color=palette.accent)  # fmt: skip
        axes.set(ylim=(0, 1.02), xlim=(0, 1), ylabel="share that is right")
        below.bar([one.low for one in filled], [one.items for one in filled], width * 0.92, align="edge",
                  color=palette.quiet)  # fmt: skip
        below.set(xlabel="confidence", ylabel="answers")
        for part in (axes, below):
            _plain(part)
        _save(figure, target)


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """A receiver operating characteristic: the shares of wanted and unwanted that are held up, rising, each (n,)."""

    name: str
    area: float
    wanted: NDArray[np.floating]
    unwanted: NDArray[np.floating]


def draw_rocs(curves: Sequence[RocCurve], point: tuple[float, float], target: Target, palette: Palette = LIGHT) -> None:
    """Save ROC curves, the first as what the chart is about, and a dot where both shares are those of a `point`."""
    with _style(palette):
        figure = Figure(figsize=(4.7, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=palette.line, linewidth=1, linestyle=(0, (4, 3)))
        for number, curve in reversed(list(enumerate(curves))):
            style = (0, ()) if number < 2 else (0, (2, 2))
            axes.plot(curve.wanted, curve.unwanted, color=palette.quiet if number else palette.accent, linestyle=style,
                      label=f"{curve.name}, area {curve.area:.3f}")  # fmt: skip
        axes.plot(*point, "o", color=palette.ink, markersize=7, clip_on=False, label="the policy")
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="of what is wanted, held up", ylabel="of this kind, held up")
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(handles[-2::-1] + handles[-1:], labels[-2::-1] + labels[-1:], frameon=False, loc="lower right")
        _plain(axes)
        _save(figure, target)


def draw_ood_distances(
    known: NDArray[np.floating],
    ood: Mapping[str, NDArray[np.floating]],
    limit: float,
    target: Target,
    palette: Palette = LIGHT,
) -> None:
    """Save histograms of distances on a logarithmic axis: known pictures (n,), below them each kind of `ood` images.

    A line marks the `limit` up to which a picture counts as familiar.
    """
    rows = {"Test images": known, **{name[:1].upper() + name[1:]: values for name, values in ood.items()}}
    low, high = (np.quantile(np.concatenate(list(rows.values())), [0.001, 0.999])).tolist()
    edges = np.geomspace(max(low, 1e-3), high, 70)
    with _style(palette):
        layout = ConstrainedLayoutEngine(h_pad=0, hspace=0)
        figure = Figure(figsize=(4.7, 0.5 + 0.42 * len(rows)), layout=layout)
        for number, (axes, (name, values)) in enumerate(
            zip(figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0], rows.items(), strict=True)
        ):
            counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
            axes.stairs(counts, edges, fill=True, color=palette.accent if number == 0 else palette.quiet)
            axes.axvline(limit, color=palette.soft, linewidth=1, linestyle=(0, (4, 3)))
            axes.set(xscale="log", yticks=[], ylim=(0, counts.max() * 1.1))
            axes.set_ylabel(name, rotation=0, ha="right", va="bottom", y=0)
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(ScalarFormatter())
            axes.minorticks_off()
            seaborn.despine(ax=axes, left=True)
        axes.set_xlabel("distance (dashed: the limit of what is familiar)")
        _save(figure, target)


def _plain(axes: Axes) -> None:
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    seaborn.despine(ax=axes, left=True)


def _style(palette: Palette) -> Any:
    there = set(font_manager.get_font_names())
    return mpl.rc_context(
        {
            "font.family": [name for name in _FONTS if name in there],
            "font.size": 9,
            "text.color": palette.ink,
            "axes.labelcolor": palette.soft,
            "axes.titlesize": 9,
            "axes.titlepad": 10,
            "axes.edgecolor": palette.line,
            "axes.facecolor": palette.paper,
            "figure.facecolor": palette.paper,
            "xtick.color": palette.line,
            "ytick.color": palette.line,
            "xtick.labelcolor": palette.soft,
            "ytick.labelcolor": palette.soft,
            "ytick.major.size": 0,
            "grid.color": palette.line,
            "grid.linewidth": 0.8,
            "lines.linewidth": 1.8,
            "lines.solid_capstyle": "round",
            "legend.labelcolor": palette.soft,
        }
    )


def _save(figure: Figure, target: Target) -> None:
    figure.savefig(target, dpi=_DPI, format="png", metadata={"Software": None})
