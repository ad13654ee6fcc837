"""The sample catalogue: pictures drawn alike every time, on white, of things that are what they are sold as."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.catalogue.local import LocalCatalogue
from indexer.pipeline import indexing
from indexer.sources.items import SourceItem
from indexer.sources.sample import SampleCatalogue
from models.datasets.fashion_mnist import CLASSES
from models.pictures.decoding import Picture, decode
from models.runtime import LiteRTEmbedder
from sample_shop.assortment.lines import LINES
from sample_shop.cloth.fabrics import FABRICS
from sample_shop.drawing import palette
from sample_shop.products import Product, products


@pytest.fixture(scope="module")
def catalogue() -> Sequence[Product]:
    """What the shop sells."""
    return products()


@pytest.fixture(scope="module")
def items() -> list[SourceItem]:
    """Every item, not drawn yet."""
    return list(SampleCatalogue())


@pytest.fixture(scope="module")
def pictures(items: list[SourceItem]) -> list[Picture]:
    """Every picture, drawn once."""
    return [drawn(item) for item in items]


def drawn(item: SourceItem) -> Picture:
    assert not isinstance(item.picture, Picture), "it is drawn when it is read"
    return decode(item.picture.read())


def digest(pixels: NDArray[np.uint8]) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def test_each_class_is_sold_at_least_24_times_and_the_classes_come_in_turn(catalogue: Sequence[Product]) -> None:
    classes = [product.attributes["class"] for product in catalogue]
    counts = Counter(classes)
    assert set(counts) == set(CLASSES)
    assert min(counts.values()) >= 24
    assert len(catalogue) >= 240
    assert classes[:10] == classes[10:20] == list(CLASSES)


def test_every_line_of_the_assortment_is_sold(catalogue: Sequence[Product]) -> None:
    for name, lines in LINES.items():
        titles = [str(product.attributes["title"]) for product in catalogue if product.attributes["class"] == name]
        for line in lines:
            assert any(line.noun.lower() in title.lower() for title in titles), line.noun
            assert set(line.fabrics) <= set(FABRICS)
            assert set(line.colours) <= set(palette.COLOURS)


def test_ids_are_unique_and_attributes_are_what_a_shop_says(catalogue: Sequence[Product]) -> None:
    assert len({product.id for product in catalogue}) == len(catalogue)
    for product in catalogue:
        title, price, colour, brand, stock = (
            product.attributes[name] for name in ("title", "price", "colour", "brand", "stock")
        )
        assert isinstance(title, str)
        assert title[0].isupper()
        assert title.endswith(f" in {colour}")
        assert isinstance(price, float)
        assert 10 < price < 500
        assert round(price * 100) % 100 == 95
        assert isinstance(stock, int)
        assert 0 <= stock < 100
        assert brand
        assert colour in palette.COLOURS
    stocks = [product.attributes["stock"] for product in catalogue]
    assert 0 in stocks
    assert len({product.attributes["brand"] for product in catalogue}) >= 6
    assert len({product.attributes["colour"] for product in catalogue}) >= 20


def test_a_title_names_fabric_material_thing_and_colour(catalogue: Sequence[Product]) -> None:
    titles = {str(product.attributes["title"]) for product in catalogue}
    assert any(title.startswith("Striped cotton T-shirt in ") for title in titles)
    assert any(title.startswith("Denim trucker jacket in ") for title in titles)
    assert not [title for title in titles if "  " in title or "leather suede" in title.lower()]


def test_a_picture_is_the_same_whenever_and_in_whatever_order_it_is_drawn(
    catalogue: Sequence[Product], pictures: list[Picture]
) -> None:
    some = range(0, len(catalogue), 17)
    backwards = {number: digest(products()[number].draw()) for number in reversed(some)}
    assert backwards == {number: digest(pictures[number].pixels) for number in some}


def test_a_picture_is_the_same_in_another_process(pictures: list[Picture], project: Path) -> None:
    draw = "from sample_shop.products import products; pixels = products()[33].draw()"
    script = f"import hashlib; {draw}; print(hashlib.sha256(pixels.tobytes()).hexdigest())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=project,
        env=os.environ | {"PYTHONHASHSEED": "5"},
    )
    assert done.stdout.strip() == digest(pictures[33].pixels)


def test_no_two_pictures_are_alike(pictures: list[Picture]) -> None:
    assert len({digest(picture.pixels) for picture in pictures}) == len(pictures)


def test_another_seed_deals_other_products() -> None:
    first, other = products(), products(seed=2)
    assert [product.id for product in first] == [product.id for product in other]
    same = sum(a.attributes["title"] == b.attributes["title"] for a, b in zip(first, other, strict=True))
    assert same < len(first) / 2
    assert [product.attributes for product in other] == [product.attributes for product in products(seed=2)]


def test_pictures_are_in_colour_on_white(pictures: list[Picture]) -> None:
    colourful = 0
    for number, picture in enumerate(pictures):
        pixels = picture.pixels
        assert pixels.shape == (500, 400, 3)
        assert pixels.dtype == np.uint8
        border = np.concatenate([pixels[:4].reshape(-1, 3), pixels[-4:].reshape(-1, 3)])
        sides = np.concatenate([pixels[:, :4].reshape(-1, 3), pixels[:, -4:].reshape(-1, 3)])
        assert min(border.min(), sides.min()) >= 250, number
        some = pixels[::4, ::4].reshape(-1, 3)
        drawn = some[(some < 240).any(axis=1)]
        assert 0.03 < len(drawn) / len(some) < 0.75, number
        colourful += bool(np.ptp(drawn.astype(np.int16), axis=1).mean() > 20)
    assert colourful > len(pictures) / 2


def test_the_thing_is_in_the_middle(pictures: list[Picture]) -> None:
    for number, picture in enumerate(pictures):
        columns = np.flatnonzero((picture.pixels < 225).any(axis=(0, 2)))
        assert abs((columns[0] + columns[-1]) / 2 - 200) < 3, number


def test_the_source_gives_the_products_as_items(catalogue: Sequence[Product], items: list[SourceItem]) -> None:
    assert len(SampleCatalogue()) == len(items) == len(catalogue)
    assert [(item.id, item.attributes) for item in items] == [
        (product.id, dict(product.attributes)) for product in catalogue
    ]
    assert len({item.content_key for item in items}) == len(items)
    assert [item.content_key for item in SampleCatalogue()] == [item.content_key for item in items]
    assert not {item.content_key for item in SampleCatalogue(seed=2)} & {item.content_key for item in items}


def test_a_second_run_draws_nothing(
    items: list[SourceItem], embedder: LiteRTEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = embedder.card
    with LocalCatalogue.create(tmp_path / "sample", card.fingerprint, card.dim, card.classes) as shop:
        first = indexing.index(items[:12], embedder, shop)
        assert (first.added, first.failed) == (12, 0)
        found = shop.browse({"brand": [str(items[3].attributes["brand"])]}).items
        assert items[3].id in {item.id for item in found}

        def refuse(product: Product) -> NDArray[np.uint8]:
            raise AssertionError(f"{product.id} was drawn")

        monkeypatch.setattr(Product, "draw", refuse)
        second = indexing.index(items[:12], embedder, shop, workers=1)
        assert (second.unchanged, second.failed) == (12, 0)


def test_the_model_takes_the_drawings_for_what_they_are(
    items: list[SourceItem], pictures: list[Picture], embedder: LiteRTEmbedder
) -> None:
    _, probabilities = embedder.embed([embedder.prepare(picture) for picture in pictures])
    right: Counter[object] = Counter()
    for item, predicted in zip(items, probabilities.argmax(axis=1), strict=True):
        right[item.attributes["class"]] += embedder.card.classes[predicted] == item.attributes["class"]
    assert right.total() / len(items) >= 0.85
    for name in CLASSES:
        sold = sum(item.attributes["class"] == name for item in items)
        assert right[name] / sold >= 0.5, (name, right[name], sold)
