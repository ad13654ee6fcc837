"""Weaves: knits, wools, leathers and other surfaces, from coordinates on a cloth (pixels) to its colours."""

import numpy as np

from sample_shop.cloth.dyes import Colours, Dyes, blend, step, toned
from sample_shop.drawing import noise
from sample_shop.drawing.masks import Field
from sample_shop.drawing.palette import darker, lighter


def denim(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Twill of dyed and white yarn, worn a little."""
    twill = 0.5 + 0.5 * np.sin(u * np.float32(0.9) + v * np.float32(1.8))
    worn = 0.16 + 0.10 * noise.smooth(u, v, 42, 4) + 0.10 * noise.threads(u, v, 14, 5) + 0.10 * twill
    return blend(darker(dyes.main, 0.08), np.full(3, 0.9, np.float32), worn.clip(0, 1))


def knit(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Stocking stitch: columns of small Vs."""
    return toned(dyes.main, _stitches(u, v, 6.5, 5.5) * noise.jersey(u, v))


def cable(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Plaited columns between columns of small Vs."""
    phase = np.mod(u + 24, 48) - 24
    swing = np.sin(v * np.float32(2 * np.pi / 34)) * np.float32(4.6)
    first, second = np.abs(phase - swing) / np.float32(4.5), np.abs(phase + swing) / np.float32(4.5)
    strands = np.maximum((1 - first**2).clip(0), (1 - second**2).clip(0))
    in_cable = step(np.abs(phase) - np.float32(11))
    slant = 1 + 0.04 * np.sin(v * np.float32(1.5) + phase * np.sign(swing) * np.float32(0.9))
    tone = (1 - in_cable) * _stitches(u, v, 6.5, 5.5) + in_cable * (0.74 + 0.32 * strands) * slant
    return toned(dyes.main, tone * noise.jersey(u, v))


def fair_isle(u: Field, v: Field, dyes: Dyes) -> Colours:
    """A plain knit with bands of small stepped motifs."""
    column, row = np.floor(u / 4), np.floor(v / 4)
    band = np.mod(row, 34)
    zigzag = np.abs(np.mod(column, 12) - 6)
    motif = (band >= 4) & (band < 11) & (np.abs(zigzag - (band - 4)) < 1.5)
    diamonds = (band >= 15) & (band < 22) & (np.abs(np.mod(column, 8) - 4) + np.abs(band - 18) < 3)
    lines = (band == 2) | (band == 12) | (band == 24)
    colours = blend(dyes.main, dyes.second, (motif | lines).astype(np.float32))
    colours = blend(colours, dyes.third, diamonds.astype(np.float32))
    return colours * _stitches(u, v, 4, 4)[:, :, None]


def rib(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Ribs along, as cuffs and hems are knitted."""
    ridges = 0.93 + 0.1 * np.cos(u * np.float32(2 * np.pi / 5.5))
    return toned(dyes.main, ridges * noise.jersey(u, v))


def corduroy(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Velvety ridges along."""
    ridges = 0.9 + 0.16 * np.abs(np.sin(u * np.float32(np.pi / 6)))
    return toned(dyes.main, ridges + 0.025 * noise.smooth(u, v, 2, 6))


def herringbone(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Wool in slanting lines that turn every few pixels."""
    folded = np.abs(np.mod(u, 18) - 9)
    lines = 0.5 + 0.5 * np.sin((folded + v) * np.float32(1.25))
    return blend(darker(dyes.main, 0.13), lighter(dyes.main, 0.2), lines) * noise.jersey(u, v)[:, :, None]


def wool(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Felted wool: soft and faintly clouded."""
    tone = 1 + 0.03 * noise.smooth(u, v, 2.2, 7) + 0.02 * noise.smooth(u, v, 7, 8) + 0.02 * noise.smooth(u, v, 30, 9)
    return toned(dyes.main, tone)


def quilted(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Padding sewn in lines across."""
    phase = np.mod(v, 38) / 38
    tone = 0.8 + 0.27 * np.sin(np.pi * phase) ** np.float32(0.6) - 0.1 * phase
    return toned(dyes.main, tone + 0.03 * noise.smooth(u, v * np.float32(0.3), 9, 10))


def diamond_quilted(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Padding sewn in crossing slanting lines."""
    first, second = np.mod(u + v, 30) / 30, np.mod(u - v, 30) / 30
    tone = 0.82 + 0.22 * (np.sin(np.pi * first) * np.sin(np.pi * second)) ** np.float32(0.5)
    return toned(dyes.main, tone + 0.01 * noise.smooth(u, v, 1.6, 11))


def leather(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Smooth leather with a fine grain."""
    tone = (
        1 + 0.022 * noise.smooth(u, v, 1.7, 12) + 0.02 * noise.smooth(u, v, 5, 13) + 0.035 * noise.smooth(u, v, 60, 14)
    )
    return toned(dyes.main, tone)


def suede(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Brushed leather, matt and a little cloudy."""
    tone = 1.03 + 0.045 * noise.smooth(u, v, 1.5, 15) + 0.045 * noise.smooth(u, v, 16, 16)
    return toned(dyes.main, tone)


def canvas(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Coarse plain weave."""
    weave = 0.035 * np.sin(u * np.float32(2.4)) * np.sin(v * np.float32(2.4))
    return toned(dyes.main, 1 + weave + 0.025 * noise.threads(u, v, 6, 17) + 0.02 * noise.threads(v, u, 6, 18))


def mesh(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Sports mesh with small holes in offset rows."""
    x = np.mod(u + np.floor(v / 3.5) * 2.5, 5) - np.float32(2.5)
    y = np.mod(v, np.float32(3.5)) - np.float32(1.75)
    return toned(dyes.main, 1.02 - 0.2 * step(np.hypot(x, y) - np.float32(1.0)))


def woven(u: Field, v: Field, dyes: Dyes) -> Colours:
    """Basketwork of straw or strips."""
    i, j = np.floor(u / 8).astype(np.int64), np.floor(v / 8).astype(np.int64)
    x, y = np.mod(u, 8) / 8, np.mod(v, 8) / 8
    over = np.broadcast_to((i + j) % 2 == 0, (u + v).shape)
    tone = np.where(over, np.sin(np.pi * y) * (0.9 + 0.1 * np.sin(np.pi * x)), np.sin(np.pi * x))
    return toned(dyes.main, 0.72 + 0.34 * tone ** np.float32(0.7) + 0.05 * noise.cell(i, j, 19))


def _stitches(u: Field, v: Field, width: float, height: float) -> Field:
    half = np.abs(np.mod(u / np.float32(width), 1) - np.float32(0.5))
    rise = np.mod(v / np.float32(height) - half * np.float32(1.1), 1)
    tone: Field = 0.88 + 0.15 * np.sin(np.pi * rise) - 0.10 * (half < 0.07) - 0.07 * (half > 0.44)
    return tone.astype(np.float32)
