"""Trousers: jeans, chinos, wide legs, joggers."""

from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from sample_shop.cloth.fabrics import DyedCloth, in_colour
from sample_shop.drawing import palette
from sample_shop.drawing.canvas import Canvas
from sample_shop.drawing.curves import CENTRE, Points, both_sides, curve, mirrored, moved, outline
from sample_shop.drawing.light import Fold
from sample_shop.drawing.masks import Mask, area
from sample_shop.drawing.palette import Colour, darker


@dataclass(frozen=True, slots=True)
class Trousers:
    """A pair of trousers; widths are of one leg or half the waist, in pixels."""

    waist: float = 62
    hip: float = 80
    knee: float = 56
    ankle: float = 46
    length: float = 470
    rise: float = 142
    gap: float = 5
    """Half of the distance between the legs at the ankle."""
    style: Literal["jeans", "chinos", "pressed", "joggers", "cargo"] = "chinos"
    turn_ups: bool = False

    def draw(self, canvas: Canvas, cloth: DyedCloth, chance: Random) -> None:
        """Draw them."""
        seam = darker(cloth.colour, 0.45)
        back = outline(
            (CENTRE - self.waist + 3, 32),
            (CENTRE + self.waist - 3, 32),
            (CENTRE + self.waist - 6, 50),
            (CENTRE - self.waist + 6, 50),
        )
        canvas.lay(area(back), in_colour("plain", darker(cloth.colour, 0.45)), relief=0.3)
        leg = self._outline()
        whole = area(leg)
        canvas.lay(whole, cloth, folds=self._folds(chance), roundness=20, relief=1.15)
        inner = curve((CENTRE, 60), (CENTRE + 1, 120), (CENTRE, 34 + self.rise))
        canvas.stroke(moved(inner, 2, 0), palette.SHADE, 4, 0.1, within=whole)
        canvas.stroke(inner, seam, 1.3, 0.8, within=whole)
        self._lay_pockets(canvas, cloth, seam, whole)
        self._lay_waistband(canvas, cloth, seam)
        self._lay_ends(canvas, cloth, seam, whole)

    def _outline(self) -> Points:
        middle_knee = CENTRE + self.gap + 3 + self.knee / 2 + 3
        middle_ankle = CENTRE + self.gap + self.ankle / 2 + 4
        knee_y = 34 + self.rise + (self.length - 34 - self.rise) * 0.42
        outer = curve(
            (CENTRE + self.waist, 34),
            (CENTRE + self.hip - 3, 96),
            (CENTRE + self.hip, 34 + self.rise * 0.92),
            (middle_knee + self.knee / 2, knee_y),
            (middle_ankle + self.ankle / 2, self.length),
        )
        inner = curve(
            (middle_ankle - self.ankle / 2, self.length + 2),
            (middle_knee - self.knee / 2, knee_y),
            (CENTRE + 4, 34 + self.rise + 24),
            (CENTRE, 34 + self.rise),
        )
        top = curve((CENTRE, 42), (CENTRE + self.waist * 0.6, 40), (CENTRE + self.waist, 34))
        return both_sides(outline(top, outer, inner))

    def _folds(self, chance: Random) -> list[Fold]:
        crotch, folds = 34 + self.rise, []
        for side in (-1, 1):
            axis = CENTRE + side * (self.gap + self.knee / 2 + 5)
            if self.style == "pressed":
                crease = curve((CENTRE + side * self.waist * 0.55, 84), (axis, crotch + 60), (axis, self.length))
                folds += [Fold(crease, 5, -0.16), Fold(moved(crease, side * 5, 0), 6, 0.14)]
            for reach, drop in ((48, 16), (60, 34), (42, 54)):
                line = curve(
                    (CENTRE + side * 3, crotch + chance.uniform(-10, 4)),
                    (CENTRE + side * reach * 0.5, crotch + drop * 0.2),
                    (CENTRE + side * reach, crotch - 24 + drop),
                )
                folds.append(Fold(line, 8, chance.uniform(0.08, 0.16)))
            knee_y = crotch + (self.length - crotch) * 0.42
            for _ in range(4):
                y = knee_y + chance.uniform(-34, 40)
                line = curve(
                    (axis - self.knee * 0.45, y),
                    (axis, y + chance.uniform(2, 9)),
                    (axis + self.knee * 0.4, y - chance.uniform(2, 12)),
                )
                folds.append(Fold(line, 8, chance.uniform(0.03, 0.08)))
            for _ in range(3):
                y = self.length - chance.uniform(12, 60)
                line = curve((axis - self.ankle * 0.45, y), (axis + self.ankle * 0.4, y + chance.uniform(-8, 10)))
                folds.append(Fold(line, 7, chance.uniform(0.05, 0.11)))
        return folds

    def _lay_waistband(self, canvas: Canvas, cloth: DyedCloth, seam: Colour) -> None:
        depth = 26 if self.style == "joggers" else 20
        edge = curve((CENTRE, 42), (CENTRE + self.waist * 0.6, 40), (CENTRE + self.waist + 1, 33))
        lower = curve(
            (CENTRE + self.waist + 5, 33 + depth), (CENTRE + self.waist * 0.6, 40 + depth), (CENTRE, 42 + depth)
        )
        belt = both_sides(outline(edge, lower))
        canvas.lay(
            area(belt),
            in_colour("rib", darker(cloth.colour, 0.08)) if self.style == "joggers" else cloth,
            roundness=8,
            shadow=0.35,
        )
        canvas.stroke(np.concatenate([lower, mirrored(lower)[::-1]]), seam, 1.1, 0.7)
        if self.style == "joggers":
            for side in (-1, 1):
                cord = curve((CENTRE + side * 6, 58), (CENTRE + side * 12, 86), (CENTRE + side * 9, 116))
                canvas.stroke(moved(cord, 1, 2), darker(cloth.colour, 0.6), 3, 0.3)
                canvas.stroke(cord, palette.RUBBER if palette.luma(cloth.colour) < 0.7 else seam, 2.6)
            return
        fly = curve((CENTRE + 17, 44 + depth), (CENTRE + 17, 104), (CENTRE + 2, 128))
        jeans = self.style == "jeans"
        canvas.stitches(fly, palette.BRASS if jeans else seam)
        if jeans:
            canvas.stitches(np.concatenate([lower, mirrored(lower)[::-1]]) - (0, 3), palette.BRASS)
        for x in (-0.62, 0.62, -0.24, 0.3):
            place = CENTRE + x * self.waist
            loop = outline((place - 3, 36), (place + 3, 36), (place + 3, 44 + depth), (place - 3, 44 + depth))
            canvas.lay(area(loop), cloth, roundness=3, shadow=0.4)
            canvas.stroke(outline(loop, loop[:1]), seam, 0.9, 0.5)
        canvas.button((CENTRE + 1, 42 + depth / 2), palette.BRASS if jeans else darker(cloth.colour, 0.4), 8)

    def _lay_pockets(self, canvas: Canvas, cloth: DyedCloth, seam: Colour, whole: Mask) -> None:
        if self.style == "jeans":
            pocket = curve((CENTRE + self.waist * 0.46, 58), (CENTRE + self.waist * 0.56, 84), (CENTRE + self.hip, 98))
        else:
            pocket = curve((CENTRE + self.waist * 0.62, 60), (CENTRE + self.hip * 0.94, 122))
        for line in (pocket, mirrored(pocket)):
            canvas.seam(line, cloth.colour, whole, 0.45)
            if self.style == "jeans":
                canvas.stitches(line - (0, 3.5), palette.BRASS, whole)
        if self.style == "cargo":
            y, x = 34 + self.rise + 56.0, CENTRE + self.gap + self.knee * 0.62
            bag = outline((x, y), (x + self.knee * 0.6, y - 2), (x + self.knee * 0.56, y + 66), (x, y + 68), (x, y))
            flap = outline(
                (x - 2, y - 6),
                (x + self.knee * 0.62, y - 8),
                (x + self.knee * 0.61, y + 14),
                (x - 2, y + 16),
                (x - 2, y - 6),
            )
            for shape in (bag, mirrored(bag), flap, mirrored(flap)):
                canvas.lay(area(shape), cloth, roundness=6, shadow=0.4)
                canvas.stroke(shape, seam, 1, 0.6)

    def _lay_ends(self, canvas: Canvas, cloth: DyedCloth, seam: Colour, whole: Mask) -> None:
        left, width = CENTRE + self.gap + 4, self.ankle
        if self.style == "joggers" or self.turn_ups:
            depth = 22 if self.style == "joggers" else 18
            cuff = outline(
                (left - 2, self.length - depth),
                (left + width + 3, self.length - depth - 1),
                (left + width + 1, self.length + 3),
                (left - 1, self.length + 4),
            )
            inside = in_colour("denim", palette.COLOURS["sky"]) if self.style == "jeans" else cloth
            end = in_colour("rib", darker(cloth.colour, 0.08)) if self.style == "joggers" else inside
            for line in (cuff, mirrored(cuff)):
                canvas.lay(area(line), end, roundness=8, shadow=0.4)
            return
        for above in (7, 10) if self.style == "jeans" else (9,):
            hem = outline((0, self.length - above), (400, self.length - above))
            if self.style == "jeans":
                canvas.stitches(hem, palette.BRASS, whole)
            else:
                canvas.stroke(hem, seam, 0.9, 0.4, within=whole)
