"""One state of a catalogue's vectors in memory: the published index, what came after it, what has died since."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import apsw
import numpy as np
from numpy.typing import NDArray

from indexer import generation, rows
from indexer.filters import Condition
from indexer.generation import Index, IndexFileDamaged, Pointer
from indexer.rows import Rows
from models.embedder import Vectors

Mask = NDArray[np.bool_]
Scores = NDArray[np.float32]
Found = tuple[Rows, Scores]
"""Rows and their scores for one query, in no order."""

_SPARE = 16  # candidates beyond k, so that a tie at the k-th place rarely needs a second search
_QUERIES_AT_ONCE = 256
_FILTERS_KEPT = 32


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """An index, and which of its rows live: bool (len(index.rows),), or None while all do."""

    index: Index
    alive: Mask | None = None

    def __len__(self) -> int:
        return len(self.index.rows) if self.alive is None else int(np.count_nonzero(self.alive))

    def without(self, died: Rows) -> "Part":
        """Return the part as it is after these rows have died."""
        alive = ~np.isin(self.index.rows, died)
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

    def __len__(self) -> int:
        return len(self.published) + len(self.recent)

    def allowed(self, condition: Condition, find: Callable[[Condition], Rows]) -> tuple[Mask, Mask]:
        """Return masks of the published and the recent rows that a filter allows; remembered, as rows don't change."""
        masks = self._filtered.get(condition)
        if masks is None:
            found = find(condition)
            masks = np.isin(self.published.index.rows, found), np.isin(self.recent.index.rows, found)
            if len(self._filtered) >= _FILTERS_KEPT:
                self._filtered.clear()
            self._filtered[condition] = masks
        return masks

    def nearest(self, queries: Vectors, k: int, allowed: tuple[Mask, Mask] | None, excluded: Rows) -> list[Found]:
        """Return, for each of n queries (n, dim), the best k rows, and with them all that tie with the k-th.

        A score depends on the two vectors alone, not on where a row lies: equal vectors have equal scores.
        """
        parts = [
            Part(part.index, _excluding(part.index, part.alive if allowed is None else mask, excluded))
            for part, mask in zip((self.published, self.recent), allowed or (None, None), strict=True)
        ]
        found: list[Found] = []
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            found += _nearest(parts, queries[start : start + _QUERIES_AT_ONCE], k, k + _SPARE)
        return found


def scores_of(query: NDArray[np.float32], vectors: Vectors) -> Scores:
    """Return the inner products of a query (dim,) with vectors (n, dim): summed in float64, clipped to -1 to 1."""
    products = np.einsum("ij,j->i", vectors.astype(np.float64), query.astype(np.float64))
    return np.asarray(np.clip(products, -1, 1), dtype=np.float32)


def revision_of(connection: apsw.Connection) -> int:
    """Return the number of the state that a transaction sees."""
    return int(connection.execute("SELECT revision FROM catalogue").get)


def current(previous: Snapshot | None, directory: Path, connection: apsw.Connection, dim: int) -> Snapshot:
    """Return the snapshot of what a read transaction sees, building on an earlier one where it can."""
    pointer = generation.published(connection)
    if previous is None or previous.pointer != pointer:
        previous = _start(pointer, directory, connection, dim)
    return _advanced(previous, connection, dim)


def _start(pointer: Pointer | None, directory: Path, connection: apsw.Connection, dim: int) -> Snapshot:
    """Return the state that a published file holds; if it is damaged, the present one, from the database."""
    nothing = Part(Index.build(np.empty(0, np.int64), np.empty((0, dim), np.float32)))
    if pointer is None:
        return Snapshot(-1, None, True, nothing, nothing, 0, 0)
    try:
        index = generation.load(directory, pointer, dim)
        return Snapshot(-1, pointer, True, Part(index), nothing, pointer.last_row, pointer.last_tombstone)
    except IndexFileDamaged:
        live, vectors = rows.vectors_after(connection, 0, dim)
        _, last_tombstone = rows.tombstones_after(connection, pointer.last_tombstone)
        last_row = int(live.max(initial=0))
        return Snapshot(-1, pointer, False, Part(Index.build(live, vectors)), nothing, last_row, last_tombstone)


def _advanced(old: Snapshot, connection: apsw.Connection, dim: int) -> Snapshot:
    born, vectors = rows.vectors_after(connection, old.last_row, dim)
    died, last_tombstone = rows.tombstones_after(connection, old.last_tombstone)
    published, recent = old.published, old.recent
    if len(died):
        published, recent = published.without(died), recent.without(died)
    if len(born):
        kept = slice(None) if recent.alive is None else recent.alive
        recent = Part(
            Index.build(
                np.concatenate([recent.index.rows[kept], born]),
                np.concatenate([recent.index.vectors[kept], vectors]),
            )
        )
    return replace(
        old,
        revision=revision_of(connection),
        published=published,
        recent=recent,
        last_row=int(born.max(initial=old.last_row)),
        last_tombstone=last_tombstone,
        _filtered={},
    )


def _nearest(parts: list[Part], queries: Vectors, k: int, count: int) -> list[Found]:
    """Search the parts for candidates, then score these again, all in the same way.

    FAISS rounds its sums in float32 as its kernels happen to. So a row is left out for good only when it is further
    below the k-th than rounding can explain; while one might not be, more candidates are asked for.
    """
    positions, scores, rests = zip(*(_best(part, queries, count) for part in parts), strict=True)
    together = np.concatenate(scores, axis=1)
    unsure = np.zeros(len(queries), dtype=np.bool_)
    if together.shape[1] > k:
        kth = np.partition(together, -k, axis=1)[:, -k]
        rounding = (queries.shape[1] + 1) * float(np.finfo(np.float32).eps) * np.linalg.norm(queries, axis=1)
        unsure = np.maximum(*rests) >= kth - rounding
    found: list[Found] = []
    for at, query in enumerate(queries):
        if unsure[at]:
            found += _nearest(parts, queries[at : at + 1], k, 4 * count)
            continue
        chosen = [(part.index, best[at]) for part, best in zip(parts, positions, strict=True)]
        candidates = np.concatenate([index.rows[best] for index, best in chosen])
        exact = scores_of(query, np.concatenate([index.vectors[best] for index, best in chosen]))
        if len(exact) > k:
            is_best = exact >= np.partition(exact, -k)[-k]
            candidates, exact = candidates[is_best], exact[is_best]
        found.append((candidates, exact))
    return found


def _best(part: Part, queries: Vectors, count: int) -> tuple[NDArray[np.int64], Scores, Scores]:
    """Return positions and scores (n, <= count), and the most that anything left out may score (n,)."""
    available = len(part)
    count = min(count, available)
    if count == 0:
        positions, scores = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    else:
        positions, scores = part.index.nearest(queries, count, part.alive)
        scores = np.clip(scores, -1, 1)  # as the final ones are, so that what ties there ties here
    rest = scores[:, -1] if count < available else np.full(len(queries), -np.inf, np.float32)
    return positions, scores, rest


def _excluding(index: Index, mask: Mask | None, excluded: Rows) -> Mask | None:
    if len(excluded) == 0:
        return mask
    mask = np.ones(len(index.rows), dtype=np.bool_) if mask is None else mask.copy()
    mask[np.isin(index.rows, excluded)] = False
    return mask
