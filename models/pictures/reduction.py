"""From a picture at its full size, in any mode, to small 8-bit pixels, band by band, without a copy of it all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.pictures.colour_management import to_srgb

_BAND = 2**20
"""Pixels that are converted at once, about."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """A decoded picture that can be cut into rows, whatever holds it.

    `size` is (width, height), `rows` returns those from one to another; `profile` is the ICC profile's bytes.
    """

    size: tuple[int, int]
    rows: Callable[[int, int], Image.Image]
    profile: object = None

    @classmethod
    def of(cls, image: Image.Image, profile: object) -> "Raster":
        """Return a loaded image as a raster."""
        whole = (0, image.height)
        return cls(
            image.size,
            lambda *rows: image if rows == whole else image.crop((0, rows[0], image.width, rows[1])),
            profile,
        )


def reduced(raster: Raster, factor: int) -> tuple[Pixels, Pixels | None]:
    """Return a picture's colours reduced by a whole factor, (height, width) or (height, width, 3), and its opacity.

    Transparency is laid on white, wide samples are scaled to 8 bits, all else becomes RGB, in sRGB. The opacity, uint8
    (height, width), is None where all is opaque.
    """
    scaled = _scaling(raster, factor)
    colours, opacities = [], []
    opaque = True
    for band in _bands(raster, factor):
        image = scaled(band)
        layer = image.convert("RGBA") if image.has_transparency_data else None
        colours.append(_shrunk(to_srgb(_plain(image, layer), raster.profile), factor))
        if layer is not None:
            alpha = layer.getchannel("A")
            opaque &= alpha.getextrema()[0] == 255
            opacities.append(_shrunk(alpha, factor))
    return _joined(colours), None if opaque else _joined(opacities)


def _bands(raster: Raster, factor: int) -> Iterator[Image.Image]:
    width, height = raster.size
    step = height if width * height <= _BAND else factor * max(1, _BAND // (width * factor))
    return (raster.rows(top, min(height, top + step)) for top in range(0, height, step))


def _shrunk(image: Image.Image, factor: int) -> Pixels:
    return np.asarray(image if factor == 1 else image.reduce(factor))


def _joined(bands: list[Pixels]) -> Pixels:
    return bands[0] if len(bands) == 1 else np.concatenate(bands)


def _plain(image: Image.Image, layer: Image.Image | None) -> Image.Image:
    """Return an image of 8 bits in mode L or RGB; `layer` is the same in RGBA where something shines through."""
    if layer is not None:
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("L" if image.mode in {"L", "LA", "La"} else "RGB")
    if image.mode in {"L", "RGB"}:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _scaling(raster: Raster, factor: int) -> Callable[[Image.Image], Image.Image]:
    """Return what scales wide samples to 8 bits by the range that they are in: 0 to 1, 255, 65535, or their own."""
    mode = raster.rows(0, 1).mode
    if not mode.startswith(("I", "F")):
        return lambda band: band
    low, top = 0.0, 65_535.0
    if not mode.startswith("I;16"):
        ends = [(values.min(), values.max()) for values in map(_samples, _bands(raster, factor))]
        low = min(0.0, *(float(least) for least, _ in ends))
        high = max(float(most) for _, most in ends) - low
        ranges = (1.0, 255.0, 65_535.0) if mode == "F" else (255.0, 65_535.0)
        top = next((full for full in ranges if high <= full), high)
    return lambda band: Image.fromarray(np.rint((_samples(band) - low) * (255 / top)).astype(np.uint8))


def _samples(band: Image.Image) -> NDArray[np.float64]:
    return np.nan_to_num(np.asarray(band).astype(np.float64), posinf=0, neginf=0)
