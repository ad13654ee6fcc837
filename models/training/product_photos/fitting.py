"""Fitting the heads to what the trunk says: main axes in closed form, classifiers by logistic regression."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.calibration import fit_temperature
from models.training.product_photos.network import (
    PARTS,
    Axes,
    Classifier,
    Heads,
    centred,
)
from models.training.product_photos.pictures import Seen
from models.vector_parts import LOOK

PRODUCTS_COUNT = 0.6
"""Where features begin: between the mean of photographs and that of products on white, this share of the way."""

WHITENING = 0.25
"""How much the axes are evened out: each is divided by its variance to the power of half of this."""

_INVERSE_PENALTY = {"folders": 10.0, "classes": 3.0}
_PHOTOGRAPH_COUNTS = 3.0
"""Images that a view of a photograph counts for, as there are fewer of them, where the ten classes are learned."""

_ITERATIONS = 400


def fit_heads(photographs: Seen, drawn: Seen, images: Seen, folders: int) -> Heads:
    """Return the heads fitted to all that is not held out; `folders` is the number of kinds of photographs."""
    seen = tuple(one.where(~one.held_out) for one in (photographs, drawn, images))
    centres = [
        ((1 - PRODUCTS_COUNT) * seen[0].features[name].mean(axis=0) + PRODUCTS_COUNT * _mean(seen[1:], name)).astype(
            np.float32
        )
        for name in ("last", "late", "middle")
    ]
    every = seen[0] + seen[1] + seen[2]
    whole = centred(every.features, centres, np)
    each = [np.full(len(one.right), 1 / len(one.right)) for one in seen]  # each set says as much about the axes
    counts = np.concatenate(each)
    in_colour = np.concatenate([*each[:2], np.zeros_like(each[2])])
    dims = {part.name: part.dim for part in PARTS}
    kind_axes = dims["kind"] - folders - every.right.shape[1]
    classes = _fit_classes(whole, every, counts_as_photograph=every.folder >= 0)
    learned = centred(photographs.where(~photographs.held_out).features, centres, np)
    folder = _classifier(learned, seen[0].folder, np.ones(len(learned)), _INVERSE_PENALTY["folders"])
    held_out = photographs.where(photographs.held_out & photographs.right.any(axis=1))
    logits = centred(held_out.features, centres, np) @ classes.kernel + classes.bias
    return Heads(
        centres=centres,
        kind=main_axes_of(whole, kind_axes, counts),
        look=main_axes_of(_unit(every.features["quarters"]), dims[LOOK], counts),
        colour=main_axes_of(every.features["colours"], dims["colour"], in_colour),
        folders=folder,
        classes=classes,
        temperature=fit_temperature(logits, _likeliest(logits, held_out.right)),
    )


def main_axes_of(vectors: NDArray[np.float32], count: int, weights: NDArray[np.floating]) -> Axes:
    """Return the directions in which vectors, (n, dim), vary most, evened out: (dim, count); `weights` are (n,)."""
    shares = (weights / weights.sum())[:, None]
    centre = (vectors * shares).sum(axis=0)
    spread = (vectors - centre).astype(np.float64)
    variances, axes = np.linalg.eigh((spread * shares).T @ spread)
    largest = np.argsort(-variances)[:count]
    evened = axes[:, largest] * (variances[largest] / variances[largest[0]]) ** (-WHITENING / 2)
    return Axes(centre.astype(np.float32), evened.astype(np.float32))


def _fit_classes(whole: NDArray[np.float32], seen: Seen, counts_as_photograph: NDArray[np.bool_]) -> Classifier:
    """Fit the ten classes; where several are right, the one that a first fit to the others finds likeliest."""
    penalty = _INVERSE_PENALTY["classes"]
    weights = np.where(counts_as_photograph, _PHOTOGRAPH_COUNTS, 1.0)
    single = seen.right.sum(axis=1) == 1
    known = seen.right.any(axis=1)
    first = _classifier(whole[single], seen.right[single].argmax(axis=1), weights[single], penalty)
    labels = _likeliest(whole @ first.kernel + first.bias, seen.right)
    return _classifier(whole[known], labels[known], weights[known], penalty)


def _likeliest(logits: NDArray[np.float32], right: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.asarray(np.where(right, logits, -np.inf).argmax(axis=1), np.int64)


def _classifier(
    features: NDArray[np.float32], labels: NDArray[np.integer], weights: NDArray[np.floating], penalty: float
) -> Classifier:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=penalty, max_iter=_ITERATIONS).fit(features, labels, weights)
    return Classifier(fitted.coef_.T.astype(np.float32), fitted.intercept_.astype(np.float32))


def _mean(seen: Sequence[Seen], name: str) -> NDArray[np.float64]:
    return np.asarray(np.mean([one.features[name].mean(axis=0) for one in seen], axis=0))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return unit
