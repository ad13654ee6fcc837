"""What was seen of a picture as text for an address, so that a result can be shared and nothing is stored.

A small view is in it as it is. Of a large one there is only a thumbnail, and beside that what the model made of it.
"""

import io
import math
import re
import struct
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.colours.garment_colours import MOST_COLOURS, GarmentColour, colours_text, read_colours
from models.embedder import SHOWN_SIDE, View
from models.pictures.webp import encode_webp
from search_api.errors import BadRequest
from search_api.seeing.embedded_picture import EmbeddedPicture
from webui.deflate64 import compact, expand

if TYPE_CHECKING:
    from models.card import ModelCard

SMALL = 4096
"""Numbers that a view holds at most to be in an address itself."""

_HEAD = struct.Struct("<8sf")  # of the model's fingerprint, and the largest number of the vector
_STEPS = 32_767
_MOST_THUMBNAIL = 6_000
_COLOURS = "|"
"""What colours begin with, even none: an address of before they were told ends with the thumbnail."""

_COLOURS_TOLD = re.compile(rb"\|(?:[0-9a-f]{6}:(?:100|[0-9]{1,2})(?: |$)){0,%d}" % MOST_COLOURS)
_MOST_COLOURS = 64
_QUALITY = 60


class InvalidSharedView(BadRequest):
    """An address whose view is cut short, altered, or made for a model with another input."""

    code = "invalid-view"


def fits_in_address(card: "ModelCard") -> bool:
    """Whether a model's views are in addresses themselves."""
    return math.prod(card.input_shape) <= SMALL


def to_address(pixels: NDArray[np.uint8]) -> str:
    """Return a small view of any shape as text. A view of 28x28 takes some 300 to 1,060 characters."""
    return compact(pixels.tobytes())


def from_address(text: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the small view of `shape` that an address holds. Never inflates to more than one byte past that shape.

    Raises InvalidSharedView.
    """
    try:
        return np.frombuffer(expand(text, math.prod(shape)), np.uint8).reshape(shape)
    except ValueError as error:
        raise _cut_short() from error


def embedded_to_address(picture: EmbeddedPicture, card: "ModelCard") -> str:
    """Return a picture that a model has seen as text: its vector, probabilities of classes, a thumbnail, colours.

    For a vector of 256 dimensions that takes some 1,500 to 3,000 characters. The vector's numbers are rounded to 1 in
    32,767 of the largest.
    """
    thumbnail = encode_webp(picture.view.shown(), _QUALITY)
    largest = float(np.abs(picture.vectors[0]).max())
    vector = np.rint(picture.vectors[0] * (_STEPS / largest)).astype("<i2")
    told = [picture.probabilities, *(picture.targets[one.name] for one in card.targets)]
    probabilities = np.rint(np.concatenate(told) * _STEPS).astype("<i2")
    head = _HEAD.pack(card.fingerprint[:8].encode(), largest)
    colours = f"{_COLOURS}{colours_text(picture.colours)}".encode()
    return compact(head + vector.tobytes() + probabilities.tobytes() + thumbnail + colours)


def embedded_from_address(text: str, card: "ModelCard") -> EmbeddedPicture:
    """Return the picture that an address holds, its view being the thumbnail. Raises InvalidSharedView.

    In an address of before colours were told, they are those of the thumbnail.
    """
    widths = [len(card.classes), *(len(one.values) for one in card.targets)]
    numbers = card.dim + sum(widths)
    try:
        data = expand(text, _HEAD.size + 2 * numbers + _MOST_THUMBNAIL + _MOST_COLOURS)
        fingerprint, largest = _HEAD.unpack_from(data)
        values = np.frombuffer(data, "<i2", numbers, _HEAD.size).astype(np.float32)
        thumbnail, told = _parted(data[_HEAD.size + 2 * numbers :])
        pixels, colours = _thumbnail(thumbnail), _colours(told) if told else None
    except (ValueError, struct.error, OSError) as error:
        raise _cut_short() from error
    vector, *told_of = np.split(values, np.cumsum([card.dim, *widths[:-1]]))
    told_of = [np.maximum(some, 0) for some in told_of]
    length, total = float(np.linalg.norm(vector)), min(float(some.sum()) for some in told_of)
    if fingerprint != card.fingerprint[:8].encode() or not math.isfinite(largest) or not length or not total:
        raise _cut_short()
    probable, *targets = ((some / some.sum()).astype(np.float32) for some in told_of)
    named = {one.name: of for one, of in zip(card.targets, targets, strict=True)}
    unit = (vector / length)[np.newaxis]
    return EmbeddedPicture(View(pixels), unit, probable, {}, told_colours=colours, targets=named)


def _parted(data: bytes) -> tuple[bytes, bytes]:
    """Return a WebP file, whose head tells its length, and what stands behind it."""
    end = 8 + int.from_bytes(data[4:8], "little")
    return data[:end], data[end:]


def _colours(told: bytes) -> tuple[GarmentColour, ...]:
    if _COLOURS_TOLD.fullmatch(told) is None:
        raise ValueError("these are no colours")
    return read_colours(told[len(_COLOURS) :].decode())


def _thumbnail(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
        if max(image.size) > SHOWN_SIDE:
            raise ValueError("this is no thumbnail")
        return np.asarray(image.convert("RGBA" if image.mode == "RGBA" else "RGB"))


def _cut_short() -> InvalidSharedView:
    return InvalidSharedView(
        "This address is cut short, or was made for another model. Ask for it again, or search with the picture itself."
    )
