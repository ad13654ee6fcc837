"""The model's own view of a picture as text for an address, so that a result can be shared and nothing is stored."""

import base64
import math
import re
import zlib

import numpy as np
from numpy.typing import NDArray

from search_api.errors import BadRequest

_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")
_RAW_DEFLATE = -zlib.MAX_WBITS


class InvalidSharedView(BadRequest):
    """An address whose view is cut short, altered, or made for a model with another input."""

    code = "invalid-view"


def to_address(pixels: NDArray[np.uint8]) -> str:
    """Return a view of any shape as base64url text without padding (RFC 4648), deflated (RFC 1951).

    A view of 28x28 takes some 300 to 1,060 characters.
    """
    deflate = zlib.compressobj(level=9, wbits=_RAW_DEFLATE)
    packed = deflate.compress(pixels.tobytes()) + deflate.flush()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def from_address(text: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the view of `shape` that an address holds. Never inflates to more than one byte past that shape.

    Raises InvalidSharedView.
    """
    size = math.prod(shape)
    longest = math.ceil((size + 64) * 4 / 3)
    if len(text) <= longest and _ALPHABET.fullmatch(text):
        inflate = zlib.decompressobj(wbits=_RAW_DEFLATE)
        try:
            pixels = inflate.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), size + 1)
        except (ValueError, zlib.error):
            pixels = b""
        if len(pixels) == size and inflate.eof and not inflate.unused_data:
            return np.frombuffer(pixels, dtype=np.uint8).reshape(shape)
    raise InvalidSharedView(
        "This address is cut short, or was made for another model. Ask for it again, or search with the picture itself."
    )
