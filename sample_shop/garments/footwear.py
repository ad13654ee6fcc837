"""What shoes have in common, seen from the side with the toe to the left: ground, heels, soles, laces, buckles."""

import numpy as np

from sample_shop.cloth.fabrics import in_colour
from sample_shop.drawing import palette
from sample_shop.drawing.canvas import Canvas, Cloth
from sample_shop.drawing.curves import Point, Points, band, curve, moved, outline, rounded
from sample_shop.drawing.masks import Mask, area
from sample_shop.drawing.palette import Colour, darker

_ARCH = (128.0, 262.0)
"""The x at which a raised foot leaves the ground, and that at which it has all of its height."""


def raised(line: Points, heel: float) -> Points:
    """Return a line bent upwards behind the ball of the foot, as by a heel so many pixels high."""
    share = ((line[:, 0] - _ARCH[0]) / (_ARCH[1] - _ARCH[0])).clip(0, 1)
    bent: Points = line - np.column_stack([np.zeros(len(line)), heel * share * share * (3 - 2 * share)])
    return bent


def lay_laces(canvas: Canvas, eyelets: Points, colour: Colour, count: int, reach: Point) -> None:
    """Draw laces from the near eyelets to the far side, which lies at `reach` from each of them."""
    dx, dy = reach
    steps = np.linspace(0.04, 0.96, count) * (len(eyelets) - 1)
    for step in steps:
        low = int(step)
        x, y = eyelets[low] + (eyelets[min(low + 1, len(eyelets) - 1)] - eyelets[low]) * (step - low)
        lace = curve((x, y), (x + dx * 0.55, y + dy * 0.5 - 3), (x + dx, y + dy))
        canvas.stroke(moved(lace, 0.5, 2.5), palette.SHADE, 5, 0.28)
        canvas.stroke(lace, darker(colour, 0.12), 5)
        canvas.stroke(lace - (0.3, 1), colour, 3)
        canvas.paint(area(rounded(x - 3, y - 3, x + 3, y + 3, 3)), darker(colour, 0.55), 0.75)


def lay_buckle(
    canvas: Canvas, centre: Point, width: float = 17, height: float = 20, metal: Colour = palette.BRASS
) -> None:
    """Draw a metal frame with its pin."""
    x, y = centre
    frame = rounded(x - width / 2, y - height / 2, x + width / 2, y + height / 2, 4)
    hole = rounded(x - width / 2 + 3.4, y - height / 2 + 3.4, x + width / 2 - 3.4, y + height / 2 - 3.4, 2)
    canvas.lay(area(frame, holes=[hole]), in_colour("plain", metal), roundness=3, relief=1.3, shadow=0.5)
    canvas.stroke(outline((x - width / 2, y), (x + width / 2 - 3, y)), metal, 2)


def lay_strap(
    canvas: Canvas, axis: Points, cloth: Cloth, colour: Colour, *widths: float, stitched: bool = True
) -> Mask:
    """Draw a strap along a line, with its edges sewn."""
    strap = area(band(axis, *widths))
    canvas.lay(strap, cloth, roundness=6, relief=1.2, shadow=0.4)
    if stitched and min(widths) > 11:
        for offset in (-0.36, 0.36):
            edge = band(axis, *(width * abs(offset) * 2 for width in widths))
            half = edge[: len(axis)] if offset > 0 else edge[len(axis) :]
            canvas.stitches(half, darker(colour, 0.35), strap)
    return strap
