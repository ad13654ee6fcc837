"""One state of a catalogue's vectors in memory: the published index, what came after it, what was removed since."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import apsw
import numpy as np
from numpy.typing import NDArray

from indexer.columns.column_files import Generation
from indexer.columns.segment import among
from indexer.conditions import Condition
from indexer.database import rows
from indexer.database.rows import Rows
from indexer.vectors import index_file
from indexer.vectors.faiss_index import Index
from indexer.vectors.hnsw import MEASURED_AT
from indexer.vectors.index_file import MOST_PUBLISHED_MEANWHILE, IndexFileDamaged, Pointer
from models.arrays import Vectors

_T = TypeVar("_T", bound=np.generic)

Mask = NDArray[np.bool_]
Scores = NDArray[np.float32]
MOST_CHANGED = 0.1
"""Share of the rows of a graph that may be removed, or come after it, while it is as good as when it was measured."""

_SPARE = 16  # candidates beyond k, so that a tie at the k-th place rarely needs a second search
_QUERIES_AT_ONCE = 256
_FILTERS_KEPT = 32
_GRAPH_PAYS = 50  # vectors that are compared one by one while a graph widens its view by one
_UNIT_TOLERANCE = 1e-3
_EPSILON = float(np.finfo(np.float32).eps)
_LEFT_OUT_AFTERWARDS = 64
"""Rows up to which an exclusion is quicker made from what was found than by telling FAISS what it may find."""


class Found(NamedTuple):
    """Rows and their scores for one query, in no order; `exact` says that no better row exists."""

    rows: Rows
    scores: Scores
    exact: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """An index, and which of its rows live: bool (len(index.rows),), or None while all do."""

    index: Index
    alive: Mask | None = None

    def __len__(self) -> int:
        return len(self.index.rows) if self.alive is None else int(np.count_nonzero(self.alive))

    def among(self, found: Rows) -> Mask:
        """Return which rows live and are among those found, bool (len(index.rows),)."""
        mask = among(self.index.rows, found)
        return mask if self.alive is None else mask & self.alive

    def without(self, removed: Rows) -> "Part":
        """Return the part as it is after these rows are removed."""
        alive = ~np.isin(self.index.rows, removed)
        if alive.all():
            return self
        return Part(self.index, alive if self.alive is None else self.alive & alive)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The live rows at one revision. Immutable: a request keeps the one that it started with.

    `published` is what the index file holds, `recent` the rows after it. `is_whole` is False when the file was
    damaged and `published` was made from the database instead.
    """

    revision: int
    pointer: Pointer | None
    is_whole: bool
    published: Part
    recent: Part
    last_row: int
    last_tombstone: int
    _filtered: dict[Condition, tuple[Mask, Mask]] = field(default_factory=dict)
    _noted: dict[tuple[Condition | None, tuple[str, ...]], tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.published) + len(self.recent)

    @property
    def generation(self) -> Generation | None:
        """The published index file; None where there is none."""
        return None if self.pointer is None else self.pointer.generation

    @property
    def changed(self) -> int:
        """How many rows are not in the index file, or in it and removed."""
        return len(self.recent) + len(self.published.index.rows) - len(self.published)

    def allowed(self, condition: Condition, find: Callable[[Condition], Rows]) -> tuple[Mask, Mask]:
        """Return masks of the published and the recent rows that a filter allows; remembered, as rows don't change.

        Some of what `find` returns may have been removed.
        """
        masks = self._filtered.get(condition)
        if masks is None:
            found = find(condition)
            masks = self.published.among(found), self.recent.among(found)
            if len(self._filtered) >= _FILTERS_KEPT:
                self._filtered.clear()
            self._filtered[condition] = masks
        return masks

    def count(self, condition: Condition | None, find: Callable[[Condition], Rows]) -> int:
        """Return how many rows a filter allows; remembered as well."""
        if condition is None:
            return len(self)
        return sum(int(np.count_nonzero(mask)) for mask in self.allowed(condition, find))

    def notes(
        self,
        condition: Condition | None,
        names: tuple[str, ...],
        find: Callable[[Condition | None, tuple[str, ...]], tuple[str, ...]],
    ) -> tuple[str, ...]:
        """Return what `find` says of a filter and names of attributes; remembered likewise."""
        asked = condition, names
        noted = self._noted.get(asked)
        if noted is None:
            noted = find(condition, names)
            if len(self._noted) >= _FILTERS_KEPT:
                self._noted.clear()
            self._noted[asked] = noted
        return noted

    def nearest(
        self, queries: Vectors, k: int, allowed: tuple[Mask, Mask] | None, excluded: Rows, exact: bool
    ) -> list[Found]:
        """Return, for each of n queries (n, dim), the best k rows, and with them all that tie with the k-th.

        A score depends on the two vectors alone, not on where a row lies: equal vectors have equal scores. Unless
        `exact` is asked for, a graph may be searched instead, and now and then miss a row.
        """
        ef_search = None if exact or allowed is not None else self._ef_search(queries, k + len(excluded))
        found: list[Found] = []
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            some = queries[start : start + _QUERIES_AT_ONCE]
            if ef_search is None:
                found += self._compared(some, k, allowed, excluded)
            else:
                found += self._reached(some, k, excluded, ef_search)
        return found

    def vectors_of(self, rows: Rows) -> Vectors | None:
        """Return the vectors of live rows, float32 (n, dim), as they are in memory; None where one is not there."""
        vectors = np.empty((len(rows), self.published.index.vectors.shape[1]), np.float32)
        are_missing = np.ones(len(rows), dtype=np.bool_)
        for index in (self.published.index, self.recent.index):
            if len(index.rows):
                places = np.minimum(np.searchsorted(index.rows, rows), len(index.rows) - 1)
                are_here = index.rows[places] == rows
                vectors[are_here] = index.vectors[places[are_here]]
                are_missing &= ~are_here
        return None if are_missing.any() else vectors

    def live_rows(self, allowed: tuple[Mask, Mask] | None) -> Rows:
        """Return the live rows, or those of them that a filter allows, ascending."""
        parts = self._parts(allowed, np.empty(0, np.int64))
        return np.concatenate(
            [part.index.rows if part.alive is None else part.index.rows[part.alive] for part in parts]
        )

    def _compared(self, queries: Vectors, k: int, allowed: tuple[Mask, Mask] | None, excluded: Rows) -> list[Found]:
        """Compare queries with every vector that is allowed and not excluded."""
        if len(excluded) <= _LEFT_OUT_AFTERWARDS:
            nothing = np.empty(0, np.int64)
            return _nearest(self._parts(allowed, nothing), queries, k, k + len(excluded) + _SPARE, excluded)
        return _nearest(self._parts(allowed, excluded), queries, k, k + _SPARE)

    def _ef_search(self, queries: Vectors, count: int) -> int | None:
        """Return how broadly to search the graph; None where a scan is as quick, or the graph's recall not known.

        Recall was measured for the ten nearest of unit vectors, so more are searched for more broadly, and a query
        that weighs its parts anew (its length tells) is compared with every vector: the graph joins what is near by
        the usual weights.
        """
        index = self.published.index
        if not index.has_graph or not np.all(np.abs(np.linalg.norm(queries, axis=1) - 1) < _UNIT_TOLERANCE):
            return None
        ef_search = index.ef_search * -(-count // MEASURED_AT)
        is_worth_it = ef_search * _GRAPH_PAYS <= len(index.rows)
        return ef_search if is_worth_it and len(self.published) >= (1 - MOST_CHANGED) * len(index.rows) else None

    def _reached(self, queries: Vectors, k: int, excluded: Rows, ef_search: int) -> list[Found]:
        """Search the published rows through their graph and the recent ones exactly."""
        index, recent = self.published.index, self.recent
        reached, _ = index.reach(queries, k + len(excluded) + _SPARE, self.published.alive, ef_search)
        others, _, _ = _best(recent, queries, k + len(excluded) + _SPARE)
        found: list[Found] = []
        for query, positions, new in zip(queries, reached, others, strict=True):
            old = positions[positions >= 0]
            candidates = np.concatenate([index.rows[old], recent.index.rows[new]])
            scores = scores_of(query, np.concatenate([index.vectors[old], recent.index.vectors[new]]))
            if len(excluded):
                is_wanted = ~np.isin(candidates, excluded)
                candidates, scores = candidates[is_wanted], scores[is_wanted]
            if len(candidates) < k:  # k hits are owed wherever there are k items
                found += self._compared(query[np.newaxis], k, None, excluded)
            else:
                found.append(Found(*_best_of(candidates, scores, k), exact=False))
        return found

    def _parts(self, allowed: tuple[Mask, Mask] | None, excluded: Rows) -> list[Part]:
        return [
            Part(part.index, _excluding(part.index, part.alive if allowed is None else mask, excluded))
            for part, mask in zip((self.published, self.recent), allowed or (None, None), strict=True)
        ]


def scores_of(query: NDArray[np.float32], vectors: Vectors) -> Scores:
    """Return the inner products of a query (dim,) with vectors (n, dim): summed in float64, clipped to -1 to 1."""
    products = np.einsum("ij,j->i", vectors.astype(np.float64), query.astype(np.float64))
    scores: Scores = np.maximum(np.minimum(products, 1), -1).astype(np.float32)
    return scores


def revision_of(connection: apsw.Connection) -> int:
    """Return the number of the state that a transaction sees."""
    return int(connection.execute("SELECT revision FROM catalogue").get)


def current(previous: Snapshot | None, directory: Path, connection: apsw.Connection, dim: int) -> Snapshot:
    """Return the snapshot of what a read transaction sees, building on an earlier one where it can.

    The transaction may be begun anew.
    """
    pointer = index_file.published(connection)
    if previous is None or previous.pointer != pointer:
        previous = _start(pointer, directory, connection, dim)
    return _advanced(previous, connection, dim)


def _start(
    pointer: Pointer | None,
    directory: Path,
    connection: apsw.Connection,
    dim: int,
    tries: int = MOST_PUBLISHED_MEANWHILE,
) -> Snapshot:
    """Return the state that a published file holds; if it is damaged, the present one, from the database.

    Where it is gone because another has been published in its place, the transaction is begun anew.
    """
    nothing = Part(Index.build(np.empty(0, np.int64), np.empty((0, dim), np.float32)))
    if pointer is None:
        return Snapshot(-1, None, True, nothing, nothing, 0, 0)
    try:
        index = index_file.load(directory, pointer, dim)
        return Snapshot(-1, pointer, True, Part(index), nothing, pointer.last_row, pointer.last_tombstone)
    except IndexFileDamaged:
        if tries and index_file.has_been_replaced(connection, pointer):
            return _start(index_file.published(connection), directory, connection, dim, tries - 1)
        live, vectors = rows.vectors_after(connection, 0, dim)
        _, last_tombstone = rows.tombstones_after(connection, pointer.last_tombstone)
        last_row = int(live.max(initial=0))
        return Snapshot(-1, pointer, False, Part(Index.build(live, vectors)), nothing, last_row, last_tombstone)


def _advanced(old: Snapshot, connection: apsw.Connection, dim: int) -> Snapshot:
    added, vectors = rows.vectors_after(connection, old.last_row, dim)
    removed, last_tombstone = rows.tombstones_after(connection, old.last_tombstone)
    published, recent = old.published, old.recent
    if len(removed):
        published, recent = published.without(removed), recent.without(removed)
    if len(added):
        kept = slice(None) if recent.alive is None else recent.alive
        recent = Part(
            Index.build(
                np.concatenate([recent.index.rows[kept], added]),
                np.concatenate([recent.index.vectors[kept], vectors]),
            )
        )
    return replace(
        old,
        revision=revision_of(connection),
        published=published,
        recent=recent,
        last_row=int(added.max(initial=old.last_row)),
        last_tombstone=last_tombstone,
        _filtered={},
        _noted={},
    )


def _nearest(parts: list[Part], queries: Vectors, k: int, count: int, left_out: Rows | None = None) -> list[Found]:
    """Search the parts for candidates, then score these again, all in the same way; those to be left out are not found.

    FAISS rounds its sums in float32 as its kernels happen to. So a row is left out for good only when it is further
    below the k-th than rounding can explain; while one might not be, more candidates are asked for.
    """
    parts = [part for part in parts if len(part.index.rows)] or parts[:1]
    positions, scores, rests = zip(*(_best(part, queries, count) for part in parts), strict=True)
    together = _joined(scores, axis=1)
    unsure = np.zeros(len(queries), dtype=np.bool_)
    needed = k if left_out is None else k + len(left_out)  # so many in any case, those left out among them
    if together.shape[1] > needed:
        kth = np.partition(together, -needed, axis=1)[:, -needed]
        lengths = np.sqrt(np.einsum("ij,ij->i", queries, queries))
        unsure = np.max(rests, axis=0) >= kth - (queries.shape[1] + 1) * _EPSILON * lengths
    found: list[Found] = []
    for at, query in enumerate(queries):
        if unsure[at]:
            found += _nearest(parts, queries[at : at + 1], k, 4 * count, left_out)
            continue
        chosen = [(part.index, best[at]) for part, best in zip(parts, positions, strict=True)]
        candidates = _joined([index.rows[best] for index, best in chosen])
        exact = scores_of(query, _joined([index.vectors[best] for index, best in chosen]))
        if left_out is not None and len(left_out):
            is_wanted = (candidates[:, np.newaxis] != left_out).all(axis=1)
            candidates, exact = candidates[is_wanted], exact[is_wanted]
        found.append(Found(*_best_of(candidates, exact, k)))
    return found


def _joined(arrays: Sequence[NDArray[_T]], axis: int = 0) -> NDArray[_T]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis)


def _best_of(candidates: Rows, scores: Scores, k: int) -> tuple[Rows, Scores]:
    """Return the best k candidates, and with them all that tie with the k-th."""
    if len(scores) <= k:
        return candidates, scores
    is_best = scores >= np.partition(scores, -k)[-k]
    return candidates[is_best], scores[is_best]


def _best(part: Part, queries: Vectors, count: int) -> tuple[NDArray[np.int64], Scores, Scores]:
    """Return positions and scores (n, <= count), and the most that anything left out may score (n,)."""
    available = len(part)
    count = min(count, available)
    if count == 0:
        positions, scores = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    else:
        positions, scores = part.index.nearest(queries, count, part.alive)
        scores = np.maximum(np.minimum(scores, 1), -1)  # as the final ones are, so that what ties there ties here
    rest = scores[:, -1] if count < available else np.full(len(queries), -np.inf, np.float32)
    return positions, scores, rest


def _excluding(index: Index, mask: Mask | None, excluded: Rows) -> Mask | None:
    if len(excluded) == 0:
        return mask
    excluded = np.sort(excluded)
    places = np.searchsorted(index.rows, excluded)
    is_inside = places < len(index.rows)
    places = places[is_inside][index.rows[places[is_inside]] == excluded[is_inside]]
    if len(places) == 0:
        return mask
    mask = np.ones(len(index.rows), dtype=np.bool_) if mask is None else mask.copy()
    mask[places] = False
    return mask
