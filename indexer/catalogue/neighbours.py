"""The nearest others of every item of a catalogue, exactly, a block of items at a time."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.records import VectorTable
from indexer.vectors.snapshot import Scores, scores_of
from models.arrays import Vectors

_SPARE = 16  # candidates beyond k, so that a tie at the k-th place rarely needs a second search
_ITEMS_AT_ONCE = 1024  # FAISS takes twice as long for blocks of 256, and hardly less for larger ones

Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """What is nearest to some items, one row a pair: items in order of id, and for each the best first.

    `rank` begins with 1; `score` is float32 (n,), the inner product as `Catalogue.search` gives it. `items` is the
    number of items, also of those that have no neighbours.
    """

    items: int
    id: Sequence[str]
    rank: Sequence[int]
    similar_id: Sequence[str]
    score: Scores


class Neighbourhoods:
    """For each item of a table the k others most like it, never itself; ties by id; fewer where there are fewer.

    `queries_of` turns the items' vectors, float32 (n, dim), into what is searched with, of the same shape. Only what
    the table's filter allows is found; every item is searched for. Iterating yields blocks of items; `len` is the
    number of items.
    """

    def __init__(self, table: VectorTable, k: int, queries_of: Callable[[Vectors], Vectors]) -> None:
        if k < 1:
            raise ValueError("k is at least 1.")
        self._table = table
        self._k = k
        self._queries_of = queries_of
        self._found_in = table.vectors if table.allowed is None else table.vectors[table.allowed]

    def __len__(self) -> int:
        return len(self._table.ids)

    def __iter__(self) -> Iterator[Neighbours]:
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        for start in range(0, len(self), _ITEMS_AT_ONCE):
            yield self._block(range(start, min(start + _ITEMS_AT_ONCE, len(self))))

    def _block(self, items: range) -> Neighbours:
        queries = self._queries_of(self._table.vectors[items.start : items.stop])
        # One more than asked for, since an item may find itself.
        found = _nearest(self._found_in, queries, min(self._k + 1, len(self._found_in)))
        ids = self._table.ids
        columns: tuple[list[str], list[int], list[str], list[Scores]] = [], [], [], []
        for item, (positions, scores) in zip(items, found, strict=True):
            others = positions if self._table.allowed is None else self._table.allowed[positions]
            kept = np.flatnonzero(others != item)[: self._k]
            columns[0].extend([ids[item]] * len(kept))
            columns[1].extend(range(1, len(kept) + 1))
            columns[2].extend(ids[other] for other in others[kept].tolist())
            columns[3].append(scores[kept])
        return Neighbours(len(items), *columns[:3], np.concatenate(columns[3]))


def _nearest(vectors: Vectors, queries: Vectors, k: int, spare: int = _SPARE) -> Iterator[tuple[Positions, Scores]]:
    """Yield for each query the positions of the k best vectors and their scores, best first, ties by position.

    FAISS finds candidates, and these are scored again. It rounds its sums in float32 as its kernels happen to, so a
    vector is left out for good only when it is further below the k-th than rounding can explain; while one might not
    be, more candidates are asked for.
    """
    count = min(k + spare, len(vectors))
    if count == 0:
        yield from [(np.empty(0, np.int64), np.empty(0, np.float32))] * len(queries)
        return
    rough, candidates = faiss.knn(queries, vectors, count, metric=faiss.METRIC_INNER_PRODUCT)
    rough = np.clip(rough, -1, 1)  # as the final ones are, so that what ties there ties here
    rounding = (queries.shape[1] + 1) * float(np.finfo(np.float32).eps) * np.linalg.norm(queries, axis=1)
    unsure = (rough[:, -1] >= rough[:, k - 1] - rounding) & (count < len(vectors))
    for at, query in enumerate(queries):
        if unsure[at]:
            yield from _nearest(vectors, queries[at : at + 1], k, spare=4 * spare)
            continue
        positions = candidates[at]
        scores = scores_of(query, vectors[positions])
        best = np.lexsort((positions, -scores))[:k]
        yield positions[best], scores[best]
