"""One state of a catalogue's vectors in memory: an index, what came after it, and what has died since."""

from dataclasses import dataclass, replace
from pathlib import Path

import apsw
import numpy as np
from numpy.typing import NDArray

from indexer import generation, rows
from indexer.generation import Index, IndexFileDamaged, Pointer
from indexer.rows import Rows
from models.embedder import Vectors

Mask = NDArray[np.bool_]
Found = tuple[Rows, NDArray[np.float32]]
"""Rows and their cosines to one query, in no order."""

_SPARE = 16  # candidates beyond k, so that a tie at the k-th place rarely needs a second search
_QUERIES_AT_ONCE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The live rows at one revision. Immutable: a request keeps the one that it started with.

    `alive` masks the index's rows, None while all live. `new_rows` and `new_vectors` are the live rows that the
    index lacks. `is_whole` is False when the published file was damaged and its rows were read from the database.
    """

    revision: int
    pointer: Pointer | None
    is_whole: bool
    index: Index
    alive: Mask | None
    new_rows: Rows
    new_vectors: Vectors
    last_row: int
    last_tombstone: int

    def __len__(self) -> int:
        indexed = len(self.index.rows) if self.alive is None else int(np.count_nonzero(self.alive))
        return indexed + len(self.new_rows)

    def nearest(self, queries: Vectors, k: int, allowed: Rows | None, excluded: Rows) -> list[Found]:
        """Return, for each of n queries (n, dim), the best k rows, and with them all that tie with the k-th.

        `allowed` are the only rows to look among, ascending; None looks among all. A score depends on the two
        vectors alone, not on where a row lies, so equal vectors have equal scores.
        """
        among_indexed = _mask(self.index.rows, self.alive, allowed, excluded)
        among_new = _mask(self.new_rows, None, allowed, excluded)
        found: list[Found] = []
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            block = queries[start : start + _QUERIES_AT_ONCE]
            found += self._nearest(block, k, k + _SPARE, among_indexed, among_new)
        return found

    def _nearest(
        self, queries: Vectors, k: int, count: int, among_indexed: Mask | None, among_new: Mask | None
    ) -> list[Found]:
        """Search index and new rows, then score the candidates again, all in the same way.

        Both searches round sums in float32 as it suits them. So a row can be left out for good only when it is
        further below the k-th than rounding can explain; while one might not be, more candidates are asked for.
        """
        indexed, indexed_scores, indexed_rest = _best_indexed(self.index, queries, count, among_indexed)
        new, new_scores, new_rest = _best_new(self.new_vectors, queries, count, among_new)
        scores = np.concatenate([indexed_scores, new_scores], axis=1)
        unsure = np.zeros(len(queries), dtype=np.bool_)
        if scores.shape[1] > k:
            kth = -np.partition(-scores, k - 1, axis=1)[:, k - 1]
            rounding = (queries.shape[1] + 1) * float(np.finfo(np.float32).eps)
            unsure = np.maximum(indexed_rest, new_rest) >= kth - rounding
        found: list[Found] = []
        for at, query in enumerate(queries):
            if unsure[at]:
                found += self._nearest(queries[at : at + 1], k, 4 * count, among_indexed, among_new)
                continue
            vectors = np.concatenate([self.index.vectors[indexed[at]], self.new_vectors[new[at]]])
            candidates = np.concatenate([self.index.rows[indexed[at]], self.new_rows[new[at]]])
            exact = cosines(query, vectors)
            if len(exact) > k:
                best = exact >= np.partition(exact, len(exact) - k)[len(exact) - k]
                candidates, exact = candidates[best], exact[best]
            found.append((candidates, exact))
        return found


def cosines(query: NDArray[np.float32], vectors: Vectors) -> NDArray[np.float32]:
    """Return the cosines of one unit vector (dim,) with others (n, dim): summed in float64, -1 to 1."""
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
    return _advanced(previous, revision_of(connection), connection, dim)


def _start(pointer: Pointer | None, directory: Path, connection: apsw.Connection, dim: int) -> Snapshot:
    is_whole, last_row, last_tombstone = True, 0, 0
    index = Index.build(np.empty(0, np.int64), np.empty((0, dim), np.float32))
    if pointer is not None:
        try:
            index = generation.load(directory, pointer, dim)
            last_row, last_tombstone = pointer.last_row, pointer.last_tombstone
        except IndexFileDamaged:
            is_whole = False
            live, vectors = rows.vectors_after(connection, 0, dim)
            _, last_tombstone = rows.tombstones_after(connection, pointer.last_tombstone)
            index, last_row = Index.build(live, vectors), int(live.max(initial=0))
    no_rows, no_vectors = index.rows[:0], index.vectors[:0]
    return Snapshot(-1, pointer, is_whole, index, None, no_rows, no_vectors, last_row, last_tombstone)


def _advanced(old: Snapshot, revision: int, connection: apsw.Connection, dim: int) -> Snapshot:
    born, vectors = rows.vectors_after(connection, old.last_row, dim)
    died, last_tombstone = rows.tombstones_after(connection, old.last_tombstone)
    alive, new_rows, new_vectors = old.alive, old.new_rows, old.new_vectors
    if len(died):
        died_in_index = np.isin(old.index.rows, died)
        if died_in_index.any():
            alive = ~died_in_index if alive is None else alive & ~died_in_index
        still = ~np.isin(new_rows, died)
        new_rows, new_vectors = new_rows[still], new_vectors[still]
    if len(born):
        new_rows, new_vectors = np.concatenate([new_rows, born]), np.concatenate([new_vectors, vectors])
    return replace(
        old,
        revision=revision,
        alive=alive,
        new_rows=new_rows,
        new_vectors=new_vectors,
        last_row=int(born.max(initial=old.last_row)),
        last_tombstone=last_tombstone,
    )


def _mask(of: Rows, alive: Mask | None, allowed: Rows | None, excluded: Rows) -> Mask | None:
    mask = alive
    if allowed is not None:
        chosen = np.isin(of, allowed, assume_unique=True)
        mask = chosen if mask is None else mask & chosen
    if len(excluded):
        others = np.isin(of, excluded, assume_unique=True, invert=True)
        mask = others if mask is None else mask & others
    return mask


def _best_indexed(
    index: Index, queries: Vectors, count: int, among: Mask | None
) -> tuple[Rows, NDArray[np.float32], NDArray[np.float32]]:
    """Return positions and scores (n, <= count), and the most that anything left out may score (n,)."""
    available = len(index.rows) if among is None else int(np.count_nonzero(among))
    count = min(count, available)
    if count == 0:
        return _nothing(len(queries))
    positions, scores = index.nearest(queries, count, among)
    rest = scores[:, -1] if count < available else np.full(len(queries), -np.inf, np.float32)
    return positions, scores, rest


def _best_new(
    vectors: Vectors, queries: Vectors, count: int, among: Mask | None
) -> tuple[Rows, NDArray[np.float32], NDArray[np.float32]]:
    positions = np.arange(len(vectors)) if among is None else np.flatnonzero(among)
    if len(positions) == 0:
        return _nothing(len(queries))
    scores = queries @ (vectors if among is None else vectors[positions]).T
    everywhere = np.broadcast_to(positions, scores.shape)
    if count >= len(positions):
        return everywhere, scores, np.full(len(queries), -np.inf, np.float32)
    best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    best_scores = np.take_along_axis(scores, best, axis=1)
    return np.take_along_axis(everywhere, best, axis=1), best_scores, best_scores.min(axis=1)


def _nothing(queries: int) -> tuple[Rows, NDArray[np.float32], NDArray[np.float32]]:
    empty = np.empty((queries, 0))
    return empty.astype(np.int64), empty.astype(np.float32), np.full(queries, -np.inf, np.float32)
