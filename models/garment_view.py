"""From a picture to the 28x28 view: Fashion-MNIST's own conversion (arXiv 1708.07747), and what must come before it."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from models.embedder import View
from models.pictures import Picture

PREPROCESSING = "fashion-mnist-v1"
"""The name under which a model card asks for this conversion. A change of its results needs another name."""

SIDE = 28
"""Height and width of a view in pixels."""

THUMBNAIL = (51, 73)
"""Width and height of the product thumbnails from which Fashion-MNIST was made."""

BACKGROUND = 0xFD
"""The grey behind Zalando's product pictures."""

TRIM_TOLERANCE = 0.05
"""Share of full intensity by which a pixel may differ from the corner colour and still be trimmed."""


def prepare(picture: Picture) -> View:
    """Return the view of a picture: uint8 (28, 28), the garment bright on 0, as in Fashion-MNIST."""
    pixels = picture.pixels
    if pixels.shape == (SIDE, SIDE):
        return View(_bright_on_black(pixels))
    return View(_convert(_on_plain_background(pixels)))


def _bright_on_black(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Negate a product picture of 28x28; a tile whose border is dark is a Fashion-MNIST image already."""
    border = int(tile[0].sum()) + int(tile[-1].sum()) + int(tile[1:-1, 0].sum()) + int(tile[1:-1, -1].sum())
    return np.invert(tile) if border > 127.5 * (4 * SIDE - 4) else tile


def _on_plain_background(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = np.asarray(Image.fromarray(pixels).convert("RGB").reduce(max(1, max(pixels.shape[:2]) // 146)))
    edge = np.concatenate(
        [
            small[:3].reshape(-1, 3),
            small[-3:].reshape(-1, 3),
            small[:, :3].reshape(-1, 3),
            small[:, -3:].reshape(-1, 3),
        ]
    )
    distance = np.abs(small.astype(np.int16) - np.median(edge, axis=0)).max(axis=2)
    garment = distance > 40
    if not 0.02 < garment.mean() < 0.95:
        return small
    return np.where(garment[:, :, None], small, np.uint8(BACKGROUND))


def _convert(product: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = Image.fromarray(product)
    image.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
    thumbnail = np.asarray(image)
    differs = (np.abs(thumbnail.astype(np.int16) - thumbnail[0, 0]) > 255 * TRIM_TOLERANCE).any(axis=2)
    if differs.any():
        rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
        thumbnail = thumbnail[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = thumbnail.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = Image.fromarray(thumbnail).resize(size, Image.Resampling.NEAREST)
    image = image.filter(ImageFilter.UnsharpMask(radius=1, percent=100, threshold=0)).convert("L")
    canvas = Image.new("L", (SIDE, SIDE), 255)
    canvas.paste(image, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.invert(np.asarray(canvas))
