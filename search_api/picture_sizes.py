"""The sizes that an item's picture is shown in, what each is called, and those that have been made."""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from indexer.errors import CatalogueDamaged
from indexer.records import DisplayCopy, PictureInfo
from indexer.thumbnails import reduced

SIZES: Mapping[str, int] = {"small": 160, "medium": 320, "large": 512}
"""The longest side in pixels; a picture that is smaller than one of them is as large as it is there."""

MOST_BYTES = 16 * 1024 * 1024
"""Of all pictures that are kept, those asked for last."""

_NAME = re.compile(r"[0-9a-f]{16}-([0-9]{1,5})\.(?:webp|png)", re.ASCII)
_SIZES_KEPT = 16_384


class PictureSize(NamedTuple):
    """A picture in one size in pixels; `name` is that of its file, which no other picture of the item ever has."""

    name: str
    width: int
    height: int

    @property
    def media_type(self) -> str:
        """The type of the file."""
        return f"image/{self.name.rpartition('.')[2]}"


def sizes_of(picture: PictureInfo) -> Mapping[str, PictureSize]:
    """Return the sizes of an item's picture by what they are called, the smallest first."""
    return _sizes(picture.digest, picture.media_type, picture.width, picture.height)


def size_named(picture: PictureInfo, name: str) -> PictureSize | None:
    """Return the size of that name; where the picture has none, that of its own which comes nearest to what was asked.

    None for what is no name at all.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    sizes, asked = list(sizes_of(picture).values()), int(match[1])
    return next((size for size in sizes if max(size.width, size.height) >= asked), sizes[-1])


@lru_cache(_SIZES_KEPT)
def _sizes(digest: str, media_type: str, width: int, height: int) -> Mapping[str, PictureSize]:
    is_exact = media_type == "image/png"  # kept so, for its pixels are counted
    longest, suffix = max(width, height), "png" if is_exact else "webp"
    sizes = {}
    for called, side in SIZES.items():
        share = 1 if is_exact else min(1, side / longest)
        named = f"{digest}-{round(longest * share)}.{suffix}"
        sizes[called] = PictureSize(named, *(max(1, round(length * share)) for length in (width, height)))
    return sizes


class SizedPictures:
    """Pictures in their sizes, made when they are asked for. Safe to use from several threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, str], DisplayCopy] = OrderedDict()
        self._bytes = 0
        self._changing = threading.Lock()

    def made(self, item_id: str, size: PictureSize, display: Callable[[], DisplayCopy]) -> DisplayCopy:
        """Return an item's picture in a size; `display` gives its display copy.

        Raises CatalogueDamaged, and what `display` does.
        """
        key = item_id, size.name
        with self._changing:
            if (kept := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return kept
        try:
            made = reduced(display(), size.width, size.height)
        except ValueError as error:
            raise CatalogueDamaged(
                f"The picture of {item_id!r} in the catalogue is damaged ({error}). Run: lookalike verify"
            ) from error
        with self._changing:
            if key not in self._kept:
                self._kept[key] = made
                self._bytes += len(made.data)
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._kept.popitem(last=False)[1].data)
        return made
