"""Sneakers: court shoes, runners, plimsolls, high-tops, slip-ons."""

from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from sample_shop.cloth.fabrics import DyedCloth, in_colour
from sample_shop.drawing import palette
from sample_shop.drawing.canvas import Canvas
from sample_shop.drawing.curves import Points, band, curve, ellipse, moved, outline, rounded
from sample_shop.drawing.light import Fold
from sample_shop.drawing.masks import Mask, area
from sample_shop.drawing.palette import Colour, darker, mixed
from sample_shop.garments.footwear import lay_laces

_GROUND = 332.0
_SOLES: dict[str, Colour] = {"white": palette.RUBBER, "gum": palette.GUM, "dark": palette.DARK_SOLE}


@dataclass(frozen=True, slots=True)
class Sneaker:
    """A sneaker."""

    style: Literal["court", "runner", "plimsoll", "slip-on", "high-top"] = "court"
    sole: Literal["white", "gum", "dark"] = "white"
    thickness: float = 28
    """Of the sole at its toe, pixels."""
    wedge: float = 4
    """How much thicker the sole is at the heel."""
    mark: Literal["", "stripes", "wave", "star", "panel"] = "stripes"

    def draw(self, canvas: Canvas, cloth: DyedCloth, chance: Random) -> None:  # noqa: ARG002 -- shoes keep their form
        """Draw it."""
        colour, seam = cloth.colour, darker(cloth.colour, 0.45)
        canvas.ground_shadow(22, 380, _GROUND + 2)
        self._lay_inside(canvas, cloth)
        upper = area(self._upper())
        creases = [Fold(curve((118, self._at(86)), (132, self._at(62)), (128, self._at(40))), 12, 0.3)]
        creases += [Fold(curve((140, self._at(98)), (156, self._at(72)), (150, self._at(44))), 12, 0.24)]
        canvas.lay(upper, cloth, folds=creases, roundness=24, relief=1.2, shadow=0)
        if self.style == "slip-on":
            self._lay_gore(canvas, cloth, upper)
        else:
            self._lay_panels(canvas, cloth, upper, seam)
            self._lay_mark(canvas, cloth, upper)
            self._lay_lacing(canvas, cloth, seam)
        rim = self._collar()
        canvas.stroke(rim, darker(colour, 0.25), 5)
        canvas.stroke(moved(rim, 0, 5), seam, 0.9, 0.5, within=upper)
        self._lay_sole(canvas, cloth)

    def _at(self, height: float) -> float:
        """Return the y at a height above the sole."""
        return _GROUND - self.thickness - height

    @property
    def _shaft(self) -> float:
        return 56 if self.style == "high-top" else 0

    def _collar(self) -> Points:
        up = self._shaft
        if self.style == "slip-on":
            return curve(
                (196, self._at(104)),
                (240, self._at(92)),
                (300, self._at(88)),
                (340, self._at(104)),
                (352, self._at(118)),
            )
        dip = 92 + up * 0.95
        return curve(
            (246, self._at(124 + up)),
            (272, self._at(dip + 10)),
            (306, self._at(dip)),
            (338, self._at(dip + 16)),
            (354, self._at(124 + up)),
        )

    def _upper(self) -> Points:
        up = self._shaft
        toe = curve(
            (30, self._at(-8)), (31, self._at(18)), (56, self._at(40)), (104, self._at(55)), (150, self._at(84))
        )
        if self.style == "slip-on":
            front = curve((150, self._at(84)), (196, self._at(104)))
        else:
            front = curve(
                (150, self._at(84)),
                (196, self._at(112 + up * 0.25)),
                (228, self._at(126 + up * 0.9)),
                (246, self._at(124 + up)),
            )
        back = curve((354, self._at(122 + up)), (362, self._at(92)), (358, self._at(50)), (369, self._at(-8)))
        return outline(toe, front, self._collar(), back)

    def _lay_inside(self, canvas: Canvas, cloth: DyedCloth) -> None:
        """Draw the far side of the collar, and the tongue."""
        up = self._shaft
        lining = in_colour("plain", darker(cloth.colour, 0.5))
        if self.style == "slip-on":
            far = outline(
                curve((196, self._at(104)), (270, self._at(112)), (352, self._at(118))),
                (340, self._at(60)),
                (220, self._at(60)),
            )
            canvas.lay(area(far), lining, shadow=0)
            return
        far = outline(
            curve((250, self._at(120 + up)), (300, self._at(118 + up)), (353, self._at(124 + up))),
            (350, self._at(60)),
            (250, self._at(60)),
        )
        canvas.lay(area(far), lining, shadow=0)
        tongue = outline(
            curve(
                (190, self._at(108 + up * 0.3)),
                (212, self._at(134 + up * 0.9)),
                (226, self._at(150 + up)),
                (250, self._at(152 + up)),
                (258, self._at(120 + up)),
            ),
            (240, self._at(80)),
        )
        canvas.lay(area(tongue), cloth, roundness=10, shadow=0)

    def _lay_panels(self, canvas: Canvas, cloth: DyedCloth, upper: Mask, seam: Colour) -> None:
        if self.style == "plimsoll":
            cap = area(
                outline(
                    curve((80, self._at(70)), (98, self._at(36)), (92, self._at(-8))),
                    (20, self._at(-10)),
                    (20, self._at(70)),
                )
            )
            canvas.lay(cap & upper, in_colour("plain", palette.RUBBER), roundness=14, shadow=0.3)
        elif self.style == "runner":
            overlay = in_colour("suede", mixed(cloth.colour, cloth.contrast, 0.6))
            front = outline(
                curve((118, self._at(76)), (104, self._at(44)), (128, self._at(18)), (170, self._at(-8))),
                (20, self._at(-10)),
                (20, self._at(60)),
            )
            canvas.lay(area(front) & upper, overlay, roundness=12, shadow=0.3)
        else:
            edge = curve((112, self._at(66)), (124, self._at(34)), (116, self._at(-8)))
            canvas.seam(edge, cloth.colour, upper)
            canvas.stitches(moved(edge, -4, 0), seam, upper)
        counter = outline(
            curve((316, self._at(104 + self._shaft * 0.4)), (300, self._at(60)), (292, self._at(-8))),
            (390, self._at(-10)),
            (390, self._at(120)),
        )
        heel = (
            in_colour("leather", cloth.contrast)
            if self.mark in {"panel", "stripes"} or self.style == "runner"
            else cloth
        )
        if self.style != "plimsoll":
            canvas.lay(area(counter) & upper, heel, roundness=12, shadow=0.3)
        if self.style == "high-top":
            canvas.lay(area(ellipse((300, self._at(88)), 44, 44)), in_colour("leather", cloth.contrast), roundness=6)
            canvas.stroke(ellipse((300, self._at(88)), 36, 36), darker(cloth.contrast, 0.3), 1.4)
        pull = outline(
            (346, self._at(130 + self._shaft)),
            (358, self._at(132 + self._shaft)),
            (362, self._at(84)),
            (350, self._at(84)),
        )
        canvas.lay(area(pull), in_colour("canvas", cloth.contrast), roundness=5, shadow=0.3)

    def _lay_mark(self, canvas: Canvas, cloth: DyedCloth, upper: Mask) -> None:
        ink = cloth.contrast
        if self.mark == "stripes":
            for number in range(2):
                x = 212 + number * 24
                stripe = outline(
                    (x, self._at(86)), (x + 12, self._at(86)), (x + 34, self._at(-4)), (x + 20, self._at(-4))
                )
                canvas.lay(area(stripe) & upper, in_colour("leather", ink), roundness=4, shadow=0.2)
        elif self.mark == "wave":
            axis = curve((150, self._at(18)), (196, self._at(28)), (244, self._at(60)), (300, self._at(36)))
            canvas.lay(area(band(axis, 4, 14, 20, 9)) & upper, in_colour("leather", ink), roundness=5, shadow=0.25)
        elif self.mark == "star":
            angles = np.deg2rad(np.arange(10) * 36 - 90)
            reach = np.where(np.arange(10) % 2 == 0, 24, 10)
            star = moved(np.column_stack([np.cos(angles) * reach, np.sin(angles) * reach]), 238, self._at(44))
            canvas.lay(area(star), in_colour("leather", ink), roundness=4, shadow=0.2)
        elif self.mark == "panel":
            side = outline(
                curve((160, self._at(-8)), (190, self._at(40)), (238, self._at(56)), (300, self._at(58))),
                (292, self._at(-8)),
            )
            canvas.lay(area(side) & upper, in_colour("suede", mixed(cloth.colour, ink, 0.3)), roundness=10, shadow=0.25)

    def _lay_lacing(self, canvas: Canvas, cloth: DyedCloth, seam: Colour) -> None:
        up = self._shaft
        eyelets = curve((164, self._at(74)), (202, self._at(94 + up * 0.3)), (240, self._at(112 + up)))
        stay = band(eyelets, 20, 20, 18)
        base = in_colour(
            "leather", cloth.colour if self.style != "runner" else mixed(cloth.colour, cloth.contrast, 0.6)
        )
        canvas.lay(area(stay), base if self.style != "plimsoll" else cloth, roundness=6, shadow=0.3)
        canvas.stitches(stay[: len(eyelets)], seam)
        lace = palette.RUBBER if palette.luma(cloth.colour) < 0.75 else palette.COLOURS["stone"]
        lay_laces(canvas, eyelets, lace, 8 if self.style == "high-top" else 5, (-16, -15))

    def _lay_gore(self, canvas: Canvas, cloth: DyedCloth, upper: Mask) -> None:
        gore = outline((208, self._at(100)), (244, self._at(92)), (232, self._at(46)), (214, self._at(50)))
        canvas.lay(area(gore) & upper, in_colour("rib", darker(cloth.colour, 0.4)), roundness=5)
        front = curve(
            (196, self._at(104)), (188, self._at(60)), (200, self._at(30)), (250, self._at(24)), (300, self._at(-8))
        )
        canvas.seam(front, cloth.colour, upper)
        canvas.stitches(moved(front, 3, 3), darker(cloth.colour, 0.45), upper)

    def _lay_sole(self, canvas: Canvas, cloth: DyedCloth) -> None:
        colour = _SOLES[self.sole]
        top = curve(
            (24, self._at(3)),
            (70, self._at(-4)),
            (150, self._at(0)),
            (260, self._at(self.wedge * 0.5)),
            (374, self._at(self.wedge + 4)),
        )
        flare = 8 if self.style == "runner" else 1
        lower = curve(
            (376 + flare, self._at(self.wedge - 8)),
            (371 + flare, _GROUND - 4),
            (352, _GROUND),
            (200, _GROUND),
            (80, _GROUND),
            (40, _GROUND - 5),
            (26, _GROUND - 15),
            (20, self._at(-7)),
            (24, self._at(3)),
        )
        sole = area(outline(top, lower))
        canvas.lay(sole, in_colour("plain", colour), roundness=9, relief=0.9, shadow=0.5)
        tread = darker(palette.GUM if self.sole == "white" and self.mark == "wave" else colour, 0.16)
        canvas.paint(
            area(outline((0, _GROUND - 6), (400, _GROUND - 6), (400, _GROUND), (0, _GROUND))) & sole, tread, 0.85
        )
        for y in (_GROUND - 9, self._at(-7)):
            canvas.stroke(
                outline((40, y), (366, y - (self.wedge if y < _GROUND - 12 else 0))),
                darker(colour, 0.3),
                1,
                0.45,
                within=sole,
            )
        if self.style == "plimsoll":
            canvas.stroke(outline((28, self._at(-13)), (372, self._at(-12))), cloth.contrast, 3, 0.9, within=sole)
        if self.style == "runner":
            wave = curve(
                (40, self._at(-14)),
                (120, self._at(-10)),
                (230, self._at(-16)),
                (300, self._at(-6)),
                (372, self._at(self.wedge - 6)),
            )
            canvas.stroke(wave, mixed(cloth.colour, colour, 0.3), 4, 0.8, within=sole)
            for x in range(60, 360, 26):
                canvas.paint(area(rounded(x, _GROUND - 5, x + 4, _GROUND + 1, 1)) & sole, darker(colour, 0.5), 0.7)
