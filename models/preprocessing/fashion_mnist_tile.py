"""From any picture to the model's 28x28 view, by way of Fashion-MNIST's own conversion (arXiv 1708.07747)."""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.datasets.fashion_mnist import SIDE
from models.embedder import View
from models.pictures.blank import refuse_blank
from models.pictures.boxes import Box
from models.pictures.decoding import Picture
from models.preprocessing.garment_finder import bounding_box, find_garment
from models.preprocessing.upscaled_tiles import shrink_back

PREPROCESSING = "fashion-mnist-v2"
"""The name under which a model card asks for this conversion. Other results need another name."""

THUMBNAIL = (51, 73)
"""Width and height of the product thumbnails that Fashion-MNIST was made from."""

PRODUCT_SIDE = 146
"""Longest side of a photograph from which the garment is cut (pixels, up to twice that): twice the thumbnail's."""

BACKGROUND = 255
"""The grey that a background becomes. Zalando's is #fdfdfd, but in Fashion-MNIST it is 0, the negative of white."""

TRIM_TOLERANCE = 0.05
"""Share of full intensity by which a pixel may differ from the corner's colour and still be trimmed."""

Pixels: TypeAlias = NDArray[np.uint8]

_COLOURLESS = 8
"""Greatest difference between the channels of a grey picture that was saved in colour with losses."""

_LEAST_SHARE_OF_BOX = 0.2

_NEARLY_BLACK = 12
_LEAST_BLACK_BORDER = 10
"""Pixels of a tile's border that are background: 11 or more in each of the 70,000 images."""


def prepare(picture: Picture, box: Box | None = None) -> View:
    """Return a picture's view: uint8 (28, 28), the garment bright on 0, centred, its longest side 28.

    A 28x28 grey picture is taken as a Fashion-MNIST image, in the original's polarity or as the product picture it
    was made from (dark on white), and comes through exactly; an upscaled one nearly so. Anything else is taken as
    a photograph or product picture: the garment is found, within the `box` where there is one, and set on white, then
    Fashion-MNIST's conversion follows. Raises BlankPicture where there is nothing to see.
    """
    refuse_blank(picture)
    pixels = picture.pixels
    if box is None and pixels.shape == (SIDE, SIDE):
        return View(_bright_on_black(pixels))
    tile = _upscaled_tile(pixels) if box is None else None
    if tile is not None:
        return View(tile, ("This is a Fashion-MNIST picture, taken back to its own size.",))
    return _view_of_photograph(_as_rgb(pixels), box)


def _view_of_photograph(pixels: Pixels, box: Box | None) -> View:
    image = Image.fromarray(pixels)
    height, width = pixels.shape[:2]
    looked_at = max(height, width) if box is None else max(box.height * height, box.width * width)
    photograph = np.asarray(image.reduce(max(1, int(looked_at) // PRODUCT_SIDE)))
    whole = (slice(None), slice(None))
    around = whole if box is None else box.with_margin().of(photograph)
    garment = find_garment(photograph[around])
    mask = np.zeros(photograph.shape[:2], np.bool_)
    mask[around] = True if garment.mask is None else garment.mask
    notes = garment.notes
    if box is not None:
        mask, notes = _kept_to(box, mask, notes)
    white = photograph if garment.mask is None else np.where(mask[:, :, None], photograph, np.uint8(BACKGROUND))
    coarser = max(1, max(photograph.shape) // PRODUCT_SIDE)
    cutout = np.dstack([photograph, np.where(mask, np.uint8(255), np.uint8(0))])[::coarser, ::coarser]
    return View(_converted(white[bounding_box(mask)]), notes, cutout)


def _kept_to(box: Box, mask: NDArray[np.bool_], notes: tuple[str, ...]) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Return the part of a mask that lies in a box, or all of the box where that is hardly anything."""
    inside = np.zeros_like(mask)
    inside[box.of(mask)] = True
    both = mask & inside
    if both.sum() < _LEAST_SHARE_OF_BOX * inside.sum():
        return inside, ("All of the box was taken for the garment.",)
    return both, notes


def _upscaled_tile(pixels: Pixels) -> Pixels | None:
    """Return the Fashion-MNIST image of which a picture is an enlargement or a colourless RGB copy, or None."""
    height, width = pixels.shape[:2]
    if height != width or width < SIDE:
        return None
    if pixels.ndim == 3:
        if np.ptp(pixels[::4, ::4], axis=2).max() > _COLOURLESS or np.ptp(pixels, axis=2).max() > _COLOURLESS:
            return None
        pixels = np.ascontiguousarray(pixels[:, :, 1])
    tile = pixels if width == SIDE else shrink_back(pixels, SIDE)
    if tile is None:
        return None
    tile = _bright_on_black(tile)
    border = np.concatenate([tile[0], tile[-1], tile[1:-1, 0], tile[1:-1, -1]])
    return tile if np.count_nonzero(border <= _NEARLY_BLACK) >= _LEAST_BLACK_BORDER else None


def _bright_on_black(tile: Pixels) -> Pixels:
    """Return the negative of a tile whose border is bright: that is a product picture, as all photographs are.

    The border's mean tells the two apart for each of the 70,000 images.
    """
    total = int(tile[0].sum()) + int(tile[-1].sum()) + int(tile[1:-1, 0].sum()) + int(tile[1:-1, -1].sum())
    return np.invert(tile) if total > 127.5 * 4 * (SIDE - 1) else tile


def _as_rgb(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)


def _converted(product: Pixels) -> Pixels:
    """Return Fashion-MNIST's conversion of a product picture, uint8 (height, width, 3), to (28, 28).

    Trim, longest side to 28 by leaving rows and columns out, sharpen, extend, negate; grey first rather than last,
    which changes nothing but the work. Where one side of the margin is wider, it is the upper or left one.
    """
    image = Image.fromarray(product)
    image.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
    thumbnail = _trimmed(np.asarray(image))
    height, width = thumbnail.shape[:2]
    scale = SIDE / max(height, width)
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    small = Image.fromarray(thumbnail).resize((width, height), Image.Resampling.NEAREST)
    sharp = _sharpened(np.asarray(small.convert("L"), np.float32))
    view = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - height + 1) // 2, (SIDE - width + 1) // 2
    view[top : top + height, left : left + width] = np.invert(sharp)
    return view


def _trimmed(pixels: Pixels) -> Pixels:
    """Cut off the edges that are as the upper left corner is; a picture of one colour stays."""
    differs = (np.abs(pixels.astype(np.int16) - pixels[0, 0]) > 255 * TRIM_TOLERANCE).any(axis=2)
    return pixels[bounding_box(differs)] if differs.any() else pixels


def _sharpened(grey: NDArray[np.float32]) -> Pixels:
    """Sharpen as ImageMagick does with radius and sigma 1: nine weights, the centre set against a Gaussian."""
    side = math.exp(-1 / 2)
    padded = np.pad(grey, 1, mode="edge")
    rows = padded[1:-1] + side * (padded[:-2] + padded[2:])
    blurred = rows[:, 1:-1] + side * (rows[:, :-2] + rows[:, 2:])
    weight = (1 + 2 * side) ** 2
    sharp = (2 * weight * grey - (blurred - grey)) / (weight + 1)
    return np.rint(sharp).clip(0, 255).astype(np.uint8)
