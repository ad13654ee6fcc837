"""Writing small pictures as PNG files."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR = 0, 2
_NO_FILTER = 0


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels, uint8 (height, width) grey or (height, width, 3) RGB, as a PNG file (ISO/IEC 15948).

    For tiles of a few dozen pixels: Pillow's encoder, made for large pictures, takes twice as long over one. Rows are
    not filtered, which costs large pictures space.
    """
    height, width = pixels.shape[:2]
    rows = np.empty((height, 1 + pixels.size // height), np.uint8)
    rows[:, 0] = _NO_FILTER
    rows[:, 1:] = pixels.reshape(height, -1)
    kind = _GREY if pixels.ndim == 2 else _COLOUR
    header = struct.pack(">2I5B", width, height, 8, kind, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows.tobytes())) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
