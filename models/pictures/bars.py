"""Bars of one colour along the edges of a picture: frames, letterboxes, what a screenshot leaves above and below."""

import numpy as np
from numpy.typing import NDArray

MOST_CUT = 0.4
"""Share of a side that a bar may take at either end."""

_EVEN = 12
"""Levels by which nearly all pixels of a bar's line may differ from the bar's colour."""

_NEARLY_ALL = 0.97

_STEP = 0.6
"""Share of the line behind a bar that must have another colour, and of each of its ends half as much."""

_LINES_AT_ONCE = 16
"""Lines that are looked at before it is asked whether one is uneven: in most pictures one of the first is."""

_END = 0.1
"""Share of a line that is an end of it."""


def without_bars(pixels: NDArray[np.uint8], blurred: int = 0) -> tuple[slice, slice]:
    """Return the rows and columns of a picture, uint8 (height, width, 3), that its bars leave.

    Bars lie at opposite sides, and end where most of a line changes at once, up to its ends: so the empty ground
    around a product stays, however even it is. Up to `blurred` lines between a bar and the picture may be a mixture of
    both, as in a JPEG, and are cut off with it.
    """
    rows, columns = slice(0, pixels.shape[0]), slice(0, pixels.shape[1])
    for _ in range(2):  # a frame within a letterbox
        seen = pixels[rows, columns]
        across = seen.transpose(1, 0, 2)
        tall, wide = _even_ends(seen), _even_ends(across)
        if kept := _between_bars(seen[:, wide], tall, blurred):
            rows = slice(rows.start + kept.start, rows.start + kept.stop)
        if kept := _between_bars(across[:, tall], wide, blurred):
            columns = slice(columns.start + kept.start, columns.start + kept.stop)
    return rows, columns


def _even_ends(lines: NDArray[np.uint8]) -> slice:
    """Return what the even lines at both ends of some, (n, length, 3), leave."""
    first, last = _even(lines), _even(lines[::-1])
    return slice(first, len(lines) - last)


def _even(lines: NDArray[np.uint8]) -> int:
    """Return how many lines from the first on are of its colour: 0 where the first is uneven."""
    head, colour = lines[: int(MOST_CUT * len(lines)) + 1], np.median(lines[0], axis=0)
    for first in range(0, len(head), _LINES_AT_ONCE):
        some = head[first : first + _LINES_AT_ONCE]
        uneven = np.flatnonzero(_alike(some, colour).mean(axis=1) < _NEARLY_ALL)
        if len(uneven):
            return first + int(uneven[0])
    return 0


def _between_bars(lines: NDArray[np.uint8], kept: slice, blurred: int) -> slice | None:
    """Return what lies between two bars; None unless both ends that are not kept are bars.

    They are where the next lines, or one of those that may be blurred, differ from them nearly everywhere.
    """
    if not kept.start or kept.stop == len(lines):
        return None
    first = _changes(lines[kept.start : kept.stop][: blurred + 1], np.median(lines[0], axis=0))
    last = _changes(lines[kept.start : kept.stop][::-1][: blurred + 1], np.median(lines[-1], axis=0))
    if first is None or last is None or kept.start + first >= kept.stop - last:
        return None
    return slice(kept.start + first, kept.stop - last)


def _changes(lines: NDArray[np.uint8], colour: NDArray[np.floating]) -> int | None:
    """Return the first of some lines that differs from a colour nearly everywhere."""
    return next((number for number, line in enumerate(lines) if _differs(line, colour)), None)


def _differs(line: NDArray[np.uint8], colour: NDArray[np.floating]) -> bool:
    other = ~_alike(line, colour)
    end = max(1, round(_END * len(line)))
    return bool(other.mean() >= _STEP and min(other[:end].mean(), other[-end:].mean()) >= _STEP / 2)


def _alike(pixels: NDArray[np.uint8], colour: NDArray[np.floating]) -> NDArray[np.bool_]:
    low = np.clip(np.ceil(colour - _EVEN), 0, 255).astype(np.uint8)
    high = np.clip(np.floor(colour + _EVEN), 0, 255).astype(np.uint8)
    channels = range(pixels.shape[-1])  # one by one: NumPy is slow along an axis of three
    within: NDArray[np.bool_] = np.logical_and.reduce(
        [(pixels[..., n] >= low[n]) & (pixels[..., n] <= high[n]) for n in channels]
    )
    return within
