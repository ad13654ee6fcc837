"""Pictures with nothing in them, which both models refuse by name, and faint ones, which they don't."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.datasets.fashion_mnist import Split
from models.errors import BlankPicture, UnusablePicture
from models.pictures.blank import is_blank
from models.pictures.boxes import Box
from models.pictures.decoding import Picture, decode
from models.preprocessing import FASHION_MNIST, PRODUCT_PHOTO, Prepare

MODELS = pytest.mark.parametrize(
    "prepare", [FASHION_MNIST.prepare, PRODUCT_PHOTO.prepare], ids=["fashion-mnist", "photographs"]
)


def through(image: Image.Image, kind: str = "PNG", **options: Any) -> Picture:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return decode(file.getvalue())


def dark(width: int, height: int) -> Picture:
    """A lens with its cap on: noise, and nothing else."""
    noise = np.random.default_rng(3).normal(6, 3, (height, width, 3))
    return Picture(noise.clip(0, 255).astype(np.uint8))


def with_block(ground: int, block: int, side: int = 200) -> Picture:
    pixels = np.full((side, side, 3), ground, np.uint8)
    pixels[side // 4 : -side // 4, side // 4 : -side // 4] = block
    return Picture(pixels)


BLANK: dict[str, Callable[[], Picture]] = {
    "white": lambda: through(Image.new("RGB", (300, 400), "white")),
    "black": lambda: through(Image.new("L", (300, 400), 0)),
    "teal JPEG": lambda: through(Image.new("RGB", (301, 403), "teal"), "JPEG", quality=60),
    "nearly one colour": lambda: with_block(255, 252),
    "noise in the dark": lambda: dark(1000, 750),
    "smallest": lambda: through(Image.new("RGB", (8, 8), "red")),
    "longest": lambda: through(Image.new("RGB", (160, 8), "red")),
    "tile of 0": lambda: Picture(np.zeros((28, 28), np.uint8)),
    "tile of 255": lambda: Picture(np.full((28, 28), 255, np.uint8)),
    "blank first frame": lambda: through(
        Image.new("RGB", (90, 90), "white"), "GIF", save_all=True, append_images=[Image.new("RGB", (90, 90), "red")]
    ),
}

FAINT: dict[str, Callable[[], Picture]] = {
    "white cloth on white": lambda: with_block(255, 245),
    "black cloth on black": lambda: with_block(2, 14),
    "one small thing": lambda: through(_with_dot((1000, 1000), 30)),
    "a thin line": lambda: through(_with_dot((900, 300), 1)),
    "noise": lambda: through(Image.effect_noise((300, 300), 60)),
}


def _with_dot(size: tuple[int, int], width: int) -> Image.Image:
    image = Image.new("RGB", size, "white")
    image.paste("black", (size[0] // 2, 10, size[0] // 2 + width, size[1] - 10))
    return image


@MODELS
@pytest.mark.parametrize("name", BLANK)
def test_nothing_to_see_is_said(prepare: Prepare, name: str) -> None:
    with pytest.raises(BlankPicture, match=r"nothing to see.*one colour throughout") as refused:
        prepare(BLANK[name](), None)
    assert isinstance(refused.value, UnusablePicture)
    assert refused.value.code == "blank-picture"


@MODELS
@pytest.mark.parametrize("colour", [(0, 0, 0, 0), (200, 30, 30, 0), (255, 255, 255, 2)])
def test_a_transparent_picture_shows_nothing(prepare: Prepare, colour: tuple[int, ...]) -> None:
    with pytest.raises(BlankPicture, match="transparent throughout"):
        prepare(through(Image.new("RGBA", (90, 120), colour)), None)


@MODELS
@pytest.mark.parametrize("name", FAINT)
def test_what_is_faint_is_seen(prepare: Prepare, name: str) -> None:
    assert prepare(FAINT[name](), None).pixels.dtype == np.uint8


def test_a_white_garment_on_nothing_is_seen_by_its_outline() -> None:
    image = Image.new("RGBA", (200, 200), (255, 255, 255, 0))
    image.paste((255, 255, 255, 255), (50, 30, 150, 170))
    assert (PRODUCT_PHOTO.prepare(through(image), None).pixels[:, :, 3] > 127).mean() > 0.2
    with pytest.raises(BlankPicture, match="laid on white"):  # that model sees no outline
        FASHION_MNIST.prepare(through(image), None)


@MODELS
def test_a_box_is_trusted_though_nothing_is_in_it(prepare: Prepare) -> None:
    assert prepare(with_block(250, 90), Box(0.3, 0.3, 0.3, 0.3)).pixels.dtype == np.uint8


def test_no_test_image_is_blank(test_split: Split) -> None:
    assert not any(is_blank(image) for image in test_split.images)
