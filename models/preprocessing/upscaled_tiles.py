"""Recognising a small grey tile that was enlarged, and taking the enlargement back.

Enlarging by interpolation is linear and separable: a tile T becomes A T A', where A depends only on the sizes and
the interpolation. So T is the least-squares solution, and what it leaves unexplained tells whether the picture was an
enlarged tile at all: a picture with details of its own does not lie in that space.
"""

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_Matrix: TypeAlias = NDArray[np.float64]

INTERPOLATIONS = (
    Image.Resampling.BILINEAR,
    Image.Resampling.NEAREST,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)

TOLERANCE = 6.0
"""Root mean square, in grey levels, that may stay unexplained. A JPEG of quality 75 leaves 1 to 5, photographs 9 up."""

_CLEARLY_BETTER = 0.9
"""Ratio of errors needed to prefer a later interpolation: bicubic explains bilinear at twice the size as well."""

_ENOUGH_SAMPLES = 3
"""Samples along a tile pixel's side that are kept at least; finer pictures are averaged down first."""


def shrink_back(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8] | None:
    """Return the (side, side) tile of which a square grey picture is an enlargement, or None when it is none.

    `picture` is uint8 (size, size), enlarged from the tile by nearest-neighbour, bilinear, bicubic or Lanczos
    interpolation as Pillow does it, perhaps saved as a JPEG since.
    """
    height, width = picture.shape
    if height != width or width <= side:
        return None
    factor = max(1, width // (_ENOUGH_SAMPLES * side))
    samples = np.asarray(Image.fromarray(picture).reduce(factor), np.float64)
    best_error, best_tile = np.inf, samples
    for interpolation in INTERPOLATIONS:
        enlarge, solve = _enlargement(side, width, factor, interpolation)
        tile = _product(_product(samples, solve.T).T, solve.T).T.clip(0, 255)
        again = _product(_product(enlarge, tile), enlarge.T).clip(0, 255)
        error = float(np.sqrt(np.mean(np.square(again - samples))))
        if error < best_error * _CLEARLY_BETTER:
            best_error, best_tile = error, tile
    return np.rint(best_tile).astype(np.uint8) if best_error <= TOLERANCE else None


@lru_cache(maxsize=32)
def _enlargement(side: int, size: int, factor: int, interpolation: Image.Resampling) -> tuple[_Matrix, _Matrix]:
    """Return the matrix that enlarges `side` samples to `size` and averages by `factor`, and its pseudo-inverse."""
    identity = Image.fromarray(np.eye(side, dtype=np.float32))
    enlarged = np.asarray(identity.resize((side, size), interpolation), np.float64)
    starts = np.arange(0, size, factor)
    enlarge = np.add.reduceat(enlarged, starts) / np.minimum(factor, size - starts)[:, None]
    return enlarge, np.asarray(np.linalg.pinv(enlarge), np.float64)


def _product(left: _Matrix, right: _Matrix) -> _Matrix:
    """Multiply row by row, which BLAS does on one thread: on a busy machine its threads wait 100 times longer."""
    return np.asarray((left[:, None, :] @ right)[:, 0, :], np.float64)
