"""A catalogue made anew with another model, from what it keeps of its items, and put in the place of the old one."""

import json
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import apsw
import numpy as np

from indexer.catalogue.local import LocalCatalogue
from indexer.database import bulk_reads, rows
from indexer.database.bulk_reads import StoredItem
from indexer.database.connections import alone
from indexer.database.locations import DATABASE_FILE, place_for
from indexer.database.rows import Rows
from indexer.database.storage_errors import storage_errors
from indexer.database.store import Store
from indexer.errors import CatalogueDamaged, CatalogueMissing, ReindexIncomplete, WorkersLost
from indexer.pipeline.embed import PreparedItem, embedded
from indexer.pipeline.plan import BATCH
from indexer.pipeline.pool import Workers
from indexer.pipeline.worker_main import Prepared, ReadPicture
from indexer.records import DisplayCopy
from indexer.thumbnails import LOSSLESS_SIDE
from indexer.upkeep import lineage
from indexer.upkeep.scratch import sweep_scratch
from indexer.upkeep.swap import discard, only_one, point_at
from models.card import ModelCard
from models.embedder import Embedder
from models.errors import LookalikeError
from models.pictures.decoding import decode
from models.preprocessing import preprocessing_named
from models.progress import Progress

_BATCHES_AHEAD = 1

Reader: TypeAlias = Callable[[], AbstractContextManager[apsw.Connection]]
"""Gives a connection inside a transaction on the old catalogue."""

_Begun: TypeAlias = tuple[StoredItem, Future[Prepared] | None]
"""An item, and its picture that a worker prepares; None for one that is prepared here, as that is quicker."""


@dataclass(frozen=True, slots=True)
class Reindexed:
    """How many items the catalogue has, how many of them were embedded now, and where the old catalogue is kept.

    `previous` is None when the catalogue had been made with this model already, and nothing was done.
    """

    items: int
    embedded: int
    previous: Path | None


def reindex(
    root: Path | str, embedder: Embedder, progress: Progress | None = None, workers: int | None = None
) -> Reindexed:
    """Make a catalogue anew with another model from its display copies, beside the old one, and switch to it.

    Ids, attributes and content keys are carried over, so that indexing the source again finds nothing changed. Every
    batch is durable when `progress(done, total)` counts it; an interrupted run is resumed by running it again. What is
    written to the old catalogue meanwhile is carried over too. The switch is one step, made while no one can write to
    the old catalogue; who has that open goes on reading it, and gets CatalogueReplaced for writing. It is kept.

    Larger pictures are embedded from the reduced JPEG that is kept of them: see `indexer.thumbnails`. They are
    prepared by `workers` processes, as `indexing.index` says.

    A place that an earlier run has left is begun anew when the catalogue has been repaired or restored since.

    Raises ReindexIncomplete, and does not switch, when kept pictures can't be embedded; what
    `LocalCatalogue.open` raises; CatalogueNotWritable, CatalogueBusy, WorkersLost.
    """
    root, card = Path(root), embedder.card
    with closing(Store(root)) as old:
        old.check()
        if old.described().fingerprint == card.fingerprint:
            return Reindexed(_count(old), 0, None)
        with only_one(root):
            sweep_scratch(root)
            place = _place(root, old, card.fingerprint)
            preprocessing = preprocessing_named(card.preprocessing)
            with closing(Store(root, directory=place)) as new, Workers(preprocessing, workers) as pool:
                _make_sure_of(new, card)
                carrier = _Carrier(new, embedder, pool, progress)
                # Until so little is left that writers can wait for it.
                while carrier.carry(old.read) > BATCH:
                    pass
                carrier.require_all()
                LocalCatalogue(new).publish()
                with old.write() as connection:
                    carrier.carry(lambda: nullcontext(connection))
                    carrier.require_all()
                    _carry_memory(connection, new)
                    point_at(root, place)
                return Reindexed(_count(new), carrier.embedded, old.directory)


class _Carrier:
    """Brings the new catalogue's rows to those of the old one, under the same numbers.

    A row number stands for one item with one picture and one set of attributes for ever, so two lists of numbers tell
    what is left to do, however often and wherever this was stopped.
    """

    def __init__(self, store: Store, embedder: Embedder, pool: Workers, progress: Progress | None) -> None:
        self._store = store
        self._embedder = embedder
        self._pool = pool
        self._progress = progress or (lambda done, total: None)
        self._failed: dict[int, str] = {}
        self.embedded = 0

    def carry(self, reader: Reader) -> int:
        """Delete what the old catalogue no longer has, embed and add what is new in it; return how many these were."""
        with reader() as connection:
            wanted = rows.rows_where(connection, None)
        with self._store.read() as connection:
            there = rows.rows_where(connection, None)
        gone = np.setdiff1d(there, wanted, assume_unique=True)
        if len(gone):
            with self._store.write() as connection:
                rows.delete_rows(connection, gone)
        missing = np.setdiff1d(np.setdiff1d(wanted, there, assume_unique=True), list(self._failed))
        done = len(wanted) - len(missing)
        self._progress(done, len(wanted))
        begun: deque[list[_Begun]] = deque()
        for start in range(0, len(missing) + _BATCHES_AHEAD * BATCH, BATCH):
            begun.append(self._begun(reader, missing[start : start + BATCH]))
            if len(begun) > _BATCHES_AHEAD:
                self._commit(begun.popleft())
                done = min(done + BATCH, len(wanted))
                self._progress(done, len(wanted))
        return len(missing)

    def require_all(self) -> None:
        """Raise ReindexIncomplete when items failed."""
        if self._failed:
            first = next(iter(self._failed.values()))
            raise ReindexIncomplete(
                f"{len(self._failed)} items can't be embedded from the pictures that are kept of them (the first: "
                f"{first}). The catalogue stays as it is. Delete them with `lookalike items delete`, run this again, "
                "and index them anew from their source."
            )

    def _begun(self, reader: Reader, numbers: Rows) -> list[_Begun]:
        """Let the pictures of those rows that still live be prepared by the workers, but for tiny ones."""
        with reader() as connection:
            items = bulk_reads.stored_items(connection, numbers)
        return [
            (item, self._pool.begin(ReadPicture(item.display.data)) if _needs_a_worker(item.display) else None)
            for item in items
        ]

    def _commit(self, begun: Sequence[_Begun]) -> None:
        """Embed a batch and write it in one transaction."""
        numbers: list[int] = []
        prepared: list[PreparedItem] = []
        for item, task in begun:
            try:
                picture = self._picture(item, task)
            except WorkersLost:
                raise
            except LookalikeError as error:
                self._failed[item.row] = f"{item.id}: {error}"
            else:
                numbers.append(item.row)
                prepared.append(PreparedItem(item.id, item.attributes, item.content_key, picture))
        if not prepared:
            return
        card = self._embedder.card
        records = embedded(prepared, self._embedder)
        for record in records:
            rows.check_change(record, card.dim, card.classes)
        with self._store.write() as connection:
            rows.insert(connection, records, numbers)
        self.embedded += len(records)

    def _picture(self, item: StoredItem, task: Future[Prepared] | None) -> Prepared:
        """Return what a kept picture becomes; it is kept on as it is, not encoded again."""
        if task is not None:
            return replace(task.result(), display=item.display)
        picture = decode(item.display.data)
        return Prepared.of(picture, self._embedder.prepare(picture), item.display)


def _needs_a_worker(display: DisplayCopy) -> bool:
    return max(display.width, display.height) > LOSSLESS_SIDE


def _place(root: Path, old: Store, fingerprint: str) -> Path:
    """Return where the new catalogue goes: where one of its model is that it can go on from, or a new place."""
    own = place_for(root, fingerprint)
    for place in (root, own):
        if place != old.directory and _can_go_on(place, root, old, fingerprint):
            return place
    if own == old.directory:
        raise CatalogueDamaged(f"{own} is of another model than its name says. Index again into a new directory.")
    if own.exists():
        with storage_errors(root), alone(own / DATABASE_FILE):
            discard(root, own)
    return own


def _can_go_on(place: Path, root: Path, old: Store, fingerprint: str) -> bool:
    """Tell whether a place holds a catalogue of a model that was made, as far as it goes, from the old one."""
    with closing(Store(root, directory=place)) as there, suppress(CatalogueMissing, CatalogueDamaged):
        there.check()
        if there.described().fingerprint == fingerprint:
            with old.read() as connection, there.read() as begun:
                return lineage.continues(connection, begun)
    return False


def _make_sure_of(store: Store, card: ModelCard) -> None:
    try:
        store.check()
    except CatalogueMissing:
        store.create(card.fingerprint, card.dim, json.dumps(list(card.classes)))


def _count(store: Store) -> int:
    with store.read() as connection:
        return bulk_reads.count(connection, None)


def _carry_memory(old: apsw.Connection, store: Store) -> None:
    """Carry over what a catalogue remembers beyond its items: every attribute name, and the row numbers given away."""
    with store.write() as connection:
        names = [(name,) for name in rows.attribute_names(old)]
        connection.executemany("INSERT OR IGNORE INTO attribute_names (name, digest) VALUES (?1, digest(?1))", names)
        connection.execute("DELETE FROM sqlite_sequence WHERE name = 'items'")
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('items', ?)", (rows.last_row_ever(old),))
