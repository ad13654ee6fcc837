"""Views: Fashion-MNIST images come through as themselves, photographs as Fashion-MNIST would have had them."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from models.datasets.fashion_mnist import SIDE, Split
from models.pictures.decoding import Picture, decode
from models.preprocessing import fashion_mnist_tile, garment_finder
from models.preprocessing.fashion_mnist_tile import prepare
from models.preprocessing.upscaled_tiles import shrink_back

Pixels = NDArray[np.uint8]
Resampling = Image.Resampling


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:  # noqa: A002 -- Pillow's own word
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def distance(view: Pixels, original: Pixels) -> float:
    return float(np.abs(view.astype(np.int16) - original).mean())


def dress(
    backdrop: str | tuple[int, int, int] = "white", colour: str = "navy", size: tuple[int, int] = (762, 1000)
) -> Image.Image:
    """A dress on a backdrop, as a shop photographs it."""
    width, height = size
    image = Image.new("RGB", size, backdrop)
    outline = [(0.4, 0.05), (0.6, 0.05), (0.58, 0.4), (0.75, 0.95), (0.25, 0.95), (0.42, 0.4)]
    ImageDraw.Draw(image).polygon([(x * width, y * height) for x, y in outline], fill=colour)
    return image


def noisy(image: Image.Image, sigma: float, seed: int = 0) -> Image.Image:
    samples = np.asarray(image) + np.random.default_rng(seed).normal(0, sigma, (*image.size[::-1], 3))
    return Image.fromarray(samples.clip(0, 255).astype(np.uint8))


def view_of(image: Image.Image) -> fashion_mnist_tile.View:
    return prepare(decode(encoded(image)))


def test_display_copy_of_every_test_image_comes_through_exactly(test_split: Split) -> None:
    for original in test_split.images:
        picture = decode(encoded(Image.fromarray(255 - original), compress_level=1))
        assert np.array_equal(prepare(picture).pixels, original)


def test_every_test_image_itself_comes_through_exactly(test_split: Split) -> None:
    for original in test_split.images:
        view = prepare(Picture(original))
        assert np.array_equal(view.pixels, original)
        assert view.notes == ()


@pytest.mark.parametrize("polarity", ["dark on white", "bright on black"])
def test_colourless_rgb_copy_comes_through_exactly(test_split: Split, polarity: str) -> None:
    for original in test_split.images[:200]:
        tile = original if polarity == "bright on black" else 255 - original
        assert np.array_equal(view_of(Image.fromarray(tile).convert("RGB")).pixels, original)


@pytest.mark.parametrize("polarity", ["dark on white", "bright on black"])
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize(
    "resampling", [Resampling.NEAREST, Resampling.BILINEAR, Resampling.BICUBIC, Resampling.LANCZOS]
)
@pytest.mark.parametrize("side", [56, 112, 140, 280, 400, 1120])
def test_enlarged_image_comes_through_nearly_exactly(
    test_split: Split,
    side: int,
    resampling: Resampling,
    format: str,  # noqa: A002
    polarity: str,
) -> None:
    """Measured on 500 images: each mean 0 to 1.5 (Lanczos) grey levels of 255, 1.8 as JPEG; the worst 4.4."""
    images = test_split.images[side :: 500 if side < 1000 else 2000]
    errors = []
    for original in images:
        tile = original if polarity == "bright on black" else 255 - original
        enlarged = Image.fromarray(tile).resize((side, side), resampling)
        options = {"quality": 90} if format == "JPEG" else {"compress_level": 1}
        errors.append(distance(prepare(decode(encoded(enlarged, format, **options))).pixels, original))
    assert np.mean(errors) < 2
    assert np.max(errors) < 5


@pytest.mark.parametrize("resampling", [Resampling.NEAREST, Resampling.BILINEAR])
@pytest.mark.parametrize("side", [50, 57, 150, 400, 511, 997])
def test_enlargement_is_taken_back_at_any_size(test_split: Split, side: int, resampling: Resampling) -> None:
    for original in test_split.images[::1000]:
        tile = shrink_back(np.asarray(Image.fromarray(original).resize((side, side), resampling)), SIDE)
        assert tile is not None
        assert distance(tile, original) < 0.5


def test_colour_copy_of_an_enlarged_image_is_recognised(test_split: Split) -> None:
    enlarged = Image.fromarray(255 - test_split.images[7]).resize((280, 280), Resampling.BICUBIC).convert("RGB")
    view = prepare(decode(encoded(enlarged, "WEBP", quality=95)))
    assert "Fashion-MNIST" in view.notes[0]
    assert distance(view.pixels, test_split.images[7]) < 3


def test_other_pictures_are_not_taken_for_enlarged_tiles() -> None:
    noise = np.asarray(Image.effect_noise((300, 300), 60))
    assert shrink_back(noise, SIDE) is None
    assert shrink_back(noise[:, :200], SIDE) is None
    assert shrink_back(noise[:SIDE, :SIDE], SIDE) is None
    shop = np.asarray(dress(size=(600, 600)).convert("L"))
    assert shrink_back(shop, SIDE) is None


def test_view_of_a_garment_fills_its_longest_side_and_is_centred() -> None:
    view = view_of(dress())
    assert view.pixels.shape == (SIDE, SIDE)
    assert view.pixels.dtype == np.uint8
    rows, columns = garment_finder.bounding_box(view.pixels > 60)
    assert (rows.start, rows.stop) == (0, SIDE)
    assert abs(columns.start - (SIDE - columns.stop)) <= 1
    assert columns.stop - columns.start == pytest.approx(SIDE * 381 / 900, abs=1)


def test_wide_garment_leaves_margins_above_and_below() -> None:
    shoe = Image.new("RGB", (762, 1000), "white")
    ImageDraw.Draw(shoe).ellipse([60, 400, 700, 640], fill="brown")
    rows, columns = garment_finder.bounding_box(view_of(shoe).pixels > 60)
    assert (columns.start, columns.stop) == (0, SIDE)
    assert abs(rows.start - (SIDE - rows.stop)) <= 1


def test_wider_margin_is_on_the_left_and_above_as_in_fashion_mnist(test_split: Split) -> None:
    trousers = test_split.images[test_split.labels == 1]
    ink = trousers > 12
    left, right = ink.any(axis=1).argmax(axis=1), ink.any(axis=1)[:, ::-1].argmax(axis=1)
    assert np.mean((left - right == 0) | (left - right == 1)) > 0.95, "the data set's own rule"
    for width in range(180, 400, 17):
        image = Image.new("RGB", (500, 700), "white")
        image.paste("black", (250 - width // 2, 20, 250 + width // 2, 680))
        columns = garment_finder.bounding_box(view_of(image).pixels > 60)[1]
        assert columns.start - (SIDE - columns.stop) in {0, 1}


@pytest.mark.parametrize("grey", [0, 60, 120, 180, 230])
def test_dark_garments_are_bright_and_pale_ones_dim(grey: int) -> None:
    view = view_of(dress(colour=f"rgb({grey}, {grey}, {grey})"))
    assert view.pixels[8:20, 13:15].mean() == pytest.approx(255 - grey, abs=3)
    assert view.pixels[:, 0].max() == 0


@pytest.mark.parametrize("backdrop", ["white", "#fdfdfd", "lightgrey", "peru", "black", "orange"])
def test_plain_backdrop_makes_no_difference(backdrop: str) -> None:
    reference = view_of(dress()).pixels
    view = view_of(noisy(dress(backdrop), 4))
    assert distance(view.pixels, reference) < 12
    assert "The background was removed." in view.notes


def test_place_and_size_in_the_photo_make_little_difference() -> None:
    reference = view_of(dress()).pixels
    for x, y, scale in ((10, 20, 0.4), (300, 250, 0.5), (100, 50, 0.8)):
        floor = Image.new("RGB", (762, 1000), "tan")
        small = dress("tan", size=(int(762 * scale), int(1000 * scale)))
        floor.paste(small, (x, y))
        assert distance(view_of(floor).pixels, reference) < 16


def test_background_between_legs_is_black() -> None:
    trousers = Image.new("RGB", (600, 800), "wheat")
    draw = ImageDraw.Draw(trousers)
    draw.polygon([(200, 50), (400, 50), (450, 750), (350, 750), (300, 250), (250, 750), (150, 750)], fill="navy")
    view = view_of(trousers).pixels
    assert view[-2, 13:15].max() < 40
    assert view[-2].max() > 150


def test_print_in_the_backdrop_s_colour_stays() -> None:
    shirt = Image.new("RGB", (700, 700), "white")
    ImageDraw.Draw(shirt).rectangle([150, 100, 550, 600], fill="black")
    ImageDraw.Draw(shirt).rectangle([250, 250, 450, 450], fill="white")
    image = noisy(shirt, 2)
    garment = garment_finder.find_garment(np.asarray(image))
    assert garment.mask is not None
    assert garment.mask[110:590, 160:540].all()
    assert not garment.mask[:90].any()
    assert np.all(view_of(image).pixels[:, 14][[2, -3]] > 200)


def test_no_garment_is_said() -> None:
    view = view_of(noisy(Image.new("RGB", (300, 400), "teal"), 20))
    assert view.notes == ("No garment could be told from the background, so the whole picture was used.",)
    assert view.pixels.shape == (SIDE, SIDE)


def test_doubts_are_said() -> None:
    random = np.random.default_rng(3)
    carpet = Image.fromarray(random.integers(0, 255, (25, 20, 3), np.uint8)).resize((762, 1000), Resampling.NEAREST)
    carpet.paste(dress(size=(400, 600)).crop((80, 20, 320, 580)), (260, 200))
    assert any("busy" in note for note in view_of(carpet).notes)
    corner = Image.new("RGB", (762, 1000), "tan")
    corner.paste(dress("tan", size=(330, 420)), (5, 5))
    assert any("middle" in note for note in view_of(corner).notes)
    assert any("very dark" in note for note in view_of(dress("black", "#222")).notes)
    assert any("hardly differs" in note for note in view_of(dress("#f8f8f8", "#ececec")).notes)
    assert any("cut off" in note for note in view_of(dress().crop((270, 100, 500, 900))).notes)


@pytest.mark.parametrize("size", [(8, 8), (8, 160), (160, 8), (28, 29), (27, 27), (1023, 60), (40, 33)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_any_picture_that_can_be_decoded_has_a_view(size: tuple[int, int], mode: str) -> None:
    noise = Image.effect_noise(size, 90).convert(mode)
    plain = Image.new(mode, size, "white")
    plain.paste(noise.crop((0, 0, 6, 6)), (2, 2))
    for image in (noise, plain):
        view = view_of(image)
        assert view.pixels.shape == (SIDE, SIDE)
        assert view.pixels.dtype == np.uint8


def test_views_do_not_depend_on_the_file_format() -> None:
    image = noisy(dress("tan"), 3)
    reference = view_of(image).pixels
    for name, options in (("JPEG", {"quality": 92}), ("WEBP", {"quality": 92}), ("BMP", {}), ("TIFF", {})):
        assert distance(prepare(decode(encoded(image, name, **options))).pixels, reference) < 6


def test_view_is_deterministic_and_leaves_the_picture_alone() -> None:
    pixels = np.asarray(noisy(dress("tan"), 3))
    before = pixels.copy()
    first, second = prepare(Picture(pixels)), prepare(Picture(pixels))
    assert np.array_equal(first.pixels, second.pixels)
    assert first.notes == second.notes
    assert np.array_equal(pixels, before)
