"""Shirts and blouses: collar, button placket, cuffs."""

from dataclasses import dataclass, field
from random import Random
from typing import Literal

import numpy as np

from sample_shop.cloth.fabrics import DyedCloth
from sample_shop.drawing import palette
from sample_shop.drawing.canvas import Canvas
from sample_shop.drawing.curves import CENTRE, Points, band, curve, mirrored, moved, outline
from sample_shop.drawing.masks import area
from sample_shop.drawing.palette import Colour, darker, lighter
from sample_shop.garments.torso import (
    Body,
    Sleeve,
    armhole_seams,
    creases,
    lay_collar_back,
    lay_cuffs,
    lay_inside,
    lay_sleeves,
    neckband,
)

SHIRT_BODY = Body(neck=38, neck_depth=34, shoulder=98, slope=32, chest=97, waist=89, hem=96, hem_y=440, tails=22)
LONG = Sleeve(270, 46, 10, 2)
SHORT = Sleeve(96, 76, 24)


@dataclass(frozen=True, slots=True)
class Shirt:
    """A shirt that is buttoned all the way, or a blouse."""

    body: Body = SHIRT_BODY
    sleeve: Sleeve = LONG
    collar: Literal["point", "band", "camp", "bow"] = "point"
    pockets: int = 1
    flaps: bool = False
    half_placket: bool = False
    """Whether it opens only down to the chest."""
    buttons: Colour = field(default_factory=lambda: palette.RUBBER)

    def draw(self, canvas: Canvas, cloth: DyedCloth, chance: Random) -> None:
        """Draw it."""
        body, colour = self.body, cloth.colour
        light_ground = cloth.fabric.adjective in {"gingham", "candy-striped", "striped"}
        seam = darker(colour, 0.1 if light_ground else 0.42)
        lay_inside(canvas, body, lighter(colour, 0.35) if light_ground else colour)
        if self.collar != "band":
            lay_collar_back(canvas, body, cloth)
        lay_sleeves(canvas, body, self.sleeve, cloth, chance)
        self._lay_cuffs(canvas, cloth)
        front = area(body.outline())
        canvas.lay(front, cloth, folds=creases(body, chance, 0.95), shadow=0.25)
        armhole_seams(canvas, body, colour)
        yoke = curve(
            (CENTRE + body.shoulder, body.top + body.slope + 16),
            (CENTRE + 70, body.top + 40),
            (CENTRE + 36, body.top + 34),
        )
        for line in (yoke, mirrored(yoke)):
            canvas.stroke(line, seam, 0.9, 0.35, within=front)
        self._lay_placket(canvas, cloth, seam)
        for side in (1, -1)[: self.pockets]:
            self._lay_pocket(canvas, cloth, seam, side)
        right = body.hemline() - (0, 6)
        canvas.stroke(np.concatenate([right, mirrored(right)[::-1]]), seam, 0.8, 0.4, within=front)
        self._lay_collar(canvas, cloth, seam)

    def _lay_cuffs(self, canvas: Canvas, cloth: DyedCloth) -> None:
        long = self.sleeve.length > 150
        lay_cuffs(canvas, self.body, self.sleeve, cloth, 26 if long else 9)
        if long:
            (outer_x, outer_y), (inner_x, inner_y) = self.sleeve.ends(self.body)
            x, y = inner_x + (outer_x - inner_x) * 0.3, inner_y + (outer_y - inner_y) * 0.3 - 13
            for place in (x, 2 * CENTRE - x):
                canvas.button((place, y), self.buttons, 5.5)

    def _lay_placket(self, canvas: Canvas, cloth: DyedCloth, seam: Colour) -> None:
        top = self.body.top + self.body.neck_depth - 6
        bottom = top + 150 if self.half_placket else self.body.hem_y + self.body.tails + 1
        strip = outline((CENTRE - 9, top), (CENTRE + 9, top), (CENTRE + 9, bottom), (CENTRE - 9, bottom))
        canvas.lay(area(strip), cloth, roundness=4, relief=0.8, shadow=0.3)
        for x in (-9, 9):
            canvas.stroke(outline((CENTRE + x, top), (CENTRE + x, bottom)), seam, 1.1, 0.75)
        for x in (-6, 6):
            canvas.stroke(outline((CENTRE + x, top), (CENTRE + x, bottom)), seam, 0.7, 0.35)
        for y in np.arange(top + 16, bottom - 18, 48 if not self.half_placket else 36):
            canvas.button((CENTRE, float(y)), self.buttons, 7)

    def _lay_pocket(self, canvas: Canvas, cloth: DyedCloth, seam: Colour, side: int) -> None:
        line = outline((226, 160), (272, 160), (272, 200), (249, 212), (226, 200), (226, 160))
        flap = outline((224, 158), (274, 158), (274, 174), (249, 184), (224, 174), (224, 158))
        for shape in (line, flap) if self.flaps else (line,):
            placed = shape if side > 0 else mirrored(shape)
            canvas.lay(area(placed), cloth, roundness=5, shadow=0.3)
            canvas.stroke(placed, seam, 1, 0.6)
        if self.flaps:
            canvas.button((CENTRE + side * 49, 176), self.buttons, 5.5)
        else:
            edge = outline((226, 168), (272, 168))
            canvas.stroke(edge if side > 0 else mirrored(edge), seam, 0.8, 0.5)

    def _lay_collar(self, canvas: Canvas, cloth: DyedCloth, seam: Colour) -> None:
        if self.collar == "band":
            neckband(canvas, self.body, cloth, 17)
            right = moved(self.body.neckline(), 0, 9)
            canvas.stroke(np.concatenate([mirrored(right)[::-1], right]), seam, 0.9, 0.5)
            canvas.button((CENTRE, self.body.top + self.body.neck_depth), self.buttons, 6)
            return
        leaf = _leaf(self.body, 34 if self.collar == "camp" else 24)
        for line in (mirrored(leaf), leaf):
            mask = area(line)
            turn = -38 if line is leaf else 38
            canvas.lay(mask, cloth, turn=turn, roundness=6, relief=0.8, shadow=0.5)
            canvas.stroke(line, seam, 1, 0.65)
        if self.collar == "bow":
            self._lay_bow(canvas, cloth, seam)
        elif self.collar == "point":
            canvas.button((CENTRE, self.body.top + self.body.neck_depth - 3), self.buttons, 6.5)

    def _lay_bow(self, canvas: Canvas, cloth: DyedCloth, seam: Colour) -> None:
        y = self.body.top + self.body.neck_depth
        tail = band(curve((CENTRE, y), (CENTRE + 12, y + 44), (CENTRE + 16, y + 104)), 12, 22, 26)
        loop = outline(
            curve((CENTRE, y), (CENTRE + 30, y - 20), (CENTRE + 54, y - 6), (CENTRE + 48, y + 20), (CENTRE, y + 4))
        )
        for line in (
            mirrored(tail),
            tail,
            mirrored(loop),
            loop,
            band(curve((CENTRE, y - 10), (CENTRE, y + 13)), 15, 18, 15),
        ):
            canvas.lay(area(line), cloth, roundness=7, shadow=0.45)
            canvas.stroke(line, seam, 0.9, 0.4)


def _leaf(body: Body, spread: float) -> Points:
    """Return the outline of the right half of a turned-down collar."""
    top, neck = body.top, body.neck
    meet, tip = (CENTRE + 1, top + body.neck_depth - 8), (CENTRE + spread + 4, top + body.neck_depth + 30)
    return outline(
        curve((CENTRE + neck - 8, top - 15), (CENTRE + neck * 0.62, top + 8), meet),
        tip,
        curve(tip, (CENTRE + neck + 4, top + 24), (CENTRE + neck + 9, top + 3), (CENTRE + neck - 8, top - 15)),
    )
