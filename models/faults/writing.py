"""Writing laid over a picture beside the garment, without a band: a price, an address, 'SALE -50 %'.

Letters are spots of one colour that stand out from what surrounds them; lines are letters of one height, colour and
ground in a row, as in Epshtein, Ofek and Wexler (Detecting text in natural scenes with stroke width transform,
CVPR 2010). How much a line speaks for writing is a weighed sum of what is measured of it. The weights were fitted, by
logistic regression, to lines in photographs with writing drawn on them and without.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.pictures.boxes import Box
from models.pictures.components import components

Mask: TypeAlias = NDArray[np.bool_]

_SIDE = 320
"""Longest side (pixels) at which writing is looked for."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

_SURROUNDINGS = 14
"""Pixels on each side that a letter is compared with: broader than a stroke, narrower than a garment."""

_DIFFERS, _STANDS_OUT = 16, 32
"""Levels by which every pixel of a letter differs from its surroundings, and by which one does at least."""

_LOWEST, _HIGHEST = 0.03, 0.25
"""Share of the longest side that a letter is high."""

_BROAD, _BROADEST = 1.6, 9.0
"""Heights of a letter from which on it is several that run together, and that such a word has at most."""

_LETTER_AND_SPACE = 0.75
"""Heights that a letter takes up with the space beside it, on the average."""

_THIN = 0.08
_FILLED = 0.15, 0.95
"""Least width of a letter in heights, and share of its box that it fills."""

_ONE_COLOUR = 45
"""Levels that the pixels of a letter's core are off its colour at most, on the average."""

_COLOUR_ALIKE, _GROUND_ALIKE = 50, 72
"""Levels within which letters of a line have one colour, and one ground."""

_SPACE = 1.2
"""Heights between two letters of a line at most."""

_FEWEST = 3
"""Letters of a line, at least."""

_ON_GARMENT = 0.3
_BESIDE = 2
"""Share of a letter's box on the garment from which on it lies there, and letters beside the garment at least."""

_LARGE_PART = 0.35
"""Of the garment's largest part, the share from which on another is no writing that was taken for a part of it."""

_MARGIN = 0.15
"""Where no garment is found: the share of the picture along each side that lies beside it."""

_WEIGHTS = np.array([2.33, -0.81, -2.82, 2.73, -0.96, -0.60, -1.31])
_BIAS = -2.9
"""What each thing that `measured_of` tells of a line counts, and what is taken off."""


class _Letter(NamedTuple):
    """A letter, or a word whose letters run together: its box (pixels), colour and ground (levels).

    `stroke` is the mean width of its strokes (pixels).
    """

    left: int
    top: int
    width: int
    height: int
    colour: NDArray[np.float32]
    ground: NDArray[np.float32]
    stroke: float

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def letters(self) -> int:
        return max(1, round(self.width / (_LETTER_AND_SPACE * self.height))) if self._is_word else 1

    @property
    def _is_word(self) -> bool:
        return self.width > _BROAD * self.height


_Line: TypeAlias = list[_Letter]


def find_writing(pixels: NDArray[np.uint8], garment: Callable[[], Mask | None]) -> Box | None:
    """Return where a line of writing lies beside the garment in a picture, uint8 (height, width, 3), or None.

    `garment` says, where it must be known, which pixels are the garment's, bool (height, width); None where that can't
    be told. What is printed on a garment is not found, and neither is what somebody wrote across it.
    """
    image = Image.fromarray(pixels)
    factor = _SIDE / max(image.size)
    width, height = (max(16, round(side * factor)) for side in image.size)
    way = Image.Resampling.BICUBIC if factor > 1 else Image.Resampling.BOX
    small = np.asarray(image.resize((width, height), way), np.float32)
    lines = [line for line in _lines(small) if evidence_of(line) > 0]
    if not lines:
        return None
    on_garment = _on_garment(garment(), (width, height))
    beside, line = max(
        ((sum(one.letters for one in line if _is_beside(one, on_garment)), line) for line in lines),
        key=lambda found: found[0],
    )
    if beside < _BESIDE:
        return None
    left, top = min(one.left for one in line), min(one.top for one in line)
    right, bottom = max(one.right for one in line), max(one.bottom for one in line)
    return Box(left / width, top / height, (right - left) / width, (bottom - top) / height)


def _lines(small: NDArray[np.float32]) -> Iterator[_Line]:
    """Yield what may be lines of writing, dark or light, in a picture, float32 (height, width, 3)."""
    grey = small @ _LUMA
    differs = grey - _mean_around(grey, _SURROUNDINGS)
    for towards in (-differs, differs):
        for line in _in_lines(sorted(_letters(small, towards), key=lambda one: one.left)):
            if sum(one.letters for one in line) >= _FEWEST:
                yield line


def _mean_around(values: NDArray[np.float32], reach: int) -> NDArray[np.float64]:
    """Return the mean of the square around each pixel."""
    size = 2 * reach + 1
    sums = np.pad(np.pad(values, reach, mode="edge").cumsum(0, np.float64).cumsum(1), ((1, 0), (1, 0)))
    whole = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return np.asarray(whole / size**2)


def _letters(small: NDArray[np.float32], differs: NDArray[np.float64]) -> Iterator[_Letter]:
    """Yield the spots of a picture that may be letters, by how far each pixel differs from its surroundings."""
    spots = components(differs > _DIFFERS)
    places = np.flatnonzero(spots)
    if not len(places):
        return
    numbers = spots.ravel()[places]
    order = np.argsort(numbers, kind="stable")
    places, first = places[order], np.flatnonzero(np.diff(numbers[order], prepend=0))
    rows, columns = np.divmod(places, spots.shape[1])
    top, bottom = np.minimum.reduceat(rows, first), np.maximum.reduceat(rows, first) + 1
    left, right = np.minimum.reduceat(columns, first), np.maximum.reduceat(columns, first) + 1
    height, width = bottom - top, right - left
    filled = np.diff(first, append=len(places)) / (height * width)
    side = max(spots.shape)
    may_be = (
        (np.maximum.reduceat(differs.ravel()[places], first) >= _STANDS_OUT)
        & (height >= max(6, _LOWEST * side))
        & (height <= _HIGHEST * side)
        & (width >= _THIN * height)
        & (width <= _BROADEST * height)
        & (filled >= _FILLED[0])
        & (filled <= np.where(width > 2 * height, 0.7, _FILLED[1]))
        & (np.minimum(top, left) > 0)
        & (bottom < spots.shape[0])
        & (right < spots.shape[1])
    )
    for at in np.flatnonzero(may_be).tolist():
        around = slice(max(0, top[at] - 2), bottom[at] + 2), slice(max(0, left[at] - 2), right[at] + 2)
        inside = spots[around] == at + 1
        core = inside & (differs[around] >= np.median(differs[around][inside]))
        colour = np.median(small[around][core], axis=0)
        if np.abs(small[around][core] - colour).max(axis=1).mean() > _ONE_COLOUR:
            continue
        strokes = np.count_nonzero(np.diff(inside, axis=1, prepend=False) & inside)
        yield _Letter(
            int(left[at]),
            int(top[at]),
            int(width[at]),
            int(height[at]),
            colour,
            np.median(small[around][~inside], axis=0),
            float(np.count_nonzero(inside) / strokes),
        )


def _in_lines(letters: Sequence[_Letter]) -> Iterator[_Line]:
    """Yield letters, given from left to right, as lines: each goes on with the next that is like the last."""
    left = list(letters)
    while left:
        line, rest = [left[0]], []
        for one in left[1:]:
            if _goes_on(line[-1], one):
                line.append(one)
            else:
                rest.append(one)
        left = rest
        yield line


def _goes_on(last: _Letter, one: _Letter) -> bool:
    height = max(last.height, one.height)
    ends = sorted((abs(last.top - one.top), abs(last.bottom - one.bottom)))
    return bool(
        last.left + last.width / 2 <= one.left <= last.right + _SPACE * height
        and min(last.height, one.height) >= 0.6 * height
        and ends[0] <= 0.15 * height + 1
        and ends[1] <= 0.45 * height + 1
        and np.abs(last.colour - one.colour).max() <= _COLOUR_ALIKE
        and np.abs(last.ground - one.ground).max() <= _GROUND_ALIKE
        and 0.4 < last.stroke / one.stroke < 2.5
    )


def measured_of(line: Sequence[_Letter]) -> list[float]:
    """Return what tells writing from other things in a row."""
    heights = np.array([one.height for one in line], float)
    height = float(heights.mean())
    tops, bottoms = np.array([one.top for one in line]), np.array([one.bottom for one in line])
    colours = np.stack([one.colour for one in line])
    colour, ground = np.median(colours, axis=0), np.median(np.stack([one.ground for one in line]), axis=0)
    return [
        float(np.log(len(line))),
        float(np.mean([one.letters > 1 for one in line])),
        float(np.median([one.stroke for one in line])) / height,
        float(np.abs(colour - ground).max()) / 100,
        float(np.abs(colours - colour).max(axis=1).mean()) / 10,
        float(np.abs(tops - np.median(tops)).mean()) / height * 10,
        float(np.abs(bottoms - np.median(bottoms)).mean()) / height * 10,
    ]


def evidence_of(line: Sequence[_Letter]) -> float:
    """Return how much a line speaks for writing: more than 0 where it is taken for that."""
    return float(np.dot(_WEIGHTS, measured_of(line)) + _BIAS)


def _on_garment(garment: Mask | None, size: tuple[int, int]) -> Mask:
    """Return which pixels of a picture of so many columns and rows count as garment, bool (rows, columns)."""
    width, height = size
    if garment is None:
        on = np.zeros((height, width), bool)
        on[round(_MARGIN * height) : -round(_MARGIN * height), round(_MARGIN * width) : -round(_MARGIN * width)] = True
        return on
    numbers = components(np.asarray(Image.fromarray(garment.astype(np.uint8) * 255).resize(size)) > 127)
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    large: Mask = ((sizes >= _LARGE_PART * sizes.max()) & (sizes > 0))[numbers]
    return large


def _is_beside(letter: _Letter, on_garment: Mask) -> bool:
    box = on_garment[letter.top : letter.bottom, letter.left : letter.right]
    return bool(box.mean() <= _ON_GARMENT)
