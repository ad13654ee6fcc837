"""How a copy may lie over its original: cropped or framed, turned, mirrored, under a banner; and where it lies best."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

GRID = 16
"""Cells of a fingerprint's side."""

_SCALES = 0.96, 0.92, 0.88, 0.84, 1 / 0.96, 1 / 0.92, 1 / 0.88, 1 / 0.84
_TURNS = -10.0, -5.0, 5.0, 10.0
_BANDS = None, *range(14)
"""First rows of what a banner may cover."""
BAND_ROWS = 3
_WITHOUT_BAND = 0.03
"""By how much better an alignment must fit to be believed if it needs a banner."""

_CONTRAST = 0.75, 1.33
_BRIGHTNESS = 60.0
_LEAST_VARIANCE = 1.0
_NOISE = 100.0

_STEPS_AN_OCTAVE = 4
"""Aspect ratios are told apart by a quarter of an octave when pictures are turned."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """How a candidate lies over a picture best: which `cells`, float32 (256, 256), turn the picture's into its own.

    `weights`, float32 (256,), says which of them both show, adding up to 1. `misfit` is what the lightness differs by
    once contrast and brightness are evened out, as a share of its own spread; `correlation` is that of the two. `band`
    is the first of the rows left to a banner, None without one.
    """

    cells: Floats
    weights: Floats
    band: int | None
    misfit: float
    correlation: float


def aligned(
    lightness: Floats, aspect: float, counting: Floats, candidates: Floats
) -> list[tuple[Alignment, Alignment]]:
    """Return how each candidate lies over a picture best, and how it does if no banner is believed in.

    `lightness`, float32 (256,), is the picture's, 0 to 255, `counting` what each of its cells counts, 0 to 1, and
    `aspect` its width by its height; `candidates` are float32 (n, 256).
    """
    moves, seen = _moves(round(_STEPS_AN_OCTAVE * float(np.log2(aspect))))
    bands = _bands()
    moved = np.repeat(moves @ lightness, len(bands), axis=0)
    weights = ((seen * (moves @ counting))[:, None] * bands).reshape(len(moved), -1)
    weights /= weights.sum(axis=1, keepdims=True)
    own_mean = (weights * moved).sum(axis=1)[:, None]
    own = np.maximum((weights * moved**2).sum(axis=1)[:, None] - own_mean**2, _LEAST_VARIANCE)
    mean = weights @ candidates.T
    variance = np.maximum(weights @ (candidates**2).T - mean**2, _LEAST_VARIANCE)
    covariance = (weights * moved) @ candidates.T - own_mean * mean
    contrast = np.clip(covariance / own, *_CONTRAST)
    brightness = np.clip(mean - contrast * own_mean, -_BRIGHTNESS, _BRIGHTNESS)
    left = variance + contrast**2 * own - 2 * contrast * covariance + (mean - contrast * own_mean - brightness) ** 2
    misfit = np.sqrt(np.maximum(left, 0) / (variance + _NOISE))
    needs_band = np.tile([band is not None for band in _BANDS], len(moves))[:, None]
    correlation = covariance / np.sqrt(own * variance)
    with_band = (misfit + _WITHOUT_BAND * needs_band).argmin(axis=0).tolist()
    without = np.where(needs_band, np.inf, misfit).argmin(axis=0).tolist()

    def alignment(way: int, candidate: int) -> Alignment:
        return Alignment(
            moves[way // len(bands)],
            weights[way],
            _BANDS[way % len(bands)],
            float(misfit[way, candidate]),
            float(correlation[way, candidate]),
        )

    return [
        (alignment(one, n), alignment(other, n)) for n, (one, other) in enumerate(zip(with_band, without, strict=True))
    ]


@lru_cache(32)
def _moves(octaves: int) -> tuple[Floats, Floats]:
    """Return every way to move a picture's cells, float32 (ways, 256, 256), and which are seen then, (ways, 256)."""
    aspect = 2 ** (octaves / _STEPS_AN_OCTAVE)
    kinds = [(1.0, 0.0), *[(scale, 0.0) for scale in _SCALES], *[(1.0, turn) for turn in _TURNS]]
    ways = [_move(scale, turn, mirrored, aspect) for scale, turn in kinds for mirrored in (False, True)]
    return np.stack([cells for cells, _ in ways]), np.stack([seen for _, seen in ways])


def _move(scale: float, turn: float, mirrored: bool, aspect: float) -> tuple[Floats, Floats]:
    """Return what each cell is made of, by bilinear interpolation, once a picture is scaled, turned and mirrored."""
    centres = (np.arange(GRID) + 0.5) / GRID * 2 - 1
    down, across = np.meshgrid(centres, centres, indexing="ij")
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    x, y = (across * cosine - down * sine / aspect) * scale, (across * sine * aspect + down * cosine) * scale
    columns, rows = ((-x if mirrored else x) + 1) / 2 * GRID - 0.5, (y + 1) / 2 * GRID - 0.5
    seen = (np.minimum(columns, rows) > -0.5) & (np.maximum(columns, rows) < GRID - 0.5)
    columns, rows = np.clip(columns, 0, GRID - 1), np.clip(rows, 0, GRID - 1)
    left, top = (np.minimum(place.astype(int), GRID - 2) for place in (columns, rows))
    cells = np.zeros((GRID**2, GRID**2), np.float32)
    for right, by_column in ((0, 1 - (columns - left)), (1, columns - left)):
        for lower, by_row in ((0, 1 - (rows - top)), (1, rows - top)):
            places = ((top + lower) * GRID + left + right).ravel()
            cells[np.arange(GRID**2), places] += (by_column * by_row).ravel().astype(np.float32)
    return cells, seen.ravel().astype(np.float32)


@lru_cache(1)
def _bands() -> Floats:
    """Return what is left of a picture under each banner, float32 (bands, 256)."""
    found = np.ones((len(_BANDS), GRID, GRID), np.float32)
    for number, first in enumerate(_BANDS):
        if first is not None:
            found[number, first : first + BAND_ROWS] = 0
    return found.reshape(len(_BANDS), -1)
