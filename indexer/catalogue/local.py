"""The catalogue: a directory of items and their vectors, durable, and searched exactly while that is quick."""

import json
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import apsw
import numpy as np

from indexer.database import bulk_reads, rows
from indexer.database.bulk_reads import Gallery
from indexer.database.store import BUSY_SECONDS, Store
from indexer.errors import CatalogueBusy, CatalogueMissing, CatalogueNotWritable, ModelMismatch
from indexer.filters import Condition, compile_where
from indexer.records import AttributeUpdate, DisplayCopy, Hit, Hits, Item, Page, Record, Where
from indexer.vectors import index_file, publishing, snapshot
from indexer.vectors.hnsw import EXACT_UP_TO
from indexer.vectors.snapshot import Found, Snapshot
from models.embedder import Vectors

if TYPE_CHECKING:
    from indexer.vectors.index_file import Pointer
    from models.progress import Progress

SHORTEST_QUERY, LONGEST_QUERY = 1e-3, 1e3
"""Lengths that a query may have: beyond them float32 would round too much away."""


class Catalogue:
    """Items and their vectors in one directory. Safe to use from any number of threads and processes at once.

    SQLite holds the truth; FAISS index files beside it are caches, checked whenever they are read and rebuilt when
    they are not as they were written. Every method sees one state of the catalogue, the latest committed by
    any thread or process. Open it after a fork, never before.

    Methods raise CatalogueDamaged when the database can't be read; those that write raise CatalogueNotWritable
    (read-only, disk full) and CatalogueBusy (another writer took too long), and then change nothing.
    """

    def __init__(self, store: Store) -> None:
        """Use `Catalogue.create` or `Catalogue.open`."""
        self._store = store
        self._snapshot: Snapshot | None = None
        self._refreshing = threading.Lock()
        self._healed: Pointer | None = None
        store.check()
        self.fingerprint, self.dim, self.classes = store.described()
        with self._pinned():
            pass

    @classmethod
    def create(
        cls,
        directory: Path | str,
        fingerprint: str,
        dim: int,
        classes: Sequence[str],
        busy_seconds: float = BUSY_SECONDS,
    ) -> "Catalogue":
        """Open the catalogue of one model, making an empty one, and its directory, where there is none.

        `classes` are the labels that its items may have. Raises ModelMismatch when there is a catalogue of another
        model, else what `open` raises, or CatalogueNotWritable.
        """
        try:
            return cls.open(directory, fingerprint, busy_seconds)
        except CatalogueMissing:
            Store(Path(directory), busy_seconds).create(fingerprint, dim, json.dumps(list(classes)))
        return cls.open(directory, fingerprint, busy_seconds)

    @classmethod
    def open(
        cls, directory: Path | str, fingerprint: str | None = None, busy_seconds: float = BUSY_SECONDS
    ) -> "Catalogue":
        """Open a catalogue; with a fingerprint, only if its vectors are that model's.

        Raises CatalogueMissing, CatalogueDamaged, CatalogueTooNew or ModelMismatch.
        """
        store = Store(Path(directory), busy_seconds)
        try:
            catalogue = cls(store)
            if fingerprint is not None:
                catalogue.require(fingerprint)
        except BaseException:
            store.close()
            raise
        return catalogue

    def require(self, fingerprint: str) -> None:
        """Raise ModelMismatch unless the vectors are of the model with this fingerprint."""
        if fingerprint != self.fingerprint:
            raise ModelMismatch(
                f"{self._store.root} holds vectors of the model {self.fingerprint[:12]}; the model in use is "
                f"{fingerprint[:12]}. Vectors of two models don't compare: use the first model (--model DIR), or make "
                f"them anew with the model in use: lookalike reindex --catalogue {self._store.root} --model DIR"
            )

    @property
    def directory(self) -> Path:
        """Where the catalogue's files are: after a reindexing, a directory inside the one that it was opened by."""
        return self._store.directory

    @property
    def generation(self) -> int:
        """The number of the index file in use, growing with every publication; 0 before the first."""
        with self._pinned() as (_, state):
            return state.pointer.number if state.pointer else 0

    @property
    def recall(self) -> float | None:
        """The recall@10 of the graph in use, measured when it was published; None while every search is exact."""
        with self._pinned() as (_, state):
            return state.pointer.recall if state.pointer and state.published.index.has_graph else None

    def __len__(self) -> int:
        """Return the number of live items."""
        with self._pinned() as (_, state):
            return len(state)

    def upsert(self, changes: Sequence[Record | AttributeUpdate]) -> None:
        """Add items, replace those whose id exists, or update attributes alone, in one transaction.

        It is durable when this returns. Of two changes with one id the later counts. Raises ValueError for one that
        isn't sound, UnknownItem for an update of an item that isn't there; then none of them is made.
        """
        latest = {change.id: change for change in changes}
        for change in changes:
            rows.check_change(change, self.dim, self.classes)
        if latest:
            with self._store.write() as connection:
                records = rows.completed(connection, list(latest.values()), self.dim)
                rows.delete(connection, latest)
                rows.insert(connection, records)

    def delete(self, ids: Collection[str]) -> int:
        """Take items out, durably; ids that are not known are passed over. Return how many were taken."""
        with self._store.write() as connection:
            return rows.delete(connection, ids)

    def get(self, ids: Sequence[str]) -> list[Item]:
        """Return items in the order of their ids. Raises UnknownItem."""
        with self._store.read() as connection:
            return rows.items_by_id(connection, ids)

    def display(self, id_: str) -> DisplayCopy:
        """Return the picture of an item as pages show it. Raises UnknownItem."""
        with self._store.read() as connection:
            return rows.display_of(connection, id_)

    def vectors(self, ids: Sequence[str]) -> Vectors:
        """Return the vectors of items in the order of their ids: float32 (n, dim), unit length. Raises UnknownItem."""
        with self._store.read() as connection:
            return rows.vectors_by_id(connection, ids, self.dim)

    def contents(self, ids: Collection[str]) -> Mapping[str, str]:
        """Return what each item's record had as `content`, by id, for those ids that are known."""
        with self._store.read() as connection:
            return rows.contents_of(connection, ids)

    def ids(self) -> list[str]:
        """Return the ids of all live items, in order."""
        with self._store.read() as connection:
            return rows.all_ids(connection)

    def counts(self) -> Mapping[str, int]:
        """Return the number of items of each class, 0 included, in the model's order of classes."""
        with self._store.read() as connection:
            counts = rows.count_by_label(connection)
        return {label: counts.get(label, 0) for label in self.classes}

    def browse(self, where: Where | None = None, offset: int = 0, limit: int = 50) -> Page:
        """Return up to `limit` items that a filter allows, in order of id, from `offset` on.

        Raises InvalidFilter; ValueError for a negative number.
        """
        if offset < 0 or limit < 0:
            raise ValueError("offset and limit are 0 or more.")
        with self._store.read() as connection:
            return Page(*rows.items_page(connection, self._condition(connection, where), offset, limit))

    def search(
        self,
        queries: Vectors,
        k: int,
        where: Where | None = None,
        exclude: Collection[str] = (),
        *,
        exact: bool = False,
    ) -> list[Hits]:
        """Return the k items most like each query, best first, ties by id; all there are when there are fewer.

        `queries` is float32 (n, dim), rows of length 0.001 to 1000. The search compares with every live item that
        `where` allows and whose id is not among `exclude`, unless a graph was published: through that, unit queries
        without a filter find a share of the nearest that was measured (`recall`). `Hits.exact` tells which it was;
        with `exact` it is never the graph. A score is the inner product of the query and the item's unit vector, so a
        cosine for a unit query: summed in float64, clipped to -1 to 1, rounded to float32.

        Raises InvalidFilter; ValueError for k < 1 or queries of another shape, type or length, or not finite.
        """
        queries = np.ascontiguousarray(queries)
        if queries.ndim != 2 or queries.shape[1] != self.dim or queries.dtype != np.float32:
            raise ValueError(f"Queries are float32 (n, {self.dim}), not {queries.dtype} {queries.shape}.")
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
        if not np.all((lengths >= SHORTEST_QUERY) & (lengths <= LONGEST_QUERY)):
            raise ValueError(f"Queries are finite vectors of length {SHORTEST_QUERY:g} to {LONGEST_QUERY:g}.")
        if k < 1:
            raise ValueError("k is at least 1.")
        with self._pinned() as (connection, state):
            condition = self._condition(connection, where)
            find = partial(rows.rows_where, connection)
            allowed = None if condition is None else state.allowed(condition, find)
            excluded = rows.rows_of(connection, exclude) if exclude else np.empty(0, np.int64)
            found = state.nearest(queries, k, allowed, excluded, exact)
            items = rows.items_by_row(connection, {row for nearest in found for row in nearest.rows.tolist()})
        return [_best(k, items, nearest) for nearest in found]

    def gallery(self, where: Where | None = None) -> Gallery:
        """Return every id and vector of one state, and which items a filter allows. Raises InvalidFilter."""
        with self._store.read() as connection:
            return bulk_reads.gallery(connection, self.dim, self._condition(connection, where))

    def publish(self, exact_up_to: int | None = EXACT_UP_TO, progress: "Progress | None" = None) -> int:
        """Build an index file of all live items, unless the published one has them all; return the number in use.

        Without it searches are as exact, but compare new items one by one. Other processes notice by themselves.

        With more than `exact_up_to` items (None: however many) it has a graph, if that finds enough; building one
        takes minutes for a million items, so it waits until a tenth of them has changed; `progress` counts its vectors.
        """
        with index_file.publisher_lock(self.directory, self._store.busy_seconds):
            with self._pinned(heal=False) as (connection, state):
                if state.pointer is not None and not publishing.is_needed(state, exact_up_to):
                    return state.pointer.number
                live = rows.vectors_after(connection, 0, self.dim)
            return publishing.publish(self._store, state, *live, exact_up_to, progress)

    def close(self) -> None:
        """Close the database. No other thread may be using the catalogue."""
        self._store.close()
        self._snapshot = None

    def __enter__(self) -> "Catalogue":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _pinned(self, heal: bool = True) -> Iterator[tuple[apsw.Connection, Snapshot]]:
        """Give a read transaction and the snapshot of exactly the state that it sees."""
        with self._store.read() as connection:
            state = self._snapshot
            if state is None or state.revision != snapshot.revision_of(connection):
                state = self._refreshed(connection)
            yield connection, state
        if heal and not state.is_whole:
            self._heal(state)

    def _refreshed(self, connection: apsw.Connection) -> Snapshot:
        with self._refreshing:
            # The transaction may be older by now than what another thread has put in place: begin it again.
            connection.execute("ROLLBACK")
            connection.execute("BEGIN")
            state = self._snapshot
            if state is None or state.revision != snapshot.revision_of(connection):
                state = snapshot.current(state, self.directory, connection, self.dim)
                self._snapshot = state
            return state

    def _heal(self, state: Snapshot) -> None:
        """Publish anew because the index file was damaged; where that can't be, searches go on from the database."""
        with self._refreshing:
            is_first, self._healed = self._healed != state.pointer, state.pointer
        if is_first:
            with suppress(CatalogueNotWritable, CatalogueBusy):
                self.publish(exact_up_to=None)  # somebody is waiting, and a graph takes minutes

    def _condition(self, connection: apsw.Connection, where: Where | None) -> Condition | None:
        return compile_where(where, self.classes, rows.attribute_names(connection) if where else ())


def _best(k: int, items: Mapping[int, Item], found: Found) -> Hits:
    hits = [Hit(items[row], score) for row, score in zip(found.rows.tolist(), found.scores.tolist(), strict=True)]
    hits.sort(key=lambda hit: (-hit.score, hit.item.id))
    return Hits(hits[:k], exact=found.exact)
