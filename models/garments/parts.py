"""Where one picture may show several garments: parts of its outline that lie apart, or lie above one another.

All is looked for on a coarse grid of the view that a model sees of the whole picture: colours and the outline that the
garment finder marked. What is proposed here still needs a model's word; most pictures propose nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from models.pictures.colour import lab
from models.pictures.components import components
from models.preprocessing.garment_finder import bounding_box, find_garment

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Place = tuple[float, float, float, float]
"""Left, top, right and bottom of a rectangle as shares of a view."""

_COARSER = 3
"""Pixels of a view along the side of one of the grid."""

_OUTLINED = 127

_LEAST_PART = 0.07
"""Share of the outline below which a part of its own is a speck."""

_CORE = 0.8
"""Share of the pixels around one that are outlined too where it is no bridge between two garments that touch."""

_REGROWN = 3
"""Pixels of the grid by which cores grow again within the outline."""

_LEAST_STACKED = 0.12
"""Share of both that the smaller of two parts above one another has at least."""

_BINS = 8
_SPREADS = 1.2, 0.75, 0.75
"""Bins of each channel of a colour histogram, and by how many of them a colour speaks for others: lightness, which
shadows change, reaches further.
"""

_ALIKE = 0.75
_HARDLY_ALIKE = 0.97
"""Bhattacharyya's coefficient, 1 for equal colours, below which the colours above and below a line are others; and
below which they may be, where the form says so as well.
"""

_NOTCH = 0.3
"""Share of its neighbours' width by which an outline is narrower where one garment ends and another begins."""

_NEAR = 0.13
"""Share of a part's height that is looked at on either side of a line across it."""

_HEAD = 0.06, 0.42
_SHOULDERS = 0.62
_LEAST_FACE = 0.22
"""Share of a person's height that the head takes, least and most; of the usual width at which shoulders begin; and of
the head that has the colour of skin at least.
"""

_OVERLAP = 0.03
_LEAST_PALE = 0.25
"""Share of a view's height by which a head may reach below the shoulders; and of what is below a head that a top takes
at least, where nothing was outlined in its place.
"""

_SKIN_REACH = 13.0
"""Distance in CIELAB, lightness counting half, within which a colour is that of the face."""

_BARE = 0.5
"""Share of the lower part that is skin where it is legs rather than a garment."""

_REST = 0.22
_REST_GARMENT = 0.06, 0.9
_REST_CUT_OFF = 0.1
_REST_FILLED = 0.4
"""Share of a view's height or width beside all that was found where more is looked for; the share of that rest that
a garment covers; of the rest's border, at most; and of the rectangle around it, at least. Else it is ground.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a view: where it lies, and the share of the view that it covers, 0 to 1."""

    place: Place
    share: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """A part that lies apart from all others, and what it may be made of: an upper and a lower part."""

    whole: Part
    stacked: tuple[Part, Part] | None = None


def propose_garments(pixels: NDArray[np.uint8]) -> tuple[Proposal, ...]:
    """Return the parts of a view, uint8 (height, width, 4), that may be garments: none where nothing is outlined.

    The fourth channel is the outline. One proposal that is not stacked is the ordinary picture of one garment.
    """
    rgb = Image.fromarray(np.ascontiguousarray(pixels[:, :, :3])).reduce(_COARSER)
    outline = np.asarray(Image.fromarray(np.ascontiguousarray(pixels[:, :, 3])).reduce(_COARSER)) > _OUTLINED
    if outline.all() or not outline.any():
        return ()
    colours = lab(np.asarray(rgb))
    parts = _parts_apart(outline)
    if not parts:
        return ()
    united: Mask = np.logical_or.reduce(parts)
    if len(parts) > 1 and _in_one_column(parts):
        pale = _pale_top_of_person(colours, parts)
        if pale is not None:
            return (pale,)
        if _face_of(colours, united) is not None:
            parts = [united]
    found = [_proposal(colours, part) for part in parts]
    found += [Proposal(part) for part in _parts_of_rest(np.asarray(rgb), united)]
    return tuple(found)


def _proposal(colours: Floats, part: Mask) -> Proposal:
    """Return a part as a garment, or two above one another; of a person, without the head."""
    face = _face_of(colours, part)
    skin = np.zeros_like(part)
    top = bounding_box(part)[0].start
    if face is not None:
        colour, top = face
        skin = part & _has_colour(colours, colour)
    worn = part & ~skin
    worn[:top] = False
    if worn.sum() < _LEAST_PART * part.sum():
        return Proposal(_part(part))
    body = part.copy()
    body[:top] = False
    return Proposal(_part(worn), _stacked(colours, body, worn, is_person=face is not None))


def _stacked(colours: Floats, body: Mask, worn: Mask, *, is_person: bool) -> tuple[Part, Part] | None:
    """Return what lies above and below the line at which colours or form change most; None where none is clear."""
    rows = bounding_box(body)[0]
    line = _line_of_change(_row_histograms(colours, worn)[rows], worn.sum(axis=1)[rows], is_person=is_person)
    if line is None:
        return None
    above, below = worn.copy(), worn.copy()
    above[rows.start + line :] = False
    below[: rows.start + line] = False
    if min(above.sum(), below.sum()) < _LEAST_STACKED * worn.sum():
        return None
    bare = body & ~worn
    if bare[rows.start + line :].sum() > _BARE * body[rows.start + line :].sum():
        return None
    return _part(above), _part(below)


def _line_of_change(histograms: Floats, widths: NDArray[np.intp], *, is_person: bool) -> int | None:
    """Return the row at which a lower garment begins, of rows with such colours and widths."""
    height = len(widths)
    lines = np.arange(max(3, int(0.2 * height)), min(height - 3, int(0.85 * height)) + 1)
    if not len(lines):
        return None
    near = max(3, round(_NEAR * height))
    sums = np.concatenate([np.zeros((1, histograms.shape[1]), np.float32), np.cumsum(histograms, axis=0)])
    before, after = np.maximum(lines - near, 0), np.minimum(lines + near, height)
    at_large = _likeness(sums[lines], sums[-1] - sums[lines])
    at_hand = _likeness(sums[lines] - sums[before], sums[after] - sums[lines])
    notch = _notches(widths, near)[lines]
    best = int(np.argmin(at_large + at_hand - notch))
    differ = max(at_large[best], at_hand[best])
    least = _HARDLY_ALIKE if is_person or notch[best] > _NOTCH else _ALIKE
    return int(lines[best]) if differ < least else None


def _notches(widths: NDArray[np.intp], near: int) -> Floats:
    """Return by what share of the narrower of both sides an outline is narrower around each row, 0 to 1."""
    before = sliding_window_view(np.pad(widths, (near, 0)), near)[:-1].max(axis=1)
    after = sliding_window_view(np.pad(widths, (0, near)), near)[:-1].max(axis=1)
    here = sliding_window_view(np.pad(widths, 1, mode="edge"), 3).min(axis=1)
    return np.asarray(np.maximum(0, 1 - here / np.maximum(1, np.minimum(before, after))), np.float32)


def _parts_apart(outline: Mask) -> list[Mask]:
    """Return the parts of an outline that at most narrow bridges join, the largest first, without specks."""
    cores = components(_share_around(outline) > _CORE)
    areas = np.bincount(cores.ravel())[1:]
    if not len(areas):
        return []
    kept = [number + 1 for number in np.argsort(-areas) if areas[number] >= _LEAST_PART * areas.sum()]
    grown = np.where(np.isin(cores, kept), cores, 0)
    for _ in range(_REGROWN):
        around = np.pad(grown, 1)
        neighbours = (around[1:-1, :-2], around[1:-1, 2:], around[:-2, 1:-1], around[2:, 1:-1])
        grown = np.where((grown == 0) & outline, np.maximum.reduce(neighbours), grown)
    return [grown == number for number in kept]


def _parts_of_rest(rgb: NDArray[np.uint8], found: Mask) -> list[Part]:
    """Return what more there is beside all that was found, in the widest rest of the view at one of its sides."""
    height, width = found.shape
    rows, columns = bounding_box(found)
    rests = [
        (rows.start / height, (slice(0, rows.start), slice(0, width))),
        (1 - rows.stop / height, (slice(rows.stop, height), slice(0, width))),
        (columns.start / width, (slice(0, height), slice(0, columns.start))),
        (1 - columns.stop / width, (slice(0, height), slice(columns.stop, width))),
    ]
    share, rest = max(rests, key=lambda one: one[0])
    if share < _REST:
        return []
    garment = find_garment(np.ascontiguousarray(rgb[rest])).mask
    if garment is None or not _REST_GARMENT[0] < garment.mean() < _REST_GARMENT[1]:
        return []
    border = np.concatenate([garment[0], garment[-1], garment[:, 0], garment[:, -1]])
    if border.mean() > _REST_CUT_OFF or garment[bounding_box(garment)].mean() < _REST_FILLED:
        return []
    mask = np.zeros_like(found)
    mask[rest] = garment
    return [_part(mask)]


def _in_one_column(parts: list[Mask]) -> bool:
    """Whether parts lie above one another, as those of a person whose pale shirt was not outlined."""
    columns = [bounding_box(part)[1] for part in parts]
    widest = max(columns, key=lambda one: one.stop - one.start)
    return all(widest.start <= (one.start + one.stop) / 2 <= widest.stop for one in columns)


def _pale_top_of_person(colours: Floats, parts: list[Mask]) -> Proposal | None:
    """Return what a person wears whose head and lower garment were outlined, but no top, pale on a pale ground."""
    by_height = sorted(parts, key=lambda part: bounding_box(part)[0].start)
    head, below = by_height[0], np.logical_or.reduce(by_height[1:])
    face = head & _may_be_skin(colours)
    neck = bounding_box(head)[0].stop
    if face.sum() < max(6, _LEAST_FACE * head.sum()) or neck > bounding_box(below)[0].start + _OVERLAP * len(head):
        return None
    worn = below & ~_has_colour(colours, np.median(colours[face], axis=0))
    widths = worn.sum(axis=1)
    if not widths.any():
        return None
    waist = int(np.flatnonzero(widths > _SHOULDERS * widths.max())[0])
    columns = bounding_box(below)[1]
    worn[:waist] = False
    if waist - neck < _LEAST_PALE * (bounding_box(below)[0].stop - neck):
        return None
    top = np.zeros_like(worn)
    top[neck:waist, columns] = True
    return Proposal(_part(top | worn), (_part(top), _part(worn)))


def _face_of(colours: Floats, part: Mask) -> tuple[Floats, int] | None:
    """Return the colour of the face, CIELAB (3,), and the row at which the shoulders begin; None where it is no person.

    A head is narrower than what is below it, and much of it has the colour of skin.
    """
    rows = bounding_box(part)[0]
    widths = part.sum(axis=1)[rows]
    height = len(widths)
    wide = np.flatnonzero(widths[: int(0.55 * height)] >= _SHOULDERS * np.percentile(widths, 75))
    if not len(wide) or not _HEAD[0] * height <= wide[0] <= _HEAD[1] * height:
        return None
    neck = rows.start + int(wide[0])
    head = part.copy()
    head[neck:] = False
    face = head & _may_be_skin(colours)
    if face.sum() < max(6, _LEAST_FACE * head.sum()):
        return None
    return np.median(colours[face], axis=0), neck


def _may_be_skin(colours: Floats) -> Mask:
    """Return where colours may be anybody's skin: in CIELAB, a hue from red to yellow, neither grey nor vivid."""
    chroma = np.hypot(colours[:, :, 1], colours[:, :, 2])
    hue = np.degrees(np.arctan2(colours[:, :, 2], colours[:, :, 1]))
    light = colours[:, :, 0]
    return np.asarray((light > 30) & (light < 92) & (chroma > 9) & (chroma < 48) & (hue > 20) & (hue < 78))


def _has_colour(colours: Floats, colour: Floats) -> Mask:
    away = (colours - colour) * np.asarray([0.5, 1, 1], np.float32)
    return np.asarray(np.linalg.norm(away, axis=2) < _SKIN_REACH)


def _share_around(mask: Mask) -> NDArray[np.float64]:
    """Return the share of each pixel's neighbourhood, 5 x 5, that is true."""
    sums = np.cumsum(np.cumsum(np.pad(mask, ((3, 2), (3, 2)), mode="edge"), axis=0), axis=1)
    return (sums[5:, 5:] - sums[:-5, 5:] - sums[5:, :-5] + sums[:-5, :-5]) / 25


def _smoothing(spread: float) -> Floats:
    apart = np.subtract.outer(np.arange(_BINS), np.arange(_BINS))
    return np.exp(-np.square(apart / spread) / 2).astype(np.float32)


_SMOOTHINGS = [_smoothing(spread) for spread in reversed(_SPREADS)]


def _row_histograms(colours: Floats, mask: Mask) -> Floats:
    """Return how much of each colour each row has where the mask is true, (rows, bins ** 3), each colour spread."""
    low, span = np.asarray([0, -60, -60], np.float32), np.asarray([100, 120, 120], np.float32)
    rows, columns = np.nonzero(mask)
    bins = np.clip((colours[rows, columns] - low) / span * _BINS, 0, _BINS - 1).astype(np.intp)
    codes = ((rows * _BINS + bins[:, 0]) * _BINS + bins[:, 1]) * _BINS + bins[:, 2]
    counts = np.bincount(codes, minlength=len(mask) * _BINS**3).reshape(len(mask), _BINS, _BINS, _BINS)
    cube = counts.astype(np.float32)
    for smoothing in _SMOOTHINGS:  # the last axis becomes the first but for the rows
        cube = np.moveaxis(cube @ smoothing, 3, 1)
    return np.ascontiguousarray(cube).reshape(len(mask), -1)


def _likeness(some: Floats, others: Floats) -> Floats:
    """Return Bhattacharyya's coefficients of histograms, (n, bins) each: 1 for equal ones, 0 for none in common."""
    common = np.sqrt(np.maximum(some, 0) * np.maximum(others, 0)).sum(axis=1)
    return np.asarray(common / np.sqrt(np.maximum(some.sum(axis=1) * others.sum(axis=1), 1e-9)))


def _part(mask: Mask) -> Part:
    height, width = mask.shape
    rows, columns = bounding_box(mask)
    place = columns.start / width, rows.start / height, columns.stop / width, rows.stop / height
    return Part(place, float(mask.mean()))
