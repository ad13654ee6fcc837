"""A map of items drawn with their own pictures: what lies together looks alike to the model."""

from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.arrays import Images, Vectors

COLOURS = (
    "#c8803a",
    "#4f8a5b",
    "#a85fb0",
    "#d0567a",
    "#5b78c9",
    "#2f9c9c",
    "#c9523c",
    "#8a8f2f",
    "#7d7468",
    "#7a63d0",
)
"""A colour for each class that reads on white as well as on black; more classes begin again."""

_GAP = 2
"""Pixels between one picture and the next."""

_COLUMNS, _ROWS = 56, 36
_LEVELS = 16
"""Grey levels of a drawn picture: with ten colours they fit a palette."""


def principal_plane(vectors: Vectors) -> NDArray[np.float64]:
    """Return the coordinates (n, 2) of vectors (n, dim) in the plane of their greatest variance (PCA).

    The signs, which PCA leaves open, are such that the larger half of each axis's spread is positive.
    """
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    plane: NDArray[np.float64] = centred @ axes[:, -2:][:, ::-1]
    return plane * np.where((plane**3).sum(axis=0) < 0, -1, 1)


def choose_cells(plane: NDArray[np.float64], columns: int, rows: int) -> dict[tuple[int, int], int]:
    """Return for each cell of a grid laid over the plane the item that lies nearest to its middle, if any.

    Keys are (row, column), row 0 at the top. Items far out count to the edge: the grid spans all but the outermost
    half per cent on each side.
    """
    low, high = np.percentile(plane, [0.5, 99.5], axis=0)
    extent = np.where(high > low, high - low, 1)
    place = np.clip((plane - low) / extent, 0, 1 - 1e-9) * (columns, rows)
    cells = np.floor(place).astype(int)
    distance = np.abs(place - cells - 0.5).max(axis=1)
    chosen: dict[tuple[int, int], int] = {}
    for item in np.argsort(-distance, kind="stable"):
        column, row = cells[item]
        chosen[int(rows - 1 - row), int(column)] = int(item)
    return chosen


def draw_map(vectors: Vectors, images: Images, labels: NDArray[np.integer], target: IO[bytes]) -> None:
    """Save a map of items as a PNG with a clear background; each is tinted in the colour of its class."""
    height, width = images.shape[1:]
    cell = max(height, width) + _GAP
    canvas = np.zeros((_ROWS * cell, _COLUMNS * cell), np.uint8)
    for (row, column), item in choose_cells(principal_plane(vectors), _COLUMNS, _ROWS).items():
        top, left = row * cell, column * cell
        ink = images[item] // (256 // _LEVELS)
        canvas[top : top + height, left : left + width] = int(labels[item]) % len(COLOURS) * _LEVELS + ink
    picture = Image.fromarray(canvas, "P")
    picture.putpalette([part for colour in COLOURS for _ in range(_LEVELS) for part in bytes.fromhex(colour[1:])])
    alphas = bytes(round(255 * level / (_LEVELS - 1)) for level in range(_LEVELS)) * len(COLOURS)
    picture.save(target, "PNG", transparency=alphas, optimize=True)
