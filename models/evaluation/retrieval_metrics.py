"""How good vectors are at finding: by class, and the very same item under changes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.arrays import Images, Vectors
from models.augmentations import AUGMENTATIONS
from models.progress import Progress

NEAREST = 10
"""Ranks that are kept of each query."""

_BLOCK = 500
"""Queries compared with the whole gallery at a time."""


@dataclass(frozen=True, slots=True)
class ClassRetrieval:
    """Means over queries, 0 to 1."""

    precision_at_1: float
    precision_at_10: float
    map_at_100: float
    map_at_r: float


@dataclass(frozen=True, slots=True, eq=False)
class Rankings:
    """What each of n items finds as a query among all the others, by cosine.

    `nearest` is integer (n, 10), best first; the measures are float64 (n,), 0 to 1.
    """

    nearest: NDArray[np.int64]
    precision_at_1: NDArray[np.float64]
    precision_at_10: NDArray[np.float64]
    average_precision_at_100: NDArray[np.float64]
    average_precision_at_r: NDArray[np.float64]

    def means(self) -> ClassRetrieval:
        """Return the measures as means over all queries."""
        return ClassRetrieval(
            precision_at_1=float(self.precision_at_1.mean()),
            precision_at_10=float(self.precision_at_10.mean()),
            map_at_100=float(self.average_precision_at_100.mean()),
            map_at_r=float(self.average_precision_at_r.mean()),
        )


def average_precision_at(
    relevant: NDArray[np.bool_], relevant_total: NDArray[np.integer], depth: NDArray[np.integer] | int
) -> NDArray[np.float64]:
    """Return the average precision of n rankings over their first `depth` ranks, float64 (n,), 0 to 1.

    `relevant` (n, ranks) says for each rank, best first, whether the item is of the query's class; `relevant_total`
    (n,) counts all such items. It is the sum of the precision at each relevant rank, divided by the greatest number
    of relevant items that could stand there, min(relevant_total, depth) (Weyand et al., arXiv 2004.01804, sec. 3.4);
    0 where nothing is relevant.
    """
    deepest = np.broadcast_to(depth, relevant_total.shape)
    ranks = np.arange(1, relevant.shape[1] + 1)
    counted = relevant & (ranks <= deepest[:, None])
    precisions = np.cumsum(relevant, axis=1) / ranks
    found: NDArray[np.float64] = (precisions * counted).sum(axis=1)
    found /= np.maximum(np.minimum(relevant_total, deepest), 1)
    return found


def average_precision_at_r(relevant: NDArray[np.bool_], relevant_total: int) -> float:
    """Return MAP@R of one ranking (Musgrave et al., arXiv 2003.08505, eq. 4).

    `relevant` says for each rank, best first, whether the item is of the query's class; only the first
    R = `relevant_total` count. Returns 0 when R is 0.
    """
    total = np.array([relevant_total])
    return float(average_precision_at(relevant[None], total, total)[0])


def rank_all(vectors: Vectors, labels: NDArray[np.integer]) -> Rankings:
    """Rank, for each item as a query, all the others by cosine; ties go to the earlier item.

    `vectors` is float32 (n, dim) of unit rows with n >= 11, `labels` integer (n,).
    """
    n = len(vectors)
    totals = np.bincount(labels)[labels] - 1
    deepest = min(max(100, int(totals.max())), n - 1)
    blocks = []
    for start in range(0, n, _BLOCK):
        block = slice(start, min(start + _BLOCK, n))
        scores = vectors[block] @ vectors.T
        scores[np.arange(len(scores)), np.arange(block.start, block.stop)] = -np.inf
        order = _best_first(scores, deepest)
        relevant = labels[order] == labels[block, None]
        blocks.append(
            (
                order[:, :NEAREST],
                relevant[:, 0].astype(np.float64),
                relevant[:, :10].mean(axis=1),
                average_precision_at(relevant, totals[block], 100),
                average_precision_at(relevant, totals[block], totals[block]),
            )
        )
    return Rankings(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def class_retrieval(vectors: Vectors, labels: NDArray[np.integer]) -> ClassRetrieval:
    """Measure retrieval with each item as a query among all the others, as `rank_all` ranks them."""
    return rank_all(vectors, labels).means()


def _best_first(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the columns of the k highest scores of each row, (n, k); of equal scores the earlier comes first.

    A score and its column make one whole number that sorts as both should, so that a partition can't split ties
    at random. Bits of a float sort as the float does once the negative ones are turned round.
    """
    bits = (scores + np.float32(0)).view(np.uint32)  # -0 becomes 0
    falling = np.where(bits >> 31, bits, ~bits & np.uint32(0x7FFFFFFF))
    keys = (falling.astype(np.uint64) << np.uint64(32)) | np.arange(scores.shape[1], dtype=np.uint64)
    if k < scores.shape[1]:
        keys = np.partition(keys, k - 1, axis=1)[:, :k]
    return (np.sort(keys, axis=1) & np.uint64(0xFFFFFFFF)).astype(np.int64)


def instance_recall(
    embed: Callable[[Images], Vectors],
    images: Images,
    queries: int = 2_000,
    seed: int = 0,
    progress: Progress = lambda done, total: None,
) -> Mapping[str, float]:
    """Return recall@1 under each of the nine augmentations, and their `mean`.

    `queries` of the images (n, height, width), drawn without replacement, are changed in one way and look for their own
    original among all of them; of equally near items the earlier counts. `progress` counts the augmentations.
    """
    gallery = embed(images)
    chosen = np.random.default_rng(seed).choice(len(images), min(queries, len(images)), replace=False)
    recall: dict[str, float] = {}
    for number, (name, augment) in enumerate(AUGMENTATIONS.items()):
        changed = augment(images[chosen], np.random.default_rng([seed, number]))
        nearest = np.concatenate([(block @ gallery.T).argmax(axis=1) for block in np.array_split(embed(changed), 4)])
        recall[name] = float((nearest == chosen).mean())
        progress(len(recall), len(AUGMENTATIONS))
    return {**recall, "mean": float(np.mean(list(recall.values())))}
