"""Banners across a picture: a band of one colour from edge to edge that something is written on."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.pictures.boxes import Box

_SIDE = 320
"""Longest side (pixels) at which a banner is looked for."""

_ALIKE = 20
"""Levels of each channel within which a pixel has the band's colour."""

_END = 0.05
"""Share of a row that is an end of it: nothing is written there."""

_ENDS_ALIKE, _ROW_ALIKE = 0.95, 0.4
"""Shares of both ends, and of the whole of a row of the band, that have its colour at least."""

_LOWEST, _HIGHEST = 0.04, 0.35
"""Share of the picture's height that a band has."""

_CHANGED = 0.8
"""Share of the row beyond a band that has another colour."""

_WRITTEN = 0.02, 0.5
"""Share of a band that has another colour: what is written on it."""

_STROKES = 6
"""Times that a row of writing changes between the band's colour and another, at least."""


def find_banner(pixels: NDArray[np.uint8]) -> Box | None:
    """Return where a banner lies in a picture, uint8 (height, width, 3), or None; a grey picture has none.

    Writing without a band, and a band that is seen through, are not found.
    """
    if pixels.ndim != 3:
        return None
    factor = max(1, max(pixels.shape[:2]) // _SIDE)
    small = np.asarray(Image.fromarray(pixels).reduce(factor), np.int16)
    height, width = small.shape[:2]
    end = max(2, round(_END * width))
    ends = np.concatenate([small[:, :end], small[:, -end:]], axis=1)
    colours = np.median(ends, axis=1)
    holds = (np.abs(ends - colours[:, None]).max(axis=2) <= _ALIKE).mean(axis=1) >= _ENDS_ALIKE
    first = 0
    while first < height:
        last = _band_end(small, colours, holds, first)
        if last > first and _is_banner(small, colours[(first + last) // 2], first, last):
            return Box(0.0, first / height, 1.0, (last - first) / height)
        first = max(last, first + 1)
    return None


def _band_end(rows: NDArray[np.int16], colours: NDArray[np.floating], holds: NDArray[np.bool_], first: int) -> int:
    """Return the row behind the last of a band that begins at one: that itself where none does."""
    last = first
    while last < len(rows) and holds[last] and np.abs(colours[last] - colours[first]).max() <= _ALIKE:
        if _alike(rows[last], colours[first]).mean() < _ROW_ALIKE:
            break
        last += 1
    return last


def _is_banner(rows: NDArray[np.int16], colour: NDArray[np.floating], first: int, last: int) -> bool:
    height = len(rows)
    if not _LOWEST * height <= last - first <= _HIGHEST * height:
        return False
    beyond = [row for row in (first - 2, last + 1) if 0 <= row < height]  # a row further: that between is a mixture
    if not beyond or any((~_alike(rows[row], colour)).mean() < _CHANGED for row in beyond):
        return False
    other = ~_alike(rows[first:last], colour)
    strokes = np.count_nonzero(other[:, 1:] != other[:, :-1], axis=1)
    return bool(_WRITTEN[0] <= other.mean() <= _WRITTEN[1] and strokes.max() >= _STROKES)


def _alike(pixels: NDArray[np.int16], colour: NDArray[np.floating]) -> NDArray[np.bool_]:
    alike: NDArray[np.bool_] = np.abs(pixels - colour).max(axis=-1) <= _ALIKE
    return alike
