"""Which chunks of a PNG file (ISO/IEC 15948) make its picture. All others may be as large or broken as they like."""

import struct
import zlib
from dataclasses import dataclass, field
from typing import TypeAlias

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))

_GREY, _RGB, _PALETTE = 0, 2, 3
_CHANNELS = {_GREY: 1, _RGB: 3, _PALETTE: 1, 4: 2, 6: 4}
"""By colour type: how many samples a pixel has."""

_MOST_INFLATED = 4 * 2**20
"""Bytes of a colour profile."""

_MOST_TEXT = 2**20 - 1
"""Bytes of a text that may tell the orientation; Pillow reads no longer ones."""

_TELLS_ORIENTATION = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
"""How such texts begin: ImageMagick's way to keep EXIF data, and everybody's to keep XMP."""

Bytes: TypeAlias = bytes | memoryview


@dataclass(frozen=True, slots=True)
class PngPicture:
    """A PNG file of its own that holds the picture alone, and the ICC profile that goes with it.

    `bytes_per_row` counts the filter's byte; it is 0 for an interlaced picture, whose rows come in seven passes.
    """

    file: bytes
    profile: bytes | None
    bytes_per_row: int
    compressed: tuple[Bytes, ...] = field(repr=False)

    def whole_rows(self) -> int:
        """Return how many rows from the first on the compressed data hold: inflates all of it."""
        if not self.bytes_per_row:
            return 0
        inflating = zlib.decompressobj()
        count = 0
        for piece in self.compressed:
            while piece:
                count += len(inflating.decompress(piece, 2**20))
                piece = inflating.unconsumed_tail  # noqa: PLW2901 -- what is left of it
        return count // self.bytes_per_row


def png_picture(data: bytes) -> PngPicture:
    """Return what makes the picture of a PNG file: IHDR, PLTE, IDAT, and what is sound of transparency and EXIF.

    A file may end anywhere once its image data has begun. Raises ValueError where IHDR, PLTE or a whole IDAT is damaged
    or out of place, and EOFError where there is no image data yet.
    """
    view = memoryview(data)
    kept: dict[bytes, Bytes] = {}
    image_data: list[Bytes] = []
    compressed: list[Bytes] = []
    position = len(_SIGNATURE)
    while position + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, body, end = data[position + 4 : position + 8], view[position + 8 :][:length], position + 12 + length
        if not kind.isalpha() or kind == b"IEND":
            break
        if kind == b"IDAT":
            if end > len(data):
                image_data.append(_chunk(kind, body))
            else:
                _check(data, position, end)
                image_data.append(view[position:end])
            compressed.append(body)
        elif kind in {b"IHDR", b"PLTE"}:
            _check(data, position, end)
            if kind in kept or image_data or (kind == b"PLTE") != (b"IHDR" in kept):
                raise ValueError(f"{kind.decode()} is out of place")
            kept[kind] = view[position:end]
        elif kind in _WANTED and not (kind in _BEFORE_IMAGE_DATA and image_data):
            name = kind + bytes(body[:4]) if kind in _TEXTS else kind  # the two texts don't keep each other out
            if name not in kept and _is_sound(data, position, end) and _is_usable(kind, body, kept.get(b"IHDR")):
                kept[name] = view[position:end]
        position = end
    if not image_data:
        raise EOFError("no image data")
    profile = _inflated_profile(kept.pop(b"iCCP", b""))
    header = kept.pop(b"IHDR", b"")
    width, _, depth, colour, *_, interlaced = struct.unpack_from(">IIBBBBB", header, 8)
    if colour == _PALETTE and b"PLTE" not in kept:
        raise ValueError("PLTE is missing")
    palette = kept.pop(b"PLTE", b"") if colour == _PALETTE else b""
    kept.pop(b"PLTE", None)
    row = 0 if interlaced else 1 + (width * depth * _CHANNELS.get(colour, 0) + 7) // 8
    file = b"".join([_SIGNATURE, header, palette, *kept.values(), *image_data, _END])
    return PngPicture(file, profile, row, tuple(compressed))


_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_BEFORE_IMAGE_DATA = frozenset({b"tRNS", b"iCCP"})
_WANTED = _TEXTS | _BEFORE_IMAGE_DATA | {b"eXIf"}


def _chunk(kind: bytes, body: Bytes) -> bytes:
    return b"".join([struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))])


def _is_sound(data: bytes, position: int, end: int) -> bool:
    if end > len(data):
        return False
    return zlib.crc32(memoryview(data)[position + 4 : end - 4]) == int.from_bytes(data[end - 4 : end])


def _check(data: bytes, position: int, end: int) -> None:
    if not _is_sound(data, position, end):
        kind = data[position + 4 : position + 8].decode()
        raise EOFError(f"{kind} is cut off") if end > len(data) else ValueError(f"{kind} has another checksum")


def _is_usable(kind: bytes, body: Bytes, header: Bytes | None) -> bool:
    """Return whether Pillow can do with a chunk what it would."""
    if header is None or len(header) < 12 + 13:
        return False
    if kind == b"tRNS":
        colour = header[8 + 9]
        return len(body) == {_GREY: 2, _RGB: 6}.get(colour, 0) or (colour == _PALETTE and 0 < len(body) <= 256)
    if kind not in _TEXTS:
        return True
    text = bytes(body[: _MOST_TEXT + 1])
    if len(text) > _MOST_TEXT or not text.startswith(_TELLS_ORIENTATION):
        return False
    keyword_end = text.index(b"\0") + 1
    if kind == b"zTXt":
        return (
            text[keyword_end : keyword_end + 1] == b"\0" and _inflated(text[keyword_end + 1 :], _MOST_TEXT) is not None
        )
    if kind == b"iTXt" and text[keyword_end : keyword_end + 1] == b"\1":
        return _inflated(text[keyword_end + 2 :].split(b"\0", 2)[-1], _MOST_TEXT) is not None
    return True


def _inflated_profile(chunk: Bytes) -> bytes | None:
    _, _, compressed = bytes(chunk[8:-4]).partition(b"\0")
    return _inflated(compressed[1:], _MOST_INFLATED) if compressed[:1] == b"\0" else None


def _inflated(compressed: bytes, most: int) -> bytes | None:
    """Return what was compressed, or None where that is broken, or larger."""
    inflating = zlib.decompressobj()
    try:
        inflated = inflating.decompress(compressed, most)
    except zlib.error:
        return None
    return inflated if inflating.eof else None
