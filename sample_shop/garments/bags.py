"""Bags, seen from the front."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from sample_shop.cloth.fabrics import DyedCloth, in_colour
from sample_shop.drawing import palette
from sample_shop.drawing.canvas import Canvas
from sample_shop.drawing.curves import CENTRE, Points, band, both_sides, curve, ellipse, moved, outline, rounded
from sample_shop.drawing.light import Fold
from sample_shop.drawing.masks import Mask, area
from sample_shop.drawing.palette import darker
from sample_shop.garments.footwear import lay_buckle


@dataclass(frozen=True, slots=True)
class Bag:
    """A bag; sizes in pixels."""

    form: Literal["tote", "case", "round", "half-moon", "bucket", "duffle", "clutch", "backpack"] = "tote"
    top: float = 100
    """Half of its width above."""
    base: float = 120
    """Half of its width below."""
    height: float = 230
    handles: Literal["none", "long", "short", "top", "chain", "shoulder"] = "long"
    flap: float = 0
    """Share of the front that a flap covers."""
    closing: Literal["none", "zip", "lock", "buckle", "clasp"] = "none"
    trim: Literal["leather", "contrast", "same"] = "same"
    pocket: bool = False
    ground: float = 420

    def draw(self, canvas: Canvas, cloth: DyedCloth, chance: Random) -> None:
        """Draw it."""
        trim = self._trim(cloth)
        canvas.ground_shadow(CENTRE - self.base + 4, CENTRE + self.base - 4, self.ground + 1)
        self._lay_handles(canvas, trim, behind=True)
        front = area(self._outline())
        canvas.lay(
            front, cloth, folds=self._folds(chance), roundness=26, relief=1.2, shadow=0.2, about=(CENTRE, self._top())
        )
        self._lay_edges(canvas, cloth, trim, front)
        if self.pocket:
            self._lay_pocket(canvas, cloth)
        if self.flap:
            self._lay_flap(canvas, cloth)
        self._lay_closing(canvas, cloth, trim, front)
        self._lay_handles(canvas, trim, behind=False)

    def _top(self) -> float:
        return self.ground - self.height

    def _trim(self, cloth: DyedCloth) -> DyedCloth:
        if self.trim == "same":
            return in_colour("leather", darker(cloth.colour, 0.1))
        return in_colour("leather", palette.COLOURS["cognac"] if self.trim == "leather" else cloth.contrast)

    def _outline(self) -> Points:
        t, g, top, base = self._top(), self.ground, self.top, self.base
        if self.form in {"round", "half-moon"}:
            drop = 0.5 if self.form == "round" else 0.08
            edge = curve(
                (CENTRE, t),
                (CENTRE + top * 0.72, t + self.height * 0.07 * (drop > 0.2)),
                (CENTRE + top, t + self.height * drop * 0.7),
            )
            low = curve(
                (CENTRE + top, t + self.height * drop * 0.7),
                (CENTRE + base, t + self.height * 0.6),
                (CENTRE + base * 0.62, g - self.height * 0.09),
                (CENTRE, g),
            )
            if self.form == "round":
                low = outline(
                    curve(
                        (CENTRE + top, t + self.height * 0.35),
                        (CENTRE + base, t + self.height * 0.72),
                        (CENTRE + base - 12, g - 6),
                    ),
                    (CENTRE + base - 24, g),
                    (CENTRE, g),
                )
            return both_sides(outline(edge, low))
        sag = 9 if self.form in {"tote", "bucket"} else 2
        upper = curve((CENTRE, t + sag), (CENTRE + top * 0.6, t + sag * 0.7), (CENTRE + top - 3, t))
        bulge = 14 if self.form in {"duffle", "backpack"} else 4
        side = curve(
            (CENTRE + top, t + 6), (CENTRE + (top + base) / 2 + bulge, t + self.height * 0.5), (CENTRE + base, g - 20)
        )
        corner = curve((CENTRE + base, g - 20), (CENTRE + base - 5, g - 6), (CENTRE + base - 18, g))
        if self.form == "backpack":
            upper = curve((CENTRE, t), (CENTRE + top * 0.62, t + 6), (CENTRE + top - 6, t + 34))
            side = curve(
                (CENTRE + top - 2, t + 46), (CENTRE + base + 4, t + self.height * 0.6), (CENTRE + base, g - 20)
            )
        return both_sides(outline(upper, side, corner, (CENTRE, g)))

    def _folds(self, chance: Random) -> list[Fold]:
        if self.form not in {"tote", "bucket", "duffle", "half-moon"}:
            return []
        t, folds = self._top(), []
        for side in (-1, 1):
            for _ in range(2):
                x = CENTRE + side * self.top * chance.uniform(0.35, 0.85)
                line = curve(
                    (x, t + 16),
                    (x + side * 6, t + self.height * 0.4),
                    (x + chance.uniform(-12, 12), t + self.height * 0.75),
                )
                folds += [Fold(line, 14, 0.13), Fold(moved(line, 9, 0), 14, -0.08)]
        return folds

    def _lay_handles(self, canvas: Canvas, trim: DyedCloth, behind: bool) -> None:
        t, reach = self._top(), self.top
        if self.handles == "none":
            return
        rises = {"long": 128, "short": 76, "top": 58, "chain": 120, "shoulder": 132}
        rise, foot = (
            rises[self.handles],
            reach * {"long": 0.48, "short": 0.42, "top": 0.36, "chain": 0.93, "shoulder": 0.95}[self.handles],
        )
        shift = 7 if behind else 0
        arch = curve(
            (CENTRE - foot + shift, t + 12),
            (CENTRE - foot * 0.92 + shift, t - rise * 0.55),
            (CENTRE - foot * 0.5 + shift, t - rise * 0.94),
            (CENTRE + shift, t - rise),
            (CENTRE + foot * 0.5 + shift, t - rise * 0.94),
            (CENTRE + foot * 0.92 + shift, t - rise * 0.55),
            (CENTRE + foot + shift, t + 12),
        )
        if self.handles in {"top", "chain", "shoulder"} and not behind:
            for side in (-1, 1):
                canvas.lay(
                    area(
                        ellipse((CENTRE + side * foot, t + 8), 17, 17),
                        holes=[ellipse((CENTRE + side * foot, t + 8), 9, 9)],
                    ),
                    in_colour("plain", palette.BRASS),
                    roundness=3,
                )
            return
        if self.handles == "chain":
            canvas.stroke(arch, darker(palette.BRASS, 0.35), 6, dashes=(6, 3))
            canvas.stroke(arch, palette.BRASS, 4, dashes=(6, 3))
            return
        shade = (
            in_colour("leather", darker(trim.colour, 0.35)) if behind and self.handles in {"long", "short"} else trim
        )
        width = {"long": 11.0, "short": 12.0, "top": 15.0, "shoulder": 12.0}[self.handles]
        canvas.lay(area(band(arch, width)), shade, roundness=5, relief=1.2, shadow=0 if behind else 0.35)
        if not behind:
            for side in (-1, 1):
                x = CENTRE + side * foot
                tab = outline((x - 9, t + 8), (x + 9, t + 8), (x + 9, t + 46), (x, t + 54), (x - 9, t + 46))
                canvas.lay(area(tab), trim, roundness=5, shadow=0.4)
                canvas.stitches((tab - tab.mean(axis=0)) * 0.76 + tab.mean(axis=0), darker(trim.colour, 0.4))
                canvas.paint(area(ellipse((x, t + 38), 6, 6)), palette.BRASS)

    def _lay_edges(self, canvas: Canvas, cloth: DyedCloth, trim: DyedCloth, front: Mask) -> None:
        t, g, seam = self._top(), self.ground, darker(cloth.colour, 0.42)
        shape = self._outline()
        middle = shape.mean(axis=0)
        canvas.stroke((shape - middle) * 0.965 + middle, seam, 1, 0.4)
        if self.trim != "same" and self.form in {"tote", "bucket", "duffle", "backpack"}:
            base = area(outline((0, g - 40), (400, g - 40), (400, g + 5), (0, g + 5)))
            canvas.lay(base & front, trim, roundness=14, shadow=0.3)
            canvas.stitches(outline((0, g - 36), (400, g - 36)), darker(trim.colour, 0.4), front)
        if self.form in {"tote", "bucket"}:
            edge = curve((CENTRE - self.top - 5, t + 3), (CENTRE, t + 13), (CENTRE + self.top + 5, t + 3))
            canvas.lay(
                area(band(moved(edge, 0, 5), 15)) & front,
                trim if self.trim != "same" else cloth,
                roundness=5,
                shadow=0.3,
            )
        if self.form == "duffle":
            for side in (-1, 1):
                strip = outline(
                    (CENTRE + side * self.top * 0.42 - 9, t),
                    (CENTRE + side * self.top * 0.42 + 9, t),
                    (CENTRE + side * self.top * 0.42 + 9, g),
                    (CENTRE + side * self.top * 0.42 - 9, g),
                )
                canvas.lay(area(strip) & front, trim, roundness=5, shadow=0.3)

    def _lay_pocket(self, canvas: Canvas, cloth: DyedCloth) -> None:
        t, half = self._top() + self.height * 0.5, self.base * 0.66
        form = rounded(CENTRE - half, t, CENTRE + half, self.ground - 18, 14)
        canvas.lay(area(form), cloth, roundness=12, shadow=0.4, about=(CENTRE, self._top()))
        canvas.stroke(outline(form, form[:1]), darker(cloth.colour, 0.45), 1.2, 0.6)
        canvas.zip(outline((CENTRE - half + 12, t + 14), (CENTRE + half - 12, t + 14)), palette.BRASS, cloth.colour)

    def _lay_flap(self, canvas: Canvas, cloth: DyedCloth) -> None:
        t, depth = self._top(), self.height * self.flap
        wide = self.top + (self.base - self.top) * self.flap + 5
        right = outline(
            (CENTRE, t - 5),
            curve((CENTRE + self.top * 0.8, t - 5), (CENTRE + self.top + 2, t + 2), (CENTRE + wide, t + depth * 0.5)),
            curve(
                (CENTRE + wide, t + depth * 0.5),
                (CENTRE + wide * 0.84, t + depth * 0.92),
                (CENTRE + wide * 0.4, t + depth),
                (CENTRE, t + depth),
            ),
        )
        shape = both_sides(right)
        if self.form == "clutch":
            shape = outline((CENTRE - self.top - 2, t - 3), (CENTRE + self.top + 2, t - 3), (CENTRE, t + depth))
        canvas.lay(area(shape), cloth, roundness=14, relief=1.1, shadow=0.6, about=(CENTRE, t))
        canvas.stroke(outline(shape, shape[:1]), darker(cloth.colour, 0.5), 1.3, 0.7)
        middle = shape.mean(axis=0)
        canvas.stitches((shape - middle) * 0.94 + middle, darker(cloth.colour, 0.4))

    def _lay_closing(self, canvas: Canvas, cloth: DyedCloth, trim: DyedCloth, front: Mask) -> None:
        t = self._top()
        y = t + self.height * self.flap if self.flap else t + self.height * 0.3
        if self.closing == "zip":
            line = curve((CENTRE - self.top * 0.86, t + 30), (CENTRE, t + 24), (CENTRE + self.top * 0.86, t + 30))
            canvas.zip(line, palette.BRASS, cloth.colour, front)
        elif self.closing == "lock":
            canvas.lay(
                area(rounded(CENTRE - 15, y - 17, CENTRE + 15, y + 13, 5)),
                in_colour("plain", palette.BRASS),
                roundness=5,
                shadow=0.5,
            )
            canvas.lay(
                area(rounded(CENTRE - 5, y - 8, CENTRE + 5, y + 6, 4)),
                in_colour("plain", darker(palette.BRASS, 0.3)),
                roundness=3,
            )
        elif self.closing == "buckle":
            for x in (-0.46, 0.46):
                place = CENTRE + x * self.top
                strap = outline(
                    (place - 9, t + 4), (place + 9, t + 4), (place + 9, y + 30), (place, y + 38), (place - 9, y + 30)
                )
                canvas.lay(area(strap), trim, roundness=5, shadow=0.45)
                lay_buckle(canvas, (place, y + 6), 26, 20)
        elif self.closing == "clasp":
            bar = curve((CENTRE - self.top + 4, t + 8), (CENTRE, t - 1), (CENTRE + self.top - 4, t + 8))
            canvas.lay(area(band(bar, 10)), in_colour("plain", palette.BRASS), roundness=4, relief=1.3)
            for x in (-6, 6):
                canvas.lay(
                    area(ellipse((CENTRE + x, t - 8), 15, 15)),
                    in_colour("plain", palette.BRASS),
                    roundness=5,
                    relief=1.4,
                )
