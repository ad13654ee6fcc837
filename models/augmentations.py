"""Augmentations that leave the garment the same: what training varies, and what instance recall is measured with.

Every one takes images, uint8 (n, height, width), 0 = background, and a generator, draws its strength for each image by
itself, and returns new images of the same shape and dtype.
"""

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Images: TypeAlias = NDArray[np.uint8]
Augmentation: TypeAlias = Callable[[Images, np.random.Generator], Images]


def _rounded(values: NDArray[np.float32]) -> Images:
    rounded: Images = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


def shift(images: Images, rng: np.random.Generator, most: int = 3) -> Images:
    """Move by up to `most` pixels in each direction, filling with background."""
    n, height, width = images.shape
    padded: Images = np.pad(images, ((0, 0), (most, most), (most, most)))
    top, left = rng.integers(0, 2 * most + 1, (2, n))
    rows = (top[:, None] + np.arange(height))[:, :, None]
    columns = (left[:, None] + np.arange(width))[:, None, :]
    shifted: Images = padded[np.arange(n)[:, None, None], rows, columns]
    return shifted


def flip(images: Images, rng: np.random.Generator) -> Images:
    """Mirror left and right."""
    del rng
    return np.ascontiguousarray(images[:, :, ::-1])


def _warped(images: Images, angles: NDArray[np.float64], scales: NDArray[np.float64]) -> Images:
    """Rotate (radians) and scale about the centre with bilinear sampling; outside is background."""
    n, height, width = images.shape
    y, x = np.meshgrid(np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2, indexing="ij")
    cos, sin = (np.cos(angles) / scales)[:, None, None], (np.sin(angles) / scales)[:, None, None]
    # One pixel of background all round, so that clipped coordinates read zero.
    source_y = np.clip(cos * y - sin * x + (height + 1) / 2, 0, height).astype(np.float32)
    source_x = np.clip(sin * y + cos * x + (width + 1) / 2, 0, width).astype(np.float32)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1))).reshape(n, -1)
    top, left = source_y.astype(np.int32), source_x.astype(np.int32)
    down, right = source_y - top, source_x - left
    start = (top * (width + 2) + left).reshape(n, -1)

    def corner(offset: int) -> NDArray[np.float32]:
        return np.take_along_axis(padded, start + offset, axis=1).reshape(n, height, width).astype(np.float32)

    upper = corner(0) * (1 - right) + corner(1) * right
    lower = corner(width + 2) * (1 - right) + corner(width + 3) * right
    return _rounded(upper * (1 - down) + lower * down)


def rotate(images: Images, rng: np.random.Generator, most: float = 10) -> Images:
    """Rotate by up to `most` degrees either way."""
    n = len(images)
    return _warped(images, np.radians(rng.uniform(-most, most, n)), np.ones(n))


def scale(images: Images, rng: np.random.Generator, most: float = 0.15) -> Images:
    """Enlarge or shrink by up to the share `most`."""
    n = len(images)
    return _warped(images, np.zeros(n), rng.uniform(1 - most, 1 + most, n))


def tone(images: Images, rng: np.random.Generator, low: float = 0.6, high: float = 1.3) -> Images:
    """Multiply the brightness by a factor between `low` and `high`."""
    factors = rng.uniform(low, high, (len(images), 1, 1)).astype(np.float32)
    return _rounded(images * factors)


def jpeg(images: Images, rng: np.random.Generator, quality: int = 30) -> Images:
    """Enlarge four times, save as a JPEG of that quality, and shrink again."""
    del rng
    result = np.empty_like(images)
    for index, image in enumerate(images):
        height, width = image.shape
        buffer = io.BytesIO()
        large = Image.fromarray(image).resize((4 * width, 4 * height), Image.Resampling.BICUBIC)
        large.save(buffer, "JPEG", quality=quality)
        result[index] = np.asarray(Image.open(buffer).resize((width, height), Image.Resampling.BOX))
    return result


def occlude(images: Images, rng: np.random.Generator, side: int = 8) -> Images:
    """Cover a square of that side with background."""
    result = images.copy()
    height, width = images.shape[1:]
    tops, lefts = (
        rng.integers(0, height - side + 1, len(images)),
        rng.integers(0, width - side + 1, len(images)),
    )
    for image, top, left in zip(result, tops, lefts, strict=True):
        image[top : top + side, left : left + side] = 0
    return result


def blur(images: Images, rng: np.random.Generator, sigma: float = 1.0) -> Images:
    """Blur with a Gaussian of that standard deviation in pixels."""
    del rng
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).astype(np.float32)
    kernel /= kernel.sum()
    values = images.astype(np.float32)
    for axis in (1, 2):
        padding = [(0, 0)] * 3
        padding[axis] = (reach, reach)
        padded, size = np.pad(values, padding), values.shape[axis]
        values = sum(
            (weight * np.take(padded, range(start, start + size), axis) for start, weight in enumerate(kernel)),
            start=np.zeros_like(values),
        )
    return _rounded(values)


def noise(images: Images, rng: np.random.Generator, sigma: float = 20) -> Images:
    """Add Gaussian noise of that standard deviation in grey levels."""
    return _rounded(images + sigma * rng.standard_normal(images.shape, dtype=np.float32))


def erase(images: Images, rng: np.random.Generator, smallest: int = 4, largest: int = 14) -> Images:
    """Fill a rectangle with random grey levels (random erasing, Zhong et al., arXiv 1708.04896)."""
    result = images.copy()
    height, width = images.shape[1:]
    for image, (tall, wide) in zip(result, rng.integers(smallest, largest + 1, (len(images), 2)), strict=True):
        top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
        image[top : top + tall, left : left + wide] = rng.integers(0, 256, (tall, wide))
    return result


AUGMENTATIONS: Mapping[str, Augmentation] = MappingProxyType(
    {
        "shift": shift,
        "rotate": rotate,
        "scale": scale,
        "tone": tone,
        "jpeg": jpeg,
        "flip": flip,
        "occlude": occlude,
        "blur": blur,
        "noise": noise,
    }
)
"""The nine under which an item must still find itself."""


def for_some(augmentation: Augmentation, share: float, images: Images, rng: np.random.Generator) -> Images:
    """Apply an augmentation to each image with that probability, and leave the others as they are."""
    chosen = np.flatnonzero(rng.random(len(images)) < share)
    if len(chosen) == 0:
        return images
    result = images.copy()
    result[chosen] = augmentation(images[chosen], rng)
    return result


def weakly_augmented(images: Images, rng: np.random.Generator, erased: float) -> Images:
    """Shift by up to 1 pixel, flip half, erase a rectangle in the share `erased`."""
    images = shift(images, rng, most=1)
    images = for_some(flip, 0.5, images, rng)
    return for_some(erase, erased, images, rng)


def strongly_augmented(images: Images, rng: np.random.Generator) -> Images:
    """Change each image in several of the ways under which instance recall is measured."""
    images = shift(images, rng, most=3)
    images = for_some(flip, 0.5, images, rng)
    for augmentation, share in (
        (rotate, 0.3),
        (scale, 0.3),
        (tone, 0.3),
        (blur, 0.25),
        (noise, 0.2),
        (occlude, 0.25),
    ):
        images = for_some(augmentation, share, images, rng)
    return images
