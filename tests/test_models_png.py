"""The writer of small PNG files, read back by Pillow."""

import io

import numpy as np
import pytest
from PIL import Image

from models.datasets.fashion_mnist import Split
from models.pictures.png import encode_png


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (3, 7), (64, 1), (28, 28, 3), (5, 64, 3), (96, 72, 4)])
def test_pillow_reads_back_what_was_written(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    with Image.open(io.BytesIO(encode_png(pixels))) as image:
        image.verify()
    with Image.open(io.BytesIO(encode_png(pixels))) as image:
        assert image.mode == {(): "L", (3,): "RGB", (4,): "RGBA"}[shape[2:]]
        assert np.array_equal(np.asarray(image), pixels)


def test_real_tiles_come_back_and_stay_small(test_split: Split) -> None:
    for pixels in test_split.images[:200]:
        data = encode_png(pixels)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)
        assert len(data) < 28 * 28 + 100
