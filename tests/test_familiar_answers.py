"""What answers say of themselves, the same in the engine, over HTTP, on the pages and in the terminal."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from indexer.catalogue.local import LocalCatalogue
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Record
from models.datasets.fashion_mnist import CLASSES, Split
from models.embedder import as_views
from models.evaluation.ood_images import noise
from models.match_confidence import GOOD_MATCH
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from search_api.http.app import create_app
from search_api.query import Query
from search_api.results import Match, Matches
from webui.app import create_app as create_site


def as_png(view: np.ndarray) -> bytes:
    """A view as a shop would have it: dark on white."""
    buffer = io.BytesIO()
    Image.fromarray(255 - view).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def plain(engine: Engine) -> bytes:
    """A picture of an item like many others."""
    return engine.display("test-00041").data


@pytest.fixture(scope="module")
def strange() -> bytes:
    """A picture of noise."""
    return as_png(noise(1, np.random.default_rng(4), 28)[0])


@pytest.fixture(scope="module")
def bags(embedder: LiteRTEmbedder, test_split: Split, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine over thirty bags and nothing else."""
    images = test_split.images[test_split.labels == CLASSES.index("Bag")][:30]
    vectors, probabilities = embedder.embed(as_views(images))
    card = embedder.card
    with LocalCatalogue.create(
        tmp_path_factory.mktemp("bags") / "c", card.fingerprint, card.dim, card.classes
    ) as catalogue:
        catalogue.upsert(
            [
                Record(
                    id=f"bag-{number:02}",
                    predicted=predicted_class("Bag", float(probabilities[number, CLASSES.index("Bag")])),
                    attributes={},
                    content_key=str(number),
                    vector=vectors[number],
                    display=DisplayCopy(as_png(images[number]), "image/png", 28, 28),
                )
                for number in range(len(images))
            ]
        )
        yield Engine(embedder, catalogue)


@pytest.fixture(scope="module")
def trouser(test_split: Split) -> bytes:
    return as_png(test_split.images[test_split.labels == CLASSES.index("Trouser")][0])


def test_a_catalogue_picture_is_familiar_and_noise_is_not(engine: Engine, plain: bytes, strange: bytes) -> None:
    known, unknown = engine.search(plain), engine.search(strange)
    assert known.familiar
    assert known.familiarity > 0.05
    assert not unknown.familiar
    assert unknown.familiarity < 0.02


def test_an_item_is_as_familiar_as_its_picture(engine: Engine, plain: bytes) -> None:
    by_item, by_picture = engine.search_item("test-00041"), engine.search(plain)
    assert by_item.familiarity == pytest.approx(by_picture.familiarity, abs=1e-3)


def test_relevance_is_what_the_model_says_of_class_and_cosine(
    engine: Engine, embedder: LiteRTEmbedder, plain: bytes
) -> None:
    result = engine.search(plain, Query(k=50))
    predicted = CLASSES.index(result.best_class.value)
    scores = np.array([[match.score for match in result.hits]], np.float32)
    expected = embedder.confidence(np.array([predicted]), scores, np.ones(1, np.float32))[0]
    np.testing.assert_allclose([match.relevance for match in result.hits], expected, atol=1e-5)
    assert result.hits[0].relevance > result.hits[-1].relevance or result.hits[-1].relevance > 0.9
    assert not result.hits.no_good_match


@pytest.mark.parametrize("look", [0, 0.5, 1])
def test_relevance_does_not_change_with_the_look(look: float, engine: Engine) -> None:
    plain = {match.item.id: match.relevance for match in engine.similar("test-00041", Query(k=100))}
    weighted = engine.similar("test-00041", Query(k=100, look=look))
    both = [match for match in weighted if match.item.id in plain]
    assert len(both) > 30
    for match in both:
        assert match.relevance == pytest.approx(plain[match.item.id], abs=1e-4)


def test_nothing_among_bags_is_a_good_match_for_trousers(bags: Engine, trouser: bytes) -> None:
    result = bags.search(trouser, Query(k=5))
    assert result.best_class.value == "Trouser"
    assert result.familiar
    assert result.hits.no_good_match
    assert len(result.hits) == 5, "the nearest there are"
    assert all(match.relevance < GOOD_MATCH for match in result.hits)
    assert not bags.similar("bag-00", Query(k=5)).no_good_match


def test_no_good_match_is_told_by_the_best(bags: Engine) -> None:
    item = bags.item("bag-00")
    far, near = Match(item, 0.2, GOOD_MATCH - 0.01), Match(item, 0.9, GOOD_MATCH)
    assert Matches([far, far]).no_good_match
    assert not Matches([far, near]).no_good_match
    assert Matches().no_good_match


def test_http_says_the_same(client: FlaskClient, engine: Engine, plain: bytes, strange: bytes) -> None:
    for picture in (plain, strange):
        answer = client.post("/v1/search", data=picture, content_type="image/png").json
        result = engine.search(picture)
        assert answer["familiar"] is result.familiar
        assert answer["familiarity"] == pytest.approx(result.familiarity, abs=1e-6)
        assert answer["no_good_match"] is result.hits.no_good_match
        assert [hit["relevance"] for hit in answer["hits"]] == pytest.approx(
            [match.relevance for match in result.hits], abs=1e-6
        )
    similar = client.get("/v1/items/test-00041/similar").json
    assert similar["no_good_match"] is False
    assert similar["exact"] is True
    assert similar["hits"][0]["relevance"] > 0.5


def test_http_says_when_nothing_matches(bags: Engine, trouser: bytes) -> None:
    answer = create_app(lambda: bags).test_client().post("/v1/search", data=trouser, content_type="image/png").json
    assert answer["no_good_match"] is True
    assert answer["hits"]


def test_the_page_says_what_is_strange_and_what_does_not_match(
    engine: Engine, bags: Engine, plain: bytes, strange: bytes, trouser: bytes
) -> None:
    def page(served: Engine, picture: bytes) -> str:
        site = create_site(lambda: served).test_client()
        form = {"image": (io.BytesIO(picture), "x.png")}
        return site.post("/search", data=form, follow_redirects=True).text

    known, unknown, unmatched = page(engine, plain), page(engine, strange), page(bags, trouser)
    assert "24 lookalikes" in known
    assert "unlike those the model learned from" not in known
    assert "unlike those the model learned from" in unknown
    assert "No good match" in unmatched
    assert "the nearest there are" in unmatched
    assert "lookalikes" not in unmatched


def test_the_terminal_says_so_too(small_catalogue: Path, strange: bytes, tmp_path: Path, project: Path) -> None:
    picture = tmp_path / "noise.png"
    picture.write_bytes(strange)
    command = [sys.executable, "lookalike.py", "search", str(picture), "--catalogue", str(small_catalogue)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project, check=True)
    assert "Unlike the pictures that the model learned from." in done.stdout
