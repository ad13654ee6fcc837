"""Writing small pictures as PNG files."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {(): 0, (3,): 2, (4,): 6}
"""By what a pixel holds: one grey, RGB, or RGB and alpha."""

_NO_FILTER = 0
_LEVEL = 1  # of zlib: level 6 takes twice as long over a photograph, and leaves it no smaller


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels as a PNG file (ISO/IEC 15948): uint8 (height, width) grey, (..., 3) RGB or (..., 4) RGB and alpha.

    For pictures of a few dozen pixels, and up to some hundred: Pillow's encoder, made for large ones, takes twice as
    long over one. Rows are not filtered, which costs large pictures space.
    """
    height, width = pixels.shape[:2]
    rows = np.empty((height, 1 + pixels.size // height), np.uint8)
    rows[:, 0] = _NO_FILTER
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">2I5B", width, height, 8, _COLOUR_TYPES[pixels.shape[2:]], 0, 0, 0)
    return (
        _SIGNATURE
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows.tobytes(), _LEVEL))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
