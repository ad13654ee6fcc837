"""Display copies: what a page shows of an item, instead of a picture of any size."""

import io

import numpy as np
from PIL import Image

from indexer.records import DisplayCopy
from models.pictures.decoding import Picture
from models.pictures.png import encode_png
from models.pictures.webp import encode_webp

LOSSLESS_SIDE = 64
"""Pictures with no side longer than this (pixels) are kept exactly: they are drawn enlarged."""

LONGEST_SIDE = 512
"""No display copy is longer or wider than this (pixels)."""

_JPEG_QUALITY = 85
_WEBP_QUALITY = 80


def display_copy(picture: Picture) -> DisplayCopy:
    """Return the display copy of a picture: PNG when it is small, else JPEG, reduced to at most 512 pixels a side.

    Encoded from pixels alone, so nothing of the original file's metadata gets into it.
    """
    height, width = picture.pixels.shape[:2]
    if max(height, width) <= LOSSLESS_SIDE:
        return DisplayCopy(encode_png(picture.pixels), "image/png", width, height)
    image = Image.fromarray(picture.pixels)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return DisplayCopy(encoded.getvalue(), "image/jpeg", *image.size)


def reduced(copy: DisplayCopy, width: int, height: int) -> DisplayCopy:
    """Return a display copy in a size that is not larger, in pixels, as WebP; a PNG, which is kept exactly, as it is.

    Raises ValueError where it can't be decoded.
    """
    if copy.media_type == "image/png":
        return copy
    try:
        with Image.open(io.BytesIO(copy.data), formats=("JPEG",)) as image:
            image.draft("RGB", (width, height))  # reduced while it is decoded, as far as that goes
            pixels = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
    except Exception as error:  # Pillow's decoders raise whatever damaged bytes make them stumble over
        raise ValueError(f"a display copy can't be decoded: {error}") from error
    return DisplayCopy(encode_webp(pixels, _WEBP_QUALITY), "image/webp", width, height)


def is_shown(copy: DisplayCopy) -> bool:
    """Tell whether a display copy can be decoded, and is of the kind and size that it says."""
    try:
        with Image.open(io.BytesIO(copy.data), formats=("PNG", "JPEG")) as image:
            image.load()
            return (image.get_format_mimetype(), *image.size) == (copy.media_type, copy.width, copy.height)
    except Exception:  # Pillow's decoders raise whatever damaged bytes make them stumble over
        return False
