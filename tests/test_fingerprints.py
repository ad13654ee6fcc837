"""Fingerprints tell copies of a picture from colour variants of it, where vectors can't; and what is made of that."""

import io
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from test_photographs_model import CHANGES

from commands.command_line import main
from commands.composition import open_engine
from indexer.directory import index
from models.colours.difference import delta_e
from models.datasets.photographs import Photograph
from models.fingerprints.copies import SIZE, are_copies, copy_evidence, evidence_of_pairs, fingerprint_of, groups_of
from models.pictures.colour import lab
from models.pictures.decoding import Picture
from models.preprocessing.garment_finder import find_garment
from search_api.query import Query

PICTURES = 40
Change = Callable[[Image.Image], Image.Image]


@pytest.fixture(scope="module")
def pictures(unseen_photographs: tuple[Photograph, ...]) -> list[Picture]:
    """Photographs spread over all kinds. None of them chose a threshold here: that was done on others, at random."""
    return [one.read() for one in unseen_photographs[:: len(unseen_photographs) // PICTURES][:PICTURES]]


@pytest.fixture(scope="module")
def fingerprints(pictures: list[Picture]) -> list[bytes]:
    return [fingerprint_of(one) for one in pictures]


def saved_again(image: Image.Image) -> Image.Image:
    """Save as a JPEG of quality 40."""
    data = io.BytesIO()
    image.save(data, "JPEG", quality=40)
    return Image.open(data).convert("RGB")


def banner_in_the_middle(image: Image.Image) -> Image.Image:
    """Lay a banner across the middle."""
    image = image.copy()
    top, height = int(0.45 * image.height), int(0.12 * image.height)
    image.paste((250, 220, 40), (0, top, image.width, top + height))
    return image


def cropped_unevenly(image: Image.Image) -> Image.Image:
    """Cut 8, 5, 6 and 7 % off the sides."""
    width, height = image.size
    return image.crop((int(0.08 * width), int(0.05 * height), int(0.94 * width), int(0.93 * height)))


def dyed(picture: Picture, turn: int) -> Picture | None:
    """Return a picture with the hue of its garment turned, None where nothing to speak of changes by that."""
    mask = find_garment(picture.pixels).mask
    if mask is None:
        return None
    hues = np.asarray(Image.fromarray(picture.pixels).convert("HSV")).copy()
    hues[:, :, 0] = np.where(mask, hues[:, :, 0] + np.uint8(turn), hues[:, :, 0])
    other = np.asarray(Image.fromarray(hues, "HSV").convert("RGB"))
    apart = float(delta_e(lab(picture.pixels[mask][::50]), lab(other[mask][::50])).mean())
    return Picture(other) if apart >= 14 else None


@pytest.mark.parametrize("change", [*CHANGES, saved_again, banner_in_the_middle, cropped_unevenly])
def test_a_changed_copy_is_known(change: Change, pictures: list[Picture], fingerprints: list[bytes]) -> None:
    caught = 0
    for picture, own in zip(pictures, fingerprints, strict=True):
        changed = change(Image.fromarray(picture.pixels).convert("RGB"))
        caught += are_copies(own, [fingerprint_of(Picture(np.asarray(changed)))])[0]
    least = 0.8 if change is cropped_unevenly else 0.9  # it lies between the ways that are tried
    assert caught >= least * len(pictures)


def test_a_colour_variant_is_no_copy(pictures: list[Picture], fingerprints: list[bytes]) -> None:
    variants = 0
    mistaken = 0
    for picture, own in zip(pictures, fingerprints, strict=True):
        others = [fingerprint_of(one) for turn in (40, 90, 128, 200) if (one := dyed(picture, turn)) is not None]
        variants += len(others)
        mistaken += sum(are_copies(own, others))
    assert variants > PICTURES
    assert mistaken <= 0.02 * variants


def test_other_photographs_are_no_copies(fingerprints: list[bytes]) -> None:
    for number, own in enumerate(fingerprints):
        assert not any(are_copies(own, fingerprints[number + 1 :]))


def test_pairs_that_are_compared_together_are_compared_as_each_alone(
    pictures: list[Picture], fingerprints: list[bytes]
) -> None:
    banners = [
        fingerprint_of(Picture(np.asarray(banner_in_the_middle(Image.fromarray(one.pixels))))) for one in pictures
    ]
    pairs = [(own, other) for own in fingerprints[:12] for other in (*fingerprints[:12], *banners[:12])]
    alone = [copy_evidence(own, [other])[0] for own, other in pairs]
    assert evidence_of_pairs(pairs) == pytest.approx(alone, abs=0.05)
    assert evidence_of_pairs(pairs[::-1])[::-1] == pytest.approx(alone, abs=0.05)
    assert 24 <= sum(one > 0 for one in alone) < len(alone) / 2
    assert evidence_of_pairs([]) == []


def test_a_fingerprint_is_small_and_of_one_version(fingerprints: list[bytes]) -> None:
    assert {len(one) for one in fingerprints} == {SIZE}
    other_version = bytes((fingerprints[0][0] + 1,)) + fingerprints[0][1:]
    assert are_copies(fingerprints[0], [other_version, fingerprints[0]]) == [False, True]
    assert are_copies(other_version, [other_version]) == [False]
    assert are_copies(fingerprints[0], []) == []


def test_a_grey_picture_and_a_tiny_one_have_fingerprints(pictures: list[Picture]) -> None:
    grey = Picture(pictures[0].pixels.mean(axis=2).astype(np.uint8))
    assert are_copies(fingerprint_of(grey), [fingerprint_of(grey)]) == [True]
    assert len(fingerprint_of(Picture(np.zeros((1, 1, 3), np.uint8)))) == SIZE
    assert len(fingerprint_of(Picture(np.zeros((3, 900, 3), np.uint8)))) == SIZE


@pytest.mark.parametrize(
    ("pairs", "groups"),
    [
        ([], []),
        ([(1, 2)], [(1, 2)]),
        ([(5, 2), (9, 5), (7, 3)], [(2, 5, 9), (3, 7)]),
        ([(1, 2), (3, 4), (4, 1)], [(1, 2, 3, 4)]),
    ],
)
def test_what_hangs_together_is_one_group(pairs: Sequence[tuple[int, int]], groups: Sequence[tuple[int, ...]]) -> None:
    assert groups_of(pairs) == groups


@pytest.fixture(scope="module")
def catalogue(pictures: list[Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of twelve photographs, with copies of three of them and a colour variant of one."""
    folder = tmp_path_factory.mktemp("copies")
    for number, picture in enumerate(pictures[:12]):
        Image.fromarray(picture.pixels).save(folder / f"{number:02}.png")
    first = Image.fromarray(pictures[0].pixels)
    first.crop((6, 6, first.width - 6, first.height - 6)).save(folder / "00-cropped.jpg", quality=60)
    first.resize((first.width // 2, first.height // 2)).save(folder / "00-small.jpg")
    Image.fromarray(pictures[4].pixels).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "04-mirrored.png")
    variant = next(one for turn in (90, 128, 200) if (one := dyed(pictures[6], turn)) is not None)
    Image.fromarray(variant.pixels).save(folder / "06-dyed.png")
    index(folder, tmp_path_factory.mktemp("copies-catalogue") / "catalogue", workers=2)
    return tmp_path_factory.getbasetemp() / "copies-catalogue0" / "catalogue"


def test_duplicates_are_listed_by_groups(catalogue: Path) -> None:
    done = CliRunner().invoke(main, ["duplicates", "--catalogue", str(catalogue)])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == ["00-cropped.jpg\t00-small.jpg\t00.png", "04-mirrored.png\t04.png"]
    assert "2 groups, 3 copies to spare." in done.stderr
    as_json = CliRunner().invoke(main, ["duplicates", "--catalogue", str(catalogue), "--json"])
    assert json.loads(as_json.stdout) == [["00-cropped.jpg", "00-small.jpg", "00.png"], ["04-mirrored.png", "04.png"]]


def test_collapsed_hits_name_their_copies_and_others_take_their_places(
    catalogue: Path, pictures: list[Picture]
) -> None:
    data = io.BytesIO()
    Image.fromarray(pictures[0].pixels).save(data, "PNG")
    with closing(open_engine(catalogue)) as engine:
        plain = engine.search(data.getvalue(), Query(6)).hits
        collapsed = engine.search(data.getvalue(), Query(6, collapse="duplicates")).hits
        every = engine.similar("06.png", Query(100, collapse="duplicates"))
    assert [hit.copies for hit in plain] == [None] * 6
    assert len(collapsed) == 6
    assert collapsed[0].item.id == "00.png"
    assert set(collapsed[0].copies or ()) == {"00-cropped.jpg", "00-small.jpg"}
    assert all(hit.copies == () for hit in collapsed[1:] if not hit.item.id.startswith("04"))
    assert len({hit.item.id for hit in collapsed}) == 6
    assert "06-dyed.png" in {hit.item.id for hit in every}  # a variant is offered
    assert len(every) == 12
