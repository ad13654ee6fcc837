"""HEIC and HEIF pictures, as phones take them, where the package pillow-heif is installed."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image

from models.errors import UnsupportedPicture


def heif_is_readable() -> bool:
    """Return whether what decodes HEIC pictures is installed."""
    return find_spec("pillow_heif") is not None


@dataclass(frozen=True, slots=True, eq=False)
class HeifPicture:
    """A HEIC file's main picture before it is decoded: its size (width, height), and what it costs to.

    It is upright when decoded: the file's own turns count, not its EXIF orientation (ISO/IEC 23008-12).
    """

    size: tuple[int, int]
    bytes_per_pixel: float
    profile: bytes | None
    decoded: Callable[[], tuple[tuple[int, int], Callable[[int, int], Image.Image]]]
    """Decodes it: returns the size that came out, and what cuts out the rows from one to another."""


def open_heif(data: bytes) -> HeifPicture:
    """Read the header of a HEIC file. Raises UnsupportedPicture where nothing can decode it, and OSError or others."""
    if not heif_is_readable():
        raise UnsupportedPicture(
            "HEIC pictures can't be read by this installation. Send it as JPEG (on an iPhone: 'Most Compatible'), or "
            "have its operator run: pip install 'lookalike[heic]'."
        )
    file = _library().open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    main = file[file.primary_index]

    def decoded() -> tuple[tuple[int, int], Callable[[int, int], Image.Image]]:
        pixels = np.frombuffer(main.data, np.uint8)
        stride, mode = main.stride, main.mode
        width, height = main.size

        def rows(top: int, bottom: int) -> Image.Image:
            band = pixels[top * stride : bottom * stride]
            return Image.frombuffer(mode, (width, bottom - top), band, "raw", mode, stride, 1)

        return (width, height), rows

    if main.mode not in {"L", "RGB"} or main.info.get("bit_depth", 8) != 8:
        bytes_per_pixel = _WIDE_BYTES_PER_PIXEL
    else:
        bytes_per_pixel = _TILED_BYTES_PER_PIXEL if "tiling" in main.info else _BYTES_PER_PIXEL
    return HeifPicture(main.size, bytes_per_pixel, main.info.get("icc_profile"), decoded)


_TILED_BYTES_PER_PIXEL = 4.5
_BYTES_PER_PIXEL = 5.3
_WIDE_BYTES_PER_PIXEL = 15.0
"""What libheif holds while it decodes, as measured: 8 bits in tiles, as phones write, or in one; 10 bits, or alpha."""


@lru_cache(1)
def _library() -> Any:
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1  # requests and workers share the processors out
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    return pillow_heif
