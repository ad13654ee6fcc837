"""What is to be done for the items of a source, told before a picture is decoded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from itertools import islice

from indexer.content_key import content_of, is_same_picture
from indexer.sources.items import Failure, Source, SourceItem
from indexer.sources.web.access import WebPicture
from models.errors import LookalikeError
from models.pictures.decoding import Picture

BATCH = 256
"""Items that are embedded, and committed, at once."""


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
    """What is to be done for one item; `content` is what it has now, empty while its picture has not been read.

    For an unseen one it is what the catalogue has, empty for a new item.
    """

    item: SourceItem
    change: Change
    content: str


def batches(source: Source) -> Iterator[list[SourceItem | Failure]]:
    """Yield the rows of a source, BATCH at once."""
    iterator = iter(source)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def planned(row: SourceItem | Failure, known: Mapping[str, str]) -> Plan | Failure:
    """Return what is to be done for a row of a source, given the contents of the items that a catalogue has.

    The picture of a known item is read, so that its bytes can be compared, and none is decoded; none is fetched.
    """
    if isinstance(row, Failure):
        return row
    before = known.get(row.id)
    if isinstance(row.picture, WebPicture):
        return Plan(row, Change.UNSEEN, before or "")
    if before is None:
        return Plan(row, Change.NEW, row.content)
    try:
        if row.content or isinstance(row.picture, Picture):
            content = row.content
        else:
            content = content_of(row.picture.read(), row.attributes)
    except LookalikeError as error:
        return Failure.of(row, error)
    return Plan(row, change_between(before, content), content)


def change_between(before: str, content: str) -> Change:
    """Return what an item is to a catalogue that has it, from the content that is kept there and the new."""
    if content == before:
        return Change.NONE
    return Change.NEW_ATTRIBUTES if is_same_picture(content, before) else Change.NEW_PICTURE
