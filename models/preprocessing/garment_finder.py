"""Finding the garment in a photograph: what differs from the picture's borders, and hangs together.

The colours along the four sides are taken for the background's, each stretch of a side by itself, so that a floor may
meet a wall. How far each pixel is from them begins two colour histograms, the garment's and the background's,
and each pixel goes to the one that it is likelier of: a cheap relative of GrabCut (Rother et al., SIGGRAPH 2004).
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.pictures.colour import lab
from models.pictures.components import components

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_Value = TypeVar("_Value", np.bool_, np.int32, np.float64)

MASK_SIDE = 96
"""Longest side at which the garment is looked for (pixels)."""

STRETCHES = 4
"""Stretches of each side of the picture that have a background colour of their own."""

LIGHTNESS_WEIGHT = 0.6
"""What a difference in lightness counts beside one in hue: shadows change the first alone."""

_LIKE = 14.0
"""Distance within which two stretches show the same background."""

_THRESHOLDS = 6.0, 40.0
"""Between these lies the distance from the borders' colours that parts garment and background at first."""

_ROUNDS = 2
_BINS = 16
_COLOUR_SPREAD = 1.2
"""Bins of each channel of a colour histogram, and by how many of them a colour speaks for others (a Gaussian)."""
_MOST_EVIDENCE = 3.0
"""What one pixel's colour can say for garment or background at most (natural logarithm of odds)."""

MIN_SHARE = 0.03
MAX_SHARE = 0.95
"""Share of the picture that a garment plausibly covers."""

_LEAST_SIDE = 8
"""Pixels below which there is no background to tell anything from."""

_WHOLE = "No garment could be told from the background, so the whole picture was used."

_PART_SHARE = 0.2
"""A component this large beside the main one belongs to it, like the other shoe of a pair."""

_HOLE_SHARE = 0.1
"""Enclosed background up to this share of the picture is a print or a shine, and more is a gap between sleeves."""

_BUSY = 12.0
_FAINT = 8.0
_VERY_DARK = 18.0
_CUT_OFF_SHARE = 0.25
_SHARE_OF_MIDDLE = 0.3
"""Where doubts begin: what the border leaves unexplained, how far the garment is from it, mean lightness, the share
of the border that is garment, the share of the picture's middle ninth that is.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Garment:
    """What was found: which pixels are garment, bool (height, width), and sentences on what was done and any doubt.

    `mask` is None where nothing plausible was found.
    """

    mask: Mask | None
    notes: tuple[str, ...]


def find_garment(pixels: NDArray[np.uint8]) -> Garment:
    """Find the garment of a picture, uint8 (height, width, 3); the mask has the same height and width."""
    if min(pixels.shape[:2]) < _LEAST_SIDE:
        return Garment(None, (_WHOLE,))
    picture = Image.fromarray(pixels)
    side = max(picture.size)
    size = (
        max(_LEAST_SIDE, round(picture.width * MASK_SIDE / side)),
        max(_LEAST_SIDE, round(picture.height * MASK_SIDE / side)),
    )
    small = picture.resize(size, Image.Resampling.BOX, reducing_gap=2.0) if side > MASK_SIDE else picture
    colours = lab(np.asarray(small))
    notes = ["The picture is very dark."] if colours[:, :, 0].mean() < _VERY_DARK else []
    distance, spread = _distance_from_border(colours)
    threshold = float(np.clip(_otsu(distance), *_THRESHOLDS))
    if spread > _BUSY:
        notes.append("The background is busy, so the outline may be wrong.")
    mask, parts = _main_parts(_likelier_garment(colours, distance, threshold))
    if mask is None:
        notes.append(_WHOLE)
        return Garment(None, tuple(notes))
    notes.append("The background was removed.")
    if threshold < _FAINT:
        notes.append("The garment hardly differs from the background, so the outline may be wrong.")
    height, width = mask.shape
    if mask[height // 3 : -(height // 3), width // 3 : -(width // 3)].mean() < _SHARE_OF_MIDDLE:
        notes.append("The garment is not in the middle of the picture.")
    if parts > 1:
        notes.append("There are several things in the picture; they were taken together.")
    if _border(mask, 2).mean() > _CUT_OFF_SHARE:
        notes.append("The garment reaches the edge of the picture and may be cut off.")
    enlarged = Image.fromarray(mask.astype(np.uint8) * 255).resize(picture.size, Image.Resampling.BILINEAR)
    return Garment(np.asarray(enlarged) > 127, tuple(notes))


def bounding_box(mask: Mask) -> tuple[slice, slice]:
    """Return the rows and columns that hold everything true in a mask, which must not be empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _distance_from_border(colours: NDArray[np.float32]) -> tuple[Floats, float]:
    """Return each pixel's distance from the nearest background colour, and the median of the border's own."""
    weighted = colours * np.asarray([LIGHTNESS_WEIGHT, 1, 1], np.float32)
    depth = max(2, round(0.03 * max(colours.shape)))
    sides = (weighted[:depth], weighted[-depth:], weighted[:, :depth], weighted[:, -depth:])
    stretches = [
        stretch.reshape(-1, 3)
        for along, side in zip((1, 1, 0, 0), sides, strict=True)
        for stretch in np.array_split(side, STRETCHES, axis=along)
    ]
    found = np.stack([np.median(stretch, axis=0) for stretch in stretches])
    # A garment that crosses the border differs from most stretches; a wall above a floor does not.
    alike = (np.linalg.norm(found[:, None] - found, axis=2) < _LIKE).mean(axis=1)
    background = found[alike >= min(0.25, float(np.median(alike)) / 2)]
    squares = np.square(weighted).sum(axis=2)[:, :, None] + np.square(background).sum(axis=1)
    nearest = (squares - 2 * weighted @ background.T).min(axis=2)
    distance = np.sqrt(np.maximum(nearest, 0)).astype(np.float64)
    return distance, float(np.median(_border(distance, depth)))


def _likelier_garment(colours: NDArray[np.float32], distance: Floats, threshold: float) -> Mask:
    """Return where the garment's colours are likelier than the background's, begun by a threshold on the distance."""
    garment = 1 / (1 + np.exp(-(distance - threshold) / (threshold / 4)))
    codes = _codes(colours)
    middle = np.clip(2 - 2 * _from_centre(*distance.shape), 0, 1)
    odds = distance
    for _ in range(_ROUNDS):
        inside = _smooth_histogram(codes, garment * (0.15 + middle))
        outside = _smooth_histogram(codes, (1 - garment) * (1.15 - middle))
        evidence = np.log(inside + 1e-5) - np.log(outside + 1e-5)
        odds = _blurred(np.clip(evidence[codes], -_MOST_EVIDENCE, _MOST_EVIDENCE))
        garment = 1 / (1 + np.exp(-odds))
    mask: Mask = odds > 0
    return mask


def _from_centre(height: int, width: int) -> Floats:
    """Return how far each pixel is from the centre, 0, on the way to the nearest edge, 1."""
    return np.maximum(np.abs(np.linspace(-1, 1, height))[:, None], np.abs(np.linspace(-1, 1, width)))


def _otsu(values: Floats, bins: int = 64) -> float:
    """Return the threshold that parts values into the two most distinct groups (Otsu 1979)."""
    counts, edges = np.histogram(values, bins)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * np.square(sums / below - (sums[-1] - sums) / above)
    return float(edges[1:][np.nanargmax(between[:-1])]) if len(np.unique(values)) > 1 else 0.0


def _codes(colours: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the bin of the colour histogram, (height, width), that each pixel falls into."""
    low, span = np.asarray([0, -60, -60], np.float32), np.asarray([100, 120, 120], np.float32)
    bins = np.clip((colours - low) / span * _BINS, 0, _BINS - 1).astype(np.intp)
    codes: NDArray[np.intp] = (bins[:, :, 0] * _BINS + bins[:, :, 1]) * _BINS + bins[:, :, 2]
    return codes


_APART = np.subtract.outer(np.arange(_BINS), np.arange(_BINS))
_SMOOTHING = np.exp(-np.square(_APART / _COLOUR_SPREAD) / 2)


def _smooth_histogram(codes: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shares, (bins ** 3,), of colours in the pixels so weighted, each colour spread over its neighbours."""
    cube = np.bincount(codes.ravel(), weights.ravel(), _BINS**3).reshape((_BINS,) * 3)
    for _ in range(3):
        cube = np.moveaxis(cube, 0, -1) @ _SMOOTHING
    return np.asarray(cube.ravel() / max(float(cube.sum()), 1e-9))


def _blurred(values: NDArray[np.float64], reach: int = 1) -> NDArray[np.float64]:
    """Return the mean over each pixel's square neighbourhood."""
    padded = np.pad(values, reach, mode="edge")
    size = 2 * reach + 1
    height, width = values.shape
    rows = np.sum([padded[shift : shift + height] for shift in range(size)], axis=0)
    total = np.sum([rows[:, shift : shift + width] for shift in range(size)], axis=0)
    return np.asarray(total / size**2)


def _main_parts(mask: Mask) -> tuple[Mask | None, int]:
    """Return the mask's main components without specks and holes, and how many; None where nothing is plausible."""
    mask = _blurred(mask.astype(np.float64), 2) > 0.5
    numbers = components(mask)
    areas = np.bincount(numbers.ravel())[1:]
    if not len(areas):
        return None, 0
    height, width = mask.shape
    across, down = np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height)
    columns = np.bincount(numbers.ravel(), np.tile(across, height))[1:] / areas
    rows = np.bincount(numbers.ravel(), np.repeat(down, width))[1:] / areas
    merit = areas * (1.2 - np.hypot(columns, rows))
    kept = merit >= _PART_SHARE * merit.max()
    mask = np.concatenate([[False], kept])[numbers]
    mask |= _holes(mask)
    return (mask if MIN_SHARE < mask.mean() < MAX_SHARE else None), int(kept.sum())


def _holes(mask: Mask) -> Mask:
    numbers = components(~mask)
    small = np.bincount(numbers.ravel()) <= _HOLE_SHARE * mask.size
    small[0] = False
    small[_border(numbers, 1)] = False
    holes: Mask = small[numbers]
    return holes


def _border(pixels: NDArray[_Value], depth: int) -> NDArray[_Value]:
    """Return the outermost pixels of all four sides, (n,)."""
    sides = (pixels[:depth], pixels[-depth:], pixels[depth:-depth, :depth], pixels[depth:-depth, -depth:])
    return np.concatenate([side.ravel() for side in sides])
