"""Display copies: what a page shows of an item, instead of a picture of any size."""

import io
import struct
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from indexer.records import DisplayCopy
from models.pictures.decoding import Picture
from models.pictures.png import encode_png
from models.pictures.webp import encode_webp

LOSSLESS_SIDE = 64
"""Pictures with no side longer than this (pixels) are kept exactly: they are drawn enlarged."""

LONGEST_SIDE = 512
"""No display copy is longer or wider than this (pixels)."""

_JPEG_QUALITY = 85
_WEBP_QUALITY = 80


def display_copy(picture: Picture) -> DisplayCopy:
    """Return the display copy of a picture: PNG when it is small, else JPEG, reduced to at most 512 pixels a side.

    Encoded from pixels alone, so nothing of the original file's metadata gets into it.
    """
    height, width = picture.pixels.shape[:2]
    if max(height, width) <= LOSSLESS_SIDE:
        return DisplayCopy(encode_png(picture.pixels), "image/png", width, height)
    image = Image.fromarray(picture.pixels)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return DisplayCopy(encoded.getvalue(), "image/jpeg", *image.size)


def reduced(copy: DisplayCopy, width: int, height: int) -> DisplayCopy:
    """Return a display copy in a size that is not larger, in pixels, as WebP; a PNG, which is kept exactly, as it is.

    Raises ValueError where it can't be decoded.
    """
    if copy.media_type == "image/png":
        return copy
    try:
        with Image.open(io.BytesIO(copy.data), formats=("JPEG",)) as image:
            image.draft("RGB", (width, height))  # reduced while it is decoded, as far as that goes
            pixels = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
    except Exception as error:  # Pillow's decoders raise whatever damaged bytes make them stumble over
        raise ValueError(f"a display copy can't be decoded: {error}") from error
    return DisplayCopy(encode_webp(pixels, _WEBP_QUALITY), "image/webp", width, height)


def is_shown(copy: DisplayCopy) -> bool:
    """Tell whether a display copy, proven to be as it was written, is of the kind and size that it says, and whole.

    Its head and its end tell, without decoding: what lies between was made by `display_copy`.
    """
    try:
        return (*_HEADS[copy.media_type](copy.data),) == (copy.width, copy.height)
    except (KeyError, IndexError, struct.error):
        return False


def _png_size(data: bytes) -> tuple[int, ...]:
    is_whole = data.startswith(_PNG_BEGINS) and data[-8:-4] == b"IEND"
    return struct.unpack(">II", data[16:24]) if is_whole else ()


def _jpeg_size(data: bytes) -> tuple[int, ...]:
    if not (data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")):
        return ()
    at = 2
    while data[at] == _MARKER:
        if data[at + 1] in _JPEG_FRAMES:
            return struct.unpack(">HH", data[at + 5 : at + 9])[::-1]
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return ()


_PNG_BEGINS = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_MARKER = 0xFF
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Markers of a JPEG's frame, which says its size: baseline, extended and progressive."""

_HEADS: Mapping[str, Callable[[bytes], tuple[int, ...]]] = {"image/png": _png_size, "image/jpeg": _jpeg_size}
