"""Sandals: a sole and straps, flat, on a platform, a wedge or a heel."""

from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from sample_shop.cloth.fabrics import DyedCloth, in_colour
from sample_shop.drawing import palette
from sample_shop.drawing.canvas import Canvas
from sample_shop.drawing.curves import Points, curve, moved, outline, piece_of
from sample_shop.drawing.masks import area
from sample_shop.drawing.palette import Colour, darker, lighter
from sample_shop.garments.footwear import lay_buckle, lay_strap, raised

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
        self._lay_far_side(canvas, cloth)
        if self.heel_form in {"block", "stiletto"}:
            self._lay_heel(canvas, cloth)
        self._lay_footbed(canvas)
        self._lay_near_side(canvas, cloth)
        self._lay_buckles(canvas)
        self._lay_sole(canvas)

    @property
    def _ground(self) -> float:
        return 316 + self.heel * 0.5 + (46 if self.straps == "gladiator" else 0)

    def _at(self, height: float) -> float:
        return self._ground - self.thickness - height

    def _bent(self, line: Points) -> Points:
        return raised(line, self.heel)

    def _arches(self) -> list[tuple[Points, float]]:
        """Return the straps that go over the foot, from the near side of the sole to the far one, and their widths."""
        at, w = self._at, self.width
        if self.straps == "slide":
            return [(curve((112, at(-8)), (136, at(44)), (182, at(66)), (226, at(54)), (256, at(-6))), w * 2.8)]
        if self.straps == "two":
            front = curve((92, at(-6)), (112, at(38)), (148, at(54)), (182, at(40)), (198, at(-4)))
            back = curve((190, at(-6)), (206, at(50)), (242, at(72)), (280, at(54)), (292, at(-2)))
            return [(front, w * 1.5), (back, w * 1.5)]
        if self.straps == "thong":
            near = curve((250, at(-4)), (206, at(44)), (142, at(42)), (104, at(2)))
            far = curve((104, at(2)), (160, at(50)), (222, at(34)), (268, at(0)))
            return [(near, w), (far, w * 0.8)]
        toe = (curve((74, at(-6)), (92, at(32)), (126, at(46)), (162, at(32)), (180, at(-4))), w)
        if self.straps == "crossed":
            return [toe, (curve((156, at(-6)), (176, at(38)), (214, at(62)), (250, at(46)), (266, at(0))), w)]
        if self.straps in {"gladiator", "sport"}:
            return [toe, (curve((162, at(-6)), (178, at(42)), (216, at(74)), (252, at(52)), (268, at(0))), w)]
        return [toe]

    def _rings(self) -> list[tuple[float, float, float]]:
        """Return the height, the front end and the width of each strap around the ankle."""
        if self.straps in {"ankle", "crossed", "sport"}:
            return [(92, 244, self.width * 0.8)]
        if self.straps == "gladiator":
            return [(height, 236, self.width * 0.85) for height in (104.0, 148.0, 192.0)]
        return []

    def _uprights(self) -> list[tuple[Points, float]]:
        """Return the straps that join the others: behind the heel, and along the foot."""
        at, rings = self._at, self._rings()
        if not rings:
            return []
        high = rings[-1][0]
        uprights = [(curve((346, at(-4)), (353, at(high * 0.5)), (346, at(high + 3))), self.width * 0.95)]
        if self.straps == "gladiator":
            uprights.append((curve((126, at(46)), (176, at(64)), (222, at(104)), (237, at(high))), self.width * 0.9))
        if self.straps == "sport":
            uprights.append((curve((126, at(46)), (176, at(58)), (222, at(78)), (246, at(96))), self.width * 0.9))
            uprights.append((curve((236, at(64)), (290, at(28)), (350, at(10))), self.width * 0.9))
        return uprights

    def _lay_far_side(self, canvas: Canvas, cloth: DyedCloth) -> None:
        lining = in_colour("leather", darker(cloth.colour, 0.42))
        for height, front, width in self._rings():
            ring = curve(
                (front + 2, self._at(height)), (front + 40, self._at(height + 12)), (344, self._at(height + 2))
            )
            lay_strap(canvas, self._bent(ring), lining, lining.colour, width, stitched=False)
        for arch, width in self._arches():
            lay_strap(
                canvas,
                self._bent(piece_of(arch, 0.46, 1)),
                lining,
                lining.colour,
                width * 0.96,
                width * 0.8,
                stitched=False,
            )

    def _lay_near_side(self, canvas: Canvas, cloth: DyedCloth) -> None:
        for line, width in self._uprights():
            lay_strap(canvas, self._bent(line), cloth, cloth.colour, width)
        for arch, width in self._arches():
            lay_strap(canvas, self._bent(piece_of(arch, 0, 0.6)), cloth, cloth.colour, width, width * 0.97)
        for height, front, width in self._rings():
            ring = curve(
                (front, self._at(height + 1)), (front + 46, self._at(height - 13)), (350, self._at(height - 2))
            )
            lay_strap(canvas, self._bent(ring), cloth, cloth.colour, width)

    def _lay_buckles(self, canvas: Canvas) -> None:
        places = [(front + 46, self._at(height - 13)) for height, front, _ in self._rings()]
        if self.straps == "two":
            places = [(112, self._at(34)), (208, self._at(48))]
        for place in places:
            x, y = self._bent(np.array([place]))[0]
            lay_buckle(canvas, (float(x), float(y)), 15, self.width * 0.9 + 5)

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
