"""What is to be done for the items of a source, told before a picture is decoded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from indexer.content_key import ContentKey, picture_checksum
from indexer.pipeline.worker_main import ReadPicture
from indexer.sources.items import Failure, Source, SourceItem
from indexer.sources.tabular.picture_values import PictureBytes
from indexer.sources.web.access import WebPicture
from models.errors import LookalikeError
from models.pictures.decoding import Picture

BATCH = 256
"""Items that are embedded, and committed, at once."""

BATCH_BYTES = 2**24
"""Bytes of pictures that the rows of a batch hold, or a picture more."""


class Change(Enum):
    """What an item is to a catalogue."""

    NEW = auto()
    NEW_PICTURE = auto()
    NEW_ATTRIBUTES = auto()
    NONE = auto()
    UNSEEN = auto()
    """Its picture is at a web address, and has to be fetched before the change is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is to be done for one item.

    `content_key` is of what the source has, None while its picture has not been read; `known` is the key that the
    catalogue has, None for a new item. `read` is a new picture whose file was read to find that out.
    """

    item: SourceItem
    change: Change
    content_key: ContentKey | None = None
    known: ContentKey | None = None
    read: ReadPicture | None = None


def batches(source: Source) -> Iterator[list[SourceItem | Failure]]:
    """Yield the rows of a source, BATCH at once, or fewer that hold pictures of BATCH_BYTES."""
    batch: list[SourceItem | Failure] = []
    size = 0
    for row in source:
        batch.append(row)
        if isinstance(row, SourceItem) and isinstance(row.picture, PictureBytes):
            size += len(row.picture.data)
        if len(batch) == BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def planned(row: SourceItem | Failure, kept: Mapping[str, str]) -> Plan | Failure:
    """Return what is to be done for a row of a source, given the content keys that a catalogue keeps, by id.

    The picture of a known item is read, so that its bytes can be compared, and none is decoded; none is fetched.
    """
    if isinstance(row, Failure):
        return row
    known = ContentKey.parse(kept[row.id]) if row.id in kept else None
    if isinstance(row.picture, WebPicture):
        return Plan(row, Change.UNSEEN, known=known)
    if known is None or row.content_key is not None or isinstance(row.picture, Picture):
        return Plan(row, change_between(known, row.content_key), row.content_key, known)
    try:
        data = row.picture.read()
    except LookalikeError as error:
        return Failure.of(row, error)
    checksum = picture_checksum(data)
    content_key = ContentKey.of(checksum, row.attributes)
    change = change_between(known, content_key)
    return Plan(row, change, content_key, known, ReadPicture(data, checksum) if change is Change.NEW_PICTURE else None)


def change_between(known: ContentKey | None, now: ContentKey | None) -> Change:
    """Return what an item is to a catalogue, from the content key that is kept there and the one that it has now."""
    if known is None:
        return Change.NEW
    if now == known:
        return Change.NONE
    return Change.NEW_ATTRIBUTES if now is not None and now.picture == known.picture else Change.NEW_PICTURE
