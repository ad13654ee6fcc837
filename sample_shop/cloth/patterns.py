"""Patterns: stripes, checks, dots and prints, from coordinates on a cloth (pixels across and along) to its colours."""

import numpy as np

from sample_shop.cloth.dyes import Colours, Dyes, blend, step, stripe, toned
from sample_shop.drawing import noise, palette
from sample_shop.drawing.masks import Field
from sample_shop.drawing.palette import Colour, darker, lighter, mixed


def plain(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Smooth jersey or poplin."""
    return toned(dyes.main, noise.jersey(u, v))


def melange(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Yarn spun of lighter and darker fibres."""
    flecks = 0.5 + 0.5 * noise.threads(v, u, 9, 3)
    return blend(darker(dyes.main, 0.12), lighter(dyes.main, 0.22), flecks) * noise.jersey(u, v)[:, :, None]


def breton(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Narrow stripes across, on a contrasting ground."""
    return _toned_stripes(u, v, dyes.second, dyes.main, 19, 7)


def wide_stripes(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Wide stripes across in two colours."""
    return _toned_stripes(u, v, dyes.main, dyes.second, 64, 32)


def multi_stripes(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Stripes across in three colours."""
    ground = blend(dyes.main, dyes.second, stripe(v, 58, 13, 14))
    return blend(ground, dyes.third, stripe(v, 58, 5, 28)) * noise.jersey(u, v)[:, :, None]


def _toned_stripes(u: Field, v: Field, ground: Colour, ink: Colour, period: float, width: float) -> Colours:
    return blend(ground, ink, stripe(v, period, width)) * noise.jersey(u, v)[:, :, None]


def pinstripes(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Thin lines along, lighter than the cloth."""
    return blend(dyes.main, _line_colour(dyes), 0.6 * stripe(u, 13, 1.3)) * noise.jersey(u, v)[:, :, None]


def bengal(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Stripes along, half white."""
    white = np.full(3, 0.94, np.float32)
    return blend(white, dyes.main, stripe(u, 11, 5.5)) * noise.jersey(u, v)[:, :, None]


def gingham(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Even checks of a colour and white."""
    white = np.full(3, 0.94, np.float32)
    share = (stripe(u, 20, 10) + stripe(v, 20, 10)) * np.float32(0.5)
    return blend(white, dyes.main, share) * noise.jersey(u, v)[:, :, None]


def tartan(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Crossing bands and lines in three colours, as a twill shows them."""
    wide = (stripe(u, 52, 20) + stripe(v, 52, 20)) * np.float32(0.42)
    lines = np.maximum(stripe(u, 52, 2.4, 26), stripe(v, 52, 2.4, 26))
    base = blend(dyes.main, darker(dyes.third, 0.35), wide)
    twill: Field = noise.jersey(u, v) * (1 + np.float32(0.03) * np.sin((u + v) * np.float32(2.1)))
    return blend(base, dyes.second, lines * np.float32(0.7)) * twill[:, :, None]


def windowpane(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Large squares of thin lines."""
    lines = np.maximum(stripe(u, 36, 2), stripe(v, 36, 2))
    return blend(dyes.main, _line_colour(dyes), np.float32(0.75) * lines) * noise.jersey(u, v)[:, :, None]


def dots(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Round dots in offset rows."""
    row = np.floor(v / 13)
    x = np.mod(u + row * 13, 26) - 13
    y = np.mod(v, 13) - np.float32(6.5)
    return blend(dyes.main, dyes.second, step(np.hypot(x, y) - np.float32(3.4))) * noise.jersey(u, v)[:, :, None]


def floral(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Scattered five-petalled flowers with leaves."""
    colours = blend(dyes.main, dyes.main, np.zeros_like(u + v))
    leaf = mixed(palette.COLOURS["forest"], dyes.main, 0.25)
    for number, (size, petal, centre) in enumerate(
        ((21, leaf, leaf), (34, dyes.second, palette.COLOURS["mustard"]), (27, dyes.third, dyes.second))
    ):
        shifted_u, shifted_v = u + np.float32(number * 11.3), v + np.float32(number * 17.7)
        i, j = np.floor(shifted_u / size).astype(np.int64), np.floor(shifted_v / size).astype(np.int64)
        x = shifted_u - (i + np.float32(0.5)) * size - size * np.float32(0.18) * noise.cell(i, j, number)
        y = shifted_v - (j + np.float32(0.5)) * size - size * np.float32(0.18) * noise.cell(i, j, number + 5)
        angle, distance = np.arctan2(y, x), np.hypot(x, y)
        here = noise.cell(i, j, number + 9)
        petals, reach = (2, size * 0.28) if number == 0 else (5, size * 0.3)
        edge = np.float32(reach) * (0.66 + 0.34 * np.cos(angle * petals + here * 6)) * (0.85 + 0.2 * here)
        colours = blend(colours, petal, step(distance - edge) * (here > -0.55))
        colours = blend(colours, centre, step(distance - np.float32(size * 0.075)) * (here > -0.55))
    return colours * noise.jersey(u, v)[:, :, None]


def leaves(u: Field, v: Field, dyes: Dyes) -> Colours:
    """A sprig print: small slanting leaves, tone in tone."""
    row = np.floor(v / 17)
    x = np.mod(u + row * 11, 22) - 11
    y = np.mod(v, 17) - np.float32(8.5)
    turned_x, turned_y = (x + y) * np.float32(0.707), (y - x) * np.float32(0.707)
    blade = np.abs(turned_x) - np.float32(2.5) * (1 - (turned_y / np.float32(7.5)) ** 2)
    return blend(dyes.main, dyes.second, 0.85 * step(blade)) * noise.jersey(u, v)[:, :, None]


def _line_colour(dyes: Dyes) -> Colour:
    """Return what thin lines are drawn in: light on a dark cloth, dark on a light one."""
    return lighter(dyes.main, 0.7) if palette.luma(dyes.main) < 0.5 else darker(dyes.main, 0.45)
