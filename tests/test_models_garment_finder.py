"""Finding the garment, and the box that may say where it is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from models.datasets.photographs import find_photographs
from models.errors import InvalidBox
from models.pictures.boxes import Box
from models.pictures.colour import lab
from models.pictures.components import components
from models.pictures.decoding import Picture
from models.preprocessing.fashion_mnist_tile import prepare
from models.preprocessing.garment_finder import find_garment


def test_lab_of_known_colours() -> None:
    colours = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255], [119, 119, 119]], np.uint8)
    expected = [[0, 0, 0], [100, 0, 0], [53.24, 80.09, 67.20], [32.30, 79.19, -107.86], [50.03, 0, 0]]
    np.testing.assert_allclose(lab(colours), expected, atol=0.05)


def test_components_are_those_that_touch_side_by_side() -> None:
    mask = np.array(
        [
            [1, 0, 1, 1, 0],
            [1, 0, 0, 1, 0],
            [1, 1, 1, 1, 0],
            [0, 0, 0, 0, 1],
            [1, 0, 1, 0, 1],
        ],
        np.bool_,
    )
    numbers = components(mask)
    assert len(set(numbers[mask])) == 4
    assert numbers[0, 0] == numbers[0, 2]
    assert numbers[3, 4] == numbers[4, 4] != numbers[2, 3]
    assert not numbers[~mask].any()
    assert not components(np.zeros((3, 4), np.bool_)).any()
    assert (components(np.ones((3, 4), np.bool_)) == 1).all()


@pytest.mark.parametrize("seed", range(5))
def test_components_of_noise_are_those_of_a_flood(seed: int) -> None:
    mask = np.random.default_rng(seed).random((23, 31)) < 0.55
    numbers = components(mask)
    flooded = Image.fromarray(mask.astype(np.uint8)).copy()
    count = 1
    for y, x in zip(*mask.nonzero(), strict=True):
        if flooded.getpixel((int(x), int(y))) == 1:
            count += 1
            ImageDraw.floodfill(flooded, (int(x), int(y)), count)
            same = np.asarray(flooded) == count
            assert len(set(numbers[same])) == 1
            assert (numbers == numbers[y, x]).sum() == same.sum()


def two_garments() -> Image.Image:
    """Trousers at the left and a wide bag at the right of a wooden floor."""
    floor = Image.new("RGB", (800, 500), "burlywood")
    pen = ImageDraw.Draw(floor)
    pen.polygon([(100, 40), (260, 40), (290, 460), (200, 460), (180, 160), (160, 460), (70, 460)], fill="navy")
    pen.rectangle([450, 220, 740, 440], fill="darkred")
    return floor


def test_the_mask_is_the_garment() -> None:
    image = Image.new("RGB", (300, 400), "seagreen")
    ImageDraw.Draw(image).ellipse([80, 90, 220, 320], fill="wheat")
    expected = np.asarray(image)[:, :, 0] > 200
    mask = find_garment(np.asarray(image)).mask
    assert mask is not None
    assert (mask & expected).sum() / (mask | expected).sum() > 0.95


def test_a_floor_that_meets_a_wall_is_all_background() -> None:
    image = Image.new("RGB", (300, 400), "lightblue")
    pen = ImageDraw.Draw(image)
    pen.rectangle([0, 230, 300, 400], fill="saddlebrown")
    pen.rectangle([100, 80, 200, 330], fill="crimson")
    mask = find_garment(np.asarray(image)).mask
    assert mask is not None
    assert mask[100:310, 110:190].all()
    assert mask.mean() == pytest.approx(100 * 250 / (300 * 400), rel=0.1)


def test_two_things_are_said_and_a_box_chooses() -> None:
    picture = Picture(np.asarray(two_garments()))
    both = prepare(picture)
    assert any("several things" in note for note in both.notes)
    trousers, bag = prepare(picture, Box(0.05, 0.05, 0.35, 0.9)), prepare(picture, Box(0.53, 0.4, 0.42, 0.52))
    assert not np.array_equal(trousers.pixels, bag.pixels)
    assert (trousers.pixels > 60).any(axis=1).all()
    assert not (trousers.pixels[:, :3] > 60).any()
    assert (bag.pixels > 60).any(axis=0).all()
    assert not (bag.pixels[:2] > 60).any()
    assert trousers.cutout is not None
    height, width = trousers.cutout.shape[:2]
    assert not trousers.cutout[:, round(0.42 * width) :, 3].any()
    assert trousers.cutout[height // 5, round(0.2 * width), 3] == 255


def test_a_box_is_trusted_where_nothing_stands_out() -> None:
    pixels = np.full((300, 400, 3), 150, np.uint8)
    pixels[:40, :40] = 30  # elsewhere
    view = prepare(Picture(pixels), Box(0.25, 0.25, 0.5, 0.5))
    assert view.cutout is not None
    assert view.cutout[:, :, 3].mean() / 255 == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("text", ["", "0.1,0.2,0.3", "a,b,c,d", "0.1,0.2,0.3,0.4,0.5", "nan,0,1,1", "0,0,inf,1"])
def test_what_is_no_box_is_said(text: str) -> None:
    with pytest.raises(InvalidBox, match="shares of the picture"):
        Box.parse(text)


@pytest.mark.parametrize("numbers", [(-0.1, 0, 0.5, 0.5), (0.6, 0, 0.5, 0.5), (0, 0.5, 0.5, 0.6), (0, 0, 0.001, 1)])
def test_a_box_outside_the_picture_is_refused(numbers: tuple[float, float, float, float]) -> None:
    with pytest.raises(InvalidBox, match="does not lie in the picture"):
        Box(*numbers)


@pytest.mark.parametrize("size", [(8, 8), (9, 160), (160, 9), (640, 480)])
def test_any_box_in_any_picture_has_a_view(size: tuple[int, int]) -> None:
    random = np.random.default_rng(size)
    picture = Picture(random.integers(0, 255, (size[1], size[0], 3), np.uint8))
    for x, y, width, height in ((0, 0, 1, 1), (0.98, 0.98, 0.02, 0.02), (0.5, 0.1, 0.02, 0.9)):
        assert prepare(picture, Box(x, y, width, height)).pixels.shape == (28, 28)


def test_most_photographs_have_a_plausible_garment(photographs: Path) -> None:
    found = [prepare(one.read()) for one in find_photographs(photographs)]
    shares = [view.cutout[:, :, 3].mean() / 255 for view in found if view.cutout is not None]
    assert len(shares) == len(found)
    assert np.mean([0.08 < share < 0.8 for share in shares]) > 0.85
