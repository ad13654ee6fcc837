"""Augmentations of a photograph: what another phone, light or hand would have made of it."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

_SIDE = 200
"""Longest side at which photographs are changed (pixels, up to twice that)."""

_MARGIN = 0.25
"""What is mirrored around the picture, as a share of its longer side: a turn must not bring in corners of black."""


def augmented_photograph(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a photograph, uint8 (height, width, 3) or grey, as it might have been taken, made smaller, in colour.

    Mirrored or not, turned by up to 12 degrees, from nearer, a little to the side, in other light and colours.
    """
    image = Image.fromarray(pixels).convert("RGB")
    image = image.reduce(max(1, max(image.size) // _SIDE))
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for enhancer, low, high in (
        (ImageEnhance.Brightness, 0.7, 1.25),
        (ImageEnhance.Contrast, 0.75, 1.25),
        (ImageEnhance.Color, 0.6, 1.3),
    ):
        image = enhancer(image).enhance(rng.uniform(low, high))
    width, height = image.size
    margin = int(_MARGIN * max(width, height))
    mirrored = np.pad(np.asarray(image), ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    angle, scale, stretch = math.radians(rng.uniform(-12, 12)), rng.uniform(0.85, 1), rng.uniform(0.9, 1.1)
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    across, down = rng.uniform(-0.06, 0.06, 2) * (width, height)
    x, y = width / 2, height / 2
    affine = (
        *(stretch * cos, -sin, x - stretch * cos * x + sin * y + across + margin),
        *(stretch * sin, cos, y - stretch * sin * x - cos * y + down + margin),
    )
    changed = Image.fromarray(mirrored).transform(
        (width, height), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR
    )
    return np.asarray(changed)
