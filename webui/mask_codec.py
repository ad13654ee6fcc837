"""Which part of a photograph was taken for the garment: as short text for a cookie, and as a haze over the rest."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from webui.deflate64 import compact, expand

Mask = NDArray[np.bool_]
Frame = tuple[float, float, float, float]

SIDE = 96
"""Longest side of an outline in pixels: that at which garments are looked for."""

HAZE = 241, 238, 231
"""The colour of the haze: the tiles' own, on light pages."""

_MOST_BYTES = 2 + SIDE * SIDE // 8
_ENLARGED = 2
_STEEPNESS = 2
"""How many times larger than its outline a haze is, and how steep its edge beside one that is blurred: no staircase,
and hardly a halo.
"""


def outline_of(cutout: NDArray[np.uint8], frame: Frame | None = None) -> Mask:
    """Return where in a picture a cutout, uint8 (height, width, 4), is opaque: bool, its longest side at most SIDE.

    `frame` is what of the picture the cutout shows: left, top, width and height as shares; all of it where None.
    """
    alpha = Image.fromarray(np.ascontiguousarray(cutout[:, :, 3]))
    left, top, across, down = frame or (0.0, 0.0, 1.0, 1.0)
    width, height = alpha.width / across, alpha.height / down
    scale = min(1.0, SIDE / max(width, height))
    width, height = width * scale, height * scale
    size = max(1, round(alpha.width * scale)), max(1, round(alpha.height * scale))
    picture = Image.new("L", (max(1, round(width)), max(1, round(height))))
    picture.paste(alpha.resize(size, Image.Resampling.BOX), (round(left * width), round(top * height)))
    return np.asarray(picture) > 127


def to_text(outline: Mask) -> str:
    """Return an outline as text, some 200 to 450 characters: width, height, and a bit for each pixel."""
    height, width = outline.shape
    return compact(bytes((width, height)) + np.packbits(outline).tobytes())


def from_text(text: str) -> Mask:
    """Return the outline that a text holds. Raises ValueError for any other text."""
    data = expand(text, _MOST_BYTES)
    if len(data) > 2:
        width, height = data[:2]
        if 0 < width <= SIDE and 0 < height <= SIDE and len(data) == 2 + -(-width * height // 8):
            bits = np.unpackbits(np.frombuffer(data, np.uint8, offset=2), count=width * height)
            return bits.reshape(height, width).astype(np.bool_)
    raise ValueError("this is no outline")


def haze_over(outline: Mask) -> NDArray[np.uint8]:
    """Return a picture to stretch over the photograph, uint8 (height, width, 4): clear over the garment, else HAZE."""
    outside = Image.fromarray(np.where(outline, np.uint8(0), np.uint8(255)))
    enlarged = ImageOps.scale(outside, _ENLARGED, Image.Resampling.BILINEAR)
    blurred = np.asarray(enlarged.filter(ImageFilter.GaussianBlur(_ENLARGED)), np.int16)
    alpha = np.clip(_STEEPNESS * (blurred - 127) + 127, 0, 255).astype(np.uint8)
    return np.dstack([np.full((*alpha.shape, 3), HAZE, np.uint8), alpha])
