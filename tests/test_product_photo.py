"""The view for product pictures: colours of any profile, transparency, bars, boxes, and the garment marked."""

import io
import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from models.datasets.photographs import Photograph
from models.pictures.bars import without_bars
from models.pictures.boxes import Box
from models.pictures.decoding import Picture, decode
from models.preprocessing import PRODUCT_PHOTO
from models.preprocessing.product_photo import SIDE, prepare_photo
from sample_shop.products import products

DISPLAY_P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))


def matrix_profile(primaries: tuple[tuple[float, float, float], ...], gamma: float) -> bytes:
    """Return an ICC profile of version 2 (ICC.1:2001-04) with these primaries, adapted to D50, and one gamma."""
    numbers = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True))
    numbers[b"wtpt"] = (0.9642, 1.0, 0.8249)
    tags = {
        name: b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(n * 65536) for n in xyz)) for name, xyz in numbers.items()
    }
    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    name = b"wide"
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" + bytes(4 + 4 + 2 + 1 + 67 + 3)
    tags[b"cprt"] = b"text\0\0\0\0none\0\0\0\0"
    table, data, at = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += tag + struct.pack(">II", at + len(data), len(content))
        data += padded
    size = at + len(data)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + data


def swatches() -> NDArray[np.uint8]:
    """Return 64 colours of sRGB in squares of 8 by 8 pixels."""
    levels = np.array([20, 90, 160, 230], np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(8, 8, 3)
    return colours.repeat(8, axis=0).repeat(8, axis=1)


@pytest.mark.parametrize(("primaries", "gamma"), [(DISPLAY_P3, 2.2), (ADOBE_RGB, 2.19921875)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_colours_of_another_profile_become_srgb(
    primaries: tuple[tuple[float, float, float], ...], gamma: float, kind: str
) -> None:
    expected, profile = swatches(), matrix_profile(primaries, gamma)
    wide = ImageCms.profileToProfile(
        Image.fromarray(expected), ImageCms.createProfile("sRGB"), ImageCms.getOpenProfile(io.BytesIO(profile))
    )
    assert wide is not None
    assert np.abs(np.asarray(wide).astype(int) - expected).max() > 15
    file = io.BytesIO()
    wide.save(file, kind, icc_profile=profile, **({"lossless": True} if kind == "WEBP" else {}))
    actual = decode(file.getvalue()).pixels.astype(int)
    assert np.abs(actual - expected).max() <= 4


@pytest.mark.parametrize(
    "profile", [b"no profile at all", bytes(200), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]
)
def test_a_profile_that_says_nothing_new_changes_nothing(profile: bytes) -> None:
    file = io.BytesIO()
    Image.fromarray(swatches()).save(file, "PNG", icc_profile=profile)
    np.testing.assert_array_equal(decode(file.getvalue()).pixels, swatches())


def test_a_pictures_own_transparency_is_the_outline() -> None:
    pixels = np.full((120, 100, 4), 255, np.uint8)  # a white garment on nothing: no colour tells it from white
    pixels[:, :, 3] = 0
    pixels[30:90, 25:75, 3] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    picture = decode(file.getvalue())
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, pixels[:, :, 3])
    view = prepare_photo(picture).pixels
    outline = np.asarray(Image.fromarray(pixels[:, :, 3]).resize((SIDE, SIDE), Image.Resampling.BOX))
    assert np.abs(view[:, :, 3].astype(int) - outline).max() <= 1


def test_an_opaque_picture_has_no_transparency() -> None:
    file = io.BytesIO()
    Image.fromarray(np.dstack([swatches(), np.full((64, 64), 255, np.uint8)])).save(file, "PNG")
    assert decode(file.getvalue()).alpha is None


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 60)])
def test_bars_are_cut_off_whatever_their_colour(
    colour: tuple[int, int, int], unseen_photographs: tuple[Photograph, ...]
) -> None:
    found = 0
    for photograph in unseen_photographs[::12]:
        pixels = photograph.read().pixels
        height, width = pixels.shape[:2]
        down, across = round(0.08 * height), round(0.08 * width)
        framed = np.full((height + 2 * down, width + 2 * across, 3), colour, np.uint8)
        framed[down:-down, across:-across] = pixels
        rows, columns = without_bars(framed)
        off = rows.start - down, rows.stop - down - height, columns.start - across, columns.stop - across - width
        found += max(map(abs, off)) <= 0.02 * max(height, width)
    assert found >= 0.9 * len(unseen_photographs[::12])


def test_the_ground_around_a_product_is_no_bar() -> None:
    for product in products()[::9]:
        pixels = product.draw()
        assert without_bars(pixels) == (slice(0, pixels.shape[0]), slice(0, pixels.shape[1]))


def test_a_picture_of_one_colour_stays_whole() -> None:
    pixels = np.full((60, 80, 3), 77, np.uint8)
    assert without_bars(pixels) == (slice(0, 60), slice(0, 80))


def test_a_view_keeps_what_is_seen_and_marks_the_garment(unseen_photographs: tuple[Photograph, ...]) -> None:
    for photograph in unseen_photographs[:10]:
        picture = photograph.read()
        view = prepare_photo(picture)
        assert view.pixels.shape == PRODUCT_PHOTO.view_shape
        assert view.pixels.dtype == np.uint8
        assert view.notes
        shown = np.asarray(Image.fromarray(view.pixels[:, :, :3]).resize((32, 32), Image.Resampling.BOX), np.int16)
        whole = Image.fromarray(picture.pixels).resize((32, 32), Image.Resampling.BOX)
        assert np.abs(shown - np.asarray(whole, np.int16)).mean() < 4


def test_a_box_is_all_that_is_seen() -> None:
    pixels = np.full((200, 200, 3), 255, np.uint8)
    pixels[20:80, 20:80] = 200, 20, 20
    pixels[120:180, 120:180] = 20, 20, 200
    for box, colour in ((Box(0.05, 0.05, 0.4, 0.4), (200, 20, 20)), (Box(0.55, 0.55, 0.4, 0.4), (20, 20, 200))):
        view = prepare_photo(Picture(pixels), box).pixels
        garment = view[view[:, :, 3] > 200][:, :3]
        assert np.abs(np.median(garment, axis=0) - colour).max() <= 2


@pytest.mark.parametrize(("height", "width"), [(400, 100), (100, 400)])
def test_a_long_picture_is_not_squeezed_beyond_what_it_bears(height: int, width: int) -> None:
    pixels = np.full((height, width, 3), 250, np.uint8)
    pixels[height // 4 : -height // 4, width // 4 : -width // 4] = 10, 90, 40
    outline = prepare_photo(Picture(pixels)).pixels[:, :, 3] > 127
    tall, wide = outline.any(axis=1).sum(), outline.any(axis=0).sum()
    assert max(tall, wide) / min(tall, wide) == pytest.approx(4 / 1.6, rel=0.1)


def test_a_grey_picture_is_seen_in_grey() -> None:
    view = prepare_photo(Picture(np.tile(np.arange(100, dtype=np.uint8), (90, 1)))).pixels
    np.testing.assert_array_equal(view[:, :, 0], view[:, :, 2])
