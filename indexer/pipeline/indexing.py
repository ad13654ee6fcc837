"""From a source into a catalogue: plan, prepare, embed, commit; batch by batch, so that a kill costs one at most."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

from indexer.catalogue import Catalogue
from indexer.content_key import joined
from indexer.errors import ItemFailed, WorkersLost
from indexer.pipeline.fetching import Fetching, Seen
from indexer.pipeline.plan import Change, Step, batches, planned
from indexer.pipeline.pool import DECODING_SECONDS, Task, Workers
from indexer.pipeline.run_report import IndexReport, OnFailure, Outcome, Progress, Tally
from indexer.pipeline.worker_main import Prepared
from indexer.records import AttributeUpdate, Record
from indexer.sources.items import Failure, Source
from indexer.sources.web.access import WebPicture
from indexer.thumbnails import display_copy
from models.embedder import Embedder
from models.errors import LookalikeError
from models.pictures.decoding import Picture
from models.preprocessing import preprocessing_named

_BATCHES_AHEAD = 2

Steps: TypeAlias = Sequence[Step | Failure]
Begun: TypeAlias = Prepared | Task | Future[Seen] | None
"""A picture that is prepared already, is being prepared, or is being fetched; None where none has to be."""


def index(
    source: Source,
    embedder: Embedder,
    catalogue: Catalogue,
    progress: Progress | None = None,
    on_failure: OnFailure | None = None,
    *,
    strict: bool = False,
    prune: bool = False,
    workers: int | None = None,
    decoding_seconds: float = DECODING_SECONDS,
    publishing: Progress | None = None,
) -> IndexReport:
    """Bring a catalogue up to date with a source, and publish a generation of it.

    Items whose content is what it was are passed over without being decoded; so an interrupted run is resumed by
    running it again. New attributes of an unchanged picture are taken over without embedding it again. Every batch is
    durable when `progress(done, total)` counts it; batches are committed in the order of the source. An item that
    fails stays in the catalogue as it was.

    Encoded pictures are prepared by `workers` processes (default: one a core), which are spawned: a script that calls
    this does so below `if __name__ == "__main__"`. One that takes them more than `decoding_seconds` fails. Those at web
    addresses are fetched before, a few at once; that of a known item only where its server does not say that it is
    still the same. With `prune`, items that the source does not have are deleted at the end, unless a failure hides
    some of them. With `strict`, the first failure ends the run. `publishing` counts the vectors that join a graph,
    where one is built.

    Raises ModelMismatch, ItemFailed, WorkersLost, and what the catalogue's writing and the source's reading raise.
    """
    catalogue.require(embedder.card.fingerprint)
    tally = _tally(source, progress, on_failure, strict)
    seen: set[str] | None = set() if prune else None
    committing: deque[Future[Outcome]] = deque()
    # This thread reads, prepares and encodes the next batches while the other embeds and commits; the runtime, zlib
    # and SQLite all let go of Python's lock.
    with (
        Workers(preprocessing_named(embedder.card.preprocessing), workers, decoding_seconds) as pool,
        Fetching(pool.prepared) as fetching,
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="index") as committer,
    ):
        try:
            for steps in _planned(source, catalogue, seen):
                begun = _begun(steps, embedder, pool, fetching)
                committing.append(committer.submit(_committed, steps, begun, embedder, catalogue, pool))
                if len(committing) > _BATCHES_AHEAD:
                    tally.count(committing.popleft().result())
            while committing:
                tally.count(committing.popleft().result())
        except (KeyboardInterrupt, ItemFailed, WorkersLost):
            committer.shutdown(wait=False, cancel_futures=True)
            fetching.close()
            pool.close()
            raise
    gone = _gone(catalogue, seen, tally)
    if gone:
        catalogue.delete(gone)
    return tally.report(catalogue.publish(progress=publishing), gone)


def preview(
    source: Source,
    catalogue: Catalogue | None,
    progress: Progress | None = None,
    on_failure: OnFailure | None = None,
    *,
    strict: bool = False,
    prune: bool = False,
) -> IndexReport:
    """Return what `index` would report, and change nothing; `catalogue` is None where there is none yet.

    Pictures are read, or fetched, and not decoded: what can't be decoded is counted as added or updated.
    """
    tally = _tally(source, progress, on_failure, strict)
    seen: set[str] | None = set() if prune else None
    with Fetching() as fetching:
        for steps in _planned(source, catalogue, seen):
            tally.count(_foreseen(steps, fetching))
    if catalogue is None:
        return tally.report(generation=0, gone=())
    return tally.report(catalogue.generation, _gone(catalogue, seen, tally))


def _tally(source: Source, progress: Progress | None, on_failure: OnFailure | None, strict: bool) -> Tally:
    return Tally(len(source) if isinstance(source, Sized) else 0, progress, on_failure, strict)


def _planned(source: Source, catalogue: Catalogue | None, seen: set[str] | None) -> Iterator[Steps]:
    """Yield what is to be done, batch by batch, and note the ids that the source has."""
    for batch in batches(source):
        ids = [row.id for row in batch if row.id is not None]
        if seen is not None:
            seen.update(ids)
        known = {} if catalogue is None else catalogue.contents(ids)
        yield [planned(row, known) for row in batch]


def _gone(catalogue: Catalogue, seen: set[str] | None, tally: Tally) -> list[str] | None:
    """Return the ids that the source does not have, none unless they were noted; None when it can't be known."""
    if seen is None:
        return []
    return [id_ for id_ in catalogue.ids() if id_ not in seen] if tally.is_complete else None


def _begun(steps: Steps, embedder: Embedder, pool: Workers, fetching: Fetching) -> list[Begun]:
    """Prepare decoded pictures here, as that is quicker than sending them, and let others do the rest."""
    begun: list[Begun] = []
    for step in steps:
        if isinstance(step, Failure) or step.change in {Change.NEW_ATTRIBUTES, Change.NONE}:
            begun.append(None)
        elif isinstance(picture := step.item.picture, WebPicture):
            begun.append(fetching.begin(step))
        elif isinstance(picture, Picture):
            begun.append(Prepared(embedder.prepare(picture).without_display(), display_copy(picture), ""))
        else:
            begun.append(pool.begin(picture))
    return begun


def _committed(
    steps: Steps, begun: Sequence[Begun], embedder: Embedder, catalogue: Catalogue, pool: Workers
) -> Outcome:
    """Embed what is prepared, commit all changes of a batch at once, and return what came of it."""
    failures: list[Failure] = []
    changed: list[tuple[Step, Prepared | None]] = []
    for step, picture in zip(steps, begun, strict=True):
        if isinstance(step, Failure):
            failures.append(step)
            continue
        try:
            done = _done(step, picture, pool)
        except WorkersLost:
            raise
        except LookalikeError as error:
            failures.append(Failure.of(step.item, error))
        else:
            if done[0].change is not Change.NONE:
                changed.append(done)
    records = iter(_records([(step, picture) for step, picture in changed if picture is not None], embedder))
    catalogue.upsert(
        [
            AttributeUpdate(step.item.id, step.item.attributes, step.content) if picture is None else next(records)
            for step, picture in changed
        ]
    )
    added = sum(step.change is Change.NEW for step, _ in changed)
    return Outcome(len(steps), added, len(changed) - added, failures)


def _done(step: Step, picture: Begun, pool: Workers) -> Seen:
    if isinstance(picture, Future):
        return picture.result()
    return step, pool.result(picture) if isinstance(picture, Task) else picture


def _records(prepared: Sequence[tuple[Step, Prepared]], embedder: Embedder) -> list[Record]:
    """Return the records of pictures, embedded in one batch."""
    if not prepared:
        return []
    vectors, probabilities = embedder.embed([picture.view for _, picture in prepared])
    best = probabilities.argmax(axis=1)
    return [
        Record(
            id=step.item.id,
            label=embedder.card.classes[label],
            probability=float(row[label]),
            vector=vector,
            display=picture.display,
            attributes=step.item.attributes,
            content=step.item.content or joined(picture.digest, step.item.attributes),
        )
        for (step, picture), vector, label, row in zip(prepared, vectors, best.tolist(), probabilities, strict=True)
    ]


def _foreseen(steps: Steps, fetching: Fetching) -> Outcome:
    """Return what would come of a batch, were every picture sound that can be read."""
    failures: list[Failure] = []
    changes: Counter[Change] = Counter()
    begun = [
        fetching.begin(step) if isinstance(step, Step) and step.change is Change.UNSEEN else None for step in steps
    ]
    for step, fetched in zip(steps, begun, strict=True):
        if isinstance(step, Failure):
            failures.append(step)
            continue
        try:
            picture = step.item.picture
            if step.change is Change.NEW and not isinstance(picture, Picture | WebPicture):
                picture.read()
            changes[step.change if fetched is None else fetched.result()[0].change] += 1
        except LookalikeError as error:
            failures.append(Failure.of(step.item, error))
    return Outcome(
        len(steps), changes[Change.NEW], changes[Change.NEW_PICTURE] + changes[Change.NEW_ATTRIBUTES], failures
    )
