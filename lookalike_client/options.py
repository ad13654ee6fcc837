"""What may be asked, as keyword arguments with their types: told once for every method of both clients.

What each option means, and its bounds, is told by the API's own description, `/v1/openapi.json`.
"""

import os
from collections.abc import Mapping, Sequence
from typing import IO, Any, Literal, TypeAlias, TypedDict

Json: TypeAlias = Mapping[str, Any]
Where: TypeAlias = Json | str
"""A filter: an object, or typed conditions such as `label=Bag;price<40`."""

PictureSource: TypeAlias = bytes | os.PathLike[str] | IO[bytes]
"""A picture: its bytes, the path of its file, or a file that is open for reading. Text is never a path."""

Field: TypeAlias = Literal[
    "id", "label", "probability", "attributes", "colours", "picture", "score", "relevance", "copies", "view"
]


class Ranking(TypedDict, total=False):
    """What any search may be asked, page by page alike."""

    where: Where
    q: str
    q_weight: float
    look: float
    weights: Mapping[str, float]
    exclude: Sequence[str] | Json
    diversity: float
    group_by: str
    group_size: int
    collapse: Literal["duplicates"]
    min_relevance: float
    fields: Sequence[Field]


class OnePage(Ranking, total=False):
    """What one page of hits may be asked besides: how many, and the `next` of the page before."""

    limit: int
    cursor: str


class OfPicture(OnePage, total=False):
    """What a search by picture may be asked besides: left, top, width and height as shares; the cutout."""

    box: Sequence[float]
    cutout: bool


class OfWords(TypedDict, total=False):
    """What a search by words alone may be asked, page by page alike."""

    where: Where
    exclude: Sequence[str] | Json
    diversity: float
    group_by: str
    group_size: int
    collapse: Literal["duplicates"]
    min_relevance: float
    fields: Sequence[Field]


class OnePageOfWords(OfWords, total=False):
    """What one page of hits for words may be asked besides."""

    limit: int
    cursor: str


class OfStrip(TypedDict, total=False):
    """What a strip of recommended items may be asked."""

    seen: Sequence[str]
    limit: int
    where: Where
    q: str
    look: float
    weights: Mapping[str, float]
    exclude: Sequence[str] | Json
    diversity: float
    group_by: str
    group_size: int
    collapse: Literal["duplicates"]
    min_relevance: float
    fields: Sequence[Field]
    cold_start: Literal["varied", "newest", "by"]
    by: str


class OnlyIf(TypedDict, total=False):
    """When an item is written: only with this version (or any, "*"), or only where there is none."""

    version: str
    absent: bool


def picture_bytes(picture: PictureSource) -> bytes:
    """Return the bytes of a picture. Raises OSError where its file can't be read, TypeError for what is none."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, os.PathLike):
        with open(picture, "rb") as file:  # noqa: PTH123 (any path-like will do)
            return file.read()
    if hasattr(picture, "read"):
        data = picture.read()
        if isinstance(data, bytes):
            return data
    raise TypeError("A picture is bytes, a pathlib.Path, or a file that is open in binary mode.")
