"""How good vectors are at finding: by class, and the very same item under changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.changes import LOOKS, Images
from models.embedder import Vectors

_BLOCK = 500
"""Queries compared with the whole gallery at a time."""


@dataclass(frozen=True, slots=True)
class ClassRetrieval:
    """Means over queries, 0 to 1."""

    precision_at_1: float
    precision_at_10: float
    map_at_r: float


def average_precision_at_r(relevant: NDArray[np.bool_], relevant_total: int) -> float:
    """Return MAP@R of one ranking (Musgrave et al., arXiv 2003.08505, eq. 4).

    `relevant` says for each rank, best first, whether the item is of the query's class; only the first
    R = `relevant_total` count. Returns 0 when R is 0.
    """
    if relevant_total == 0:
        return 0.0
    top = relevant[:relevant_total].astype(np.float64)
    precisions = np.cumsum(top) / np.arange(1, len(top) + 1)
    return float((precisions * top).sum() / relevant_total)


def class_retrieval(vectors: Vectors, labels: NDArray[np.integer]) -> ClassRetrieval:
    """Measure retrieval with each item as a query among all the others, by cosine; ties go to the earlier item.

    `vectors` is float32 (n, dim) of unit rows with n >= 11, `labels` integer (n,).
    """
    n = len(vectors)
    totals = np.bincount(labels)[labels] - 1
    deepest = max(10, int(totals.max()))
    firsts: list[NDArray[np.bool_]] = []
    tens: list[NDArray[np.float64]] = []
    averages: list[float] = []
    for start in range(0, n, _BLOCK):
        block = slice(start, min(start + _BLOCK, n))
        scores = vectors[block] @ vectors.T
        scores[np.arange(len(scores)), np.arange(block.start, block.stop)] = -np.inf
        order = _best_first(scores, deepest)
        relevant = labels[order] == labels[block, None]
        firsts.append(relevant[:, 0])
        tens.append(relevant[:, :10].mean(axis=1))
        averages.extend(
            average_precision_at_r(row, int(total)) for row, total in zip(relevant, totals[block], strict=True)
        )
    return ClassRetrieval(
        float(np.concatenate(firsts).mean()), float(np.concatenate(tens).mean()), float(np.mean(averages))
    )


def _best_first(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    if k >= scores.shape[1]:
        return np.argsort(-scores, axis=1, kind="stable")
    top = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    within = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
    return np.take_along_axis(top, within, axis=1)


def looks(
    embed: Callable[[Images], Vectors], images: Images, queries: int = 2_000, seed: int = 0
) -> Mapping[str, float]:
    """Return recall@1 under each of the nine changes, and their `mean`.

    `queries` of the images (n, 28, 28), drawn without replacement, are changed in one way and look for their own
    original among all of them.
    """
    gallery = embed(images)
    chosen = np.random.default_rng(seed).choice(len(images), min(queries, len(images)), replace=False)
    recall: dict[str, float] = {}
    for number, (name, change) in enumerate(LOOKS.items()):
        changed = change(images[chosen], np.random.default_rng([seed, number]))
        nearest = np.concatenate([(block @ gallery.T).argmax(axis=1) for block in np.array_split(embed(changed), 4)])
        recall[name] = float((nearest == chosen).mean())
    return {**recall, "mean": float(np.mean(list(recall.values())))}
