"""From a source into a catalogue: prepare, embed, commit; batch by batch, so that a kill costs one batch at most."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from indexer.catalogue import Catalogue
from indexer.display import display_copy
from indexer.records import DisplayCopy, Record
from indexer.sources import Source, SourceItem
from models.embedder import Embedder

BATCH = 256
"""Items that are embedded, and committed, at once."""

_BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True)
class IndexReport:
    """How many items were new, changed, or as they were, and the generation that holds them all."""

    added: int
    updated: int
    unchanged: int
    generation: int


@dataclass(frozen=True, slots=True)
class _Prepared:
    item: SourceItem
    view: NDArray[np.uint8]
    display: DisplayCopy


def index(
    source: Source, embedder: Embedder, catalogue: Catalogue, progress: Callable[[int, int], None] | None = None
) -> IndexReport:
    """Bring a catalogue up to date with a source, and publish a generation of it.

    Items whose content is what it was are passed over without being embedded; so an interrupted run is resumed by
    running it again. Every batch is durable when `progress(done, total)` counts it. Items that the source doesn't
    have stay in the catalogue.

    Raises ModelMismatch, and what the catalogue's writing and the source's reading raise.
    """
    catalogue.require(embedder.card.fingerprint)
    total, done, added, updated = len(source), 0, 0, 0
    committing: deque[tuple[int, Future[None]]] = deque()

    def finish_oldest() -> None:
        nonlocal done
        size, future = committing.popleft()
        future.result()
        done += size
        if progress is not None:
            progress(done, total)

    # This thread reads, prepares and encodes the next batches while the other embeds and commits; the runtime, zlib
    # and SQLite all let go of Python's lock.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="index") as worker:
        for batch in _batches(source):
            known = catalogue.contents([item.id for item in batch])
            changed = [item for item in batch if known.get(item.id) != item.content]
            updated += sum(item.id in known for item in changed)
            added += sum(item.id not in known for item in changed)
            prepared = [_prepared(item, embedder) for item in changed]
            committing.append((len(batch), worker.submit(_commit, prepared, embedder, catalogue)))
            if len(committing) > _BATCHES_AHEAD:
                finish_oldest()
        while committing:
            finish_oldest()
    return IndexReport(added, updated, done - added - updated, catalogue.publish())


def _batches(items: Iterable[SourceItem]) -> Iterator[list[SourceItem]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _prepared(item: SourceItem, embedder: Embedder) -> _Prepared:
    return _Prepared(item, embedder.prepare(item.picture).pixels, display_copy(item.picture))


def _commit(prepared: list[_Prepared], embedder: Embedder, catalogue: Catalogue) -> None:
    if not prepared:
        return
    vectors, probabilities = embedder.embed(np.stack([one.view for one in prepared]))
    best = probabilities.argmax(axis=1)
    catalogue.upsert(
        [
            Record(
                id=one.item.id,
                label=embedder.card.classes[label],
                probability=float(row[label]),
                vector=vector,
                display=one.display,
                attributes=one.item.attributes,
                content=one.item.content,
            )
            for one, vector, label, row in zip(prepared, vectors, best.tolist(), probabilities, strict=True)
        ]
    )
