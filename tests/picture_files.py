"""Pictures as files in every format, and PNG files put together by hand."""

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageDraw


def drawing(width: int = 90, height: int = 120) -> Image.Image:
    """A red dress on white, wider below, with a green square on its upper left."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    draw.polygon([(width * 0.4, 5), (width * 0.6, 5), (width * 0.9, height - 6), (width * 0.1, height - 6)], fill="red")
    draw.rectangle([width * 0.42, 12, width * 0.5, 24], fill="green")
    return image


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:  # noqa: A002 -- Pillow's own word
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def heic(image: Image.Image, **options: Any) -> bytes:
    """A HEIC file; an EXIF orientation is written as HEIC's own turn besides, as phones do."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    return encoded(image, "HEIF", **options)


def chunk(name: bytes, data: bytes, error: int = 0) -> bytes:
    """A PNG chunk; `error` spoils its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data) ^ error)


def png(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG file put together by hand, for what Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
