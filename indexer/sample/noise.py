"""Irregularity without chance: the same numbers at the same place, whatever is drawn before."""

import numpy as np
from numpy.typing import NDArray

from indexer.sample.masks import Field

_SIDE = 256
_TABLE = (np.random.Generator(np.random.PCG64(20)).random((_SIDE, _SIDE)) * 2 - 1).astype(np.float32)


def cell(column: NDArray[np.int64], row: NDArray[np.int64], number: int = 0) -> Field:
    """Return a number from -1 to 1 for each cell of a lattice; another `number` gives unrelated ones."""
    return _TABLE[(row * 7 + number * 101) % _SIDE, (column + row * 31 + number * 57) % _SIDE]


def smooth(u: Field, v: Field, size: float, number: int = 0) -> Field:
    """Return a smooth random surface, -1 to 1, with bumps of about `size` pixels."""
    x, y = u / np.float32(size), v / np.float32(size)
    column, row = np.floor(x), np.floor(y)
    x, y = x - column, y - row
    x, y = x * x * (3 - 2 * x), y * y * (3 - 2 * y)
    i, j = column.astype(np.int64), row.astype(np.int64)
    upper = cell(i, j, number) * (1 - x) + cell(i + 1, j, number) * x
    lower = cell(i, j + 1, number) * (1 - x) + cell(i + 1, j + 1, number) * x
    return upper * (1 - y) + lower * y


def threads(u: Field, v: Field, along: float = 4, number: int = 0) -> Field:
    """Return fine irregular lines, -1 to 1, one pixel across and about `along` pixels long."""
    return smooth(u * np.float32(along), v, along, number)
