"""Pictures inside a page: PNG as data URIs (RFC 2397)."""

import base64
import io
from collections.abc import Callable
from typing import IO

from PIL import Image

from models.changes import Images


def data_uri(save: Callable[[IO[bytes]], None]) -> str:
    """Return what `save` writes, a PNG, as a data URI."""
    buffer = io.BytesIO()
    save(buffer)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def garment_uri(image: Images) -> str:
    """Return one image (height, width), 0 = background, as people see it: dark on white."""
    return data_uri(lambda file: Image.fromarray(255 - image).save(file, "PNG", optimize=True))
