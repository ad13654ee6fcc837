"""Dresses: a bodice and a skirt of many cuts."""

from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from sample_shop.cloth.fabrics import DyedCloth, in_colour
from sample_shop.drawing import palette
from sample_shop.drawing.canvas import Canvas
from sample_shop.drawing.curves import CENTRE, band, curve, mirrored, moved, outline, rounded
from sample_shop.drawing.light import Fold
from sample_shop.drawing.masks import Mask, area
from sample_shop.drawing.palette import darker
from sample_shop.garments.torso import Body, Sleeve, armhole_seams, lay_cuffs, lay_inside, lay_sleeves, neckband

SHIFT = Body(
    top=30,
    neck=34,
    neck_depth=28,
    shoulder=64,
    slope=14,
    armhole=82,
    chest=64,
    waist=58,
    hem=74,
    hem_y=466,
    waist_share=0.3,
)
FLARED = Body(
    top=30,
    neck=32,
    neck_depth=34,
    shoulder=58,
    slope=12,
    armhole=80,
    chest=60,
    waist=48,
    hem=104,
    hem_y=458,
    tails=8,
    waist_share=0.27,
)
SHEATH = Body(
    top=28,
    neck=30,
    neck_depth=30,
    shoulder=58,
    slope=12,
    armhole=80,
    chest=60,
    waist=50,
    hem=56,
    hem_y=470,
    waist_share=0.3,
)


@dataclass(frozen=True, slots=True)
class Dress:
    """A dress; one with `straps` has no shoulders."""

    body: Body = SHIFT
    sleeve: Sleeve | None = None
    straps: bool = False
    waist: Literal["none", "seam", "belt", "tie"] = "seam"
    skirt: Literal["smooth", "pleated", "tiered", "wrap"] = "smooth"
    buttoned: bool = False

    def draw(self, canvas: Canvas, cloth: DyedCloth, chance: Random) -> None:
        """Draw it."""
        body, seam = self.body, darker(cloth.colour, 0.42)
        if self.straps:
            self._lay_straps(canvas, cloth)
            shape = _strapless(body)
        else:
            lay_inside(canvas, body, cloth.colour)
            shape = body.outline()
        if self.sleeve is not None:
            lay_sleeves(canvas, body, self.sleeve, cloth, chance)
            lay_cuffs(canvas, body, self.sleeve, cloth, 8)
        front = area(shape)
        canvas.lay(front, cloth, folds=self._folds(chance), roundness=18, relief=1.1, shadow=0.2)
        if self.sleeve is not None:
            armhole_seams(canvas, body, cloth.colour)
        waist_y = self._waist_y()
        if self.skirt == "wrap":
            edge = curve(
                (CENTRE - 20, body.top + 40), (CENTRE + 26, waist_y), (CENTRE + 34, waist_y + 120), (CENTRE + 14, 480)
            )
            canvas.stroke(moved(edge, 3, 0), palette.SHADE, 5, 0.12, within=front)
            canvas.stroke(edge, seam, 1.2, 0.7, within=front)
        if self.skirt == "tiered":
            self._lay_tiers(canvas, cloth, front)
        if self.buttoned:
            self._lay_buttons(canvas, cloth, front)
        self._lay_waist(canvas, cloth, front, waist_y)
        if not self.straps:
            neckband(canvas, body, cloth, 6)
        hem = outline((0, body.hem_y - 6), (400, body.hem_y - 6))
        canvas.stroke(hem, seam, 0.8, 0.0 if body.tails else 0.4, within=front)

    def _waist_y(self) -> float:
        armpit = self.body.armpit[1]
        return armpit + (self.body.hem_y - armpit) * self.body.waist_share

    def _folds(self, chance: Random) -> list[Fold]:
        body, waist_y = self.body, self._waist_y()
        count = 15 if self.skirt == "pleated" else 7 if body.hem > body.waist + 18 else 4
        width, depth = (4, 0.3) if self.skirt == "pleated" else (10, 0.13)
        folds = []
        for share in np.linspace(-0.88, 0.88, count):
            jitter = 0.0 if self.skirt == "pleated" else chance.uniform(-0.07, 0.07)
            top, end = share * body.waist, (share + jitter) * body.hem
            start = waist_y + (4 if self.skirt == "pleated" else chance.uniform(4, 70))
            bend = top + (end - top) * (start - waist_y) / (body.hem_y - waist_y)
            line = curve(
                (CENTRE + bend, start),
                (CENTRE + (bend + end) / 2, (start + body.hem_y) / 2),
                (CENTRE + end, body.hem_y + body.tails),
            )
            folds += [Fold(line, width, depth), Fold(moved(line, width * 0.7, 0), width, -depth / 2)]
        for side in (-1, 1):
            dart = curve(
                (CENTRE + side * body.chest * 0.55, body.armpit[1] + 22), (CENTRE + side * body.waist * 0.5, waist_y)
            )
            folds.append(Fold(dart, 8, 0.1))
        return folds

    def _lay_straps(self, canvas: Canvas, cloth: DyedCloth) -> None:
        body = self.body
        for side in (-1, 1):
            strap = curve(
                (CENTRE + side * body.chest * 0.62, body.top + 70),
                (CENTRE + side * body.chest * 0.6, body.top + 30),
                (CENTRE + side * body.chest * 0.5, body.top),
            )
            back = curve(
                (CENTRE + side * body.chest * 0.5, body.top), (CENTRE + side * body.chest * 0.42, body.top + 60)
            )
            canvas.stroke(back, darker(cloth.colour, 0.35), 5)
            canvas.lay(area(band(strap, 7)), cloth, roundness=3)

    def _lay_tiers(self, canvas: Canvas, cloth: DyedCloth, front: Mask) -> None:
        waist_y, body = self._waist_y(), self.body
        for share in (0.36, 0.68):
            y = waist_y + (body.hem_y - waist_y) * share
            line = curve(
                (CENTRE - 150, y - 4),
                (CENTRE - 60, y + 3),
                (CENTRE, y + 5),
                (CENTRE + 60, y + 3),
                (CENTRE + 150, y - 4),
            )
            canvas.stroke(moved(line, 0, 3), palette.SHADE, 6, 0.14, within=front)
            canvas.stroke(line, darker(cloth.colour, 0.45), 1.2, 0.7, within=front)
            for x in range(int(CENTRE) - 140, int(CENTRE) + 141, 9):
                canvas.stroke(
                    outline((x, y + 4), (x + (x - CENTRE) * 0.05, y + 16)),
                    darker(cloth.colour, 0.4),
                    1,
                    0.25,
                    within=front,
                )

    def _lay_buttons(self, canvas: Canvas, cloth: DyedCloth, front: Mask) -> None:
        top = self.body.top + self.body.neck_depth
        for x in (-8, 8):
            canvas.stroke(
                outline((CENTRE + x, top), (CENTRE + x, 490)), darker(cloth.colour, 0.42), 1, 0.5, within=front
            )
        for y in np.arange(top + 14, self.body.hem_y - 30, 34):
            canvas.button(
                (CENTRE, float(y)),
                palette.RUBBER if palette.luma(cloth.colour) < 0.6 else palette.COLOURS["chestnut"],
                6,
            )

    def _lay_waist(self, canvas: Canvas, cloth: DyedCloth, front: Mask, y: float) -> None:
        if self.waist == "seam":
            line = curve((CENTRE - 90, y - 2), (CENTRE, y + 2), (CENTRE + 90, y - 2))
            canvas.seam(line, cloth.colour, front)
        elif self.waist in {"belt", "tie"}:
            height = 9 if self.waist == "belt" else 7
            strip = area(outline((90, y - height), (310, y - height), (310, y + height), (90, y + height))) & front
            leather = in_colour(
                "leather", palette.COLOURS["espresso" if palette.luma(cloth.colour) > 0.25 else "cognac"]
            )
            canvas.lay(strip, leather if self.waist == "belt" else cloth, roundness=6, shadow=0.4)
            if self.waist == "belt":
                frame = area(
                    rounded(CENTRE - 12, y - 11, CENTRE + 12, y + 11, 4),
                    holes=[rounded(CENTRE - 8, y - 7, CENTRE + 8, y + 7, 2)],
                )
                canvas.lay(frame, in_colour("plain", palette.BRASS), roundness=3)
            else:
                for end, wide in (
                    ((CENTRE + 34, y + 84), 13),
                    ((CENTRE + 12, y + 98), 13),
                    ((CENTRE + 52, y + 14), 12),
                    ((CENTRE - 8, y + 22), 12),
                ):
                    canvas.lay(
                        area(
                            band(curve((CENTRE + 20, y), ((CENTRE + 24 + end[0]) / 2, (y + end[1]) / 2), end), 8, wide)
                        ),
                        cloth,
                        roundness=5,
                        shadow=0.4,
                    )
                canvas.lay(area(rounded(CENTRE + 11, y - 9, CENTRE + 29, y + 9, 6)), cloth, roundness=5, shadow=0.4)


def _strapless(body: Body) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    edge = curve(
        (CENTRE, body.top + 76),
        (CENTRE + body.chest * 0.5, body.top + 62),
        (CENTRE + body.chest, body.top + body.armhole),
    )
    right = outline(edge, body.side(), body.hemline())
    return np.concatenate([right, mirrored(right)[::-1]])
