"""The colours of garments: measured as the literature does, called as people do, found on real pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.colours.difference import delta_e
from models.colours.garment_colours import LEVELS, GarmentColour, colours_text, garment_colours, read_colours
from models.colours.matching import NearColour, matcher_of
from models.colours.names import NAMES, name_of, read_colour
from models.datasets.photographs import Photograph
from models.errors import UnknownColour
from models.pictures.decoding import Picture, decode
from models.preprocessing.product_photo import photo_view

PAIRS = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
]
"""Pairs of Sharma, Wu and Dalal's test data (2005), with hues on both sides of 0, greys and blues."""


@pytest.mark.parametrize(("first", "second", "apart"), PAIRS)
def test_the_difference_is_that_of_the_published_test_data(
    first: tuple[float, ...], second: tuple[float, ...], apart: float
) -> None:
    assert float(delta_e(np.array(first), np.array(second))) == pytest.approx(apart, abs=1e-4)
    assert float(delta_e(np.array(second), np.array(first))) == pytest.approx(apart, abs=1e-4)


def test_every_colour_that_stands_for_a_name_is_called_by_it() -> None:
    for name, codes in NAMES.items():
        assert {name_of(code) for code in codes} == {name}


@pytest.mark.parametrize(
    ("text", "meant"),
    [("navy", "navy"), (" Navy  Blue ", "navy"), ("GRAY", "grey"), ("#1F2A44", "1f2a44"), ("abc", "aabbcc")],
)
def test_a_colour_is_read_as_people_write_it(text: str, meant: str) -> None:
    assert read_colour(text) == meant


@pytest.mark.parametrize("text", ["", "blurple", "#12", "1234567", "nävy"])
def test_what_is_no_colour_is_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(UnknownColour, match="turquoise"):
        read_colour(text)


def test_a_name_finds_what_is_called_so_and_what_is_near() -> None:
    navy = matcher_of(NearColour.read(("navy",)))
    assert navy("101a30:90")
    assert navy("ffffff:60 101a30:40")
    assert not navy("ffffff:85 101a30:15")  # a trim is not the garment's colour
    assert not navy("c8102e:100")
    assert not navy("")
    exact = NearColour.read(("#1f2a44",), 3)
    assert matcher_of(exact)("212942:100")
    assert not matcher_of(exact)("294284:100")
    assert matcher_of(NearColour.read(("red", "navy")))("c8102e:100")


def test_each_kept_colour_is_found_by_its_name() -> None:
    rng = np.random.default_rng(0)
    for levels in rng.integers(0, LEVELS, (200, 3)):
        code = bytes(np.round(levels * 255 / (LEVELS - 1)).astype(np.uint8).tolist()).hex()
        assert matcher_of(NearColour.read((name_of(code),), 0))(f"{code}:100")


def test_colours_are_kept_and_read_alike() -> None:
    colours = (GarmentColour("101829", 0.71), GarmentColour("ffffff", 0.2))
    assert read_colours(colours_text(colours)) == colours
    assert read_colours("") == ()


def shirt(colour: tuple[int, int, int], ground: int) -> Picture:
    """Return a plain shirt with a seam all around and a head above it on a plain ground."""
    pixels = np.full((240, 200, 3), ground, np.uint8)
    pixels[70:200, 50:150] = np.clip(np.asarray(colour, np.int16) - 40, 0, 255)
    pixels[72:198, 52:148] = colour
    pixels[20:66, 84:116] = (205, 150, 120)
    return Picture(pixels)


@pytest.mark.parametrize(
    ("colour", "name"),
    [((250, 250, 250), "white"), ((20, 20, 22), "black"), ((27, 39, 69), "navy"), ((200, 16, 46), "red")],
)
@pytest.mark.parametrize("ground", [255, 232])
def test_the_garment_is_named_whatever_the_ground_and_not_its_wearer(
    colour: tuple[int, int, int], name: str, ground: int
) -> None:
    found = garment_colours(photo_view(shirt(colour, ground)).cutout)
    assert found[0].name == name
    assert found[0].share > 0.7
    assert "tan" not in {one.name for one in found}


def test_a_picture_without_a_garment_has_no_colours() -> None:
    assert garment_colours(None) == ()
    assert garment_colours(np.zeros((8, 8, 4), np.uint8)) == ()


def test_a_recoloured_photograph_is_called_by_its_new_colour(unseen_photographs: tuple[Photograph, ...]) -> None:
    """Paint what the finder takes for the garment, keeping its folds: the share of 24 that are called so."""
    called = 0
    tried = [("red", (200, 20, 45)), ("navy", (26, 38, 68)), ("yellow", (246, 216, 40)), ("green", (30, 138, 60))]
    for number, photograph in enumerate(unseen_photographs[:: len(unseen_photographs) // 24][:24]):
        view = photo_view(decode(photograph.path.read_bytes()))
        assert view.cutout is not None
        name, colour = tried[number % len(tried)]
        lightness = view.cutout[:, :, :3].mean(axis=2, keepdims=True)
        inside = view.cutout[:, :, 3:] > 127
        shading = 1 + 0.3 * (lightness / max(1.0, float(lightness[inside].mean())) - 1)
        painted = np.clip(np.asarray(colour) * shading, 0, 255)
        cutout = np.dstack([np.where(inside, painted, view.cutout[:, :, :3]).astype(np.uint8), view.cutout[:, :, 3:]])
        called += garment_colours(cutout)[0].name == name
    assert called >= 22


def test_transparency_is_trusted_and_what_lies_under_it_is_not_seen(tmp_path: Path) -> None:
    pixels = np.zeros((120, 120, 4), np.uint8)
    pixels[:, :, :3] = (255, 0, 255)
    pixels[20:100, 30:90] = (30, 138, 60, 255)
    Image.fromarray(pixels).save(tmp_path / "cut.png")
    found = garment_colours(photo_view(decode((tmp_path / "cut.png").read_bytes())).cutout)
    assert [colour.name for colour in found] == ["green"]
