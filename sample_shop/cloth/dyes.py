"""Colours of cloth, and what patterns are put together from."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sample_shop.drawing.masks import Field
from sample_shop.drawing.palette import Colour

Colours: TypeAlias = NDArray[np.float32]
"""(height, width, 3), sRGB from 0 to 1."""


class Dyes(NamedTuple):
    """The colours of a cloth: its own, and two that go with it."""

    main: Colour
    second: Colour
    third: Colour


def toned(colour: Colour, tone: Field) -> Colours:
    """Return a colour, lighter and darker."""
    return colour * tone[:, :, None]


def blend(base: Colours | Colour, over: Colours | Colour, share: Field) -> Colours:
    """Return colours with a share (0 to 1) of others laid over them."""
    result: Colours = base + (over - base) * share[:, :, None]
    return result


def step(distance: Field, softness: float = 0.6) -> Field:
    """Return 1 where a distance (pixels) is below 0, 0 where it is above, and a smooth edge between."""
    edge: Field = np.clip(0.5 - distance / np.float32(2 * softness), 0, 1)
    return edge.astype(np.float32)


def stripe(along: Field, period: float, width: float, start: float = 0) -> Field:
    """Return 1 on stripes so wide (pixels), the middle of the first at `start`."""
    offset = np.mod(along - np.float32(start) + np.float32(period / 2), np.float32(period)) - np.float32(period / 2)
    return step(np.abs(offset) - np.float32(width / 2))
