"""Bytes as short text for addresses and cookies: deflated (RFC 1951), then base64url without padding (RFC 4648)."""

import base64
import math
import re
import zlib

_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")
_RAW_DEFLATE = -zlib.MAX_WBITS


def compact(data: bytes) -> str:
    """Return bytes as text."""
    deflate = zlib.compressobj(level=9, wbits=_RAW_DEFLATE)
    return base64.urlsafe_b64encode(deflate.compress(data) + deflate.flush()).decode().rstrip("=")


def expand(text: str, most: int) -> bytes:
    """Return the bytes, at most `most`, that a text holds. Never inflates to more than one byte past that.

    Raises ValueError for anything else.
    """
    if len(text) <= math.ceil((most + 64) * 4 / 3) and _ALPHABET.fullmatch(text):
        inflate = zlib.decompressobj(wbits=_RAW_DEFLATE)
        try:
            data = inflate.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), most + 1)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        if len(data) <= most and inflate.eof and not inflate.unused_data:
            return data
    raise ValueError("this is no compact text, or holds too much")
