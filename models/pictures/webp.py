"""Writing pictures of some thousand pixels as WebP files: a tenth of a PNG's size."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_METHOD = 2
"""Care taken, 0 to 6: beyond 2, files of this size get hardly smaller, and take twice as long."""


def encode_webp(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Return pixels as a WebP file: uint8 (height, width, 3) RGB or (..., 4) RGB and alpha; `quality` is 0 to 100."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=quality, method=_METHOD)
    return file.getvalue()
