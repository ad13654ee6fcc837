"""Writing single items, and many, into the catalogue: what an item becomes is what indexing makes of it."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from indexer.content_key import ContentKey, picture_checksum, picture_digest
from indexer.errors import CatalogueBusy, UnknownItem, VersionConflict
from indexer.pipeline.embed import PreparedItem, embedded
from indexer.pipeline.worker_main import Prepared
from indexer.records import AttributeUpdate, Item, PictureInfo, Record, Written
from indexer.validation import attribute_error, id_error
from models.errors import LookalikeError
from search_api.errors import InvalidItem, NoPicture, NoTimeLeft
from search_api.item_changes import ANYHOW, NO_TIME_LEFT, Attributes, ItemChange, OnlyIf, with_pictures
from search_api.results import WriteResult, WriteStatus

if TYPE_CHECKING:
    from indexer.catalogue import Catalogue
    from indexer.sources.web.addresses import Address
    from models.embedder import Embedder
    from search_api.seeing.picture_reader import PictureReader

BATCH = 64
"""Items that are embedded, and committed, at once."""

MOST_OF_ATTRIBUTES = 128 * 1024
"""Characters that an item's attributes may have as JSON: they are in every answer that names the item."""

_ATTEMPTS = 50

Outcome: TypeAlias = WriteResult | LookalikeError
"""What became of one item that was to be written."""


@dataclass(slots=True, eq=False)
class _Task:
    """One item to be written: how its attributes come about from those that it has, and what has been made so far."""

    id: str
    attributes: Callable[[Attributes | None], Any]
    image: bytes | None = None
    only_if: OnlyIf = ANYHOW
    delete: bool = False
    passes_over: bool = False
    """Whether the deletion of what is not there is no failure."""
    checksum: str = ""
    prepared: Prepared | None = None
    record: Record | None = None
    """What its picture has become, whatever the attributes."""


class _Known(NamedTuple):
    """What the catalogue has of an item."""

    item: Item
    key: ContentKey


class _Step(NamedTuple):
    """What is to be done for a task: `attributes` and `key` are those that its item is to have, None where it is to go.

    `is_seen` tells that its picture has to be looked at.
    """

    task: _Task
    known: _Known | None
    attributes: Attributes | None = None
    key: str = ""
    is_seen: bool = False

    @property
    def version(self) -> str | None:
        """The version that the item must still have."""
        return None if self.known is None else self.known.item.version

    @property
    def change(self) -> Record | AttributeUpdate:
        """What the catalogue is to write."""
        assert self.attributes is not None
        if not self.is_seen:
            return AttributeUpdate(self.task.id, self.attributes, self.key)
        assert self.task.record is not None
        return replace(self.task.record, attributes=self.attributes, content_key=self.key)


class Writer:
    """Writes to a catalogue; what it has returned is durable, and found by the next search of any process.

    Safe to use from several threads, beside others that write. Pictures are fetched and decoded in turns as `pictures`
    does. Methods raise CatalogueBusy and CatalogueNotWritable, and then have changed nothing.
    """

    def __init__(self, embedder: "Embedder", catalogue: "Catalogue", pictures: "PictureReader") -> None:
        self._embedder = embedder
        self._catalogue = catalogue
        self._pictures = pictures

    def put(
        self,
        item_id: str,
        attributes: Attributes | None = None,
        image: "bytes | Address | None" = None,
        only_if: OnlyIf = ANYHOW,
    ) -> WriteResult:
        """Add an item or replace it; without a picture, replace the attributes of one that is there.

        Raises InvalidItem, NoPicture where there is no such item and no picture, VersionConflict, and what
        `Engine.view` does for the picture.
        """
        data = None if image is None else self._pictures.encoded(image)
        return self._one(_task(ItemChange(item_id, attributes), data, only_if))

    def patch(self, item_id: str, patch: Mapping[str, Any], only_if: OnlyIf = ANYHOW) -> WriteResult:
        """Change some attributes of an item: None takes one away (RFC 7396), and others stay as they are.

        Raises UnknownItem, InvalidItem, VersionConflict.
        """
        return self._one(_Task(item_id, lambda known: _merged(_there(item_id, known), patch), only_if=only_if))

    def put_image(self, item_id: str, image: "bytes | Address", only_if: OnlyIf = ANYHOW) -> WriteResult:
        """Give an item another picture. Raises UnknownItem, VersionConflict, and what `Engine.view` does."""
        data = self._pictures.encoded(image)
        return self._one(_Task(item_id, lambda known: _there(item_id, known), data, only_if))

    def delete(self, item_id: str, only_if: OnlyIf = ANYHOW) -> WriteResult:
        """Take an item out. Raises UnknownItem, VersionConflict."""
        return self._one(_Task(item_id, lambda known: known, only_if=only_if, delete=True))

    def write(
        self, changes: "Iterable[ItemChange | LookalikeError]", seconds: float | None = None
    ) -> Iterator[Outcome]:
        """Yield what became of each change, in their order: BATCH are written at once, and durable when yielded.

        One that fails costs no other; an error among the changes is passed on. Of an item that occurs twice the later
        change counts. What has not been begun after so many seconds fails with NoTimeLeft. Deletions of items that are
        not there leave things unchanged. Never raises for a single change.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        batch: list[_Task | LookalikeError] = []
        ids: set[str] = set()
        for change in with_pictures(changes, self._pictures.addressed, deadline):
            if len(batch) == BATCH or (isinstance(change, ItemChange) and change.id in ids):
                yield from self._batch(batch, deadline)
                batch, ids = [], set()
            if isinstance(change, ItemChange):
                ids.add(change.id)
                assert change.image is None or isinstance(change.image, bytes)
                batch.append(_task(change, change.image, ANYHOW))
            else:
                batch.append(change)
        yield from self._batch(batch, deadline)

    def _one(self, task: _Task) -> WriteResult:
        outcome = self._outcomes([task], None)[0]
        if isinstance(outcome, LookalikeError):
            raise outcome
        return outcome

    def _batch(self, batch: "Sequence[_Task | LookalikeError]", deadline: float | None) -> Iterator[Outcome]:
        outcomes = iter(self._outcomes([task for task in batch if isinstance(task, _Task)], deadline))
        for task in batch:
            yield next(outcomes) if isinstance(task, _Task) else task

    def _outcomes(self, tasks: Sequence[_Task], deadline: float | None) -> list[Outcome]:
        """Return what became of tasks for items of different ids, once it is durable."""
        done: dict[str, Outcome] = {}
        for _ in range(_ATTEMPTS):
            left = [task for task in tasks if task.id not in done]
            if not left:
                break
            try:
                steps = self._steps(left, done, deadline)
                self._embed([step.task for step in steps if step.is_seen])
                self._upsert([step for step in steps if step.attributes is not None], done)
                self._delete([step for step in steps if step.attributes is None], done)
            except VersionConflict:
                continue  # somebody has written some of them meanwhile: look again
            except LookalikeError as error:
                done |= {task.id: error for task in left if task.id not in done}
        self._catalogue.keep_up()
        contended = CatalogueBusy("Others are writing the same items. Try again in a moment.")
        return [done.get(task.id, contended) for task in tasks]

    def _steps(self, tasks: Sequence[_Task], done: dict[str, Outcome], deadline: float | None) -> list[_Step]:
        """Return what is to be done as things are now, and note what is done already, or can't be."""
        with self._catalogue.reading() as state:
            keys = state.content_keys([task.id for task in tasks])
            items = {item.id: item for item in state.get(list(keys))}
        steps: list[_Step] = []
        for task in tasks:
            known = _Known(items[task.id], ContentKey.parse(keys[task.id])) if task.id in items else None
            try:
                decided = self._decided(task, known, deadline)
            except LookalikeError as error:
                done[task.id] = error
            else:
                if isinstance(decided, WriteResult):
                    done[task.id] = decided
                else:
                    steps.append(decided)
        return steps

    def _decided(self, task: _Task, known: _Known | None, deadline: float | None) -> _Step | WriteResult:
        if error := id_error(task.id):
            raise InvalidItem(error)
        is_allowed = task.only_if.allows(None if known is None else known.item.version)
        if not is_allowed and not task.only_if.or_done:
            raise _conflict(task, known)
        if deadline is not None and task.prepared is None and time.monotonic() > deadline:
            raise NoTimeLeft(NO_TIME_LEFT)
        step = self._deletion(task, known) if task.delete else self._change(task, known)
        if isinstance(step, _Step):
            if not is_allowed:
                raise _conflict(task, known)
            if step.is_seen and task.prepared is None:
                assert task.image is not None
                with self._pictures.turn():
                    task.prepared = Prepared.of_bytes(task.image, task.checksum, self._embedder.prepare)
        return step

    def _change(self, task: _Task, known: _Known | None) -> _Step | WriteResult:
        attributes = task.attributes(None if known is None else known.item.attributes)
        if error := attribute_error(attributes):
            raise InvalidItem(error)
        if len(json.dumps(attributes)) > MOST_OF_ATTRIBUTES:
            raise InvalidItem(f"Attributes may have {MOST_OF_ATTRIBUTES >> 10} KiB as JSON. Leave some out.")
        if task.image is not None:
            task.checksum = task.checksum or picture_checksum(task.image)
            if known is None or known.key.picture != task.checksum:
                return _Step(task, known, attributes, str(ContentKey.of(task.checksum, attributes)), is_seen=True)
        elif known is None:
            raise NoPicture(f"There is no item {task.id!r} yet, so it needs a picture. Send one with it.")
        key = ContentKey.of(known.key.picture, attributes, known.key.validator)
        if key == known.key:
            is_second_try = task.only_if.exists is False  # and the first has added it
            return WriteResult(task.id, WriteStatus.CREATED if is_second_try else WriteStatus.UNCHANGED, known.item)
        return _Step(task, known, attributes, str(key))

    def _deletion(self, task: _Task, known: _Known | None) -> _Step | WriteResult:
        if known is not None:
            return _Step(task, known)
        if task.only_if.or_done:
            return WriteResult(task.id, WriteStatus.DELETED)
        if task.passes_over:
            return WriteResult(task.id, WriteStatus.UNCHANGED)
        raise _unknown(task.id)

    def _embed(self, tasks: Sequence[_Task]) -> None:
        """Let the model see what it has not seen yet."""
        new = [task for task in tasks if task.record is None]
        items = [PreparedItem(task.id, {}, "", task.prepared) for task in new if task.prepared is not None]
        for task, record in zip(new, embedded(items, self._embedder), strict=True):
            task.record = record

    def _upsert(self, steps: Sequence[_Step], done: dict[str, Outcome]) -> None:
        if not steps:
            return
        changes = {step.task.id: step.change for step in steps}
        written = self._catalogue.upsert(list(changes.values()), {step.task.id: step.version for step in steps})
        for step in steps:
            status = WriteStatus.CREATED if written[step.task.id].is_new else WriteStatus.UPDATED
            item = _item(changes[step.task.id], step.known, written[step.task.id])
            done[step.task.id] = WriteResult(step.task.id, status, item)

    def _delete(self, steps: Sequence[_Step], done: dict[str, Outcome]) -> None:
        if steps:
            self._catalogue.delete([step.task.id for step in steps], {step.task.id: step.version for step in steps})
            done |= {step.task.id: WriteResult(step.task.id, WriteStatus.DELETED) for step in steps}


def _task(change: ItemChange, image: bytes | None, only_if: OnlyIf) -> _Task:
    """Return the task of a change that is one of many, or stands alone, with the bytes of its picture."""
    attributes = change.attributes

    def given(_: Attributes | None) -> Any:
        if attributes is not None:
            return attributes
        if image is None:
            raise InvalidItem("There is nothing to write. Send attributes, a picture, or both.")
        return {}

    return _Task(change.id, given, image, only_if, delete=change.delete, passes_over=True)


def _there(item_id: str, attributes: Attributes | None) -> Attributes:
    if attributes is None:
        raise _unknown(item_id)
    return attributes


def _merged(attributes: Attributes, patch: Mapping[str, Any]) -> dict[str, Any]:
    merged = {name: value for name, value in attributes.items() if name not in patch}
    return merged | {name: value for name, value in patch.items() if value is not None}


def _item(change: Record | AttributeUpdate, known: _Known | None, written: Written) -> Item:
    """Return an item as it is once a change is written."""
    if isinstance(change, AttributeUpdate):
        assert known is not None
        return replace(known.item, attributes=change.attributes, version=written.version)
    display = change.display
    return Item(
        id=change.id,
        predicted=change.predicted,
        attributes=change.attributes,
        picture=PictureInfo(
            display.media_type, display.width, display.height, picture_digest(change.content_key, written.version)
        ),
        colours=change.colours,
        fingerprint=change.fingerprint,
        version=written.version,
    )


def _conflict(task: _Task, known: _Known | None) -> VersionConflict:
    if known is None:
        return VersionConflict(f"There is no item {task.id!r}, and it was to be written only where there is.")
    if task.only_if.exists is False:
        return VersionConflict(
            f"There is an item {task.id!r} already, and it was to be written only where there is none."
        )
    return VersionConflict(
        f"The item {task.id!r} has the version {known.item.version} by now. Read it again, and write it then."
    )


def _unknown(item_id: str) -> UnknownItem:
    return UnknownItem(f"No item has the id {item_id[:200]!r}.")
