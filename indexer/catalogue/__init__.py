"""The catalogue as everything above it knows it: items and their vectors, searched one state at a time.

`indexer.catalogue.local` keeps it in a directory. Every implementation passes tests/test_catalogue_contract.py.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from indexer.errors import ModelMismatch

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.records import (
        AttributeUpdate,
        DisplayCopy,
        Facet,
        Hits,
        Item,
        Page,
        PageEnd,
        Record,
        VectorTable,
        Where,
        Written,
    )
    from models.arrays import Vectors


class CatalogueState(Protocol):
    """One state of a catalogue: whatever is asked of it belongs together, whoever writes meanwhile.

    It may be used inside the `with` that gave it, by the thread that opened that.
    """

    @property
    def version(self) -> str:
        """What names this state: it changes with every write, and no two catalogues have one in common."""
        ...

    @property
    def generation(self) -> int:
        """The number of the index in use, growing with every publication; 0 before the first."""
        ...

    @property
    def recall(self) -> float | None:
        """The recall@10 of an approximate index in use, as measured when published; None where searches are exact."""
        ...

    def __len__(self) -> int:
        """Return the number of live items."""
        ...

    def get(self, ids: Sequence[str]) -> "list[Item]":
        """Return items in the order of their ids. Raises UnknownItem."""
        ...

    def display(self, id_: str) -> "DisplayCopy":
        """Return the picture of an item as pages show it. Raises UnknownItem."""
        ...

    def vectors(self, ids: Sequence[str]) -> "Vectors":
        """Return the vectors of items in the order of their ids: float32 (n, dim), unit length. Raises UnknownItem."""
        ...

    def content_keys(self, ids: Collection[str]) -> Mapping[str, str]:
        """Return each item's `content_key`, by id, for those ids that are known."""
        ...

    def ids(self) -> list[str]:
        """Return the ids of all live items, in order."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Return the number of items of each class, 0 included, in the model's order of classes."""
        ...

    def browse(
        self,
        where: "Where | None" = None,
        offset: int = 0,
        limit: int = 50,
        sort: str = "id",
        after: "PageEnd | None" = None,
    ) -> "Page":
        """Return up to `limit` items that a filter allows, in an order (`indexer.sorting`).

        They are those from `offset` on; with `after`, the `last` of an earlier page in the same order, those behind it:
        of one state none is missing and none comes twice.

        `relevance` is an order of what words, `q~` in the filter, are found in.

        Raises InvalidFilter, InvalidSort; ValueError for a negative number.
        """
        ...

    def facets(
        self, where: "Where | None" = None, fields: Sequence[str] | None = None, most: int = 20
    ) -> "list[Facet]":
        """Return what fields hold among the items that a filter allows, with at most so many values each.

        A field is `predicted.class`, `colour~` or an attribute; None stands for all that there are. Values that a
        filter takes for equal count as one. Raises InvalidFilter, InvalidFacet; ValueError for a negative number.
        """
        ...

    def filter_notes(self, where: "Where | None" = None, fields: Collection[str] = ()) -> tuple[str, ...]:
        """Return a sentence for each attribute that can't do what a sound filter asks of it.

        It names those, in the filter or among `fields`, that no item ever had, and those that no item has in the kind,
        text or numbers, that the filter compares them with. Raises InvalidFilter.
        """
        ...

    def words(self, text: str, limit: int, where: "Where | None" = None, exclude: Collection[str] = ()) -> "Hits":
        """Return up to `limit` items that say the words of a text, the most relevant first, ties by id.

        What counts are texts among the attributes, the titles most, the predicted class, and what the garment's colours
        are called. Words are found in other forms (by their stems), with other accents, and the last one where
        something begins with it. Where no item says all of them, those that say any are found, and `filter_notes` of
        `{"q~": text}` tells so. A score is the BM25 of the item over that of the best of all, more than 0 and up to 1.
        `where` and `exclude` as in `latest`. Raises InvalidFilter, also for more than 300 characters.
        """
        ...

    def latest(self, limit: int, where: "Where | None" = None, exclude: Collection[str] = ()) -> "list[Item]":
        """Return up to `limit` items, those that were written last, the last of all first. Raises InvalidFilter.

        Only items that `where` allows and whose ids are not among `exclude`. What was changed counts as written.
        """
        ...

    def sample(self, limit: int, where: "Where | None" = None, exclude: Collection[str] = ()) -> "list[Item]":
        """Return up to `limit` items, evenly spread over the order in which all were written, the first of all first.

        It is the same sample whenever the same state is asked. `where` and `exclude` as in `latest`.
        """
        ...

    def search(
        self,
        queries: "Vectors",
        k: int,
        where: "Where | None" = None,
        exclude: Collection[str] = (),
        *,
        exact: bool = False,
    ) -> "list[Hits]":
        """Return the k items most like each query, best first, ties by id; all there are when there are fewer.

        `queries` is float32 (n, dim), rows of length 0.001 to 1000. The search compares with every live item that
        `where` allows and whose id is not among `exclude`, unless an approximate index was published: through that,
        unit queries without a filter find a share of the nearest that was measured (`recall`). `Hits.exact` tells
        which it was; with `exact` it is never the approximate one. A score is the inner product of the query and the
        item's unit vector, so a cosine for a unit query: summed in float64, clipped to -1 to 1, rounded to float32.

        Raises InvalidFilter; ValueError for k < 1 or queries of another shape, type or length, or not finite.
        """
        ...

    def vector_table(self, where: "Where | None" = None) -> "VectorTable":
        """Return every id and vector, and which items a filter allows. Raises InvalidFilter."""
        ...


class Catalogue(Protocol):
    """Items and their vectors, made with one model. Safe to use from any number of threads and processes at once.

    An implementation says how a state is read and how it is changed; what asks one question of the latest state is
    here. Methods that write raise CatalogueNotWritable (read-only, disk full) and CatalogueBusy (another writer took
    too long), and then change nothing; all raise CatalogueDamaged when the catalogue can't be read.
    """

    fingerprint: str
    dim: int
    classes: tuple[str, ...]

    def reading(self) -> AbstractContextManager[CatalogueState]:
        """Give the latest state that any thread or process has committed, for as long as the block lasts.

        One block of a thread must end before its next begins.
        """
        ...

    def upsert(
        self, changes: "Sequence[Record | AttributeUpdate]", expected: "Mapping[str, str | None] | None" = None
    ) -> "Mapping[str, Written]":
        """Add items, replace those whose id exists, or update attributes alone, in one transaction.

        It is durable when this returns what became of each item, by id. Of two changes with one id the later counts.
        `expected` says, by id, which version an item must have, None where there must be none. Raises ValueError for a
        change that isn't sound, UnknownItem for an update of an item that isn't there, VersionConflict where an item
        has another version; then none of them is made.
        """
        ...

    def delete(self, ids: Collection[str], expected: "Mapping[str, str | None] | None" = None) -> int:
        """Take items out, durably; ids that are not known are passed over. Return how many were taken.

        Raises VersionConflict, and takes none, where an item does not have the version expected, as `upsert` does.
        """
        ...

    @property
    def directory(self) -> "Path":
        """Where files that belong with the catalogue may be kept; the same for all who open it."""
        ...

    def publish(self, exact_up_to: int | None = None, progress: "Callable[[int, int], None] | None" = None) -> int:
        """Bring the index up to date where that pays; return the number of the one in use.

        With more than `exact_up_to` items (None: however many) it may be approximate, if that finds enough.
        `progress(done, total)` counts vectors.
        """
        ...

    def keep_up(self) -> None:
        """Publish where so much has been written since the last time that readers pay for it.

        For who writes a little again and again: it takes a moment, builds no graph, and where it can't be done now,
        searches go on being right without it.
        """
        ...

    @property
    def is_current(self) -> bool:
        """Whether this is still the catalogue that its address names; not after a reindexing with another model."""
        ...

    def close(self) -> None:
        """Give back what the catalogue holds. No other thread may be using it."""
        ...

    def require(self, fingerprint: str) -> None:
        """Raise ModelMismatch unless the vectors are of the model with this fingerprint."""
        if fingerprint != self.fingerprint:
            raise ModelMismatch(
                f"{self} holds vectors of the model {self.fingerprint[:12]}; the model in use is "
                f"{fingerprint[:12]}. Vectors of two models don't compare: use the first model (--model DIR), or make "
                f"them anew with the model in use: lookalike reindex --catalogue {self} --model DIR"
            )

    @property
    def generation(self) -> int:
        """The `generation` of the latest state."""
        with self.reading() as state:
            return state.generation

    @property
    def recall(self) -> float | None:
        """The `recall` of the latest state."""
        with self.reading() as state:
            return state.recall

    def __len__(self) -> int:
        """Return the number of live items."""
        with self.reading() as state:
            return len(state)

    def get(self, ids: Sequence[str]) -> "list[Item]":
        """Ask the latest state: see `CatalogueState.get`."""
        with self.reading() as state:
            return state.get(ids)

    def display(self, id_: str) -> "DisplayCopy":
        """Ask the latest state: see `CatalogueState.display`."""
        with self.reading() as state:
            return state.display(id_)

    def vectors(self, ids: Sequence[str]) -> "Vectors":
        """Ask the latest state: see `CatalogueState.vectors`."""
        with self.reading() as state:
            return state.vectors(ids)

    def content_keys(self, ids: Collection[str]) -> Mapping[str, str]:
        """Ask the latest state: see `CatalogueState.content_keys`."""
        with self.reading() as state:
            return state.content_keys(ids)

    def ids(self) -> list[str]:
        """Ask the latest state: see `CatalogueState.ids`."""
        with self.reading() as state:
            return state.ids()

    def counts(self) -> Mapping[str, int]:
        """Ask the latest state: see `CatalogueState.counts`."""
        with self.reading() as state:
            return state.counts()

    def browse(
        self,
        where: "Where | None" = None,
        offset: int = 0,
        limit: int = 50,
        sort: str = "id",
        after: "PageEnd | None" = None,
    ) -> "Page":
        """Ask the latest state: see `CatalogueState.browse`."""
        with self.reading() as state:
            return state.browse(where, offset, limit, sort, after)

    def facets(
        self, where: "Where | None" = None, fields: Sequence[str] | None = None, most: int = 20
    ) -> "list[Facet]":
        """Ask the latest state: see `CatalogueState.facets`."""
        with self.reading() as state:
            return state.facets(where, fields, most)

    def filter_notes(self, where: "Where | None" = None, fields: Collection[str] = ()) -> tuple[str, ...]:
        """Ask the latest state: see `CatalogueState.filter_notes`."""
        with self.reading() as state:
            return state.filter_notes(where, fields)

    def search(
        self,
        queries: "Vectors",
        k: int,
        where: "Where | None" = None,
        exclude: Collection[str] = (),
        *,
        exact: bool = False,
    ) -> "list[Hits]":
        """Ask the latest state: see `CatalogueState.search`."""
        with self.reading() as state:
            return state.search(queries, k, where, exclude, exact=exact)

    def vector_table(self, where: "Where | None" = None) -> "VectorTable":
        """Ask the latest state: see `CatalogueState.vector_table`."""
        with self.reading() as state:
            return state.vector_table(where)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
