"""Irregularity without chance: the same numbers at the same place, whatever is drawn before."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sample_shop.drawing.masks import Field

_SIDE = 256
_TABLE = (np.random.Generator(np.random.PCG64(20)).random((_SIDE, _SIDE)) * 2 - 1).astype(np.float32)

_TILE = 512
"""Side of a patch of noise in pixels: it covers a picture, and is worked out once."""


def cell(column: NDArray[np.int64], row: NDArray[np.int64], number: int = 0) -> Field:
    """Return a number from -1 to 1 for each cell of a lattice; another `number` gives unrelated ones."""
    values: Field = _TABLE[(row * 7 + number * 101) % _SIDE, (column + row * 31 + number * 57) % _SIDE]
    return values


def smooth(u: Field, v: Field, size: float, number: int = 0) -> Field:
    """Return a smooth random surface, -1 to 1, with bumps of about `size` pixels."""
    return _looked_up(_tile(size, size, number), u, v)


def threads(u: Field, v: Field, along: float = 4, number: int = 0) -> Field:
    """Return fine irregular lines along v, -1 to 1, one pixel wide and about `along` pixels long."""
    return _looked_up(_tile(1, along, number), u, v)


def jersey(u: Field, v: Field) -> Field:
    """Return the slight unevenness of any cloth, about 1."""
    return _looked_up(_jersey_tile(), u, v)


def _looked_up(tile: Field, u: Field, v: Field) -> Field:
    columns = (u + np.float32(_TILE // 2)).astype(np.int32) % _TILE
    rows = v.astype(np.int32) % _TILE
    values: Field = tile[rows, columns]
    return values


@lru_cache(maxsize=64)
def _tile(width: float, height: float, number: int) -> Field:
    """Return a patch of noise with bumps so wide and high."""
    x, y = (np.arange(_TILE, dtype=np.float32) / np.float32(size) for size in (width, height))
    i, j = (np.floor(places).astype(np.int64) for places in (x, y))
    x, y = x - i, (y - j)[:, None]
    x, y = x * x * (3 - 2 * x), y * y * (3 - 2 * y)
    upper = cell(i, j[:, None], number) * (1 - x) + cell(i + 1, j[:, None], number) * x
    lower = cell(i, j[:, None] + 1, number) * (1 - x) + cell(i + 1, j[:, None] + 1, number) * x
    patch: Field = upper * (1 - y) + lower * y
    return patch.astype(np.float32)


@lru_cache(maxsize=1)
def _jersey_tile() -> Field:
    across = _tile(5, 1, 0)
    return 1 + np.float32(0.012) * (across + _tile(1.4, 1.4, 1) + _tile(34, 34, 2))
