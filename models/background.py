"""Telling a garment from the background around it, and putting it on white."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

_Value = TypeVar("_Value", np.bool_, np.float32)

WHITE = 255
"""The grey that a background becomes. Zalando's is #fdfdfd, but in Fashion-MNIST it is 0, the negative of white."""

MASK_SIDE = 146
"""Longest side at which the garment is looked for (pixels, up to twice that): twice the product thumbnail's."""

CHANNEL_WEIGHTS = (0.5, 2.0, 2.0)
"""What differences in luma, blue and red chroma count: shadows change the first, garments mostly all three."""

BASE_THRESHOLD = 9.0
SPREAD_FACTOR = 4.0
MAX_THRESHOLD = 60.0
"""A pixel within base + factor x the border's own spread (weighted units) of its colour can be background."""

MIN_SHARE = 0.03
MAX_SHARE = 0.9
"""Share of the picture that a garment plausibly covers."""

MIN_SHARE_OF_MIDDLE = 0.3
"""Share of the middle ninth of the picture that it covers at least."""

BUSY_SPREAD = 15.0
VERY_DARK = 50
CUT_OFF_SHARE = 0.25
"""Where doubts begin: the border's spread, the picture's mean luma, the share of the border that is garment."""

_LOWER = 0.6
_TRIES = 4


def on_white(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Return the garment of a picture on white, cropped to it, and sentences on what was done and any doubt.

    `pixels` and the result are uint8 (height, width, 3); the result is reduced to about MASK_SIDE. What has the
    median colour of the picture's borders, and is joined to them, is background. Where that leaves nothing, or
    nearly everything, the whole picture is returned.
    """
    image = Image.fromarray(pixels)
    small = image.reduce(max(1, max(image.size) // MASK_SIDE))
    colours = np.asarray(small.convert("YCbCr"), np.float32)
    notes = ["The picture is very dark."] if colours[:, :, 0].mean() < VERY_DARK else []
    garment, doubts = _garment_mask(colours * np.asarray(CHANNEL_WEIGHTS, np.float32))
    if garment is None:
        return np.asarray(small), (*notes, *doubts)
    product = np.where(garment[:, :, None], np.asarray(small), np.uint8(WHITE))
    return product[bounding_box(garment)], (*notes, "The background was removed.", *doubts)


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and columns that hold everything true in a mask, which must not be empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _garment_mask(colours: NDArray[np.float32]) -> tuple[NDArray[np.bool_] | None, list[str]]:
    """Return where the garment is, or None when that is not plausible anywhere, and the doubts about it."""
    border = _border(colours)
    background = np.median(border, axis=0)
    spread = float(np.median(np.linalg.norm(border - background, axis=1)))
    distance = np.linalg.norm(colours - background, axis=2)
    threshold = min(BASE_THRESHOLD + SPREAD_FACTOR * spread, MAX_THRESHOLD)
    doubts = ["The background is busy, so the outline may be wrong."] if spread > BUSY_SPREAD else []
    candidate: NDArray[np.bool_] | None = None
    for attempt in range(_TRIES):
        garment = _without_specks(~_reached_from_border(distance <= threshold))
        if garment.mean() > MAX_SHARE:
            break
        if garment.mean() > MIN_SHARE:
            candidate = garment if candidate is None else candidate
            if _middle(garment).mean() > MIN_SHARE_OF_MIDDLE:
                if attempt:
                    doubts.append("The garment hardly differs from the background, so the outline may be wrong.")
                return garment, doubts + _cut_off(garment)
        threshold *= _LOWER
    if candidate is None:
        return None, [*doubts, "No garment could be told from the background, so the whole picture was used."]
    return candidate, [*doubts, "The garment is not in the middle of the picture.", *_cut_off(candidate)]


def _cut_off(garment: NDArray[np.bool_]) -> list[str]:
    cut = _border(garment).mean() > CUT_OFF_SHARE
    return ["The garment reaches the edge of the picture and may be cut off."] if cut else []


def _border(pixels: NDArray[_Value], depth: int = 3) -> NDArray[_Value]:
    """Return the outermost pixels of all four sides, (n,) or (n, channels)."""
    sides = (pixels[:depth], pixels[-depth:], pixels[depth:-depth, :depth], pixels[depth:-depth, -depth:])
    return np.concatenate([side.reshape(-1, *pixels.shape[2:]) for side in sides])


def _middle(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    height, width = mask.shape
    return mask[height // 3 : -(height // 3), width // 3 : -(width // 3)]


def _without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(Image.fromarray(mask.astype(np.uint8)).filter(ImageFilter.MedianFilter(5)), np.bool_)


def _reached_from_border(passable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the passable pixels that are joined to the border through passable ones, side by side."""
    reached = np.zeros_like(passable)
    reached[[0, -1]] = passable[[0, -1]]
    reached[:, [0, -1]] = passable[:, [0, -1]]
    while True:
        wider = _along_rows(_along_rows(reached, passable).T, passable.T).T
        if np.array_equal(wider, reached):
            return reached
        reached = wider


def _along_rows(reached: NDArray[np.bool_], passable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Spread what is reached over the whole of each run of passable pixels in a row."""
    begins = np.ones(passable.shape, np.bool_)
    begins[:, 1:] = passable[:, 1:] != passable[:, :-1]
    run = np.cumsum(begins) - 1
    hit = np.bincount(run, weights=reached.ravel()) > 0
    return np.asarray(hit[run], np.bool_).reshape(passable.shape) & passable
