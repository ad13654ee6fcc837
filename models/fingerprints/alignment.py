"""How a copy may lie over its original: cropped or framed, turned, mirrored, under a banner; and where it lies best."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

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

_NEIGHBOURS = 4
"""Cells that one is made of by bilinear interpolation."""

_STEPS_AN_OCTAVE = 4
"""Aspect ratios are told apart by a quarter of an octave when pictures are turned."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignments:
    """How each of n candidates lies over a picture best, one way each.

    `moves` are the ways to move the picture's cells, numbers of what `moves_of` has; `bands` the first of the rows left
    to a banner, -1 without one, both int (n,). `misfit` is what the lightness differs by once contrast and brightness
    are evened out, as a share of its own spread; `correlation` is that of the two, both float32 (n,).
    """

    moves: NDArray[np.int64]
    bands: NDArray[np.int64]
    misfit: Floats
    correlation: Floats

    @classmethod
    def joined(cls, parts: "Sequence[Alignments]") -> "Alignments":
        """Return the candidates of several together, in order."""
        each = ((one.moves, one.bands, one.misfit, one.correlation) for one in parts)
        return cls(*map(np.concatenate, zip(*each, strict=True)))

    def at(self, chosen: NDArray[np.int64]) -> "Alignments":
        """Return some of the candidates."""
        return Alignments(self.moves[chosen], self.bands[chosen], self.misfit[chosen], self.correlation[chosen])

    def or_else(self, others: "Alignments", chosen: NDArray[np.bool_]) -> "Alignments":
        """Return how the candidates lie that are chosen, and of the rest how they do in `others`."""
        every = np.arange(len(chosen)) + len(chosen) * ~chosen
        return Alignments.joined([self, others]).at(every)


def aligned(lightness: Floats, octaves: float, counting: Floats, candidates: Floats) -> tuple[Alignments, Alignments]:
    """Return how each candidate lies over a picture best, and how it does if no banner is believed in.

    `lightness`, float32 (256,), is the picture's, 0 to 255, `counting` what each of its cells counts, 0 to 1, and
    `octaves` the logarithm to base 2 of its width by its height; `candidates` are float32 (n, 256).
    """
    sources, shares, seen = _sparse_moves(round(_STEPS_AN_OCTAVE * octaves))
    moved, weights = _moved(lightness, sources, shares), seen * _moved(counting, sources, shares)
    weighed = weights * moved
    total = _outside_bands(np.stack([weights, weighed, weighed * moved]).reshape(3, -1, GRID, GRID).sum(axis=3))
    own_mean = total[1] / total[0]
    own = np.maximum(total[2] / total[0] - own_mean**2, _LEAST_VARIANCE)[:, :, None]
    own_mean = own_mean[:, :, None]
    mean, square, product = (
        _outside_bands_of_all(each, rows) / total[0][:, :, None]
        for each, rows in ((weights, candidates), (weights, candidates**2), (weighed, candidates))
    )
    variance = np.maximum(square - mean**2, _LEAST_VARIANCE)
    covariance = product - own_mean * mean
    contrast = np.clip(covariance / own, *_CONTRAST)
    brightness = np.clip(mean - contrast * own_mean, -_BRIGHTNESS, _BRIGHTNESS)
    left = variance + contrast**2 * own - 2 * contrast * covariance + (mean - contrast * own_mean - brightness) ** 2
    misfit = np.sqrt(np.maximum(left, 0) / (variance + _NOISE))
    correlation = covariance / np.sqrt(own * variance)
    needs_band = np.array([band is not None for band in _BANDS])[:, None]
    handicapped = misfit + _WITHOUT_BAND * needs_band, np.where(needs_band, np.inf, misfit)
    with_band, without = (_best(one.reshape(-1, len(candidates)), misfit, correlation) for one in handicapped)
    return with_band, without


def outside_band(bands: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which cells are left of a picture under each of some banners, -1 for none, bool (n, 256)."""
    return _bands()[bands + 1].repeat(GRID, axis=1) > 0


def _best(handicapped: Floats, misfit: Floats, correlation: Floats) -> Alignments:
    ways, every = handicapped.argmin(axis=0), np.arange(handicapped.shape[1])
    moves, bands = np.divmod(ways, len(_BANDS))
    return Alignments(moves, bands - 1, misfit[moves, bands, every], correlation[moves, bands, every])


def _outside_bands(rows: Floats) -> Floats:
    """Return sums over what is left under each banner, float32 (..., bands), of those over rows, (..., 16)."""
    return rows @ _bands().T


def _outside_bands_of_all(weights: Floats, candidates: Floats) -> Floats:
    """Return the sum of what weights, float32 (ways, 256), make of candidates, (n, 256), as (ways, bands, n)."""
    by_row = weights.reshape(-1, GRID, GRID).swapaxes(0, 1) @ candidates.reshape(-1, GRID, GRID).transpose(1, 2, 0)
    sums: Floats = _bands() @ by_row.swapaxes(0, 1)
    return sums


def moves_of(octaves: float) -> tuple[Floats, Floats]:
    """Return every way to move a picture's cells, float32 (ways, 256, 256), and which are seen then, (ways, 256)."""
    return _moves(round(_STEPS_AN_OCTAVE * octaves))


@lru_cache(32)
def _sparse_moves(octaves: int) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return what `moves_of` does by what each cell is made of: the numbers of four cells and what these count, (4,
    ways, 256) both, and which cells are seen. The matrices of one aspect ratio are 7 MB, too much for the cache.
    """
    moves, seen = _moves(octaves)
    sources = np.ascontiguousarray(np.argsort(moves == 0, axis=2, kind="stable")[:, :, :_NEIGHBOURS].transpose(2, 0, 1))
    shares = np.take_along_axis(moves, sources.transpose(1, 2, 0), axis=2).transpose(2, 0, 1)
    return sources, np.ascontiguousarray(shares), seen


def _moved(cells: Floats, sources: NDArray[np.int64], shares: Floats) -> Floats:
    """Return cells, float32 (256,), moved in every way, (ways, 256)."""
    moved: Floats = shares[0] * cells[sources[0]]
    for source, share in zip(sources[1:], shares[1:], strict=True):
        moved += share * cells[source]
    return moved


@lru_cache(32)
def _moves(octaves: int) -> tuple[Floats, Floats]:
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
    """Return which rows are left of a picture without a banner and under each, float32 (bands, 16)."""
    found = np.ones((len(_BANDS), GRID), np.float32)
    for number, first in enumerate(_BANDS):
        if first is not None:
            found[number, first : first + BAND_ROWS] = 0
    return found
