"""What garments of the upper body have in common: a body with a neckline, and two sleeves."""

from dataclasses import dataclass
from random import Random

import numpy as np

from sample_shop.cloth.fabrics import DyedCloth, in_colour
from sample_shop.drawing.canvas import Canvas
from sample_shop.drawing.curves import CENTRE, Point, Points, band, both_sides, curve, mirrored, moved, outline
from sample_shop.drawing.light import Fold
from sample_shop.drawing.masks import Mask, area
from sample_shop.drawing.palette import Colour, darker, lighter

_LOOSE_CUFF = 16
"""Cuffs at least so deep (pixels) stand out from their sleeves; others are only sewn."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body as seen from the front; widths are halves, depths are counted from `top`, all in pixels."""

    top: float = 56
    neck: float = 47
    neck_depth: float = 40
    v_neck: bool = False
    shoulder: float = 108
    slope: float = 30
    armhole: float = 122
    chest: float = 106
    waist: float = 100
    hem: float = 104
    hem_y: float = 446
    tails: float = 0
    """How much lower the hem is in the middle than at its sides."""
    waist_share: float = 0.5
    """Where the waist is, as a share of the way from the armpit to the hem."""

    @property
    def shoulder_tip(self) -> Point:
        """Where the right shoulder ends."""
        return CENTRE + self.shoulder, self.top + self.slope

    @property
    def armpit(self) -> Point:
        """Where the right sleeve begins below."""
        return CENTRE + self.chest, self.top + self.armhole

    def neckline(self) -> Points:
        """Return the right half of the neckline, from its middle up to the shoulder."""
        middle, end = (CENTRE, self.top + self.neck_depth), (CENTRE + self.neck, self.top)
        if self.v_neck:
            return curve(middle, (CENTRE + self.neck * 0.62, self.top + self.neck_depth * 0.42), end)
        across, down = self.neck * 0.62, self.top + self.neck_depth * 0.82
        steep = (CENTRE + self.neck * 0.93, self.top + self.neck_depth * 0.42)
        return curve(
            middle, (CENTRE + across * 0.5, self.top + self.neck_depth * 0.97), (CENTRE + across, down), steep, end
        )

    def side(self) -> Points:
        """Return the right side, from the armpit to the hem."""
        x, y = self.armpit
        waist_y = y + (self.hem_y - y) * self.waist_share
        return curve((x, y), (CENTRE + self.waist, waist_y), (CENTRE + self.hem, self.hem_y))

    def hemline(self) -> Points:
        """Return the right half of the hem, from the side to the middle."""
        middle = self.hem_y + self.tails
        return curve((CENTRE + self.hem, self.hem_y), (CENTRE + self.hem * 0.6, middle + 1), (CENTRE, middle + 3))

    def outline(self) -> Points:
        """Return the outline of the front."""
        x, y = self.shoulder_tip
        armhole = curve((x, y), (x - 8, y + (self.armpit[1] - y) * 0.55), self.armpit)
        return both_sides(outline(self.neckline(), armhole, self.side(), self.hemline()))

    def inside_outline(self) -> Points:
        """Return the outline of the inside of the back that shows in the neckline."""
        edge = curve(
            (CENTRE, self.top + 5), (CENTRE + self.neck * 0.6, self.top + 2), (CENTRE + self.neck + 3, self.top - 2)
        )
        return both_sides(outline(edge, moved(self.neckline()[::-1], 0, 3)))


@dataclass(frozen=True, slots=True)
class Sleeve:
    """The right sleeve: how long and wide at its end (pixels), and how far it stands off (degrees)."""

    length: float
    cuff: float
    angle: float
    puff: float = 0

    def ends(self, body: Body) -> tuple[Point, Point]:
        """Return the outer and the inner end of the cuff."""
        (tip_x, tip_y), (pit_x, pit_y) = body.shoulder_tip, body.armpit
        sine, cosine = np.sin(np.deg2rad(self.angle)), np.cos(np.deg2rad(self.angle))
        x = (tip_x + pit_x) / 2 + self.length * sine
        y = (tip_y + pit_y) / 2 + self.length * cosine
        half = self.cuff / 2
        return (float(x + half * cosine), float(y - half * sine)), (float(x - half * cosine), float(y + half * sine))

    def outline(self, body: Body) -> Points:
        """Return the outline of the right sleeve, its head hidden behind the body."""
        (tip_x, tip_y), (pit_x, pit_y) = body.shoulder_tip, body.armpit
        outer, inner = self.ends(body)
        bulge = (tip_x + (outer[0] - tip_x) * 0.42 + 7 + self.puff, tip_y + (outer[1] - tip_y) * 0.3)
        below = (pit_x + (inner[0] - pit_x) * 0.5 + 2, pit_y + (inner[1] - pit_y) * 0.5)
        head = ((tip_x - 14, tip_y - 3), (pit_x - 20, pit_y - 10))
        return outline(head[0], curve((tip_x, tip_y), bulge, outer), curve(inner, below, (pit_x, pit_y + 2)), head[1])


def creases(body: Body, chance: Random, strength: float = 1) -> list[Fold]:
    """Return a few soft folds, as cloth has that hangs from shoulders; no two garments have the same."""
    x, y = body.armpit
    height = body.hem_y - y
    folds = []
    for _ in range(2):
        start = curve(
            (x - 4, y + chance.uniform(-14, 6)),
            (x - chance.uniform(18, 30), y + chance.uniform(14, 34)),
            (x - chance.uniform(44, 66), y + chance.uniform(46, 80)),
        )
        folds += [
            Fold(start, 10, 0.13 * strength),
            Fold(moved(mirrored(start), 0, chance.uniform(-8, 8)), 10, 0.12 * strength),
        ]
    for side in (-1, 1):
        across = CENTRE + side * chance.uniform(18, 62)
        drop = curve(
            (across, y + height * chance.uniform(0.25, 0.5)),
            (across + chance.uniform(-8, 8), y + height * 0.75),
            (across + chance.uniform(-10, 10), body.hem_y - 8),
        )
        folds += [Fold(drop, 14, 0.11 * strength), Fold(moved(drop, 9, 0), 14, -0.07 * strength)]
    return folds


def lay_inside(canvas: Canvas, body: Body, colour: Colour) -> None:
    """Draw the inside of the back, in the shade, with a label."""
    inside = area(body.inside_outline())
    canvas.lay(inside, in_colour("plain", darker(colour, 0.3)), relief=0.5, shadow=0)
    if body.neck_depth > 24:
        y = body.top + 15
        label = area(moved(np.array([(-11, y), (11, y), (11, y + 9), (-11, y + 9)]), CENTRE, 0))
        canvas.paint(label & inside, lighter(colour, 0.75), 0.9)


def lay_collar_back(canvas: Canvas, body: Body, cloth: DyedCloth) -> None:
    """Draw the back of a turned-down collar, seen from within."""
    end = (CENTRE + body.neck - 6, body.top - 16)
    edge = curve((CENTRE, body.top - 10), (CENTRE + body.neck * 0.5, body.top - 12), end)
    back = area(both_sides(outline(edge, (CENTRE + body.neck, body.top + 6), (CENTRE, body.top + 12))))
    canvas.lay(back, cloth, roundness=8, shadow=0)
    canvas.paint(back, darker(cloth.colour, 0.6), 0.3)


def lay_sleeves(canvas: Canvas, body: Body, sleeve: Sleeve, cloth: DyedCloth, chance: Random) -> tuple[Mask, Mask]:
    """Draw both sleeves; return the right one's and the left one's mask."""
    right = sleeve.outline(body)
    masks = []
    for line, turn in ((right, -sleeve.angle), (mirrored(right), sleeve.angle)):
        side = 1 if turn < 0 else -1
        part = area(line)
        about = (CENTRE + side * body.shoulder, 0.0)
        folds = _elbow_folds(body, sleeve, side, chance) if sleeve.length > 150 else []
        canvas.lay(part, cloth, turn=turn, about=about, roundness=16, folds=folds, shadow=0)
        masks.append(part)
    return masks[0], masks[1]


def lay_cuffs(canvas: Canvas, body: Body, sleeve: Sleeve, cloth: DyedCloth, depth: float) -> None:
    """Draw a cuff at the end of each sleeve, so many pixels deep."""
    outer, inner = np.asarray(sleeve.ends(body))
    up = np.array([-np.sin(np.deg2rad(sleeve.angle)), -np.cos(np.deg2rad(sleeve.angle))])
    middle = (outer + inner) / 2
    axis = np.stack([middle + up * depth, middle + up * -1.5])
    width = float(np.linalg.norm(outer - inner))
    right = band(axis, width + 1.5, width + 0.5)
    sleeves = sleeve.outline(body)
    for line, turn in ((right, -sleeve.angle), (mirrored(right), sleeve.angle)):
        cuff = area(line)
        if depth < _LOOSE_CUFF:
            cuff &= area(sleeves, mirrored(sleeves))
        canvas.lay(cuff, cloth, turn=turn, about=(float(line[:, 0].mean()), 0), roundness=9, shadow=0.35)


def armhole_seams(canvas: Canvas, body: Body, colour: Colour) -> None:
    """Draw the seams where the sleeves are sewn in."""
    x, y = body.shoulder_tip
    seam = curve((x - 1, y), (x - 8, y + (body.armpit[1] - y) * 0.55), body.armpit)
    for line in (seam, mirrored(seam)):
        canvas.stroke(line, darker(colour, 0.45), 1.2, 0.55)


def neckband(canvas: Canvas, body: Body, cloth: DyedCloth, width: float) -> None:
    """Draw the band around the front of the neckline."""
    right = body.neckline()
    whole = np.concatenate([mirrored(right)[::-1], right[1:]])
    within = area(body.outline(), body.inside_outline())
    canvas.lay(area(band(whole, width)) & within, cloth, roundness=6, relief=0.6, shadow=0.3)


def _elbow_folds(body: Body, sleeve: Sleeve, side: int, chance: Random) -> list[Fold]:
    outer, inner = np.asarray(sleeve.ends(body))
    tip, pit = np.asarray(body.shoulder_tip), np.asarray(body.armpit)
    folds = []
    for place in (0.34, 0.5, 0.62, 0.8):
        share = place + chance.uniform(-0.05, 0.05)
        a, b = tip + (outer - tip) * share, pit + (inner - pit) * (share + 0.08)
        line = np.stack([a + (b - a) * chance.uniform(-0.05, 0.3), a + (b - a) * chance.uniform(0.7, 1)])
        folds.append(Fold(line if side > 0 else mirrored(line), 8, chance.uniform(0.08, 0.16)))
    return folds
