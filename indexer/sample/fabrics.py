"""Fabrics: from coordinates on a piece of cloth to its colours.

To add one, write a function of `(u, v, dyes)` and enter it in `FABRICS`: `u` counts pixels across the cloth and `v`
along it, arrays of one shape; what returns is (height, width, 3) float32, 0 to 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexer.sample import noise, palette
from indexer.sample.masks import Field
from indexer.sample.palette import Colour, darker, lighter, mixed

Colours: TypeAlias = NDArray[np.float32]


class Dyes(NamedTuple):
    """The colours of a cloth: its own, and two that go with it."""

    main: Colour
    second: Colour
    third: Colour


@dataclass(frozen=True, slots=True)
class Fabric:
    """A kind of cloth: how titles call it ('' for plain), what it is made of, and its weave."""

    adjective: str
    weave: Callable[[Field, Field, Dyes], Colours]


@dataclass(frozen=True, slots=True, eq=False)
class DyedCloth:
    """A fabric in its colours: what parts of products are made of."""

    fabric: Fabric
    dyes: Dyes

    def __call__(self, u: Field, v: Field) -> Colours:
        return self.fabric.weave(u, v, self.dyes)

    @property
    def colour(self) -> Colour:
        """The colour that it is called by."""
        return self.dyes.main

    @property
    def contrast(self) -> Colour:
        """The colour that goes with it best."""
        return self.dyes.second


def dyed(fabric: str, colour: str) -> DyedCloth:
    """Return a fabric of FABRICS in a colour of the palette."""
    return DyedCloth(FABRICS[fabric], Dyes(palette.COLOURS[colour], *palette.contrasts(colour)))


def in_colour(fabric: str, colour: Colour) -> DyedCloth:
    """Return a fabric in any colour, for soles, linings and cuffs."""
    return DyedCloth(FABRICS[fabric], Dyes(colour, colour, colour))


def _toned(colour: Colour, tone: Field) -> Colours:
    return colour * tone[:, :, None]


def _blend(base: Colours | Colour, over: Colours | Colour, share: Field) -> Colours:
    result: Colours = base + (over - base) * share[:, :, None]
    return result


def _step(distance: Field, softness: float = 0.6) -> Field:
    """Return 1 where a distance (pixels) is below 0, 0 where it is above, and a smooth edge between."""
    return np.clip(0.5 - distance / np.float32(2 * softness), 0, 1).astype(np.float32)


def _stripe(along: Field, period: float, width: float, start: float = 0) -> Field:
    """Return 1 on stripes so wide (pixels), the middle of the first at `start`."""
    offset = np.mod(along - np.float32(start) + np.float32(period / 2), np.float32(period)) - np.float32(period / 2)
    return _step(np.abs(offset) - np.float32(width / 2))


def _jersey(u: Field, v: Field) -> Field:
    return 1 + 0.012 * noise.threads(v, u, 5) + 0.012 * noise.smooth(u, v, 1.4, 1) + 0.012 * noise.smooth(u, v, 34, 2)


def plain(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Smooth jersey or poplin."""
    return _toned(dyes.main, _jersey(u, v))


def melange(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Yarn spun of lighter and darker fibres."""
    flecks = 0.5 + 0.5 * noise.threads(v, u, 9, 3)
    return _blend(darker(dyes.main, 0.12), lighter(dyes.main, 0.22), flecks) * _jersey(u, v)[:, :, None]


def breton(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Narrow stripes across, on a contrasting ground."""
    return _toned_stripes(u, v, dyes.second, dyes.main, 19, 7)


def wide_stripes(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Wide stripes across in two colours."""
    return _toned_stripes(u, v, dyes.main, dyes.second, 64, 32)


def multi_stripes(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Stripes across in three colours."""
    ground = _blend(dyes.main, dyes.second, _stripe(v, 58, 13, 14))
    return _blend(ground, dyes.third, _stripe(v, 58, 5, 28)) * _jersey(u, v)[:, :, None]


def _toned_stripes(u: Field, v: Field, ground: Colour, stripe: Colour, period: float, width: float) -> Colours:
    return _blend(ground, stripe, _stripe(v, period, width)) * _jersey(u, v)[:, :, None]


def pinstripes(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Thin lines along, lighter than the cloth."""
    return _blend(dyes.main, _line_colour(dyes), 0.6 * _stripe(u, 13, 1.3)) * _jersey(u, v)[:, :, None]


def bengal(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Stripes along, half white."""
    white = np.full(3, 0.94, np.float32)
    return _blend(white, dyes.main, _stripe(u, 11, 5.5)) * _jersey(u, v)[:, :, None]


def gingham(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Even checks of a colour and white."""
    white = np.full(3, 0.94, np.float32)
    share = (_stripe(u, 20, 10) + _stripe(v, 20, 10)) / 2
    return _blend(white, dyes.main, share) * _jersey(u, v)[:, :, None]


def tartan(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Crossing bands and lines in three colours, as a twill shows them."""
    wide = (_stripe(u, 52, 20) + _stripe(v, 52, 20)) / 2
    lines = np.maximum(_stripe(u, 52, 2.4, 26), _stripe(v, 52, 2.4, 26))
    base = _blend(dyes.main, darker(dyes.third, 0.35), wide * np.float32(0.85))
    twill = 1 + 0.03 * np.sin((u + v) * np.float32(2.1))
    return _blend(base, dyes.second, lines * np.float32(0.7)) * (twill * _jersey(u, v))[:, :, None]


def windowpane(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Large squares of thin lines."""
    lines = np.maximum(_stripe(u, 36, 2), _stripe(v, 36, 2))
    return _blend(dyes.main, _line_colour(dyes), 0.75 * lines) * _jersey(u, v)[:, :, None]


def dots(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Round dots in offset rows."""
    row = np.floor(v / 13)
    x = np.mod(u + row * 13, 26) - 13
    y = np.mod(v, 13) - np.float32(6.5)
    return _blend(dyes.main, dyes.second, _step(np.hypot(x, y) - np.float32(3.4))) * _jersey(u, v)[:, :, None]


def floral(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Scattered five-petalled flowers with leaves."""
    colours = _blend(dyes.main, dyes.main, np.zeros_like(u + v))
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
        colours = _blend(colours, petal, _step(distance - edge) * (here > -0.55))
        colours = _blend(colours, centre, _step(distance - np.float32(size * 0.075)) * (here > -0.55))
    return colours * _jersey(u, v)[:, :, None]


def leaves(u: Field, v: Field, dyes: Dyes) -> Colours:
    """A sprig print: small slanting leaves, tone in tone."""
    row = np.floor(v / 17)
    x = np.mod(u + row * 11, 22) - 11
    y = np.mod(v, 17) - np.float32(8.5)
    turned_x, turned_y = (x + y) * np.float32(0.707), (y - x) * np.float32(0.707)
    blade = np.abs(turned_x) - np.float32(2.5) * (1 - (turned_y / np.float32(7.5)) ** 2)
    return _blend(dyes.main, dyes.second, 0.85 * _step(blade)) * _jersey(u, v)[:, :, None]


def denim(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Twill of dyed and white yarn, worn a little."""
    twill = 0.5 + 0.5 * np.sin((u * np.float32(0.9) + v * np.float32(1.8)))
    worn = 0.16 + 0.10 * noise.smooth(u, v, 42, 4) + 0.10 * noise.threads(u, v, 14, 5) + 0.10 * twill
    return _blend(darker(dyes.main, 0.08), np.full(3, 0.9, np.float32), worn.clip(0, 1))


def knit(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Stocking stitch: columns of small Vs."""
    return _toned(dyes.main, _stitches(u, v, 6.5, 5.5) * _jersey(u, v))


def cable(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Plaited columns between columns of small Vs."""
    phase = np.mod(u + 24, 48) - 24
    swing = np.sin(v * np.float32(2 * np.pi / 34)) * np.float32(4.6)
    first, second = np.abs(phase - swing) / np.float32(4.5), np.abs(phase + swing) / np.float32(4.5)
    strands = np.maximum((1 - first**2).clip(0), (1 - second**2).clip(0))
    in_cable = _step(np.abs(phase) - np.float32(11))
    slant = 1 + 0.04 * np.sin(v * np.float32(1.5) + phase * np.sign(swing) * np.float32(0.9))
    tone = (1 - in_cable) * _stitches(u, v, 6.5, 5.5) + in_cable * (0.74 + 0.32 * strands) * slant
    return _toned(dyes.main, tone * _jersey(u, v))


def fair_isle(u: Field, v: Field, dyes: Dyes) -> Colours:
    """A plain knit with bands of small stepped motifs."""
    column, row = np.floor(u / 4), np.floor(v / 4)
    band = np.mod(row, 34)
    zigzag = np.abs(np.mod(column, 12) - 6)
    motif = (band >= 4) & (band < 11) & (np.abs(zigzag - (band - 4)) < 1.5)
    diamonds = (band >= 15) & (band < 22) & (np.abs(np.mod(column, 8) - 4) + np.abs(band - 18) < 3)
    lines = (band == 2) | (band == 12) | (band == 24)
    colours = _blend(dyes.main, dyes.second, (motif | lines).astype(np.float32))
    colours = _blend(colours, dyes.third, diamonds.astype(np.float32))
    return colours * _stitches(u, v, 4, 4)[:, :, None]


def rib(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Ribs along, as cuffs and hems are knitted."""
    ridges = 0.93 + 0.1 * np.cos(u * np.float32(2 * np.pi / 5.5))
    return _toned(dyes.main, ridges * _jersey(u, v))


def corduroy(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Velvety ridges along."""
    ridges = 0.9 + 0.16 * np.abs(np.sin(u * np.float32(np.pi / 6)))
    return _toned(dyes.main, ridges + 0.025 * noise.smooth(u, v, 2, 6))


def herringbone(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Wool in slanting lines that turn every few pixels."""
    folded = np.abs(np.mod(u, 18) - 9)
    lines = 0.5 + 0.5 * np.sin((folded + v) * np.float32(1.25))
    return _blend(darker(dyes.main, 0.13), lighter(dyes.main, 0.2), lines) * _jersey(u, v)[:, :, None]


def wool(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Felted wool: soft and faintly clouded."""
    tone = 1 + 0.03 * noise.smooth(u, v, 2.2, 7) + 0.02 * noise.smooth(u, v, 7, 8) + 0.02 * noise.smooth(u, v, 30, 9)
    return _toned(dyes.main, tone)


def quilted(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Padding sewn in lines across."""
    phase = np.mod(v, 38) / 38
    tone = 0.8 + 0.27 * np.sin(np.pi * phase) ** np.float32(0.6) - 0.1 * phase
    return _toned(dyes.main, tone + 0.03 * noise.smooth(u, v * np.float32(0.3), 9, 10))


def diamond_quilted(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Padding sewn in crossing slanting lines."""
    first, second = np.mod(u + v, 30) / 30, np.mod(u - v, 30) / 30
    tone = 0.82 + 0.22 * (np.sin(np.pi * first) * np.sin(np.pi * second)) ** np.float32(0.5)
    return _toned(dyes.main, tone + 0.01 * noise.smooth(u, v, 1.6, 11))


def leather(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Smooth leather with a fine grain."""
    tone = 1 + 0.022 * noise.smooth(u, v, 1.7, 12) + 0.02 * noise.smooth(u, v, 5, 13) + 0.035 * noise.smooth(u, v, 60, 14)
    return _toned(dyes.main, tone)


def suede(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Brushed leather, matt and a little cloudy."""
    tone = 1.03 + 0.045 * noise.smooth(u, v, 1.5, 15) + 0.045 * noise.smooth(u, v, 16, 16)
    return _toned(dyes.main, tone)


def canvas(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Coarse plain weave."""
    weave = 0.035 * np.sin(u * np.float32(2.4)) * np.sin(v * np.float32(2.4))
    return _toned(dyes.main, 1 + weave + 0.025 * noise.threads(u, v, 6, 17) + 0.02 * noise.threads(v, u, 6, 18))


def mesh(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Sports mesh with small holes in offset rows."""
    x = np.mod(u + np.floor(v / 3.5) * 2.5, 5) - np.float32(2.5)
    y = np.mod(v, np.float32(3.5)) - np.float32(1.75)
    return _toned(dyes.main, 1.02 - 0.2 * _step(np.hypot(x, y) - np.float32(1.0)))


def woven(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Basketwork of straw or strips."""
    i, j = np.floor(u / 8).astype(np.int64), np.floor(v / 8).astype(np.int64)
    x, y = np.mod(u, 8) / 8, np.mod(v, 8) / 8
    over = np.broadcast_to((i + j) % 2 == 0, (u + v).shape)
    tone = np.where(over, np.sin(np.pi * y) * (0.9 + 0.1 * np.sin(np.pi * x)), np.sin(np.pi * x))
    return _toned(dyes.main, 0.72 + 0.34 * tone ** np.float32(0.7) + 0.05 * noise.cell(i, j, 19))


def _stitches(u: Field, v: Field, width: float, height: float) -> Field:
    half = np.abs(np.mod(u / np.float32(width), 1) - np.float32(0.5))
    rise = np.mod(v / np.float32(height) - half * np.float32(1.1), 1)
    tone: Field = 0.88 + 0.15 * np.sin(np.pi * rise) - 0.10 * (half < 0.07) - 0.07 * (half > 0.44)
    return tone.astype(np.float32)


def _line_colour(dyes: Dyes) -> Colour:
    """Return what thin lines are drawn in: light on a dark cloth, dark on a light one."""
    return lighter(dyes.main, 0.7) if palette.luma(dyes.main) < 0.5 else darker(dyes.main, 0.45)


FABRICS: dict[str, Fabric] = {
    "plain": Fabric("", plain),
    "melange": Fabric("marled", melange),
    "breton": Fabric("striped", breton),
    "wide stripes": Fabric("wide-striped", wide_stripes),
    "multi stripes": Fabric("multi-striped", multi_stripes),
    "pinstripes": Fabric("pinstriped", pinstripes),
    "bengal": Fabric("candy-striped", bengal),
    "gingham": Fabric("gingham", gingham),
    "tartan": Fabric("tartan", tartan),
    "windowpane": Fabric("windowpane-check", windowpane),
    "dots": Fabric("polka-dot", dots),
    "floral": Fabric("floral", floral),
    "leaves": Fabric("leaf-print", leaves),
    "denim": Fabric("denim", denim),
    "knit": Fabric("knitted", knit),
    "cable": Fabric("cable-knit", cable),
    "fair isle": Fabric("Fair Isle", fair_isle),
    "rib": Fabric("ribbed", rib),
    "corduroy": Fabric("corduroy", corduroy),
    "herringbone": Fabric("herringbone", herringbone),
    "wool": Fabric("", wool),
    "quilted": Fabric("quilted", quilted),
    "diamond quilted": Fabric("diamond-quilted", diamond_quilted),
    "leather": Fabric("", leather),
    "suede": Fabric("suede", suede),
    "canvas": Fabric("", canvas),
    "mesh": Fabric("mesh", mesh),
    "woven": Fabric("woven", woven),
}
"""Every fabric by name."""
