"""Sandals: a sole and straps, flat, on a platform, a wedge or a heel."""

from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from indexer.sample import palette
from indexer.sample.canvas import Canvas
from indexer.sample.curves import Points, curve, moved, outline
from indexer.sample.fabrics import DyedCloth, in_colour
from indexer.sample.footwear import lay_buckle, lay_strap, raised
from indexer.sample.masks import area
from indexer.sample.palette import Colour, darker, lighter

_SOLES: dict[str, tuple[str, Colour]] = {
    "cork": ("suede", palette.CORK),
    "rope": ("woven", palette.COLOURS["sand"]),
    "dark": ("leather", palette.DARK_SOLE),
    "tan": ("leather", palette.COLOURS["camel"]),
    "white": ("plain", palette.RUBBER),
}


@dataclass(frozen=True, slots=True)
class Sandal:
    """A sandal."""

    straps: Literal["slide", "two", "thong", "ankle", "crossed", "gladiator", "sport"] = "ankle"
    sole: Literal["cork", "rope", "dark", "tan", "white"] = "cork"
    thickness: float = 20
    heel: float = 0
    """How much higher the heel is than the toe (pixels)."""
    heel_form: Literal["none", "wedge", "block", "stiletto"] = "none"
    width: float = 22
    """Of the straps (pixels)."""

    def draw(self, canvas: Canvas, cloth: DyedCloth, chance: Random) -> None:  # noqa: ARG002 -- shoes keep their form
        """Draw it."""
        canvas.ground_shadow(26, 374, self._ground + 2)
        near, far = self._straps()
        shade = in_colour("leather", darker(cloth.colour, 0.42))
        for axis, width in far:
            lay_strap(canvas, self._bent(axis), shade, shade.colour, width, stitched=False)
        if self.heel_form in {"block", "stiletto"}:
            self._lay_heel(canvas, cloth)
        self._lay_footbed(canvas)
        for axis, width in near:
            lay_strap(canvas, self._bent(axis), cloth, cloth.colour, width, width * 0.94)
        self._lay_buckles(canvas)
        self._lay_sole(canvas)

    @property
    def _ground(self) -> float:
        return 316 + self.heel * 0.5 + (46 if self.straps == "gladiator" else 0)

    def _at(self, height: float) -> float:
        return self._ground - self.thickness - height

    def _bent(self, line: Points) -> Points:
        return raised(line, self.heel)

    def _straps(self) -> tuple[list[tuple[Points, float]], list[tuple[Points, float]]]:
        """Return the lines and widths of the straps on the near side and on the far one."""
        at, w = self._at, self.width
        toe = (curve((66, at(2)), (92, at(40)), (128, at(54)), (166, at(46))), w)
        toe_far = (curve((128, at(54)), (158, at(50)), (182, at(24))), w * 0.8)
        instep = (curve((150, at(-2)), (168, at(44)), (204, at(76)), (238, at(80))), w)
        instep_far = (curve((206, at(76)), (240, at(66)), (262, at(30))), w * 0.8)
        back = (curve((348, at(-2)), (352, at(46)), (346, at(88))), w * 0.9)
        ankle = (curve((240, at(104)), (290, at(92)), (348, at(92))), w * 0.8)
        ankle_far = (curve((236, at(106)), (290, at(118)), (346, at(96))), w * 0.7)
        if self.straps == "slide":
            wide = (curve((100, at(0)), (132, at(52)), (176, at(70)), (222, at(62))), w * 3.1)
            return [wide], [(curve((176, at(62)), (232, at(50)), (262, at(10))), w * 2.2)]
        if self.straps == "two":
            first = (curve((84, at(0)), (108, at(44)), (146, at(58)), (176, at(46))), w * 1.4)
            second = (curve((176, at(0)), (196, at(58)), (230, at(80)), (262, at(70))), w * 1.4)
            return [first, second], [
                (curve((150, at(54)), (186, at(40)), (198, at(6))), w),
                (curve((232, at(76)), (272, at(60)), (286, at(6))), w),
            ]
        if self.straps == "thong":
            near = (curve((104, at(6)), (126, at(42)), (180, at(46)), (246, at(-2))), w * 0.8)
            return [near], [(curve((112, at(30)), (160, at(58)), (220, at(46)), (272, at(2))), w * 0.7)]
        if self.straps == "crossed":
            first = (curve((72, at(0)), (112, at(48)), (170, at(70)), (232, at(74))), w)
            second = (curve((178, at(0)), (150, at(46)), (118, at(60))), w)
            return [first, second, back, ankle], [toe_far, instep_far, ankle_far]
        if self.straps == "gladiator":
            spine = (curve((112, at(24)), (176, at(66)), (226, at(116)), (236, at(196))), w * 0.8)
            heel = (curve((348, at(-2)), (350, at(80)), (338, at(200))), w * 0.9)
            rungs = [(curve((232, at(y)), (286, at(y - 12)), (346, at(y - 4))), w * 0.8) for y in (110, 152, 194)]
            rungs_far = [(curve((232, at(y)), (286, at(y + 12)), (344, at(y))), w * 0.6) for y in (110, 152, 194)]
            return [toe, instep, spine, heel, *rungs], [toe_far, *rungs_far]
        if self.straps == "sport":
            bridge = (curve((112, at(42)), (176, at(62)), (228, at(96))), w * 0.9)
            low = (curve((238, at(70)), (296, at(26)), (350, at(14))), w * 0.9)
            return [bridge, toe, instep, low, back, ankle], [toe_far, instep_far, ankle_far]
        return [toe, back, ankle], [toe_far, ankle_far]

    def _lay_buckles(self, canvas: Canvas) -> None:
        at = self._at
        places: list[tuple[float, float]] = []
        if self.straps in {"ankle", "crossed", "sport"}:
            places = [(286, at(94))]
        elif self.straps == "two":
            places = [(104, at(34)), (196, at(54))]
        elif self.straps == "gladiator":
            places = [(290, at(y - 11)) for y in (110, 152, 194)]
        for place in places:
            x, y = self._bent(np.array([place]))[0]
            lay_buckle(canvas, (float(x), float(y)), 15, self.width * 0.95 + 4)

    def _footbed_line(self) -> Points:
        at = self._at
        lift = 8 if self.heel == 0 else 0
        return curve((28, at(2)), (80, at(-3)), (150, at(0)), (230, at(5)), (310, at(3)), (372, at(6 + lift)))

    def _lay_footbed(self, canvas: Canvas) -> None:
        line = self._footbed_line()
        bed = self._bent(outline(line - (0, 5), moved(line[::-1], 0, 6)))
        canvas.lay(area(bed), in_colour("suede", lighter(palette.COLOURS["camel"], 0.25)), roundness=4, shadow=0)

    def _lay_sole(self, canvas: Canvas) -> None:
        kind, colour = _SOLES[self.sole]
        top = self._bent(self._footbed_line())
        ground, t = self._ground, self.thickness
        if self.heel_form in {"none", "wedge"}:
            under = curve(
                (374, ground - 4), (362, ground), (240, ground), (90, ground), (46, ground - 4), (25, self._at(-6))
            )
            form = outline(top, under)
        else:
            line = curve(
                (373, self._at(-t * 0.5)),
                (310, self._at(-t * 0.8)),
                (200, self._at(-t * 0.9)),
                (100, ground),
                (50, ground - 2),
                (26, self._at(-6)),
            )
            form = outline(top, self._bent(line))
        sole = area(form)
        canvas.lay(sole, in_colour(kind, colour), roundness=9, relief=1, shadow=0.45)
        tread = area(outline((0, ground - 6), (400, ground - 6), (400, ground + 1), (0, ground + 1)))
        canvas.paint(tread & sole, palette.DARK_SOLE if self.sole != "white" else darker(colour, 0.25), 0.85)
        canvas.stroke(moved(top, 0, 4), darker(colour, 0.35), 1, 0.5, within=sole)

    def _lay_heel(self, canvas: Canvas, cloth: DyedCloth) -> None:
        top, ground = self._at(0) - self.heel, self._ground
        if self.heel_form == "stiletto":
            form = outline(
                (300, top + 2),
                curve((312, top + 12), (350, top + self.heel * 0.55), (354, ground)),
                (362, ground),
                curve((364, top + self.heel * 0.5), (372, top)),
            )
        else:
            form = outline(
                (294, top + 4),
                (310, ground),
                (366, ground),
                curve((366, ground), (366, top + self.heel * 0.5), (372, top)),
            )
        kind, colour = _SOLES[self.sole]
        covered = in_colour("leather", cloth.colour) if self.sole == "dark" else in_colour(kind, colour)
        canvas.lay(area(form), covered, roundness=9, shadow=0)
