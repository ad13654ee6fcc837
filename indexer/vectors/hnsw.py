"""When a catalogue is searched through a graph, and how far that can be trusted: measured, never assumed."""

import numpy as np

from indexer.database.rows import Rows
from indexer.vectors.faiss_index import Index
from models.arrays import Vectors
from models.progress import Progress

EXACT_UP_TO = 100_000
"""Items up to which every query is compared with every vector: some milliseconds, and no better hit can exist."""

LEAST_RECALL = 0.98
"""A graph that finds a smaller share of the ten nearest is not used."""

MEASURED_AT = 10
"""The k at which the recall of a graph is measured."""

_EF_SEARCH = 32, 64, 128, 256, 512
_SAMPLE = 500


def chosen(
    rows: Rows, vectors: Vectors, exact_up_to: int | None = EXACT_UP_TO, progress: Progress | None = None
) -> tuple[Index, float | None]:
    """Return the index that a catalogue of these n vectors should have, and the recall@10 of a graph over them.

    Up to `exact_up_to` vectors (None: however many) there is no graph, and its recall is None. Beyond, there is one
    with the least `ef_search` that has LEAST_RECALL; where none has, the index is without a graph after all.
    `progress` counts the vectors that have joined a graph.
    """
    if exact_up_to is None or len(rows) <= exact_up_to:
        return Index.build(rows, vectors), None
    index = Index.build_graph(rows, vectors, progress)
    recall = _tuned(index)
    return (index if recall >= LEAST_RECALL else Index.build(rows, vectors)), recall


def recall_at_10(index: Index, ef_search: int, sample: int = _SAMPLE) -> float:
    """Return the share of the ten nearest others that the graph finds for `sample` of its own vectors, 0 to 1.

    What is found counts by its inner product, so that it does not matter which of two equal vectors it is.
    """
    count = min(MEASURED_AT + 1, len(index.rows))
    own = np.random.default_rng(0).choice(len(index.rows), min(sample, len(index.rows)), replace=False)
    queries = index.vectors[own]
    positions, scores = index.nearest(queries, count, None)
    others = np.sort(np.where(positions == own[:, np.newaxis], np.inf, scores), axis=1)  # itself last: the least first
    least = others[:, :1] - queries.shape[1] * float(np.finfo(np.float32).eps)
    positions, scores = index.reach(queries, count, None, ef_search)
    is_near = (positions >= 0) & (positions != own[:, np.newaxis]) & (scores >= least)
    return float(np.minimum(is_near.sum(axis=1) / max(count - 1, 1), 1).mean())


def _tuned(index: Index) -> float:
    """Give an index the least ef_search that has LEAST_RECALL, else the greatest, and return the recall with it."""
    recall = 0.0
    for ef_search in _EF_SEARCH:
        index.ef_search, recall = ef_search, recall_at_10(index, ef_search)
        if recall >= LEAST_RECALL:
            break
    return recall
