"""Coats and jackets: a front that opens, collars, hoods and lapels, zips and buttons, pockets."""

from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from sample_shop.cloth.fabrics import DyedCloth, in_colour
from sample_shop.drawing import palette
from sample_shop.drawing.canvas import Canvas
from sample_shop.drawing.curves import CENTRE, Points, both_sides, curve, ellipse, mirrored, moved, outline, rounded
from sample_shop.drawing.masks import Mask, area
from sample_shop.drawing.palette import darker, lighter
from sample_shop.garments import coat_collars
from sample_shop.garments.torso import (
    Body,
    Sleeve,
    armhole_seams,
    creases,
    lay_collar_back,
    lay_cuffs,
    lay_inside,
    lay_sleeves,
)

JACKET_BODY = Body(
    top=60, neck=42, neck_depth=30, shoulder=110, slope=34, armhole=138, chest=112, waist=110, hem=108, hem_y=430
)
LONG_BODY = Body(
    top=42, neck=34, neck_depth=30, shoulder=92, slope=28, armhole=116, chest=92, waist=88, hem=104, hem_y=468
)
JACKET_SLEEVE = Sleeve(276, 60, 8.5, 10)
LONG_SLEEVE = Sleeve(266, 52, 8.5, 6)


@dataclass(frozen=True, slots=True)
class Coat:
    """A coat or jacket, closed."""

    body: Body = JACKET_BODY
    sleeve: Sleeve = JACKET_SLEEVE
    collar: Literal["lapels", "shirt", "stand", "hood", "rib"] = "stand"
    closing: Literal["zip", "buttons", "double", "toggles"] = "zip"
    pockets: Literal["welt", "patch", "flap", "none"] = "welt"
    chest_pockets: bool = False
    ribbed: bool = False
    """Whether hem and cuffs are ribbed."""
    belt: bool = False
    stitched: bool = False
    """Whether the seams are sewn with yarn that is meant to be seen."""
    fur: bool = False

    def draw(self, canvas: Canvas, cloth: DyedCloth, chance: Random) -> None:
        """Draw it."""
        body, seam = self.body, darker(cloth.colour, 0.5)
        ribs = in_colour("rib", darker(cloth.colour, 0.2))
        lay_inside(canvas, body, darker(cloth.colour, 0.1))
        if self.collar != "hood":
            lay_collar_back(canvas, body, cloth)
        lay_sleeves(canvas, body, self.sleeve, cloth, chance)
        lay_cuffs(
            canvas,
            body,
            self.sleeve,
            ribs if self.ribbed else cloth,
            24 if self.ribbed else 30 if self.stitched else 12,
        )
        front = area(body.outline())
        canvas.lay(front, cloth, folds=creases(body, chance, 0.8), roundness=24, shadow=0.4)
        armhole_seams(canvas, body, cloth.colour)
        if self.ribbed:
            _lay_ribbed_hem(canvas, body, ribs)
        self._lay_front(canvas, cloth, front)
        self._lay_pockets(canvas, cloth)
        if self.belt:
            self._lay_belt(canvas, cloth, front)
        if self.stitched:
            self._lay_stitching(canvas, cloth, front)
        self._lay_collar(canvas, cloth)
        if self.collar in {"stand", "rib", "hood"} and self.closing == "zip":
            start = body.top + (66 if self.collar == "hood" else body.neck_depth - 14)
            bottom = body.hem_y + body.tails - 2
            canvas.zip(outline((CENTRE, start), (CENTRE, bottom)), palette.STEEL, cloth.colour)
        canvas.stroke(body.hemline() - (0, 7), seam, 0.9, 0.0 if self.ribbed else 0.35, within=front)

    def _lay_front(self, canvas: Canvas, cloth: DyedCloth, front: Mask) -> None:
        body, seam = self.body, darker(cloth.colour, 0.55)
        top, bottom = body.top + body.neck_depth, body.hem_y + body.tails + 6
        opens = top + (coat_collars.LAPEL_DEPTH if self.collar == "lapels" else 0)
        button = darker(cloth.colour, 0.5) if palette.luma(cloth.colour) > 0.3 else lighter(cloth.colour, 0.25)
        if self.closing == "zip":
            for x in (-10, 10):
                canvas.stroke(
                    outline((CENTRE + x, opens - 4), (CENTRE + x, bottom)),
                    palette.SHADE,
                    4,
                    0.14,
                    within=front,
                )
                canvas.stroke(outline((CENTRE + x, opens - 4), (CENTRE + x, bottom)), seam, 1.2, 0.7, within=front)
            if self.collar == "lapels":
                canvas.zip(outline((CENTRE, opens), (CENTRE, bottom)), palette.STEEL, cloth.colour, within=front)
            return
        edge = CENTRE - (30 if self.closing == "double" else 12)
        fall = outline((edge, opens - 6), (edge, bottom))
        canvas.stroke(fall - (2, 0), palette.SHADE, 4, 0.16, within=front)
        canvas.stroke(fall, seam, 1.5, 0.8, within=front)
        rows = np.linspace(opens + 12, bottom - 78, 3 if self.closing == "double" else 4 if opens > top else 5)
        for y in rows:
            if self.closing == "toggles":
                self._lay_toggle(canvas, float(y))
                continue
            for x in (-17, 23) if self.closing == "double" else (0,):
                canvas.button((CENTRE + x, float(y)), button, 11)

    def _lay_toggle(self, canvas: Canvas, y: float) -> None:
        cord = palette.COLOURS["espresso"]
        for side in (-1, 1):
            line = outline((CENTRE + side * 36, y - 3), (CENTRE + side * 8, y), (CENTRE + side * 36, y + 3))
            canvas.stroke(line, cord, 2)
            canvas.paint(area(rounded(CENTRE + side * 40 - 8, y - 8, CENTRE + side * 40 + 8, y + 8, 3)), cord)
        canvas.lay(
            area(rounded(CENTRE - 14, y - 4, CENTRE + 12, y + 4, 4)),
            in_colour("leather", palette.COLOURS["camel"]),
            roundness=3,
        )

    def _lay_pockets(self, canvas: Canvas, cloth: DyedCloth) -> None:
        body, seam = self.body, darker(cloth.colour, 0.5)
        y = body.armpit[1] + (body.hem_y - body.armpit[1]) * 0.5
        inner, outer = CENTRE + body.hem * 0.38, CENTRE + body.hem * 0.84
        if self.pockets == "welt":
            welt = outline(
                (inner + 14, y - 4), (inner + 24, y - 8), (outer, y + 54), (outer - 10, y + 58), (inner + 14, y - 4)
            )
            self._lay_twice(canvas, cloth, welt, 0.35)
        elif self.pockets in {"patch", "flap"}:
            bag = outline(
                (inner - 8, y + 10),
                (outer, y + 10),
                (outer, y + 78),
                (outer - 7, y + 85),
                (inner - 1, y + 85),
                (inner - 8, y + 78),
                (inner - 8, y + 10),
            )
            flap = outline(
                (inner - 10, y + 6), (outer + 2, y + 6), (outer + 2, y + 24), (inner - 10, y + 24), (inner - 10, y + 6)
            )
            if self.pockets == "patch":
                self._lay_twice(canvas, cloth, bag, 0.3)
            self._lay_twice(canvas, cloth, flap, 0.4)
        if self.chest_pockets:
            x = CENTRE + body.chest * 0.26
            bag = outline((x, 172), (x + 52, 172), (x + 52, 222), (x + 26, 234), (x, 222), (x, 172))
            flap = outline((x - 3, 166), (x + 55, 166), (x + 55, 184), (x + 26, 196), (x - 3, 184), (x - 3, 166))
            self._lay_twice(canvas, cloth, bag, 0.25)
            self._lay_twice(canvas, cloth, flap, 0.3)
            for side in (-1, 1):
                canvas.button((CENTRE + side * (x + 26 - CENTRE), 186), palette.BRASS if self.stitched else seam, 6)

    def _lay_twice(self, canvas: Canvas, cloth: DyedCloth, right: Points, shadow: float) -> None:
        for line in (right, mirrored(right)):
            canvas.lay(area(line), cloth, roundness=6, shadow=shadow)
            canvas.stroke(line, darker(cloth.colour, 0.5), 1, 0.6)
            if self.stitched:
                middle = line.mean(axis=0)
                canvas.stitches(middle + (line - middle) * 0.88, palette.BRASS)

    def _lay_belt(self, canvas: Canvas, cloth: DyedCloth, front: Mask) -> None:
        body = self.body
        y = body.armpit[1] + (body.hem_y - body.armpit[1]) * 0.36
        line = outline(
            (CENTRE - body.chest - 4, y - 12),
            (CENTRE + body.chest + 4, y - 12),
            (CENTRE + body.chest + 4, y + 12),
            (CENTRE - body.chest - 4, y + 12),
        )
        canvas.lay(area(line) & front, cloth, roundness=7, shadow=0.45)
        for edge in (y - 12, y + 12):
            canvas.stroke(outline((0, edge), (400, edge)), darker(cloth.colour, 0.5), 1, 0.6, within=front)
        buckle = area(
            rounded(CENTRE - 16, y - 16, CENTRE + 14, y + 16, 4),
            holes=[rounded(CENTRE - 11, y - 11, CENTRE + 9, y + 11, 2)],
        )
        canvas.lay(buckle, in_colour("leather", palette.COLOURS["espresso"]), roundness=3)

    def _lay_stitching(self, canvas: Canvas, cloth: DyedCloth, front: Mask) -> None:
        body = self.body
        panel = curve(
            (CENTRE + body.chest * 0.5, 200),
            (CENTRE + body.chest * 0.46, 320),
            (CENTRE + body.chest * 0.36, body.hem_y - 26),
        )
        yoke = outline((CENTRE + 12, 164), (CENTRE + body.chest - 4, 164))
        hem = outline((CENTRE - body.hem, body.hem_y - 26), (CENTRE + body.hem, body.hem_y - 26))
        for line in (panel, mirrored(panel), yoke, mirrored(yoke), hem):
            canvas.seam(line, cloth.colour, front, 0.5)
            canvas.stitches(moved(line, 2.5, 2.5), palette.BRASS, front)

    def _lay_collar(self, canvas: Canvas, cloth: DyedCloth) -> None:
        if self.collar == "hood":
            self._lay_hood(canvas, cloth)
            return
        if self.collar == "lapels":
            inside = area(both_sides(coat_collars.lining(self.body)))
            canvas.lay(inside, in_colour("plain", darker(cloth.colour, 0.45)), relief=0.4, shadow=0)
            pieces = [coat_collars.lapel(self.body), coat_collars.above_lapels(self.body)]
        elif self.collar == "shirt":
            pieces = [coat_collars.turned_down(self.body)]
        else:
            pieces = [coat_collars.standing(self.body)]
        made_of = in_colour("rib", darker(cloth.colour, 0.2)) if self.collar == "rib" else cloth
        for piece in pieces:
            for line, turn in ((mirrored(piece), 24), (piece, -24)):
                canvas.lay(area(line), made_of, turn=turn, roundness=8, shadow=0.5)
                canvas.stroke(outline(line, line[:1]), darker(cloth.colour, 0.5), 1, 0.55)

    def _lay_hood(self, canvas: Canvas, cloth: DyedCloth) -> None:
        top, wide = self.body.top, self.body.neck + 26
        side = (CENTRE + wide * 0.9, top + 36)
        shape = outline(
            curve((CENTRE, top - 40), (CENTRE + wide * 0.62, top - 30), (CENTRE + wide, top + 4), side),
            curve(side, (CENTRE + wide * 0.5, top + 58), (CENTRE, top + 64)),
        )
        canvas.lay(area(both_sides(shape)), cloth, roundness=14, shadow=0.5)
        middle = (CENTRE, top + 6)
        if self.fur:
            ring = ellipse(middle, wide * 1.86, 88)
            ragged = (ring - middle) * (1 + 0.04 * np.sin(np.arange(len(ring)) * 2.4)[:, None]) + middle
            fur = in_colour("suede", palette.COLOURS["oatmeal"])
            canvas.lay(area(ragged), fur, roundness=10, relief=1.2, shadow=0.5)
        opening = area(ellipse(middle, wide * 1.26, 60))
        canvas.lay(opening, in_colour("plain", darker(cloth.colour, 0.5)), relief=0.8, roundness=8, shadow=0.4)
        crease = curve((CENTRE - wide * 0.5, top + 2), (CENTRE, top - 16), (CENTRE + wide * 0.5, top + 2))
        canvas.stroke(crease, darker(cloth.colour, 0.65), 2, 0.5, within=opening)


def _lay_ribbed_hem(canvas: Canvas, body: Body, ribs: DyedCloth) -> None:
    right = outline(
        (CENTRE, body.hem_y - 22),
        (CENTRE + body.hem + 1, body.hem_y - 24),
        curve(
            (CENTRE + body.hem + 1, body.hem_y - 24),
            (CENTRE + body.hem, body.hem_y - 10),
            (CENTRE + body.hem - 1, body.hem_y + 5),
        ),
        (CENTRE, body.hem_y + 8),
    )
    canvas.lay(area(both_sides(right)), ribs, roundness=9, shadow=0.35)
