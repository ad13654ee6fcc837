"""Masks: where a part of a product is, drawn from its outlines with smooth edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sample_shop.drawing.curves import Points

WIDTH = 400
HEIGHT = 500
"""Size of every picture in pixels."""

OVERSAMPLING = 4
"""Masks are drawn so many times larger and then reduced, which makes their edges smooth."""

Field: TypeAlias = NDArray[np.float32]
"""(height, width), one number for each pixel."""

Box: TypeAlias = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Where a part is: `alpha` (HEIGHT, WIDTH), 0 to 1, and the box that holds all of it."""

    alpha: Field
    box: Box

    def __and__(self, other: "Mask") -> "Mask":
        """Return where both are."""
        box = _common(self.box, other.box)
        alpha = np.zeros_like(self.alpha)
        alpha[box] = self.alpha[box] * other.alpha[box]
        return Mask(alpha, box)

    def __sub__(self, other: "Mask") -> "Mask":
        """Return where this is and the other is not."""
        alpha = np.zeros_like(self.alpha)
        alpha[self.box] = self.alpha[self.box] * (1 - other.alpha[self.box])
        return Mask(alpha, self.box)


def area(*outlines: Points, holes: Sequence[Points] = ()) -> Mask:
    """Return the mask of everything within any of the outlines and in none of the holes."""
    box = _box_around(np.concatenate(outlines), 1)
    image = Image.new("L", _enlarged_size(box))
    draw = ImageDraw.Draw(image)
    for line in outlines:
        draw.polygon(_enlarged(line, box), fill=255)
    for line in holes:
        draw.polygon(_enlarged(line, box), fill=0)
    return _reduced(image, box)


def line_mask(line: Points, width: float, dashes: tuple[float, float] | None = None) -> Mask:
    """Return the mask of a line so many pixels wide, whole or in dashes (drawn and left out, pixels)."""
    box = _box_around(line, width + 1)
    image = Image.new("L", _enlarged_size(box))
    draw = ImageDraw.Draw(image)
    thick = max(1, round(width * OVERSAMPLING))
    for piece in [line] if dashes is None else _dashed(line, *dashes):
        points = _enlarged(piece, box)
        draw.line(points, fill=255, width=thick, joint="curve")
        for x, y in (points[0], points[-1]) if thick > 2 else ():
            draw.ellipse([x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2], fill=255)
    return _reduced(image, box)


def wider(box: Box, margin: int) -> Box:
    """Return a box with a margin around it, as far as the sheet goes."""
    rows, columns = box
    return (
        slice(max(0, rows.start - margin), min(HEIGHT, rows.stop + margin)),
        slice(max(0, columns.start - margin), min(WIDTH, columns.stop + margin)),
    )


def _dashed(line: Points, drawn: float, left_out: float) -> list[Points]:
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    pieces = []
    for start in np.arange(0, along[-1], drawn + left_out):
        wanted = np.array([start, min(start + drawn, along[-1])])
        pieces.append(np.column_stack([np.interp(wanted, along, line[:, i]) for i in (0, 1)]))
    return pieces


def _box_around(points: Points, margin: float) -> Box:
    left, top = np.floor(points.min(axis=0) - margin).astype(int).clip(0)
    right, bottom = np.ceil(points.max(axis=0) + margin).astype(int).clip(1)
    return slice(int(top), int(min(HEIGHT, bottom))), slice(int(left), int(min(WIDTH, right)))


def _enlarged_size(box: Box) -> tuple[int, int]:
    rows, columns = box
    return (columns.stop - columns.start) * OVERSAMPLING, (rows.stop - rows.start) * OVERSAMPLING


def _enlarged(line: Points, box: Box) -> list[tuple[float, float]]:
    shifted = (line - (box[1].start, box[0].start)) * OVERSAMPLING
    return [(float(x), float(y)) for x, y in shifted]


def _reduced(image: Image.Image, box: Box) -> Mask:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[box] = np.asarray(image.reduce(OVERSAMPLING), np.float32) / 255
    return Mask(alpha, box)


def _common(box: Box, other: Box) -> Box:
    starts = [max(a.start, b.start) for a, b in zip(box, other, strict=True)]
    stops = [min(a.stop, b.stop) for a, b in zip(box, other, strict=True)]
    rows, columns = (slice(start, max(start + 1, stop)) for start, stop in zip(starts, stops, strict=True))
    return rows, columns
