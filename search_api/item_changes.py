"""What is to be done to items, and under which conditions."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from indexer.records import AttributeValue
from models.errors import LookalikeError
from search_api.errors import NoTimeLeft
from search_api.seeing.addressed_pictures import OF_ONE_REQUEST

if TYPE_CHECKING:
    from concurrent.futures import Future

    from indexer.sources.web.addresses import Address
    from search_api.seeing.addressed_pictures import AddressedPictures

NO_TIME_LEFT = "There was no time left for this one, and it has not been written. Send it again."

Attributes: TypeAlias = Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class OnlyIf:
    """What must hold of an item for it to be written; looked at and written in one step.

    It has one of these versions; it is there, or is not; None for whatever it is. With `or_done` it is enough that the
    item is already what the writing would make it: for who tries again and does not know what became of the first.
    """

    versions: tuple[str, ...] | None = None
    exists: bool | None = None
    or_done: bool = False

    def allows(self, version: str | None) -> bool:
        """Whether an item of this version, None for none, may be written."""
        if self.exists is not None and self.exists != (version is not None):
            return False
        return self.versions is None or version in self.versions


ANYHOW = OnlyIf()


@dataclass(frozen=True, slots=True, eq=False)
class ItemChange:
    """One of many changes: an item's attributes (shape of a record's), its picture (its bytes or its address), or both;
    or its deletion.

    With a picture the item is added or replaced; without one it must be there, and its attributes are replaced.
    """

    id: str
    attributes: Attributes | None = None
    image: "bytes | Address | None" = None
    delete: bool = False


def with_pictures(
    changes: Iterable[ItemChange | LookalikeError], addressed: "AddressedPictures", deadline: float | None
) -> Iterator[ItemChange | LookalikeError]:
    """Yield changes in their order, pictures at addresses as bytes: those of the next ones are fetched meanwhile.

    In place of a change whose picture can't be had comes why: what `AddressedPictures.picture` raises, or NoTimeLeft
    where it is later than a moment of `time.monotonic`.
    """
    begun: deque[tuple[ItemChange | LookalikeError, Future[bytes] | None, float]] = deque()
    for change in changes:
        address, now = _address_in(change), time.monotonic()
        if address is None:
            begun.append((change, None, now))
        elif deadline is not None and now > deadline:
            begun.append((NoTimeLeft(NO_TIME_LEFT), None, now))
        else:
            begun.append((change, addressed.begin(address), now + addressed.seconds))
        while begun and (begun[0][1] is None or len(begun) >= OF_ONE_REQUEST):
            yield _with_picture(*begun.popleft(), addressed)
    while begun:
        yield _with_picture(*begun.popleft(), addressed)


def _address_in(change: ItemChange | LookalikeError) -> "Address | None":
    image = change.image if isinstance(change, ItemChange) else None
    return None if isinstance(image, bytes) else image


def _with_picture(
    change: ItemChange | LookalikeError, future: "Future[bytes] | None", latest: float, addressed: "AddressedPictures"
) -> ItemChange | LookalikeError:
    address = _address_in(change)
    if future is None or address is None or isinstance(change, LookalikeError):
        return change
    try:
        return replace(change, image=addressed.end(address, future, latest))
    except LookalikeError as error:
        return error
