"""What speaks for one picture being a copy of another: how they lie over each other, and what of colours is left then.

Pairs are compared many at a time: what a pair costs is less than what it costs to begin with one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fingerprints.alignment import BAND_ROWS, GRID, Alignments, Floats, aligned, moves_of, outside_band
from models.pictures.colour import lab

ASPECT_STEP = 16.0  # of an octave
ASPECT_ZERO = 128

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

_MOST_MISFIT = 0.6
"""The misfit beyond which colours are not looked at: of copies that are caught, none had more than 0.52."""

_WEIGHTS = (-2.91, -2.50, 0.96, -1.64, -0.37, -0.56, 1.33, 3.10)
_OF_SQUARES = (-2.37, -1.90, -0.55, -1.44, 0.32, -1.89, 0.23, -1.37)
_BIAS = 4.75
"""A logistic regression on what alignment and colours leave and on its squares, fitted to copies, colour variants and
like pictures among photographs, a shop's products and drawn ones; the threshold lies in the bias: about one colour
variant in two hundred is let through.
"""

_AT_ONCE = 256
"""Pairs whose colours are looked at together: their arrays stay in the processor's cache."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Prints:
    """What n fingerprints say: `cells`, sRGB 0 to 255, and `labs`, CIELAB, float32 (n, 256, 3); `lightness`, 0 to 255,
    and `counting`, what each cell counts, 0 to 1, float32 (n, 256): what is like the rim's colour hardly. `octaves` are
    logarithms to base 2 of width by height, (n,).
    """

    cells: Floats
    labs: Floats
    lightness: Floats
    counting: Floats
    octaves: list[float]


@dataclass(frozen=True, slots=True, eq=False)
class _Laid:
    """Pictures laid over others: what their cells and what these count have become, float32 (n, 256, 3) and (n, 256),
    and which cells both show, bool (n, 256).
    """

    cells: Floats
    counting: Floats
    seen: NDArray[np.bool_]


def evidence_one_way(pairs: Sequence[tuple[bytes, bytes]]) -> list[float]:
    """Return the evidence for each pair with the first of the two laid over the second, minus infinity where it fits
    nowhere.
    """
    if not pairs:
        return []
    number = {one: at for at, one in enumerate(dict.fromkeys(one for pair in pairs for one in pair))}
    prints = _prints(list(number))
    ones, others = np.array([[number[one], number[other]] for one, other in pairs]).T
    with_band, without = _fits(prints, ones, others)
    evidence = np.full(len(pairs), -np.inf)
    fitting = np.flatnonzero(np.minimum(with_band.misfit, without.misfit) <= _MOST_MISFIT)
    for start in range(0, len(fitting), _AT_ONCE):
        chosen = fitting[start : start + _AT_ONCE]
        evidence[chosen] = _log_odds(prints, ones[chosen], others[chosen], with_band.at(chosen), without.at(chosen))
    return [float(one) for one in evidence]


def _prints(fingerprints: Sequence[bytes]) -> _Prints:
    seen = np.frombuffer(b"".join(fingerprints), np.uint8).reshape(len(fingerprints), -1)
    cells = seen[:, 2:].reshape(len(fingerprints), GRID * GRID, 3)
    labs = lab(cells)
    square = labs.reshape(-1, GRID, GRID, 3)
    rims = np.concatenate([square[:, 0], square[:, -1], square[:, :, 0], square[:, :, -1]], axis=1)
    ground = np.median(rims, axis=1, keepdims=True)
    counting = np.clip(np.linalg.norm(labs - ground, axis=2) / _GROUND, _LEAST, 1).astype(np.float32)
    octaves = (seen[:, 1].astype(np.float64) - ASPECT_ZERO) / ASPECT_STEP
    return _Prints(cells.astype(np.float32), labs, labs[:, :, 0] * np.float32(2.55), counting, octaves.tolist())


def _fits(prints: _Prints, ones: NDArray[np.int64], others: NDArray[np.int64]) -> tuple[Alignments, Alignments]:
    """Return how pairs fit best, and how they do if no banner is believed in; each picture is moved once."""
    order = np.argsort(ones, kind="stable")
    found = []
    for own in np.split(order, np.flatnonzero(np.diff(ones[order])) + 1):
        one = int(ones[own[0]])
        found.append(
            aligned(prints.lightness[one], prints.octaves[one], prints.counting[one], prints.lightness[others[own]])
        )
    back = np.argsort(order)
    with_band, without = (Alignments.joined(each).at(back) for each in zip(*found, strict=True))
    return with_band, without


def _laid(prints: _Prints, ones: NDArray[np.int64], fits: Alignments) -> _Laid:
    laid = np.empty((len(ones), GRID * GRID, 4), np.float32)
    seen = np.empty((len(ones), GRID * GRID), np.bool_)
    for at, (one, move) in enumerate(zip(ones.tolist(), fits.moves.tolist(), strict=True)):
        moves, shown = moves_of(prints.octaves[one])
        laid[at] = moves[move] @ np.column_stack([prints.cells[one], prints.counting[one]])
        seen[at] = shown[move] > 0
    return _Laid(laid[:, :, :3], laid[:, :, 3], seen & outside_band(fits.bands))


def _log_odds(
    prints: _Prints,
    ones: NDArray[np.int64],
    others: NDArray[np.int64],
    with_band: Alignments,
    without: Alignments,
) -> NDArray[np.float64]:
    """Return the evidence for pairs by how lightness fits, twice, and by what of colours light can't explain."""
    banner = np.flatnonzero(with_band.bands >= 0)
    believed = np.zeros(len(ones), np.bool_)
    believed[banner] = _banner_seen(prints, ones[banner], others[banner], with_band.at(banner))
    fits = with_band.or_else(without, believed)
    laid = _laid(prints, ones, fits)
    found, found_counting = prints.cells[others], prints.counting[others]
    weights = laid.counting * laid.seen
    weights = np.maximum(weights / weights.max(axis=1, keepdims=True), found_counting * laid.seen)
    weights /= weights.sum(axis=1, keepdims=True)
    ground = laid.seen * (1 - np.maximum(laid.counting, found_counting))
    in_light, in_colour = (
        _left(lab(np.rint(predicted).astype(np.uint8)), prints.labs[others], weights, ground)
        for predicted in _explained(laid.cells, found, laid.seen)
    )
    is_better = in_colour[:, 1] + in_colour[:, -1] < in_light[:, 1] + in_light[:, -1]
    best = np.where(is_better[:, None], in_colour, in_light)
    angle = np.arccos(np.clip(fits.correlation, -1, 1))
    features = np.column_stack([angle, fits.misfit, np.log1p(best)]).astype(np.float64)
    log_odds: NDArray[np.float64] = features @ np.array(_WEIGHTS) + features**2 @ np.array(_OF_SQUARES) + _BIAS
    return log_odds


def _banner_seen(
    prints: _Prints, ones: NDArray[np.int64], others: NDArray[np.int64], fits: Alignments
) -> NDArray[np.bool_]:
    """Return whether a row that an alignment leaves to a banner differs over its whole width, in any light, (n,)."""
    laid = _laid(prints, ones, fits)
    rows = np.arange(BAND_ROWS * GRID) + fits.bands[:, None] * GRID
    covered = np.take_along_axis(laid.counting, rows, axis=1).sum(axis=1)
    found = np.take_along_axis(prints.labs[others], rows[:, :, None], axis=1)
    apart = [
        np.linalg.norm(
            found - lab(np.rint(np.take_along_axis(predicted, rows[:, :, None], axis=1)).astype(np.uint8)), axis=2
        )
        for predicted in _explained(laid.cells, prints.cells[others], laid.seen)
    ]
    by_row = np.minimum(*apart).reshape(-1, BAND_ROWS, GRID)
    differs: NDArray[np.bool_] = np.percentile(by_row, _OF_ITS_WIDTH, axis=2).max(axis=1, initial=0) > _BANNER
    differs &= covered <= _MOST_COVERED * laid.counting.sum(axis=1)
    return differs


def _explained(moved: Floats, other: Floats, seen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return what pictures' cells become where light explains the others', and where more or less colour does."""
    counted: NDArray[np.bool_] = (
        seen[:, :, None] & (np.minimum(moved, other) > _DARK) & (np.maximum(moved, other) < _BRIGHT)
    )
    logs = _medians(np.log(np.maximum(other, 1) / np.maximum(moved, 1)), counted)
    gain = np.clip(np.exp(logs.mean(axis=1, keepdims=True)), *_GAIN)
    casts = np.clip(np.exp(logs - logs.mean(axis=1, keepdims=True)), *_CAST)
    in_light = np.clip(moved * (gain * casts).astype(np.float32)[:, None], 0, 255)
    luma = moved @ _LUMA
    colour, its_own = moved - luma[:, :, None], other - (other @ _LUMA)[:, :, None]
    inside = counted.all(axis=2, keepdims=True)
    power = (colour**2 * inside).sum(axis=(1, 2))
    saturation = np.clip((colour * its_own * inside).sum(axis=(1, 2)) / np.where(power > 0, power, 1), *_SATURATION)
    saturation = np.where(power > 0, saturation, 1)[:, None, None].astype(np.float32)
    its_gain = np.clip(gain, *_ITS_GAIN).astype(np.float32)[:, None]
    return in_light, np.clip((luma[:, :, None] + saturation * colour) * its_gain, 0, 255)


def _medians(values: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Return the median of those counted in each column, (n, columns) of (n, rows, columns); 0 of too few."""
    number = counted.sum(axis=1, keepdims=True)
    ordered = np.sort(np.where(counted, values, np.float32(np.inf)), axis=1)
    middle = [np.take_along_axis(ordered, np.maximum(number - back, 0) // 2, axis=1) for back in (1, 0)]
    medians: Floats = np.where(number >= _LEAST_CELLS, (middle[0] + middle[1]) / 2, np.float32(0))[:, 0]
    return medians


def _left(expected: Floats, found: Floats, weights: Floats, ground: Floats) -> Floats:
    """Return what is left unexplained, (n, 6): of colour by cell, by block and in the worst block; of lightness by
    block and in the worst; and where both show ground, `ground` saying how surely: light falls on it too.
    """
    left = found - expected
    colour, lightness = left[:, :, 1:], left[:, :, :1]
    shift = np.clip((weights * lightness[:, :, 0]).sum(axis=1), -_LIGHTNESS_LEFT, _LIGHTNESS_LEFT)
    by_cell = np.sqrt((weights * (colour**2).sum(axis=2)).sum(axis=1))
    grounds = ground.sum(axis=1)
    of_ground = (ground * np.linalg.norm(left, axis=2)).sum(axis=1) / np.maximum(grounds, _LEAST_CELLS)
    return np.column_stack(
        [
            by_cell,
            *_by_block(colour, weights),
            *_by_block(lightness - shift[:, None, None], weights),
            np.where(grounds >= _LEAST_CELLS, of_ground, 0),
        ]
    )


def _by_block(left: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the root mean square of what is left in each block on average, and the largest of these, (n,) each."""
    side = GRID // _BLOCKS
    shape = (len(left), _BLOCKS, side, _BLOCKS, side)
    weight = weights.reshape(shape).sum(axis=(2, 4))
    sums = (left * weights[:, :, None]).reshape(*shape, -1).sum(axis=(2, 4))
    lengths = np.linalg.norm(sums, axis=3) / np.maximum(weight, 1e-9)
    counted = weight > _LEAST_BLOCK / _BLOCKS**2
    mean = (weight * lengths**2 * counted).sum(axis=(1, 2)) / (weight * counted).sum(axis=(1, 2))
    return np.sqrt(mean), (lengths * counted).max(axis=(1, 2))
