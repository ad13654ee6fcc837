"""Which colours a garment has, as a layer of the network: a soft histogram over CIELAB."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.pictures.colour import lab

LIGHTNESS_WEIGHT = 0.5
"""What a difference in lightness counts beside one in hue: light and shadow change it most."""

SPACING = 20.0
"""Distance between two neighbouring colours of the histogram (CIELAB, lightness weighed)."""

SPREAD = 10.0
"""By how far a colour speaks for others (the standard deviation of a Gaussian, in the same unit)."""

CENTRED = 0.6
"""How far from the centre what is seen counts: a Gaussian's standard deviation, in halves of the picture's side."""

SAMPLED = 4
"""Pixels of a view's side that are averaged before they are counted."""

_LATTICE = 18
_LEAST = 1e-4
_TO_XYZ = np.asarray(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_TO_LAB = np.asarray([[0, 116, 0], [500, -500, 0], [0, 200, -200]])


def palette() -> NDArray[np.float32]:
    """Return the histogram's colours: CIELAB, lightness weighed, (colours, 3), a lattice of those that sRGB has."""
    levels = np.linspace(0, 255, _LATTICE).astype(np.uint8)
    every = lab(np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3))
    places = np.unique(np.round(every * _WEIGHTS / SPACING), axis=0)
    return np.asarray(places * SPACING, np.float32)


_WEIGHTS = np.asarray([LIGHTNESS_WEIGHT, 1, 1], np.float32)


def colour_histogram(pixels: Any, outline: Any) -> Any:
    """Return the roots of the shares of each of the palette's colours in garments, a tensor (n, colours).

    `pixels` are sRGB levels 0 to 255, (n, side, side, 3), `outline` how surely each is the garment's, 0 to 1,
    (n, side, side, 1). The roots' inner product is the Bhattacharyya coefficient of two histograms.
    """
    ops = keras.ops
    side = pixels.shape[1] // SAMPLED
    pooled = keras.layers.AveragePooling2D(SAMPLED)
    garment = pooled(outline)
    mean = pooled(pixels * outline) / ops.maximum(garment, _LEAST)  # of the garment's own pixels at its edge
    weights = ops.reshape(garment * _middle(side), (-1, side * side, 1))
    colours = ops.reshape(_lab(mean / 255.0), (-1, side * side, 3))
    centres = palette()
    nearness = ops.matmul(colours, ops.convert_to_tensor(centres.T / SPREAD**2))
    nearness = nearness - ops.convert_to_tensor((centres**2).sum(axis=1) / (2 * SPREAD**2))
    shares = ops.sum(ops.softmax(nearness, axis=-1) * weights, axis=1)
    return ops.sqrt(shares / ops.maximum(ops.sum(shares, axis=1, keepdims=True), _LEAST))


def _middle(side: int) -> NDArray[np.float32]:
    places = np.linspace(-1, 1, side)
    far = np.square(places)[:, None] + np.square(places)
    return np.asarray(np.exp(-far / (2 * CENTRED**2)), np.float32)[None, :, :, None]


def _lab(levels: Any) -> Any:
    """Return sRGB levels 0 to 1 as CIELAB, lightness weighed."""
    ops = keras.ops
    linear = ops.where(levels <= 0.04045, levels / 12.92, ops.power((levels + 0.055) / 1.055, 2.4))
    to_white = (_TO_XYZ / _TO_XYZ.sum(axis=1, keepdims=True)).T.astype(np.float32)
    xyz = ops.matmul(linear, ops.convert_to_tensor(to_white))
    f = ops.where(xyz > 216 / 24389, ops.power(ops.maximum(xyz, 1e-6), 1 / 3), xyz * (24389 / 27 / 116) + 16 / 116)
    to_lab = (_TO_LAB * _WEIGHTS[:, None]).T.astype(np.float32)
    offset = np.asarray([-16 * LIGHTNESS_WEIGHT, 0, 0], np.float32)
    return ops.matmul(f, ops.convert_to_tensor(to_lab)) + ops.convert_to_tensor(offset)
