"""One state of a local catalogue: a read transaction, and the vectors in memory that belong to it."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import apsw
import numpy as np

from indexer.columns import facet_counts
from indexer.columns.columns import Columns, Segments, lacks
from indexer.conditions import Condition, InRows
from indexer.database import bulk_reads, rows
from indexer.database.filter_notes import notes_on
from indexer.database.rows import Rows
from indexer.fields import ALL, ID, WORDS, attribute_in
from indexer.filters import condition_of
from indexer.records import DisplayCopy, Facet, Hit, Hits, Item, Page, PageEnd, VectorTable, Where
from indexer.sorting import Order
from indexer.vectors.snapshot import Found, Mask, Snapshot
from indexer.words.finding import WordFinder
from indexer.words.word_index import WordIndex
from models.arrays import Vectors

SHORTEST_QUERY, LONGEST_QUERY = 1e-3, 1e3
"""Lengths that a query may have: beyond them float32 would round too much away."""

_MOST_NAMED = 2000
"""Rows up to which a page is taken from those that a filter allows, and not looked for among all."""

MOST_ITEMS_KEPT = 8192
"""Items that a catalogue keeps in memory; past that it lets them go and begins anew."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalState:
    """A `CatalogueState` over SQLite and FAISS."""

    _connection: apsw.Connection
    _snapshot: Snapshot
    _dim: int
    _classes: tuple[str, ...]
    _items: dict[int, Item]
    """Items by row, kept from one state to the next: what lies in a row never changes, and no row is used again."""
    _words: WordIndex
    _columns: Columns
    _rows: dict[str, int] = field(default_factory=dict)
    """The rows of those items that were looked up in this state."""

    @property
    def version(self) -> str:
        """The revision of the database in hexadecimal."""
        return f"{self._snapshot.revision:x}"

    @property
    def generation(self) -> int:
        """The number of the index file in use; 0 before the first."""
        return self._snapshot.pointer.number if self._snapshot.pointer else 0

    @property
    def recall(self) -> float | None:
        """The recall@10 of the graph in use, measured when it was published; None while every search is exact."""
        state = self._snapshot
        return state.pointer.recall if state.pointer and state.published.index.has_graph else None

    def __len__(self) -> int:
        return len(self._snapshot)

    def get(self, ids: Sequence[str]) -> list[Item]:
        """Return items in the order of their ids. Raises UnknownItem."""
        found = rows.rows_by_id(self._connection, ids)
        self._rows.update((id_, row) for id_, (row, _) in found.items())
        return [item for _, item in rows.in_order(ids, found)]

    def display(self, id_: str) -> DisplayCopy:
        """Return the picture of an item as pages show it. Raises UnknownItem."""
        return rows.display_of(self._connection, id_)

    def vectors(self, ids: Sequence[str]) -> Vectors:
        """Return the vectors of items in the order of their ids: float32 (n, dim), unit length. Raises UnknownItem."""
        known = self._known_rows(ids)
        in_memory = None if known is None else self._snapshot.vectors_of(known)
        return rows.vectors_by_id(self._connection, ids, self._dim) if in_memory is None else in_memory

    def content_keys(self, ids: Collection[str]) -> Mapping[str, str]:
        """Return each item's `content_key`, by id, for those ids that are known."""
        return rows.content_keys_of(self._connection, ids)

    def ids(self) -> list[str]:
        """Return the ids of all live items, in order."""
        return rows.all_ids(self._connection)

    def counts(self) -> Mapping[str, int]:
        """Return the number of items of each class, 0 included, in the model's order of classes."""
        counts = rows.count_by_class(self._connection)
        if sum(counts.values()) != len(self) or not counts.keys() <= set(self._classes):
            raise apsw.CorruptError("the index of classes is not that of the items")
        return {name: counts.get(name, 0) for name in self._classes}

    def browse(
        self,
        where: Where | None = None,
        offset: int = 0,
        limit: int = 50,
        sort: str = ID,
        after: PageEnd | None = None,
    ) -> Page:
        """Return some of the items that a filter allows, as the protocol says."""
        if offset < 0 or limit < 0:
            raise ValueError("offset and limit are 0 or more.")
        order = Order.read(sort)
        condition = self._condition(where)
        total = self._snapshot.count(condition, self._rows_where)
        if not total or not limit:
            return Page((), total)
        few = self._few(condition, total)
        items, last = self._finder.page(condition_of(where, self._classes), order, limit, offset, after, few)
        return Page(items, total, last)

    def facets(self, where: Where | None = None, fields: Sequence[str] | None = None, most: int = 20) -> list[Facet]:
        """Return what fields hold among the items that a filter allows, as the protocol says."""
        if most < 0:
            raise ValueError("most is 0 or more.")
        allowed = self._snapshot.live_rows(self._allowed(where))
        segments = self._segments()
        return facet_counts.facets(segments, allowed, partial(rows.attribute_names, self._connection), fields, most)

    def filter_notes(self, where: Where | None = None, fields: Collection[str] = ()) -> tuple[str, ...]:
        """Return what is to be said of a filter and of other fields, as the protocol says."""
        attributes = tuple(attribute_in(field) or field for field in fields)
        return self._snapshot.notes(
            self._condition(where), attributes, partial(notes_on, self._connection, lacks=self._lacks)
        )

    def words(self, text: str, limit: int, where: Where | None = None, exclude: Collection[str] = ()) -> Hits:
        """Return the items that say the words of a text, as the protocol says."""
        condition = condition_of({ALL: [{WORDS: text}, *([where] if where else [])]}, self._classes)
        relevance = self._finder.relevance(condition_of({WORDS: text}, self._classes))
        excluded = frozenset(exclude)
        ranked = self._finder.ranked(self._finder.resolved(condition), relevance)
        best = [one for one in ranked if one[1] not in excluded][:limit]
        items = self._items_of({row for _, _, row in best})
        return Hits(Hit(items[row], -share) for share, _, row in best)

    def latest(self, limit: int, where: Where | None = None, exclude: Collection[str] = ()) -> list[Item]:
        """Return the items that were written last, as the protocol says."""
        return self._in_rows(self._written(where, exclude)[::-1][:limit])

    def sample(self, limit: int, where: Where | None = None, exclude: Collection[str] = ()) -> list[Item]:
        """Return items spread over the order in which they were written, as the protocol says."""
        written = self._written(where, exclude)
        if len(written) > limit:
            written = written[np.arange(limit) * len(written) // limit]
        return self._in_rows(written)

    def search(
        self,
        queries: Vectors,
        k: int,
        where: Where | None = None,
        exclude: Collection[str] = (),
        *,
        exact: bool = False,
    ) -> list[Hits]:
        """Return the k items most like each query, as the protocol says."""
        queries = np.ascontiguousarray(queries)
        if queries.ndim != 2 or queries.shape[1] != self._dim or queries.dtype != np.float32:
            raise ValueError(f"Queries are float32 (n, {self._dim}), not {queries.dtype} {queries.shape}.")
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
        if not np.all((lengths >= SHORTEST_QUERY) & (lengths <= LONGEST_QUERY)):
            raise ValueError(f"Queries are finite vectors of length {SHORTEST_QUERY:g} to {LONGEST_QUERY:g}.")
        if k < 1:
            raise ValueError("k is at least 1.")
        found = self._snapshot.nearest(queries, k, self._allowed(where), self._excluded(exclude), exact)
        items = self._items_of({row for nearest in found for row in nearest.rows.tolist()})
        return [_best(k, items, nearest) for nearest in found]

    def vector_table(self, where: Where | None = None) -> VectorTable:
        """Return every id and vector, and which items a filter allows. Raises InvalidFilter."""
        condition = self._condition(where)
        allowed = None if condition is None else self._rows_where(condition)
        return bulk_reads.vector_table(self._connection, self._dim, allowed)

    def _written(self, where: Where | None, exclude: Collection[str]) -> Rows:
        """Return the rows that a filter allows and that are not excluded, in the order in which they were written."""
        written = self._snapshot.live_rows(self._allowed(where))
        excluded = self._excluded(exclude)
        return written[~np.isin(written, excluded)] if len(excluded) else written

    def _in_rows(self, wanted: Rows) -> list[Item]:
        items = self._items_of(set(wanted.tolist()))
        return [items[row] for row in wanted.tolist()]

    def _allowed(self, where: Where | None) -> tuple[Mask, Mask] | None:
        condition = self._condition(where)
        return None if condition is None else self._snapshot.allowed(condition, self._rows_where)

    def _lacks(self, name: str, of_text: bool) -> bool:
        return lacks(self._segments(), name, of_text=of_text)

    def _rows_where(self, condition: Condition) -> Rows:
        state = self._snapshot
        return self._columns.rows_where(self._connection, state.revision, state.generation, condition)

    def _segments(self) -> Segments:
        state = self._snapshot
        return self._columns.segments(self._connection, state.revision, state.generation)

    def _few(self, condition: Condition | None, total: int) -> Condition | None:
        """Return the rows that a filter allows, where they are so few that it is quicker to name them; else None."""
        if condition is None or total > _MOST_NAMED:
            return None
        allowed = self._snapshot.allowed(condition, self._rows_where)
        return InRows(json.dumps(self._snapshot.live_rows(allowed).tolist()))

    def _excluded(self, ids: Collection[str]) -> Rows:
        known = self._known_rows(ids)
        return rows.rows_of(self._connection, ids) if known is None else known

    def _items_of(self, wanted: set[int]) -> Mapping[int, Item]:
        known = {row: item for row in wanted if (item := self._items.get(row)) is not None}
        if len(known) < len(wanted):
            read = rows.items_by_row(self._connection, wanted - known.keys())
            if len(self._items) + len(read) > MOST_ITEMS_KEPT:
                self._items.clear()
            self._items.update(read)
            known |= read
        self._rows.update((item.id, row) for row, item in known.items())
        return known

    def _known_rows(self, ids: Collection[str]) -> Rows | None:
        """Return the rows of items that were all looked up before; None where one was not."""
        known = [self._rows.get(id_, -1) for id_ in ids]
        return None if -1 in known else np.array(known, np.int64)

    def _condition(self, where: Where | None) -> Condition | None:
        return self._finder.resolved(condition_of(where, self._classes))

    @property
    def _finder(self) -> WordFinder:
        return WordFinder(self._connection, self._words)


def _best(k: int, items: Mapping[int, Item], found: Found) -> Hits:
    hits = [Hit(items[row], score) for row, score in zip(found.rows.tolist(), found.scores.tolist(), strict=True)]
    hits.sort(key=lambda hit: (-hit.score, hit.item.id))
    return Hits(hits[:k], exact=found.exact)
