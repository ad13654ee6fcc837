"""Pictures inside a page: PNG as data URIs (RFC 2397)."""

import base64
import io
from collections.abc import Callable
from typing import IO

from models.arrays import Images
from models.pictures.png import encode_png


def garment_uri(image: Images) -> str:
    """Return one image as people see it: one in grey, (height, width), 0 = background, dark on white."""
    return _data_uri(encode_png(255 - image if image.ndim == 2 else image))


def drawn_uri(draw: Callable[[IO[bytes]], None]) -> str:
    """Return what `draw` writes, a PNG."""
    buffer = io.BytesIO()
    draw(buffer)
    return _data_uri(buffer.getvalue())


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
