"""What may be asked, as keyword arguments with their types: told once for every method of both clients.

What each option means, and its bounds, is told by the API's own description, `/v1/openapi.json`.
"""

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Literal, TypeAlias, TypedDict

Json: TypeAlias = Mapping[str, Any]
Where: TypeAlias = Json | str
"""A filter: an object, or typed conditions such as `predicted.class=Bag;price<40`."""


@dataclass(frozen=True, slots=True)
class PictureUrl:
    """The address of a picture, http or https, that the server is to fetch: its operator has to allow the host."""

    url: str


PictureSource: TypeAlias = bytes | os.PathLike[str] | IO[bytes] | PictureUrl
"""A picture: its bytes, the path of its file, a file that is open for reading, or its address. Text is never a path."""

Field: TypeAlias = Literal[
    "id", "predicted", "attributes", "colours", "picture", "images", "score", "relevance", "copies", "view"
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


def picture_fields(picture: PictureSource) -> dict[str, str]:
    """Return a picture as a member of JSON. Raises as `picture_bytes` does."""
    if isinstance(picture, PictureUrl):
        return {"image_url": picture.url}
    return {"image": b64encode(picture_bytes(picture)).decode()}


def picture_bytes(picture: PictureSource) -> bytes:
    """Return the bytes of a picture. Raises OSError where its file can't be read, TypeError for what has none."""
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, os.PathLike):
        with open(picture, "rb") as file:  # noqa: PTH123 (any path-like will do)
            return file.read()
    if hasattr(picture, "read"):
        data = picture.read()
        if isinstance(data, bytes):
            return data
    raise TypeError("A picture is bytes, a pathlib.Path, a file that is open in binary mode, or a PictureUrl.")
