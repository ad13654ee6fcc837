"""What a source gives, one after another: items to index, and rows that failed to become one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from indexer.content_key import ContentKey
from indexer.records import AttributeValue
from indexer.sources.web.access import WebPicture
from models.errors import LookalikeError
from models.pictures.decoding import Picture

Place: TypeAlias = int | str | None
"""Where in a source something is: the number of a row, a path, or nowhere in particular."""


class EncodedPicture(Protocol):
    """A picture not yet read: cheap to carry, and to send to another process."""

    def read(self) -> bytes:
        """Return the bytes of its file. Raises LookalikeError."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SourceItem:
    """One item before it is indexed.

    `content_key` changes when the picture or the attributes do. For an encoded picture it may be None: then it is
    worked out when the bytes are read. A picture on the web is fetched first (`indexer.pipeline.fetching`).
    """

    id: str
    picture: Picture | EncodedPicture | WebPicture
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    content_key: ContentKey | None = None
    place: Place = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed and why: the item's id where it is known, the error's code, and a sentence that says what to do.

    `hides_items` tells that the source may have items there that were not seen.
    """

    place: Place
    id: str | None
    code: str
    message: str
    hides_items: bool = False

    @classmethod
    def of(cls, item: SourceItem, error: LookalikeError) -> "Failure":
        """Return the failure of an item, which stays in the catalogue as it was."""
        return cls(item.place, item.id, error.code, str(error))


class Source(Protocol):
    """Items in an order of their own, the same whenever they are iterated; ids are unique.

    A source that knows how many rows it has says so by `len`.
    """

    def __iter__(self) -> Iterator[SourceItem | Failure]: ...
