"""The sheet a product is drawn on: parts of shaded cloth laid over each other, seams, and things sewn on."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sample_shop.drawing import palette
from sample_shop.drawing.curves import CENTRE, Point, Points, ellipse, moved
from sample_shop.drawing.light import Fold, light_on, shadow_of
from sample_shop.drawing.masks import HEIGHT, WIDTH, Box, Field, Mask, area, line_mask, wider
from sample_shop.drawing.palette import Colour, darker, lighter

Cloth: TypeAlias = Callable[[Field, Field], NDArray[np.float32]]
"""What a part is made of: from coordinates across and along it (pixels) to colours (height, width, 3), 0 to 1."""


class Canvas:
    """A white sheet, 400 x 500, on which parts are laid from the back to the front."""

    def __init__(self) -> None:
        self._paper = np.ones((HEIGHT, WIDTH, 3), np.float32)
        self._covered = np.zeros((HEIGHT, WIDTH), np.float32)

    def pixels(self) -> NDArray[np.uint8]:
        """Return what has been drawn, (HEIGHT, WIDTH, 3)."""
        levels: Field = np.rint(self._paper.clip(0, 1) * 255)
        return levels.astype(np.uint8)

    def move_right(self, pixels: int) -> None:
        """Move all that has been drawn to the right, over white paper; what leaves the sheet is lost."""
        if pixels:
            self._paper[:, pixels:] = self._paper[:, :-pixels].copy()
            self._paper[:, :pixels] = 1
            self._covered[:, pixels:] = self._covered[:, :-pixels].copy()
            self._covered[:, :pixels] = 0

    def lay(
        self,
        mask: Mask,
        cloth: Cloth,
        *,
        folds: Sequence[Fold] = (),
        turn: float = 0,
        about: Point = (CENTRE, 0),
        roundness: float = 18,
        relief: float = 1,
        shadow: float = 0.3,
    ) -> None:
        """Lay a part of cloth over what is there, lit from above.

        `turn` (degrees, clockwise) and `about` give the cloth's own direction and origin; `relief` is how strongly
        its edges are rounded, `roundness` over how many pixels; `shadow` how dark a shadow it throws on what is
        beneath.
        """
        if shadow:
            around = wider(mask.box, 10)
            dark = np.float32(shadow) * shadow_of(mask, around) * self._covered[around]
            self._paper[around] *= (1 - dark)[:, :, None]
        light = light_on(mask, mask.box, roundness, relief, folds)
        self._blend(mask, cloth(*_coordinates(mask.box, turn, about)) * light[:, :, None])

    def paint(self, mask: Mask, colour: Colour, opacity: float = 1) -> None:
        """Lay one flat colour over what is there, as ink."""
        self._blend(mask, colour, opacity)

    def stroke(
        self,
        line: Points,
        colour: Colour,
        width: float = 1.2,
        opacity: float = 1,
        within: Mask | None = None,
        dashes: tuple[float, float] | None = None,
    ) -> None:
        """Draw a line, whole or in dashes (drawn and left out, pixels), only within a mask where one is given."""
        drawn = line_mask(line, width, dashes)
        self.paint(drawn if within is None else drawn & within, colour, opacity)

    def seam(self, line: Points, colour: Colour, within: Mask | None = None, depth: float = 0.35) -> None:
        """Draw where two pieces of cloth of one colour meet: a dark line with a faint light one beside it."""
        self.stroke(moved(line, 0.9, 0.9), lighter(colour, 0.5), 1, 0.3, within)
        self.stroke(line, darker(colour, depth), 1.2, 0.8, within)

    def stitches(self, line: Points, colour: Colour, within: Mask | None = None) -> None:
        """Draw a row of stitches that are meant to be seen."""
        self.stroke(line, colour, 1, 0.85, within, dashes=(3.2, 1.8))

    def button(self, centre: Point, colour: Colour, size: float = 8) -> None:
        """Sew on a button."""
        x, y = centre
        self.paint(area(ellipse((x + 0.6, y + 1.2), size + 1.4, size + 1.4)), palette.SHADE, 0.3)
        self.paint(area(ellipse(centre, size, size)), colour)
        self.paint(area(ellipse((x - size * 0.1, y - size * 0.14), size * 0.6, size * 0.55)), lighter(colour, 0.3), 0.6)
        if size >= 6:
            for dx, dy in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
                hole = ellipse((x + dx * size * 0.13, y + dy * size * 0.13), 1.1, 1.1)
                self.paint(area(hole), darker(colour, 0.6), 0.9)

    def zip(self, line: Points, metal: Colour, tape: Colour, within: Mask | None = None) -> None:
        """Draw a closed zip along a line: tape, teeth, and a puller at its beginning."""
        self.stroke(line, darker(tape, 0.45), 7, 0.9, within)
        self.stroke(line, metal, 3, 1, within, dashes=(1.3, 1.3))
        x, y = (float(value) for value in line[0])
        for width, shade in ((5.4, darker(metal, 0.35)), (3, lighter(metal, 0.15))):
            self.paint(area(ellipse((x, y + 9), width, width + 10)), shade)

    def ground_shadow(self, left: float, right: float, ground: float, depth: float = 0.14) -> None:
        """Draw the faint shadow of a thing on the white floor that it stands on."""
        rows = slice(max(0, round(ground) - 16), round(ground) + 17)
        y, x = np.ogrid[rows, 0:WIDTH]
        across = (2 * x - (left + right)) / (right - left)
        dark = depth * np.exp(-(np.abs(across) ** 5) * 1.5 - ((y - ground) / 5) ** 2)
        self._paper[rows] *= (1 - dark.astype(np.float32))[:, :, None]

    def _blend(self, mask: Mask, colours: NDArray[np.float32], opacity: float = 1) -> None:
        alpha = mask.alpha[mask.box] * np.float32(opacity)
        paper = self._paper[mask.box]
        paper += (colours - paper) * alpha[:, :, None]
        np.maximum(self._covered[mask.box], alpha, out=self._covered[mask.box])


def _coordinates(box: Box, turn: float, about: Point) -> tuple[Field, Field]:
    """Return how far each pixel of a box lies across and along cloth that is turned about a point."""
    angle = np.deg2rad(turn)
    x = np.arange(box[1].start, box[1].stop, dtype=np.float32)[None, :] - np.float32(about[0])
    y = np.arange(box[0].start, box[0].stop, dtype=np.float32)[:, None] - np.float32(about[1])
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cosine + y * sine, y * cosine - x * sine
