"""Ankle boots: with laces, elastic, zips, buckles, and heels from flat to high."""

from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from sample_shop.cloth.fabrics import DyedCloth, in_colour
from sample_shop.drawing import palette
from sample_shop.drawing.canvas import Canvas
from sample_shop.drawing.curves import CENTRE, Points, band, curve, moved, outline, rounded
from sample_shop.drawing.light import Fold
from sample_shop.drawing.masks import Mask, area
from sample_shop.drawing.palette import Colour, darker
from sample_shop.garments.footwear import lay_buckle, lay_laces, lay_strap, raised

_GROUND = 404.0
_BACK = 340.0
"""The x at which every boot ends; where its toe begins depends on its form."""

_SOLES: dict[str, Colour] = {"dark": palette.DARK_SOLE, "gum": palette.GUM, "white": palette.RUBBER}


@dataclass(frozen=True, slots=True)
class AnkleBoot:
    """An ankle boot."""

    style: Literal["chelsea", "laced", "zipped", "buckled", "chukka", "fur"] = "chelsea"
    sole: Literal["dark", "gum", "white"] = "dark"
    thickness: float = 18
    heel: float = 22
    """Height of the heel below the sole (pixels)."""
    heel_form: Literal["stacked", "block", "stiletto", "wedge"] = "stacked"
    shaft: float = 236
    """Height of the shaft above the sole (pixels)."""
    pointed: bool = False
    lugs: bool = False

    def draw(self, canvas: Canvas, cloth: DyedCloth, chance: Random) -> None:
        """Draw it."""
        seam = darker(cloth.colour, 0.45)
        canvas.ground_shadow(30, 352, _GROUND + 2)
        inside = self._bent(
            outline(
                curve(
                    (196, self._at(self.shaft - 6)), (258, self._at(self.shaft + 8)), (322, self._at(self.shaft + 2))
                ),
                (318, self._at(150)),
                (200, self._at(150)),
            )
        )
        canvas.lay(area(inside), in_colour("plain", darker(cloth.colour, 0.5)), shadow=0)
        if self.style in {"laced", "chukka"}:
            tongue = outline(
                curve(
                    (152, self._at(86)),
                    (172, self._at(126)),
                    (178, self._at(self.shaft - 20)),
                    (188, self._at(self.shaft + 12)),
                    (214, self._at(self.shaft + 14)),
                ),
                (230, self._at(120)),
            )
            canvas.lay(area(self._bent(tongue)), cloth, roundness=10, shadow=0)
        upper = area(self._upper())
        canvas.lay(upper, cloth, folds=self._creases(chance), roundness=28, relief=1.3, shadow=0)
        self._lay_details(canvas, cloth, upper, seam)
        self._lay_sole(canvas)
        canvas.move_right(round(CENTRE - (self._toe + _BACK) / 2))

    @property
    def _toe(self) -> float:
        return 16 if self.pointed else 38

    def _at(self, height: float) -> float:
        return _GROUND - self.thickness - height

    def _bent(self, line: Points) -> Points:
        return raised(line, self.heel)

    def _upper(self) -> Points:
        tip = -8 if self.pointed else 0
        toe = curve(
            (46 + tip * 3, self._at(-4)),
            (44 + tip * 2.5, self._at(20)),
            (66 + tip * 2, self._at(46 + tip * 1.5)),
            (112, self._at(66)),
            (156, self._at(92)),
        )
        front = curve((156, self._at(92)), (184, self._at(128)), (193, self._at(170)), (192, self._at(self.shaft)))
        top = curve((192, self._at(self.shaft)), (256, self._at(self.shaft - 9)), (324, self._at(self.shaft + 3)))
        back = curve(
            (324, self._at(self.shaft + 3)),
            (321, self._at(150)),
            (328, self._at(96)),
            (340, self._at(46)),
            (334, self._at(-6)),
        )
        below = curve((334, self._at(-6)), (250, self._at(-6)), (150, self._at(-6)), (46, self._at(-5)))
        return self._bent(outline(toe, front, top, back, below))

    def _creases(self, chance: Random) -> list[Fold]:
        folds = []
        for x, height in ((142, 74), (160, 88), (178, 106)):
            start = (x + chance.uniform(-5, 5), self._at(height))
            line = curve(start, (x + 22, self._at(height - 26)), (x + 28, self._at(height - 52)))
            folds.append(Fold(self._bent(line), 12, 0.3))
        for height in (118, 140, 160):
            line = curve(
                (206, self._at(height)),
                (250, self._at(height - 12 + chance.uniform(-5, 5))),
                (304, self._at(height - 4)),
            )
            folds.append(Fold(self._bent(line), 14, 0.16))
        return folds

    def _lay_details(self, canvas: Canvas, cloth: DyedCloth, upper: Mask, seam: Colour) -> None:
        if self.style == "chelsea":
            gore = self._bent(
                outline(
                    curve((226, self._at(self.shaft + 10)), (232, self._at(160)), (258, self._at(104))),
                    curve((258, self._at(104)), (286, self._at(160)), (292, self._at(self.shaft + 10))),
                )
            )
            canvas.lay(area(gore) & upper, in_colour("rib", darker(cloth.colour, 0.45)), roundness=6, shadow=0)
            canvas.stroke(gore, seam, 1.2, 0.7, within=upper)
            canvas.stitches((gore - gore.mean(axis=0)) * 1.14 + gore.mean(axis=0), seam, upper)
            pull = outline(
                (318, self._at(self.shaft + 20)),
                (328, self._at(self.shaft + 20)),
                (326, self._at(self.shaft - 34)),
                (315, self._at(self.shaft - 34)),
            )
            canvas.lay(area(self._bent(pull)), in_colour("canvas", darker(cloth.colour, 0.3)), roundness=5)
        if self.style in {"laced", "chukka"}:
            self._lay_lacing(canvas, cloth, upper, seam)
        if self.style == "zipped":
            canvas.zip(
                self._bent(curve((268, self._at(self.shaft - 8)), (266, self._at(130)), (250, self._at(24)))),
                palette.STEEL,
                cloth.colour,
                upper,
            )
        if self.style == "buckled":
            for height, turn in ((150, 6), (82, 20)):
                axis = curve((176, self._at(height + turn)), (250, self._at(height - 6)), (336, self._at(height + 4)))
                strap = self._bent(axis)
                lay_strap(canvas, strap, cloth, cloth.colour, 18, 18)
                lay_buckle(canvas, (float(strap[8, 0]), float(strap[8, 1])), 20, 25, palette.STEEL)
        if self.style == "fur":
            self._lay_fur(canvas, seam)
        else:
            rim = self._bent(
                curve((192, self._at(self.shaft)), (256, self._at(self.shaft - 9)), (324, self._at(self.shaft + 3)))
            )
            canvas.stroke(moved(rim, 0, 2), darker(cloth.colour, 0.3), 4)
        vamp = self._bent(curve((150, self._at(90)), (214, self._at(74)), (224, self._at(30)), (214, self._at(-6))))
        counter = self._bent(curve((322, self._at(112)), (288, self._at(96)), (272, self._at(50)), (270, self._at(-6))))
        for line in (vamp, counter):
            canvas.seam(line, cloth.colour, upper)
            canvas.stitches(moved(line, 3, 1), seam, upper)
        if self.lugs:
            cap = curve((92, self._at(62)), (112, self._at(34)), (108, self._at(-6)))
            canvas.seam(cap, cloth.colour, upper)

    def _lay_lacing(self, canvas: Canvas, cloth: DyedCloth, upper: Mask, seam: Colour) -> None:
        high = self.shaft - 12 if self.style == "laced" else self.shaft - 20
        eyelets = self._bent(curve((176, self._at(84)), (208, self._at(128)), (216, self._at(high))))
        stay = band(eyelets, 20, 22, 22)
        canvas.lay(area(stay) & upper, cloth, roundness=6, shadow=0.35)
        canvas.stitches(stay[: len(eyelets)], seam, upper)
        lace = (
            palette.COLOURS["mustard" if self.lugs else "oatmeal"]
            if palette.luma(cloth.colour) < 0.5
            else palette.COLOURS["espresso"]
        )
        lay_laces(canvas, eyelets, lace, 8 if self.style == "laced" else 3, (-19, -7))
        if self.style == "laced":
            collar = self._bent(
                curve(
                    (222, self._at(self.shaft - 6)), (270, self._at(self.shaft - 14)), (324, self._at(self.shaft - 6))
                )
            )
            canvas.lay(area(band(collar, 22, 24)) & upper, in_colour("leather", darker(cloth.colour, 0.3)), roundness=9)

    def _lay_fur(self, canvas: Canvas, seam: Colour) -> None:
        axis = curve((182, self._at(self.shaft - 8)), (256, self._at(self.shaft - 16)), (334, self._at(self.shaft - 4)))
        roll = band(self._bent(axis), 44, 50, 44)
        middle = roll.mean(axis=0)
        ragged = (roll - middle) * (1 + 0.03 * np.sin(np.arange(len(roll)) * 2.3)[:, None]) + middle
        canvas.lay(area(ragged), in_colour("suede", palette.COLOURS["oatmeal"]), roundness=14, relief=1.2)
        back = self._bent(curve((300, self._at(self.shaft - 40)), (296, self._at(120)), (300, self._at(-6))))
        canvas.stroke(back, seam, 1.2, 0.6)

    def _lay_sole(self, canvas: Canvas) -> None:
        colour = _SOLES[self.sole]
        tip = -22 if self.pointed else 0
        top = curve((40 + tip, self._at(1)), (110, self._at(-3)), (220, self._at(0)), (339, self._at(2)))
        thin = self.thickness
        if self.heel_form == "wedge" or self.heel < 16:
            upper_edge = self._bent(top)
            under = curve(
                (341, _GROUND - 3),
                (330, _GROUND),
                (180, _GROUND),
                (80, _GROUND),
                (52 + tip * 0.6, _GROUND - 4),
                (38 + tip, self._at(-6)),
            )
            sole = area(outline(upper_edge, under))
        else:
            under = curve(
                (338, self._at(-thin * 0.8)),
                (270, self._at(-thin)),
                (180, self._at(-thin)),
                (90, _GROUND),
                (54 + tip * 0.6, _GROUND - 3),
                (38 + tip, self._at(-6)),
            )
            sole = area(self._bent(outline(top, under)))
            self._lay_heel(canvas, colour)
        for x in range(50, 338, 22) if self.lugs else ():
            sole -= area(rounded(x, _GROUND - 7, x + 8, _GROUND + 6, 2))
        canvas.lay(sole, in_colour("plain", colour), roundness=7, relief=0.8, shadow=0.5)
        if self.sole != "dark":
            canvas.stitches(self._bent(moved(top, 0, 5)), palette.RUBBER, sole)

    def _lay_heel(self, canvas: Canvas, colour: Colour) -> None:
        top = _GROUND - self.heel - 4
        if self.heel_form == "stiletto":
            form = outline(
                (272, top),
                curve((280, top + 8), (316, top + self.heel * 0.5), (318, _GROUND)),
                (328, _GROUND),
                curve((330, top + self.heel * 0.5), (338, top)),
            )
        elif self.heel_form == "block":
            form = outline(
                (262, top),
                (272, _GROUND),
                (330, _GROUND),
                curve((330, _GROUND), (332, top + self.heel * 0.5), (338, top)),
            )
        else:
            form = outline((252, top), (256, _GROUND), (337, _GROUND), (338, top))
        heel = area(form)
        canvas.lay(heel, in_colour("leather", colour), roundness=10, shadow=0.3)
        if self.heel_form == "stacked":
            for y in np.arange(top + 10, _GROUND - 3, 7):
                canvas.stroke(outline((240, float(y)), (350, float(y))), darker(colour, 0.3), 0.8, 0.5, within=heel)
