"""T-shirts and tops, and pullovers: pulled over the head, without an opening."""

from dataclasses import dataclass, field
from random import Random
from typing import Literal

import numpy as np

from sample_shop.cloth.fabrics import DyedCloth, in_colour
from sample_shop.drawing.canvas import Canvas
from sample_shop.drawing.curves import CENTRE, both_sides, curve, ellipse, mirrored, moved, outline, rounded
from sample_shop.drawing.masks import Mask, area
from sample_shop.drawing.palette import darker
from sample_shop.garments.torso import (
    Body,
    Sleeve,
    armhole_seams,
    creases,
    lay_cuffs,
    lay_inside,
    lay_sleeves,
    neckband,
)

Print = Literal["", "sun", "block", "lines", "hills"]


@dataclass(frozen=True, slots=True)
class Tee:
    """A T-shirt or a sleeveless top."""

    body: Body = field(default_factory=Body)
    sleeve: Sleeve | None = field(default_factory=lambda: Sleeve(74, 68, 34))
    trim: float = 9
    """Width of the neckband (pixels)."""
    pocket: bool = False
    ringer: bool = False
    """Whether neckband and cuffs are of the contrasting colour."""
    print: Print = ""

    def draw(self, canvas: Canvas, cloth: DyedCloth, chance: Random) -> None:
        """Draw it."""
        edge = in_colour("rib", cloth.contrast if self.ringer else _edge_colour(cloth))
        lay_inside(canvas, self.body, _edge_colour(cloth))
        if self.sleeve is not None:
            lay_sleeves(canvas, self.body, self.sleeve, cloth, chance)
            lay_cuffs(canvas, self.body, self.sleeve, edge if self.ringer else cloth, 9)
        front = area(self.body.outline())
        canvas.lay(front, cloth, folds=creases(self.body, chance), shadow=0.12, roundness=20)
        if self.sleeve is not None:
            armhole_seams(canvas, self.body, cloth.colour)
        if self.print:
            _lay_print(canvas, self.print, cloth, front)
        if self.pocket:
            _chest_pocket(canvas, cloth)
        neckband(canvas, self.body, edge, self.trim)
        _hem_stitching(canvas, self.body, cloth, front)


@dataclass(frozen=True, slots=True)
class Pullover:
    """A jumper, sweatshirt or hooded sweatshirt with ribbed ends."""

    body: Body = field(
        default_factory=lambda: Body(
            chest=110, waist=110, hem=102, shoulder=110, slope=34, armhole=136, neck=42, neck_depth=30, hem_y=440
        )
    )
    sleeve: Sleeve = field(default_factory=lambda: Sleeve(272, 44, 9.5, 5))
    collar: Literal["crew", "roll", "hood", "none"] = "crew"
    print: Print = ""
    ribbing: float = 24
    """Depth of the ribbed hem and cuffs (pixels)."""

    def draw(self, canvas: Canvas, cloth: DyedCloth, chance: Random) -> None:
        """Draw it."""
        colour = _edge_colour(cloth)
        ribbed = in_colour("rib", darker(colour, 0.06))
        if self.collar == "hood":
            _hood(canvas, self.body, cloth)
        else:
            lay_inside(canvas, self.body, colour)
        lay_sleeves(canvas, self.body, self.sleeve, cloth, chance)
        lay_cuffs(canvas, self.body, self.sleeve, ribbed, self.ribbing)
        front = area(self.body.outline())
        canvas.lay(front, cloth, folds=creases(self.body, chance, 1.1), roundness=22, shadow=0.3)
        armhole_seams(canvas, self.body, cloth.colour)
        if self.print:
            _lay_print(canvas, self.print, cloth, front)
        if self.ribbing:
            canvas.lay(_hem_band(self.body, self.ribbing), ribbed, roundness=10, shadow=0.3)
        if self.collar == "roll":
            _roll_neck(canvas, self.body, ribbed)
        elif self.collar == "hood":
            _hood_front(canvas, self.body, cloth)
        else:
            neckband(canvas, self.body, ribbed, 12 if self.collar == "crew" else 6)


def _edge_colour(cloth: DyedCloth) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    """Return the colour of neckbands and insides: the ground's, where stripes lie on a contrasting ground."""
    return cloth.contrast if cloth.fabric.adjective == "striped" else cloth.colour


def _hem_stitching(canvas: Canvas, body: Body, cloth: DyedCloth, front: Mask) -> None:
    right = body.hemline()
    hem = np.concatenate([right, mirrored(right)[::-1]])
    for above in (9.0, 12.0):
        canvas.stroke(hem - (0, above), darker(cloth.colour, 0.4), 0.8, 0.35, within=front)


def _hem_band(body: Body, depth: float) -> Mask:
    half = body.hem
    right = outline(
        (CENTRE, body.hem_y + body.tails + 3 - depth),
        (CENTRE + half + 1, body.hem_y - depth),
        curve(
            (CENTRE + half + 1, body.hem_y - depth),
            (CENTRE + half, body.hem_y - depth / 2),
            (CENTRE + half - 1, body.hem_y + 4),
        ),
        (CENTRE, body.hem_y + body.tails + 8),
    )
    return area(both_sides(right))


def _chest_pocket(canvas: Canvas, cloth: DyedCloth) -> None:
    line = outline((222, 158), (264, 158), (264, 196), (243, 206), (222, 196), (222, 158))
    canvas.lay(area(line), cloth, roundness=5, shadow=0.25, about=(203, 3))
    canvas.stroke(line, darker(cloth.colour, 0.4), 1, 0.6)
    canvas.stroke(outline((222, 166), (264, 166)), darker(cloth.colour, 0.4), 0.8, 0.5)


def _roll_neck(canvas: Canvas, body: Body, ribbed: DyedCloth) -> None:
    top, half = body.top - 26, body.neck
    front = outline(
        curve((CENTRE, top + 6), (CENTRE + half * 0.6, top + 4), (CENTRE + half * 0.86, top)),
        curve((CENTRE + half * 0.86, top), (CENTRE + half * 0.95, top + 20), (CENTRE + half + 5, top + 38)),
        curve((CENTRE + half + 5, top + 38), (CENTRE + half * 0.6, top + 50), (CENTRE, top + 54)),
    )
    canvas.lay(area(both_sides(front)), ribbed, roundness=9, shadow=0.4)
    fold = curve((CENTRE - half, top + 25), (CENTRE, top + 35), (CENTRE + half, top + 25))
    canvas.stroke(fold, darker(ribbed.colour, 0.5), 2, 0.35)


def _hood(canvas: Canvas, body: Body, cloth: DyedCloth) -> None:
    top = body.top
    back = outline(
        curve((CENTRE, top - 30), (CENTRE + 36, top - 24), (CENTRE + 58, top + 2), (CENTRE + 62, top + 26)),
        (CENTRE, top + 48),
    )
    canvas.lay(area(both_sides(back)), cloth, roundness=14, shadow=0)
    opening = ellipse((CENTRE, top + 14), 74, 62)
    canvas.lay(area(opening), in_colour("plain", darker(cloth.colour, 0.42)), relief=0.6, shadow=0)


def _hood_front(canvas: Canvas, body: Body, cloth: DyedCloth) -> None:
    top = body.top
    right = outline(
        curve((CENTRE - 2, top + 46), (CENTRE + 26, top + 34), (CENTRE + 40, top + 6), (CENTRE + 38, top - 8)),
        curve((CENTRE + 54, top - 2), (CENTRE + 66, top + 26), (CENTRE + 44, top + 50), (CENTRE - 2, top + 66)),
    )
    for line in (mirrored(right), right):
        canvas.lay(area(line), cloth, roundness=9, shadow=0.4)
    for side, end in ((-1, 132.0), (1, 126.0)):
        cord = curve(
            (CENTRE + side * 15, top + 48), (CENTRE + side * 19, top + 80), (CENTRE + side * 17, end + top - 40)
        )
        canvas.stroke(moved(cord, 1, 2), darker(cloth.colour, 0.6), 3, 0.25)
        canvas.stroke(cord, cloth.contrast, 3)
    pocket = outline(
        (152, 322),
        (248, 322),
        curve((248, 322), (258, 346), (276, 368)),
        (276, 408),
        (124, 408),
        curve((124, 368), (142, 346), (152, 322)),
    )
    canvas.lay(area(pocket), cloth, roundness=6, shadow=0.25)
    canvas.stroke(pocket, darker(cloth.colour, 0.4), 1, 0.5)


def _lay_print(canvas: Canvas, kind: Print, cloth: DyedCloth, within: Mask) -> None:
    ink, other = cloth.contrast, cloth.dyes.third
    middle = (CENTRE, 190.0)
    if kind == "sun":
        disc = area(ellipse(middle, 92, 92))
        for number, y in enumerate((158, 172, 186, 200, 214, 228)):
            gap = area(rounded(140, y, 260, y + 2 + number, 1))
            disc = disc - gap
        canvas.paint(disc & within, ink, 0.92)
    elif kind == "block":
        canvas.paint(area(rounded(146, 146, 254, 232, 3)) & within, ink, 0.92)
        for y, width in ((166, 70), (184, 84), (202, 52)):
            canvas.paint(area(rounded(CENTRE - width / 2, y, CENTRE + width / 2, y + 9, 2)), cloth.colour)
    elif kind == "lines":
        for number in range(5):
            y = 156 + number * 15
            wave = curve((146, y), (173, y - 7), (200, y), (227, y + 7), (254, y))
            canvas.stroke(wave, ink if number % 2 == 0 else other, 5, 0.92, within)
    elif kind == "hills":
        frame = area(rounded(148, 140, 252, 244, 52))
        canvas.paint(frame, ink, 0.92)
        canvas.paint(area(ellipse((222, 172), 26, 26)), other)
        for points, shade in (((148, 215), (185, 178), (215, 212)), 0.15), (((175, 226), (225, 190), (262, 232)), 0.4):
            hill = outline((140, 260), curve((140, 232), *points, (270, 240)), (270, 260))
            canvas.paint(area(hill) & frame, darker(cloth.colour, shade), 1)
