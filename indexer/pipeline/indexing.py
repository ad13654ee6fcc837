"""From a source into a catalogue: plan, prepare, embed, commit; batch by batch, so that a kill costs one at most."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TypeAlias

from indexer.catalogue import Catalogue
from indexer.content_key import ContentKey
from indexer.errors import ItemFailed, WorkersLost
from indexer.pipeline.embed import PreparedItem, embedded
from indexer.pipeline.fetching import Fetching, Resolved
from indexer.pipeline.plan import Change, Plan, batches, planned
from indexer.pipeline.pool import DECODING_SECONDS, Workers
from indexer.pipeline.pruning import prune_doubt
from indexer.pipeline.run_report import IndexReport, OnFailure, Outcome, RunReport
from indexer.pipeline.spellings import as_kept
from indexer.pipeline.worker_main import Prepared
from indexer.records import AttributeUpdate
from indexer.sources.items import Failure, Source, SourceItem
from indexer.sources.web.access import WebPicture
from indexer.thumbnails import display_copy
from models.embedder import Embedder
from models.errors import LookalikeError
from models.pictures.decoding import Picture
from models.preprocessing import preprocessing_named
from models.progress import Progress

_BATCHES_AHEAD = 2

Pending: TypeAlias = Prepared | Future[Prepared] | Future[Resolved] | None
"""A picture that is prepared already, is being prepared, or is being fetched; None where none has to be."""

Begun: TypeAlias = tuple[Plan | Failure, Pending]
"""What is to be done for a row, and its picture."""


def index(
    source: Source,
    embedder: Embedder,
    catalogue: Catalogue,
    progress: Progress | None = None,
    on_failure: OnFailure | None = None,
    *,
    strict: bool = False,
    prune: bool = False,
    prune_surely: bool = False,
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
    some of them, or so many are missing that they are likelier moved (`indexer.pipeline.pruning`) and it is not to be
    done `prune_surely`. With `strict`, the first failure ends the run. `publishing` counts the vectors that join a
    graph, where one is built.

    Raises ModelMismatch, ItemFailed, WorkersLost, and what the catalogue's writing and the source's reading raise.
    """
    catalogue.require(embedder.card.fingerprint)
    run = _run_report(source, progress, on_failure, strict)
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
            for batch in batches(source):
                rows, kept = _noted(batch, catalogue, seen)
                begun = [_begun(planned(row, kept), embedder, pool, fetching) for row in rows]
                committing.append(committer.submit(_committed, begun, embedder, catalogue))
                if len(committing) > _BATCHES_AHEAD:
                    run.count(_awaited(committing.popleft()))
            while committing:
                run.count(_awaited(committing.popleft()))
        except (KeyboardInterrupt, ItemFailed, WorkersLost):
            committer.shutdown(wait=False, cancel_futures=True)
            fetching.close()
            pool.close()
            raise
    gone, doubt = _gone(catalogue, seen, run, source, prune_surely)
    if gone:
        catalogue.delete(gone)
    return run.report(catalogue.publish(progress=publishing), gone, doubt)


def _awaited(outcome: Future[Outcome]) -> Outcome:
    """Wait for what a batch becomes, by the second: an interrupt that comes just as a wait begins does not end it."""
    while not wait([outcome], 1).done:
        pass
    return outcome.result()


def preview(
    source: Source,
    catalogue: Catalogue | None,
    progress: Progress | None = None,
    on_failure: OnFailure | None = None,
    *,
    strict: bool = False,
    prune: bool = False,
    prune_surely: bool = False,
) -> IndexReport:
    """Return what `index` would report, and change nothing; `catalogue` is None where there is none yet.

    Pictures are read, or fetched, and not decoded: what can't be decoded is counted as added or updated.
    """
    run = _run_report(source, progress, on_failure, strict)
    seen: set[str] | None = set() if prune else None
    with Fetching() as fetching:
        for batch in batches(source):
            run.count(_foreseen(*_noted(batch, catalogue, seen), fetching))
    if catalogue is None:
        return run.report(generation=0, gone=())
    return run.report(catalogue.generation, *_gone(catalogue, seen, run, source, prune_surely))


def _run_report(source: Source, progress: Progress | None, on_failure: OnFailure | None, strict: bool) -> RunReport:
    return RunReport(len(source) if isinstance(source, Sized) else 0, progress, on_failure, strict)


def _noted(
    batch: Sequence[SourceItem | Failure], catalogue: Catalogue | None, seen: set[str] | None
) -> tuple[Sequence[SourceItem | Failure], Mapping[str, str]]:
    """Return a batch and the content keys that a catalogue keeps of its items, and note the ids that it has."""
    rows, kept = as_kept(batch, catalogue)
    if seen is not None:
        seen.update(row.id for row in rows if row.id is not None)
    return rows, kept


def _gone(
    catalogue: Catalogue, seen: set[str] | None, run: RunReport, source: Source, surely: bool
) -> tuple[list[str] | None, str]:
    """Return the ids that the source does not have, none unless they were noted, or None when it can't be known; and
    why they are not to be deleted, none of them then.
    """
    if seen is None:
        return [], ""
    if not run.is_complete:
        return None, ""
    ids = catalogue.ids()
    gone = [id_ for id_ in ids if id_ not in seen]
    doubt = "" if surely else prune_doubt(ids, gone, by_folder=getattr(source, "has_sub_folders", False))
    return ([] if doubt else gone), doubt


def _begun(plan: Plan | Failure, embedder: Embedder, pool: Workers, fetching: Fetching) -> Begun:
    """Prepare a decoded picture here, as that is quicker than sending it, and let others do what else there is."""
    if isinstance(plan, Failure) or plan.change in {Change.NEW_ATTRIBUTES, Change.NONE}:
        return plan, None
    picture = plan.item.picture
    if isinstance(picture, WebPicture):
        return plan, fetching.begin(plan)
    if isinstance(picture, Picture):
        return plan, Prepared.of(picture, embedder.prepare(picture), display_copy(picture))
    # Bytes that were read go with the task alone, so that no more are held than the workers have room for.
    return replace(plan, read=None), pool.begin(plan.read or picture)


def _committed(begun: Sequence[Begun], embedder: Embedder, catalogue: Catalogue) -> Outcome:
    """Embed what is prepared, commit all changes of a batch at once, and return what came of it."""
    failures: list[Failure] = []
    changed: list[Resolved] = []
    for plan, pending in begun:
        if isinstance(plan, Failure):
            failures.append(plan)
            continue
        try:
            done = pending.result() if isinstance(pending, Future) else pending
        except WorkersLost:
            raise
        except LookalikeError as error:
            failures.append(Failure.of(plan.item, error))
            continue
        resolved, picture = done if isinstance(done, tuple) else (plan, done)
        if resolved.change is not Change.NONE:
            changed.append((resolved, picture))
    prepared = [
        PreparedItem(plan.item.id, plan.item.attributes, _content_key(plan, picture), picture)
        for plan, picture in changed
        if picture is not None
    ]
    records = iter(embedded(prepared, embedder))
    catalogue.upsert(
        [
            AttributeUpdate(plan.item.id, plan.item.attributes, _content_key(plan))
            if picture is None
            else next(records)
            for plan, picture in changed
        ]
    )
    added = sum(plan.change is Change.NEW for plan, _ in changed)
    return Outcome(len(begun), added, len(changed) - added, failures)


def _content_key(plan: Plan, picture: Prepared | None = None) -> str:
    checksum = "" if picture is None else picture.checksum
    return str(plan.content_key or ContentKey.of(checksum, plan.item.attributes))


def _foreseen(batch: Sequence[SourceItem | Failure], kept: Mapping[str, str], fetching: Fetching) -> Outcome:
    """Return what would come of a batch, were every picture sound that can be read."""
    failures: list[Failure] = []
    changes: Counter[Change] = Counter()
    begun: list[tuple[Plan | Failure, Future[Resolved] | None]] = []
    for row in batch:
        plan = planned(row, kept)
        if isinstance(plan, Failure):
            begun.append((plan, None))
        else:
            begun.append((replace(plan, read=None), fetching.begin(plan) if plan.change is Change.UNSEEN else None))
    for plan, fetched in begun:
        if isinstance(plan, Failure):
            failures.append(plan)
            continue
        try:
            picture = plan.item.picture
            if plan.change is Change.NEW and not isinstance(picture, Picture | WebPicture):
                picture.read()
            changes[plan.change if fetched is None else fetched.result()[0].change] += 1
        except LookalikeError as error:
            failures.append(Failure.of(plan.item, error))
    return Outcome(
        len(batch), changes[Change.NEW], changes[Change.NEW_PICTURE] + changes[Change.NEW_ATTRIBUTES], failures
    )
