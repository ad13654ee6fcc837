"""Fingerprints of pictures, and which of them are of copies of one picture.

A copy is the same photograph saved again, smaller, cropped, framed, turned a little, mirrored, under a banner, in other
light or in more colour. A colour variant is not: another light moves all colours alike, a dye those of the garment.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from models.fingerprints.alignment import BAND_ROWS, GRID, Alignment, Floats, aligned
from models.pictures.bars import without_bars
from models.pictures.colour import lab
from models.pictures.decoding import Picture

VERSION = 1
SIZE = 2 + GRID * GRID * 3
"""Bytes of a fingerprint: its version, the aspect ratio, and the colours of 16 by 16 cells."""

BLURRED = 16
"""Lines between a bar and the picture that a JPEG may blur: the side of its blocks of colour."""

_ASPECT_STEP = 16.0  # of an octave
_ASPECT_ZERO = 128

_BLOCKS = 4
"""Blocks of a side, over which differences are averaged: a dye differs over a region, a wrong alignment at edges."""
_LEAST_BLOCK = 0.25

_DARK, _BRIGHT = 12.0, 246.0
_GAIN, _CAST = (0.72, 1.38), (0.84, 1.19)
"""By what light may multiply all channels, and each of them beside the others."""
_SATURATION, _ITS_GAIN = (0.6, 1.7), (0.9, 1.11)
_LEAST_CELLS = 6

_GROUND, _LEAST = 25.0, 0.05
"""How far from the rim's colour (CIELAB) a cell counts in full, and what it counts at least."""
_LIGHTNESS_LEFT = 4.0

_BANNER, _OF_ITS_WIDTH = 6.0, 7
"""A banner differs from what it covers by so much (CIELAB) over all but so many hundredths of a row; a dyed garment
leaves the ground beside it as it was.
"""

_MOST_COVERED = 0.5
"""What of a garment a banner may cover: on what is left of a shoe, all shoes are alike."""

_WORTH_TURNING_ROUND = -4.0
"""The evidence above which the other picture is also laid over the one: what is cropped fits better from one side."""

_MOST_MISFIT = 0.6
"""The misfit beyond which colours are not looked at: of copies that are caught, none had more than 0.52."""

_WEIGHTS = (-2.91, -2.50, 0.96, -1.64, -0.37, -0.56, 1.33, 3.10)
_OF_SQUARES = (-2.37, -1.90, -0.55, -1.44, 0.32, -1.89, 0.23, -1.37)
_BIAS = 4.75
"""A logistic regression on what alignment and colours leave and on its squares, fitted to copies, colour variants and
like pictures among photographs, a shop's products and drawn ones; the threshold lies in the bias: about one colour
variant in two hundred is let through.
"""


def fingerprint_of(picture: Picture, blurred: int = 0) -> bytes:
    """Return the fingerprint of a picture, bars cut off: SIZE bytes.

    What catalogues keep has `blurred` 0; with BLURRED, more of the frames that were put around a copy are known.
    """
    pixels = picture.pixels if picture.pixels.ndim == 3 else np.repeat(picture.pixels[:, :, None], 3, axis=2)
    shown = pixels[without_bars(pixels, blurred)]
    cells = np.asarray(Image.fromarray(shown).resize((GRID, GRID), Image.Resampling.BOX, reducing_gap=3.0))
    octaves = math.log2(shown.shape[1] / shown.shape[0])
    return bytes((VERSION, int(np.clip(round(octaves * _ASPECT_STEP) + _ASPECT_ZERO, 0, 255)))) + cells.tobytes()


def are_copies(fingerprint: bytes, others: Sequence[bytes]) -> list[bool]:
    """Return which of others are of copies of the picture that a fingerprint is of; none of another version is."""
    comparable = [n for n, other in enumerate(others) if fingerprint[:1] == other[:1] == bytes((VERSION,))]
    found = [False] * len(others)
    for n, evidence in zip(comparable, copy_evidence(fingerprint, [others[n] for n in comparable]), strict=True):
        found[n] = evidence > 0
    return found


def copy_evidence(fingerprint: bytes, others: Sequence[bytes]) -> list[float]:
    """Return how much speaks for each of others being of a copy: about the logarithm of the odds, less the threshold.

    It is minus infinity where nothing lies over the other at all. All are of this version.
    """
    evidence = _evidence(fingerprint, others) if others else []
    for n, one in enumerate(evidence):
        if _WORTH_TURNING_ROUND < one <= 0:
            evidence[n] = max(one, *_evidence(others[n], [fingerprint]))
    return evidence


def _evidence(fingerprint: bytes, others: Sequence[bytes]) -> list[float]:
    """Return the evidence with the picture laid over each of the others, at least one."""
    own, cells = _cells(fingerprint), [_cells(other) for other in others]
    octaves = (fingerprint[1] - _ASPECT_ZERO) / _ASPECT_STEP
    lies = aligned(_lightness(own), 2**octaves, _counting(own), np.stack([_lightness(one) for one in cells]))
    return [
        _log_odds(_features(own, one, ways)) if min(way.misfit for way in ways) <= _MOST_MISFIT else -math.inf
        for one, ways in zip(cells, lies, strict=True)
    ]


def _log_odds(features: Sequence[float]) -> float:
    seen = np.array(features)
    return float(seen @ np.array(_WEIGHTS) + seen**2 @ np.array(_OF_SQUARES) + _BIAS)


def groups_of(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Return what hangs together by pairs of numbers: groups of two and more, each and all of them in order."""
    leads_to: dict[int, int] = {}

    def head(number: int) -> int:
        while (upper := leads_to.setdefault(number, number)) != number:
            leads_to[number] = leads_to[upper]
            number = leads_to[number]
        return number

    for one, other in pairs:
        first, second = sorted((head(one), head(other)))
        leads_to[second] = first
    groups: dict[int, list[int]] = {}
    for number in sorted(leads_to):
        groups.setdefault(head(number), []).append(number)
    return [tuple(group) for _, group in sorted(groups.items()) if len(group) > 1]


def _cells(fingerprint: bytes) -> Floats:
    """Return the colours of a fingerprint's cells, float32 (256, 3), sRGB 0 to 255."""
    return np.frombuffer(fingerprint, np.uint8, offset=2).reshape(-1, 3).astype(np.float32)


def _lightness(cells: Floats) -> Floats:
    lightness: Floats = lab(cells.astype(np.uint8))[:, 0] * np.float32(2.55)
    return lightness


def _counting(cells: Floats) -> Floats:
    """Return what each cell counts, float32 (256,), 0 to 1: what is like the rim's colour hardly."""
    colours = lab(cells.astype(np.uint8))
    square = colours.reshape(GRID, GRID, 3)
    ground = np.median(np.concatenate([square[0], square[-1], square[:, 0], square[:, -1]]), axis=0)
    counting: Floats = np.clip(np.linalg.norm(colours - ground, axis=1) / _GROUND, _LEAST, 1).astype(np.float32)
    return counting


def _features(own: Floats, other: Floats, ways: tuple[Alignment, Alignment]) -> list[float]:
    """Return what the decision is made on: how lightness fits, twice, and what of colours light can't explain."""
    way = ways[0] if _banner_seen(own, other, ways[0]) else ways[1]
    moved = way.cells @ own
    weights = np.maximum(way.weights / way.weights.max(), _counting(other) * (way.weights > 0))
    weights /= weights.sum()
    ground = (way.weights > 0) * (1 - np.maximum(_counting(own) @ way.cells.T, _counting(other)))
    told = [
        (*_left(predicted, other, weights), _ground_left(predicted, other, ground))
        for predicted in _explained(moved, other, weights)
    ]
    best = min(told, key=lambda left: left[1] + left[-1])
    return [math.acos(min(1.0, max(-1.0, way.correlation))), way.misfit, *np.log1p(best)]


def _banner_seen(own: Floats, other: Floats, way: Alignment) -> bool:
    """Return whether a row that an alignment leaves to a banner differs over its whole width, in any light."""
    if way.band is None:
        return False
    moved = way.cells @ own
    rows = slice(way.band * GRID, (way.band + BAND_ROWS) * GRID)
    counting = way.cells @ _counting(own)
    if counting[rows].sum() > _MOST_COVERED * counting.sum():
        return False
    found = lab(other.astype(np.uint8))[rows]
    apart = [
        np.linalg.norm(found - lab(np.rint(predicted).astype(np.uint8))[rows], axis=1).reshape(BAND_ROWS, GRID)
        for predicted in _explained(moved, other, way.weights)
    ]
    return bool(np.percentile(np.min(apart, axis=0), _OF_ITS_WIDTH, axis=1).max() > _BANNER)


def _explained(moved: Floats, other: Floats, weights: Floats) -> list[Floats]:
    """Return what a picture's cells become where light explains the other's, and where more or less colour does."""
    counted = (weights > 0)[:, None] & (np.minimum(moved, other) > _DARK) & (np.maximum(moved, other) < _BRIGHT)
    ratios = np.where(counted, np.log(np.maximum(other, 1) / np.maximum(moved, 1)), np.nan)
    logs = np.array(
        [np.median(r[c]) if c.sum() >= _LEAST_CELLS else 0.0 for r, c in zip(ratios.T, counted.T, strict=True)]
    )
    gain, casts = np.clip(np.exp(logs.mean()), *_GAIN), np.clip(np.exp(logs - logs.mean()), *_CAST)
    in_light = np.clip(moved * (gain * casts).astype(np.float32), 0, 255)
    luma = moved @ np.array([0.299, 0.587, 0.114], np.float32)
    colour, its_own = moved - luma[:, None], other - (other @ np.array([0.299, 0.587, 0.114], np.float32))[:, None]
    inside = counted.all(axis=1)
    power = float((colour[inside] ** 2).sum())
    saturation = np.clip(float((colour[inside] * its_own[inside]).sum()) / power, *_SATURATION) if power > 0 else 1.0
    in_colour = np.clip((luma[:, None] + saturation * colour) * np.clip(gain, *_ITS_GAIN), 0, 255)
    return [in_light, in_colour.astype(np.float32)]


def _left(predicted: Floats, other: Floats, weights: Floats) -> tuple[float, float, float, float, float]:
    """Return what is left unexplained: of colour by cell, by block and in the worst block; of lightness by block."""
    expected, found = lab(np.rint(predicted).astype(np.uint8)), lab(other.astype(np.uint8))
    colour = found[:, 1:] - expected[:, 1:]
    lightness = found[:, :1] - expected[:, :1]
    lightness = lightness - np.clip(float(weights @ lightness[:, 0]), -_LIGHTNESS_LEFT, _LIGHTNESS_LEFT)
    by_cell = math.sqrt(float(weights @ (colour**2).sum(axis=1)))
    return by_cell, *_by_block(colour, weights), *_by_block(lightness, weights)


def _ground_left(predicted: Floats, other: Floats, ground: Floats) -> float:
    """Return what is left unexplained where both show ground, `ground` saying how surely: light falls on it too."""
    if ground.sum() < _LEAST_CELLS:
        return 0.0
    apart = lab(np.rint(predicted).astype(np.uint8)) - lab(other.astype(np.uint8))
    return float((ground * np.linalg.norm(apart, axis=1)).sum() / ground.sum())


def _by_block(left: Floats, weights: Floats) -> tuple[float, float]:
    """Return the root mean square of what is left in each block on average, and the largest of these."""
    side = GRID // _BLOCKS
    shape = (_BLOCKS, side, _BLOCKS, side)
    weight = weights.reshape(shape).sum(axis=(1, 3))
    sums = (left * weights[:, None]).reshape(*shape, -1).sum(axis=(1, 3))
    lengths = np.linalg.norm(sums, axis=2) / np.maximum(weight, 1e-9)
    counted = weight > _LEAST_BLOCK / _BLOCKS**2
    mean = float((weight * lengths**2)[counted].sum() / weight[counted].sum())
    return math.sqrt(mean), float(lengths[counted].max())
