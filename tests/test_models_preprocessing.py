"""Preprocessings by name, and a model of another kind from its bundle to the hits of a search."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from colour_model import CLASSES, COLOUR, SIDE, write_colour_bundle
from PIL import Image

import models
from indexer.catalogue.local import LocalCatalogue
from indexer.pipeline import indexing
from indexer.sources.folder import Folder
from indexer.upkeep.reindexing import reindex
from models.datasets.fashion_mnist import Split
from models.embedder import View, as_views
from models.errors import BundleDamaged, BundleTooNew, UnknownPart
from models.evaluation.measure import evaluate
from models.pictures.decoding import Picture, decode
from models.preprocessing import FASHION_MNIST, Preprocessing, preprocessing_named, register
from models.runtime import LiteRTEmbedder
from sample_shop.products import products
from search_api.engine import Engine
from search_api.errors import LookNotAvailable
from search_api.query import Query

ITEMS = 12


@pytest.fixture(scope="module")
def colour_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    register(COLOUR)
    bundle = tmp_path_factory.mktemp("colour") / "bundle"
    write_colour_bundle(bundle)
    return bundle


@pytest.fixture(scope="module")
def colour(colour_bundle: Path) -> LiteRTEmbedder:
    return LiteRTEmbedder(colour_bundle)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn products, each once more in other colours."""
    folder = tmp_path_factory.mktemp("drawn")
    for product in products()[:ITEMS]:
        pixels = product.draw()
        Image.fromarray(pixels).save(folder / f"{product.id}.png")
        Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1])).save(folder / f"{product.id}-other.png")
    return folder


def test_a_card_gets_the_preprocessing_it_names() -> None:
    assert preprocessing_named("fashion-mnist-v2") is FASHION_MNIST
    with pytest.raises(BundleTooNew, match="of-tomorrow"):
        preprocessing_named("of-tomorrow")


def test_a_name_stands_for_one_preprocessing() -> None:
    register(FASHION_MNIST)
    with pytest.raises(ValueError, match="another preprocessing 'fashion-mnist-v2'"):
        register(Preprocessing(FASHION_MNIST.name, (SIDE, SIDE, 3), COLOUR.prepare))
    assert preprocessing_named("fashion-mnist-v2") is FASHION_MNIST


def test_a_view_keeps_what_is_embedded_where_it_is_not_shown() -> None:
    view = View(np.zeros((2, 2), np.uint8), ("a note",), np.zeros((3, 3, 4), np.uint8))
    assert view.without_display().pixels is view.pixels
    assert (view.without_display().notes, view.without_display().cutout) == ((), None)


def test_a_model_of_another_kind_is_indexed_searched_and_reindexed(
    colour_bundle: Path, colour: LiteRTEmbedder, folder: Path, tmp_path: Path
) -> None:
    """Its worker processes make its views: what they made finds itself, and its colours tell it from its twin."""
    card = colour.card
    assert card.input_shape == (SIDE, SIDE, 3)
    with LocalCatalogue.create(tmp_path / "c", card.fingerprint, card.dim, card.classes) as catalogue:
        report = indexing.index(Folder(folder), colour, catalogue, workers=1)
        assert (report.added, report.failed) == (2 * ITEMS, 0)
        engine = Engine(colour, catalogue)
        for path in sorted(folder.iterdir())[:6]:
            picture = decode(path.read_bytes())
            found = engine.search(path.read_bytes(), Query(k=2))
            assert found.hits[0].item.id == path.name
            assert found.hits[0].score == pytest.approx(1, abs=1e-5)
            assert found.hits[1].score < 0.9999
            assert found.view.pixels.shape == (SIDE, SIDE, 3)
            assert {one.value for one in (found.best_class, *found.best_class.others)} == set(CLASSES)
            expected = colour.embed([COLOUR.prepare(picture, None)])[0]
            np.testing.assert_allclose(catalogue.vectors([path.name]), expected, atol=1e-6)
            assert engine.search_view(found.view.pixels, Query(k=1)).hits == found.hits[:1]
        with pytest.raises(LookNotAvailable):
            engine.search(path.read_bytes(), Query(look=0.5))
        with pytest.raises(UnknownPart, match="undivided"):
            engine.search(path.read_bytes(), Query(weights={"look": 1}))
        assert catalogue.counts().keys() == set(CLASSES)
    shipped = models.load()
    assert reindex(tmp_path / "c", shipped, workers=1).embedded == 2 * ITEMS
    with LocalCatalogue.open(tmp_path / "c", shipped.card.fingerprint) as catalogue:
        assert catalogue.dim == shipped.card.dim
    assert reindex(tmp_path / "c", models.load(colour_bundle), workers=1).items == 2 * ITEMS


def test_a_model_of_another_kind_is_measured_on_pictures_it_sees_in_its_own_way(
    colour: LiteRTEmbedder, test_split: Split
) -> None:
    """Fashion-MNIST's labels stand for its classes here."""
    few = Split(test_split.images[:60], test_split.labels[:60] % len(CLASSES))
    found = evaluate(colour, few)
    expected, _ = colour.embed([colour.prepare(Picture(image)) for image in few.images])
    np.testing.assert_array_equal(found.vectors, expected)
    assert found.classification is not None
    assert len(found.classification.classes) == len(CLASSES)


def test_a_view_of_another_kind_is_refused(colour: LiteRTEmbedder, test_split: Split) -> None:
    with pytest.raises(ValueError, match=r"not uint8 \(32, 32, 3\)"):
        colour.embed(as_views(test_split.images[:2]))
    with pytest.raises(ValueError, match="not uint8"):
        models.load().embed([colour.prepare(Picture(test_split.images[0]))])


def test_a_card_of_views_that_its_preprocessing_does_not_make_is_refused(
    colour: LiteRTEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import preprocessing

    monkeypatch.setitem(preprocessing._registered, COLOUR.name, replace(COLOUR, view_shape=(64, 64, 3)))
    with pytest.raises(BundleDamaged, match="makes views of the shape"):
        models.load(colour.bundle)


def test_a_picture_in_colour_becomes_a_view_in_colour() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (50, 40), (200, 10, 30)).save(buffer, "PNG")
    view = COLOUR.prepare(decode(buffer.getvalue()), None)
    assert view.pixels[0, 0].tolist() == [200, 10, 30]
