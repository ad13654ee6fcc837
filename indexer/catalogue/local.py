"""The catalogue in a directory: durable, and searched exactly while that is quick."""

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from indexer.catalogue import Catalogue
from indexer.catalogue.local_state import LocalState
from indexer.columns.column_files import LEAST_KEPT
from indexer.columns.columns import Columns, Segments
from indexer.database import rows
from indexer.database.store import BUSY_SECONDS, Store, described_in
from indexer.errors import (
    CatalogueBusy,
    CatalogueDamaged,
    CatalogueMissing,
    CatalogueNotWritable,
    CatalogueReplaced,
)
from indexer.records import AttributeUpdate, Item, Record, Written
from indexer.vectors import index_file, publishing, snapshot
from indexer.vectors.hnsw import EXACT_UP_TO
from indexer.vectors.snapshot import Snapshot
from indexer.words.word_index import WordIndex

if TYPE_CHECKING:
    from indexer.vectors.index_file import Pointer


@dataclass(slots=True, eq=False)
class _Memory:
    """What is remembered of one database file, the `files`-th that was opened: caches that readers bring up to date."""

    files: int = 0
    snapshot: Snapshot | None = None
    items: dict[int, Item] = field(default_factory=dict)
    words: WordIndex = field(default_factory=WordIndex)
    columns: Columns = field(default_factory=Columns)
    healed: "Pointer | None" = None
    refreshing: threading.Lock = field(default_factory=threading.Lock)


class LocalCatalogue(Catalogue):
    """Items and their vectors in one directory.

    SQLite holds the truth; FAISS index files beside it are caches, checked whenever they are read and rebuilt when
    they are not as they were written. Open it after a fork, never before.
    """

    def __init__(self, store: Store) -> None:
        """Use `LocalCatalogue.create` or `LocalCatalogue.open`."""
        self._store = store
        self._memory = _Memory(columns=Columns(store.directory))
        self._turn = threading.Lock()
        store.check()
        self.fingerprint, self.dim, self.classes = store.described()
        with self.reading():
            pass

    @classmethod
    def create(
        cls,
        directory: Path | str,
        fingerprint: str,
        dim: int,
        classes: Sequence[str],
        busy_seconds: float = BUSY_SECONDS,
    ) -> "LocalCatalogue":
        """Open the catalogue of one model, making an empty one, and its directory, where there is none.

        `classes` are what may be predicted of its items. Raises ModelMismatch when there is a catalogue of another
        model, else what `open` raises, or CatalogueNotWritable.
        """
        try:
            return cls.open(directory, fingerprint, busy_seconds)
        except CatalogueMissing:
            Store(Path(directory), busy_seconds).create(fingerprint, dim, json.dumps(list(classes)))
        return cls.open(directory, fingerprint, busy_seconds)

    @classmethod
    def open(
        cls,
        directory: Path | str,
        fingerprint: str | None = None,
        busy_seconds: float = BUSY_SECONDS,
        place: Path | None = None,
    ) -> "LocalCatalogue":
        """Open a catalogue; with a fingerprint, only if its vectors are that model's.

        `place` is where in the directory its files are, for who goes on with a catalogue though the directory names
        another by now. Raises CatalogueMissing, CatalogueDamaged, CatalogueTooNew or ModelMismatch.
        """
        store = Store(Path(directory), busy_seconds, place)
        try:
            catalogue = cls(store)
            if fingerprint is not None:
                catalogue.require(fingerprint)
        except BaseException:
            store.close()
            raise
        return catalogue

    def __str__(self) -> str:
        return str(self._store.root)

    @property
    def directory(self) -> Path:
        """Where the catalogue's files are: after a reindexing, a directory inside the one that it was opened by."""
        return self._store.directory

    @property
    def is_current(self) -> bool:
        """Whether the directory still names this catalogue; not after a reindexing. Raises CatalogueDamaged."""
        return self._store.is_named

    @contextmanager
    def reading(self) -> Iterator[LocalState]:
        """Give a read transaction and the vectors of exactly the state that it sees."""
        with self._store.read() as connection:
            memory = self._memory_of(connection)
            vectors = memory.snapshot
            if vectors is None or vectors.revision != snapshot.revision_of(connection):
                vectors = self._refreshed(connection, memory)
            yield LocalState(connection, vectors, self.dim, self.classes, memory.items, memory.words, memory.columns)
        if not vectors.is_whole:
            self._heal(vectors, memory)

    def upsert(
        self, changes: Sequence[Record | AttributeUpdate], expected: Mapping[str, str | None] | None = None
    ) -> Mapping[str, Written]:
        """Add, replace or update items in one durable transaction, as the protocol says."""
        latest = {change.id: change for change in changes}
        for change in changes:
            rows.check_change(change, self.dim, self.classes)
        if not latest:
            return {}
        with self._changing() as connection:
            known = rows.versions_of(connection, latest.keys() | (expected or {}).keys())
            rows.require_versions(known, expected or {})
            records = rows.completed(connection, list(latest.values()), self.dim)
            rows.delete(connection, latest)
            versions = rows.insert(connection, records)
        return {id_: Written(version, id_ not in known) for id_, version in versions.items()}

    def revision_of_others(self) -> int:
        """Return a number that stays as it is while nobody writes but this object."""
        with self.reading() as state:
            return int(state.version, 16) - self._store.revisions

    def delete(self, ids: Collection[str], expected: Mapping[str, str | None] | None = None) -> int:
        """Take items out, durably, as the protocol says. Return how many were taken."""
        with self._changing() as connection:
            if expected:
                rows.require_versions(rows.versions_of(connection, expected), expected)
            return rows.delete(connection, ids)

    @contextmanager
    def _changing(self) -> Iterator[apsw.Connection]:
        """Give a write transaction on what the directory names; raise CatalogueReplaced where that is another."""
        with self._store.write() as connection:
            if not self._store.is_named:
                raise CatalogueReplaced(
                    f"{self._store.root} has been reindexed with another model meanwhile. A server goes on with that "
                    "once it is told to reload (SIGHUP)."
                )
            yield connection

    def publish(self, exact_up_to: int | None = EXACT_UP_TO, progress: Callable[[int, int], None] | None = None) -> int:
        """Build an index file of all live items, unless the published one has them all; return the number in use.

        Without it searches are as exact, but compare new items one by one. Other processes notice by themselves.

        With more than `exact_up_to` items (None: however many) it has a graph, if that finds enough; building one
        takes minutes for a million items, so it waits until a tenth of them has changed; `progress` counts its vectors.
        """
        return self._publish(
            self._store.busy_seconds,
            lambda state: publishing.is_needed(state, exact_up_to),
            exact_up_to,
            progress,
            with_columns=True,
        )

    def keep_up(self) -> None:
        """Publish where that pays for readers, as the protocol says."""
        state = self._memory.snapshot
        if state is not None and publishing.is_overdue(state):
            with suppress(CatalogueNotWritable, CatalogueBusy, CatalogueDamaged):  # whoever reads next is told
                self._publish(0, publishing.is_overdue, exact_up_to=None)

    def _publish(
        self,
        seconds: float,
        is_needed: Callable[[Snapshot], bool],
        exact_up_to: int | None,
        progress: Callable[[int, int], None] | None = None,
        *,
        with_columns: bool = False,
    ) -> int:
        """Publish the latest state where that is needed, waiting so long for others that do.

        Columns are kept beside it where they have been read already, and otherwise if they are asked for.
        """
        with index_file.publisher_lock(self.directory, seconds):
            with self._store.read() as connection:
                memory = self._memory_of(connection)
                state = self._refreshed(connection, memory)
                if state.pointer is not None and not is_needed(state):
                    return state.pointer.number
                live = rows.vectors_after(connection, 0, self.dim)
                segments: Segments = ()
                if (with_columns and len(state) >= LEAST_KEPT) or memory.columns.are_read:
                    with suppress(apsw.CorruptError, json.JSONDecodeError):  # whoever asks for them is told
                        segments = memory.columns.segments(connection, state.revision, state.generation)
            return publishing.publish(self._store, state, *live, exact_up_to, progress, segments)

    def close(self) -> None:
        """Close the database. No other thread may be using the catalogue."""
        self._store.close()
        self._memory = _Memory()

    def _memory_of(self, connection: apsw.Connection) -> "_Memory":
        """Return what is remembered of the file that a connection reads; of one that was put in its place, nothing yet.

        Raises CatalogueReplaced where that is of another model.
        """
        files = self._store.files
        with self._turn:
            if files > self._memory.files:
                if described_in(connection) != (self.fingerprint, self.dim, self.classes):
                    raise CatalogueReplaced(
                        f"{self._store.root} has been replaced by a catalogue of another model. A server goes on with "
                        "that once it is told to reload (SIGHUP)."
                    )
                self._memory = _Memory(files, columns=Columns(self.directory))
            return self._memory if files == self._memory.files else _Memory(files)

    def _refreshed(self, connection: apsw.Connection, memory: "_Memory") -> Snapshot:
        with memory.refreshing:
            # The transaction may be older by now than what another thread has put in place: begin it again.
            connection.execute("ROLLBACK")
            connection.execute("BEGIN")
            state = memory.snapshot
            if state is None or state.revision != snapshot.revision_of(connection):
                state = snapshot.current(state, self.directory, connection, self.dim)
                memory.snapshot = state
            return state

    def _heal(self, state: Snapshot, memory: "_Memory") -> None:
        """Publish anew because the index file was damaged; where that can't be, searches go on from the database."""
        with memory.refreshing:
            is_first, memory.healed = memory.healed != state.pointer, state.pointer
        if is_first:
            with suppress(CatalogueNotWritable, CatalogueBusy):
                self.publish(exact_up_to=None)  # somebody is waiting, and a graph takes minutes
