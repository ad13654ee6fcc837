"""Vectors in memory, in FAISS: compared one by one, or reached through a graph of near neighbours."""

import os
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.database.rows import Rows
from models.arrays import Vectors
from models.progress import Progress

M = 16
"""Neighbours that a vector in a graph has on every level (M of the paper), and twice as many on the lowest."""

_AT_ONCE = 10_000  # vectors that join a graph between two steps of its progress, a second or so

EF_CONSTRUCTION = 80  # efConstruction: candidates among which a new vector's neighbours are chosen

# Numbers in all queries from which on FAISS multiplies matrices: half the time for a dozen queries, a third for 64.
# Its own bound is 128,000.
faiss.cvar.distance_compute_blas_threshold = 1536


class Index:
    """Vectors with the rows they belong to, and sometimes a graph over them. Safe to search from several threads.

    `rows` is int64 (n,), ascending; `vectors` float32 (n, dim), a view of FAISS's own memory; neither ever changes.
    The graph is HNSW (Malkov and Yashunin, arXiv 1603.09320); it keeps the vectors whole, so that an index that has one
    can still be searched exactly.
    """

    def __init__(self, mapped: Any) -> None:
        self._mapped = mapped  # owns what `_flat`, `_graph` and `vectors` look into
        index: Any = faiss.downcast_index(mapped.index)
        self._graph: Any = index if isinstance(index, faiss.IndexHNSW) else None
        flat: Any = index if self._graph is None else faiss.downcast_index(index.storage)
        self._flat = flat
        self.rows: Rows = faiss.vector_to_array(mapped.id_map)
        size = len(self.rows) * mapped.d
        values = faiss.rev_swig_ptr(flat.get_xb(), size) if size else np.empty(0, np.float32)
        self.vectors: Vectors = values.reshape(-1, mapped.d)

    @classmethod
    def build(cls, rows: Rows, vectors: Vectors) -> "Index":
        """Return an index of n >= 0 vectors, without a graph."""
        return cls(_mapped(faiss.IndexFlatIP(vectors.shape[1]), rows, vectors))

    @classmethod
    def build_graph(cls, rows: Rows, vectors: Vectors, progress: Progress | None = None) -> "Index":
        """Return an index of n >= 0 vectors with a graph, built on every core: minutes for a million.

        `progress(done, total)` counts vectors.
        """
        graph = faiss.IndexHNSWFlat(vectors.shape[1], M, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = EF_CONSTRUCTION
        faiss.omp_set_num_threads(os.cpu_count() or 1)
        try:
            mapped = faiss.IndexIDMap(graph)
            for start in range(0, len(rows), _AT_ONCE):
                some = slice(start, start + _AT_ONCE)
                _add(mapped, rows[some], vectors[some])
                if progress is not None:
                    progress(min(some.stop, len(rows)), len(rows))
            return cls(mapped)
        finally:
            faiss.omp_set_num_threads(1)

    @property
    def has_graph(self) -> bool:
        """Whether `reach` can be called."""
        return self._graph is not None

    @property
    def ef_search(self) -> int:
        """How many candidates a search through the graph keeps in view (efSearch), unless it is told otherwise."""
        return int(self._graph.hnsw.efSearch)

    @ef_search.setter
    def ef_search(self, candidates: int) -> None:
        self._graph.hnsw.efSearch = candidates

    def nearest(self, queries: Vectors, count: int, allowed: np.ndarray | None) -> tuple[NDArray[np.int64], Vectors]:
        """Compare with every vector: return positions, int64 (n, count), and inner products, float32 (n, count).

        Best first. `allowed` is a mask, bool (len(rows),), of at least `count` positions to search among.
        """
        # Of this thread only: a server searches on several at once, and each would start helpers of its own.
        faiss.omp_set_num_threads(1)
        if allowed is None:
            scores, positions = self._flat.search(queries, count)
        else:
            parameters = faiss.SearchParameters(sel=_selector(allowed))  # type: ignore[call-arg]
            scores, positions = self._flat.search(queries, count, params=parameters)
        return positions, scores

    def reach(
        self, queries: Vectors, count: int, allowed: np.ndarray | None, ef_search: int
    ) -> tuple[NDArray[np.int64], Vectors]:
        """Search through the graph: return what `nearest` does, but some positions may be missed.

        Where fewer than `count` were reached, a row ends with positions of -1. `ef_search` is efSearch.
        """
        faiss.omp_set_num_threads(1)
        selector = None if allowed is None else _selector(allowed)
        parameters = faiss.SearchParametersHNSW(efSearch=ef_search, sel=selector)  # type: ignore[attr-defined]
        scores, positions = self._graph.search(queries, count, params=parameters)
        return positions, scores

    def write(self, writer: Any) -> None:
        """Write the content of an index file to a FAISS writer."""
        faiss.write_index(self._mapped, writer)

    @classmethod
    def read(cls, reader: Any) -> "Index":
        """Return the index whose file's content a FAISS reader gives. Raises RuntimeError, for some damage only."""
        return cls(faiss.read_index(reader))


def _mapped(index: Any, rows: Rows, vectors: Vectors) -> Any:
    mapped = faiss.IndexIDMap(index)
    _add(mapped, rows, vectors)
    return mapped


def _add(mapped: Any, rows: Rows, vectors: Vectors) -> None:
    mapped.add_with_ids(np.ascontiguousarray(vectors), rows)


def _selector(allowed: np.ndarray) -> Any:
    # FAISS's type stubs describe its C++ side here, not its Python side.
    return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))  # type: ignore[call-arg, arg-type]
