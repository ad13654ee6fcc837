"""Which colours a garment has, as a layer of the network: a soft histogram over CIELAB."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.pictures.colour import lab


@dataclass(frozen=True, slots=True)
class Lattice:
    """The colours of a histogram: how they are spaced, and how far each speaks for others.

    `spacing` is the distance of neighbours and `spread` the standard deviation of a Gaussian, both in CIELAB with its
    lightness multiplied by `lightness`; `sampled` by `sampled` pixels of a view are averaged before they are counted.
    The lattice holds what `levels` levels of each channel of sRGB come to.
    """

    spacing: float
    spread: float
    lightness: float
    sampled: int
    levels: int


COARSE = Lattice(spacing=20.0, spread=10.0, lightness=0.5, sampled=4, levels=18)
"""What is searched by: light and shadow change lightness most, so it counts half."""

FINE = Lattice(spacing=12.0, spread=6.0, lightness=1.0, sampled=8, levels=30)
"""What names of colours are learned from: navy and black differ in little else than lightness."""

CENTRED = 0.6
"""How far from the centre what is seen counts: a Gaussian's standard deviation, in halves of the picture's side."""

_LEAST = 1e-4
_TO_XYZ = np.asarray(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_TO_LAB = np.asarray([[0, 116, 0], [500, -500, 0], [0, 200, -200]])


def palette(lattice: Lattice = COARSE) -> NDArray[np.float32]:
    """Return a histogram's colours: CIELAB, lightness weighed, (colours, 3), a lattice of those that sRGB has."""
    levels = np.linspace(0, 255, lattice.levels).astype(np.uint8)
    every = lab(np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3))
    places = np.unique(np.round(every * _weights(lattice) / lattice.spacing), axis=0)
    return np.asarray(places * lattice.spacing, np.float32)


def _weights(lattice: Lattice) -> NDArray[np.float32]:
    return np.asarray([lattice.lightness, 1, 1], np.float32)


def colour_histogram(pixels: Any, outline: Any, lattice: Lattice = COARSE) -> Any:
    """Return the roots of the shares of each of the palette's colours in garments, a tensor (n, colours).

    `pixels` are sRGB levels 0 to 255, (n, side, side, 3), `outline` how surely each is the garment's, 0 to 1,
    (n, side, side, 1). The roots' inner product is the Bhattacharyya coefficient of two histograms.
    """
    ops = keras.ops
    side = pixels.shape[1] // lattice.sampled
    pooled = keras.layers.AveragePooling2D(lattice.sampled)
    garment = pooled(outline)
    mean = pooled(pixels * outline) / ops.maximum(garment, _LEAST)  # of the garment's own pixels at its edge
    weights = ops.reshape(garment * _middle(side), (-1, side * side, 1))
    colours = ops.reshape(_lab(mean / 255.0, _weights(lattice)), (-1, side * side, 3))
    centres = palette(lattice)
    nearness = ops.matmul(colours, ops.convert_to_tensor(centres.T / lattice.spread**2))
    nearness = nearness - ops.convert_to_tensor((centres**2).sum(axis=1) / (2 * lattice.spread**2))
    shares = ops.sum(ops.softmax(nearness, axis=-1) * weights, axis=1)
    return ops.sqrt(shares / ops.maximum(ops.sum(shares, axis=1, keepdims=True), _LEAST))


def _middle(side: int) -> NDArray[np.float32]:
    places = np.linspace(-1, 1, side)
    far = np.square(places)[:, None] + np.square(places)
    return np.asarray(np.exp(-far / (2 * CENTRED**2)), np.float32)[None, :, :, None]


def _lab(levels: Any, weights: NDArray[np.float32]) -> Any:
    """Return sRGB levels 0 to 1 as CIELAB, lightness weighed."""
    ops = keras.ops
    linear = ops.where(levels <= 0.04045, levels / 12.92, ops.power((levels + 0.055) / 1.055, 2.4))
    to_white = (_TO_XYZ / _TO_XYZ.sum(axis=1, keepdims=True)).T.astype(np.float32)
    xyz = ops.matmul(linear, ops.convert_to_tensor(to_white))
    f = ops.where(xyz > 216 / 24389, ops.power(ops.maximum(xyz, 1e-6), 1 / 3), xyz * (24389 / 27 / 116) + 16 / 116)
    to_lab = (_TO_LAB * weights[:, None]).T.astype(np.float32)
    offset = np.asarray([-16 * weights[0], 0, 0], np.float32)
    return ops.matmul(f, ops.convert_to_tensor(to_lab)) + ops.convert_to_tensor(offset)
