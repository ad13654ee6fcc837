"""From the same kind to the same look: what a query's `look` does on the way from the model's card to the hits."""

import io
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_asserts import assert_problem
from flask.testing import FlaskClient
from numpy.typing import NDArray

import models
from indexer.catalogue.local import LocalCatalogue
from indexer.catalogue.local_state import LocalState
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Record
from models.augmentations import AUGMENTATIONS
from models.card import CARD_FILE, read_card
from models.datasets.fashion_mnist import CLASSES, Split
from models.embedder import as_views
from models.errors import BundleDamaged
from models.runtime import LiteRTEmbedder
from models.training.export import _parts_of
from models.training.recipes import Recipe
from models.vector_parts import VectorPart, look_share, weighted, weights_of_look
from search_api.engine import Engine
from search_api.errors import LookNotAvailable, LookOutOfRange
from search_api.http.app import create_app
from search_api.query import Query

SHARES = (0, 0.03, 0.15, 0.5, 0.8, 1)
NO_PICTURE = DisplayCopy(b"", "image/png", 28, 28)


@pytest.fixture(scope="module")
def embedded(embedder: LiteRTEmbedder, test_split: Split) -> NDArray[np.float32]:
    """The first 2,000 test images as the shipped model's vectors."""
    return embedder.embed(as_views(test_split.images[:2000]))[0]


def with_look(vectors: NDArray[np.float32], parts: Sequence[VectorPart], look: float) -> NDArray[np.float32]:
    return weighted(vectors, parts, weights_of_look(parts, look))


def part_cosines(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], card: models.card.ModelCard
) -> dict[str, NDArray[np.float64]]:
    """Return the cosines (n, m) of each part by itself, from the parts' own directions."""
    cosines, start = {}, 0
    for part in card.parts:
        pieces = [rows[:, start : start + part.dim].astype(np.float64) for rows in (queries, gallery)]
        left, right = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in pieces)
        cosines[part.name] = left @ right.T
        start += part.dim
    assert start == card.dim
    return cosines


# --- the card ---


def test_the_shipped_card_names_the_parts_and_they_are_those_of_its_vectors(
    embedder: LiteRTEmbedder, embedded: NDArray[np.float32]
) -> None:
    parts = embedder.card.parts
    assert [part.name for part in parts] == ["kind", "look"]
    assert sum(part.dim for part in parts) == embedder.card.dim
    pieces = np.split(embedded, np.cumsum([part.dim for part in parts])[:-1], axis=1)
    for part, piece in zip(parts, pieces, strict=True):
        np.testing.assert_allclose((piece**2).sum(axis=1), part.share, atol=1e-4)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A copy of the shipped bundle."""
    return Path(shutil.copytree(models.PRETRAINED, tmp_path / "bundle"))


def write_parts(bundle: Path, parts: Any) -> None:
    card = json.loads((bundle / CARD_FILE).read_text())
    card["parts"] = parts
    (bundle / CARD_FILE).write_text(json.dumps(card))


KIND, LOOK = {"name": "kind", "dim": 64, "share": 0.85}, {"name": "look", "dim": 64, "share": 0.15}

UNSOUND_PARTS: dict[str, Any] = {
    "a number": 3,
    "a name": "look",
    "null": None,
    "names": ["kind", "look"],
    "no share": [{"name": "kind", "dim": 64}, LOOK],
    "a share as text": [{**KIND, "share": "0.85"}, LOOK],
    "a dim that is no integer": [{**KIND, "dim": 64.0}, LOOK],
    "dims that are too few": [{**KIND, "dim": 63}, LOOK],
    "a dim of 0": [{**KIND, "dim": 128}, {**LOOK, "dim": 0}],
    "a negative dim": [{**KIND, "dim": 129}, {**LOOK, "dim": -1}],
    "shares that are too small": [{**KIND, "share": 0.8}, LOOK],
    "a share of 0": [{**KIND, "share": 1}, {**LOOK, "share": 0}],
    "a negative share": [{**KIND, "share": 1.15}, {**LOOK, "share": -0.15}],
    "an endless share": [{**KIND, "share": 1e999}, LOOK],
    "a share that is no number": [{**KIND, "share": float("nan")}, LOOK],
    "a share beyond floating point": [{**KIND, "share": 10**400}, LOOK],
    "one name twice": [KIND, {**LOOK, "name": "kind"}],
    "no name": [KIND, {**LOOK, "name": ""}],
}


@pytest.mark.parametrize("wrong", UNSOUND_PARTS)
def test_a_card_with_unsound_parts_is_refused(bundle: Path, wrong: str) -> None:
    write_parts(bundle, UNSOUND_PARTS[wrong])
    with pytest.raises(BundleDamaged, match=r"card\.json"):
        read_card(bundle)


@pytest.mark.parametrize(
    "parts",
    [[LOOK, KIND], [{**KIND, "share": 0.5}, {**LOOK, "share": 0.5}], [{**KIND, "dim": 60}, {**LOOK, "dim": 68}]],
)
def test_a_card_whose_parts_are_not_the_graphs_is_refused(bundle: Path, parts: Any) -> None:
    write_parts(bundle, parts)
    with pytest.raises(BundleDamaged, match="parts of its vector"):
        models.load(bundle)


def test_a_recipe_without_a_look_makes_a_card_without_parts() -> None:
    assert _parts_of(Recipe("x", epochs=1)) == (VectorPart("kind", 64, 0.85), VectorPart("look", 64, 0.15))
    assert _parts_of(Recipe("x", epochs=1, look_share=0)) == ()
    assert _parts_of(Recipe("x", epochs=1, look_share=1)) == ()


# --- the query ---


@pytest.mark.parametrize("look", SHARES)
def test_an_inner_product_is_the_weighted_sum_of_the_parts_cosines(
    embedder: LiteRTEmbedder, embedded: NDArray[np.float32], look: float
) -> None:
    queries = with_look(embedded[:200], embedder.card.parts, look)
    assert queries.dtype == np.float32
    cosines = part_cosines(embedded[:200], embedded, embedder.card)
    expected = (1 - look) * cosines["kind"] + look * cosines["look"]
    np.testing.assert_allclose(queries @ embedded.T, expected, atol=2e-6)


def test_three_parts_keep_their_proportions_beside_the_look() -> None:
    parts = [VectorPart("kind", 1, 0.5), VectorPart("colour", 2, 0.25), VectorPart("look", 1, 0.25)]
    unit = np.sqrt(np.array([[0.5, 0.25, 0, 0.25]], np.float32))
    weights = (with_look(unit, parts, 0.4) * unit)[0]
    np.testing.assert_allclose(weights, [0.4, 0.2, 0, 0.4], atol=1e-6)


def test_a_vector_without_a_look_of_its_own_can_not_be_weighed() -> None:
    for parts in ((), (VectorPart("look", 2, 1.0),), (VectorPart("a", 1, 0.5), VectorPart("b", 1, 0.5))):
        assert look_share(parts) is None
        with pytest.raises(ValueError, match="no part"):
            with_look(np.ones((1, 2), np.float32), parts, 0.5)


# --- the search ---


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, embedded: NDArray[np.float32], test_split: Split) -> Iterator[Any]:
    """A catalogue with an index file, newer rows, deaths in both, and items that share a picture; and what is live."""
    records = {
        f"{n:04}": Record(
            f"{n:04}", predicted_class(CLASSES[test_split.labels[n % 1500]], 0.9), embedded[n % 1500], NO_PICTURE
        )
        for n in range(1700)
    }
    card = models.load().card
    directory = tmp_path_factory.mktemp("mixed") / "catalogue"
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        catalogue.upsert([records[f"{n:04}"] for n in range(1000)])
        catalogue.publish()
        catalogue.upsert([records[f"{n:04}"] for n in range(900, 1700)])
        gone = [f"{n:04}" for n in range(0, 1700, 7)]
        catalogue.delete(gone)
        for id_ in gone:
            del records[id_]
        yield catalogue, records


@pytest.mark.parametrize("look", SHARES)
@pytest.mark.parametrize("labels", [None, ["Bag", "Shirt"]])
def test_every_look_equals_brute_force_whatever_happened_before(
    mixed: Any, embedder: LiteRTEmbedder, embedded: NDArray[np.float32], look: float, labels: list[str] | None
) -> None:
    catalogue, live = mixed
    among = [record for record in live.values() if labels is None or record.predicted["class"].value in labels]
    queries = with_look(embedded[[3, 777, 1600, 1999]], embedder.card.parts, look)
    where = None if labels is None else {"predicted.class": labels}
    for query, hits in zip(queries, catalogue.search(queries, 25, where), strict=True):
        products = np.stack([record.vector for record in among]).astype(np.float64) @ query.astype(np.float64)
        scores = np.clip(products, -1, 1).astype(np.float32).tolist()
        ranked = sorted((-score, record.id) for score, record in zip(scores, among, strict=True))[:25]
        assert [(hit.item.id, hit.score) for hit in hits] == [(id_, -score) for score, id_ in ranked]


def test_the_models_own_share_is_what_is_answered_without_one(engine: Engine, png: bytes) -> None:
    share = engine.look_share
    assert share == engine.card.parts[1].share
    assert engine.similar("test-00042", Query(50)) == engine.similar("test-00042", Query(50, look=share))
    for search in (engine.search, lambda _, query: engine.search_item("test-00007", query)):
        plain, given = search(png, Query(k=50)), search(png, Query(k=50, look=share))
        assert plain.hits == given.hits
        assert plain.look == given.look == share


def test_a_stored_items_own_vector_is_asked_for_unchanged_without_a_look(
    small_catalogue: Path, embedder: LiteRTEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[NDArray[np.float32]] = []
    search = LocalState.search

    def watched(state: LocalState, queries: NDArray[np.float32], *arguments: Any, **options: Any) -> Any:
        asked.append(queries)
        return search(state, queries, *arguments, **options)

    monkeypatch.setattr(LocalState, "search", watched)
    with LocalCatalogue.open(small_catalogue) as catalogue:
        engine = Engine(embedder, catalogue)
        engine.similar("test-00042")
        engine.similar("test-00042", Query(look=engine.look_share))
        engine.similar("test-00042", Query(look=0.9))
        plain, own, other = asked
        stored = catalogue.vectors(["test-00042"])
    assert plain.tobytes() == own.tobytes() == stored.tobytes()
    assert not np.allclose(other, stored)


@pytest.mark.parametrize("look", [0, 0.4, 1])
def test_hits_scores_and_the_look_used_follow_what_was_asked(
    engine: Engine, embedder: LiteRTEmbedder, test_split: Split, png: bytes, look: float
) -> None:
    own = embedder.embed(as_views(test_split.images[:300]))[0]
    cosines = part_cosines(own[42:43], own, embedder.card)
    expected = (1 - look) * cosines["kind"][0] + look * cosines["look"][0]
    result = engine.search(png, Query(k=20, look=look))
    assert result.look == look
    ids = [int(hit.item.id.removeprefix("test-")) for hit in result.hits]
    np.testing.assert_allclose([hit.score for hit in result.hits], np.sort(expected)[::-1][:20], atol=1e-5)
    np.testing.assert_allclose([hit.score for hit in result.hits], expected[ids], atol=1e-5)
    assert result.hits == engine.search_view(test_split.images[42], Query(20, look=look)).hits
    by_item = engine.search_item("test-00042", Query(19, look=look))
    assert list(by_item.hits) == engine.similar("test-00042", Query(19, look=look))
    assert [hit.item.id for hit in by_item.hits] == [hit.item.id for hit in result.hits if hit.item.id != "test-00042"]


@pytest.mark.parametrize("name", ["shift", "rotate", "blur", "noise"])
def test_the_look_finds_a_changed_copys_own_original_more_often_than_the_kind(
    embedder: LiteRTEmbedder, embedded: NDArray[np.float32], test_split: Split, name: str
) -> None:
    changed = AUGMENTATIONS[name](test_split.images[:500], np.random.default_rng(3))
    queries = embedder.embed(as_views(changed))[0]

    def found(look: float) -> int:
        nearest = (with_look(queries, embedder.card.parts, look) @ embedded.T).argmax(axis=1)
        return int((nearest == np.arange(500)).sum())

    assert found(1) > found(0) + 50


def test_the_kind_finds_its_own_class_more_often_than_the_look(
    embedder: LiteRTEmbedder, embedded: NDArray[np.float32], test_split: Split
) -> None:
    labels = test_split.labels[:2000]

    def precision_at_10(look: float) -> float:
        scores = with_look(embedded[:500], embedder.card.parts, look) @ embedded.T
        scores[np.arange(500), np.arange(500)] = -np.inf
        nearest = np.argpartition(-scores, 10, axis=1)[:, :10]
        return float((labels[nearest] == labels[:500, None]).mean())

    assert precision_at_10(0) > precision_at_10(1) + 0.02


# --- bad values ---


@pytest.mark.parametrize("look", [-0.001, 1.001, 10**400, float("nan"), float("inf"), -float("inf")])
def test_a_look_out_of_range_is_refused_everywhere(engine: Engine, test_split: Split, png: bytes, look: float) -> None:
    for ask in (
        lambda: engine.search(png, Query(look=look)),
        lambda: engine.search_view(test_split.images[0], Query(look=look)),
        lambda: engine.search_item("test-00001", Query(look=look)),
        lambda: engine.similar("test-00001", Query(look=look)),
    ):
        with pytest.raises(LookOutOfRange, match="between 0"):
            ask()


@pytest.fixture(scope="module")
def one_part(small_catalogue: Path, embedder: LiteRTEmbedder) -> Iterator[Engine]:
    """The engine with a model whose card names no parts."""

    class Undivided(LiteRTEmbedder):
        @property
        def card(self) -> models.card.ModelCard:
            return replace(super().card, parts=())

    with LocalCatalogue.open(small_catalogue, embedder.card.fingerprint) as catalogue:
        yield Engine(Undivided(models.PRETRAINED), catalogue)


def test_a_card_without_parts_is_read_and_answers_without_a_look(
    bundle: Path, one_part: Engine, engine: Engine, png: bytes
) -> None:
    card = json.loads((bundle / CARD_FILE).read_text())
    del card["parts"]
    (bundle / CARD_FILE).write_text(json.dumps(card))
    assert models.load(bundle).card.parts == ()
    answer = one_part.search(png)
    assert answer.look is None
    assert answer.hits == engine.search(png).hits
    with pytest.raises(LookNotAvailable, match="Search without look"):
        one_part.search(png, Query(look=0.5))


# --- over HTTP ---


def test_every_way_to_ask_for_a_look_over_http_answers_as_the_engine(
    client: FlaskClient, engine: Engine, png: bytes
) -> None:
    expected = [hit.item.id for hit in engine.search(png, Query(8, look=0.75)).hits]
    assert expected != [hit.item.id for hit in engine.search(png, Query(8)).hits]
    answers = [
        client.post("/v1/search?look=0.75&k=8", data=png, content_type="image/png").json,
        client.post("/v1/search", data={"image": (io.BytesIO(png), "x.png"), "look": "0.75", "k": 8}).json,
    ]
    for answer in answers:
        assert [hit["item"]["id"] for hit in answer["hits"]] == expected
        assert answer["look"] == 0.75
    by_json = client.post("/v1/search", json={"item_id": "test-00042", "look": 0.75, "k": 7}).json
    similar = client.get("/v1/items/test-00042/similar?look=.75&k=7").json
    assert [hit["item"]["id"] for hit in similar["hits"]] == expected[1:]
    assert by_json["hits"] == similar["hits"]
    assert by_json["look"] == similar["look"] == 0.75


@pytest.mark.parametrize("text", ["0", "1", "0.50", "1.", "+.5", "5e-1", "00.25", "-0"])
def test_numbers_may_be_written_as_people_do(client: FlaskClient, text: str) -> None:
    answer = client.get("/v1/items/test-00042/similar", query_string={"look": text}).json
    assert answer["look"] == float(text)


def test_no_look_is_the_models_own(client: FlaskClient, engine: Engine) -> None:
    plain = client.get("/v1/items/test-00042/similar").json
    assert plain["look"] == engine.look_share
    assert client.post("/v1/search", json={"item_id": "test-00042", "look": None}).json["hits"] == plain["hits"]


def test_a_model_of_one_part_answers_and_refuses_over_http(one_part: Engine) -> None:
    client = create_app(lambda: one_part).test_client()
    assert client.get("/v1/items/test-00042/similar").json["look"] is None
    assert client.post("/v1/search", json={"item_id": "test-00042"}).json["look"] is None
    assert_problem(client.get("/v1/items/test-00042/similar?look=0.5"), 422, "look-not-available")
    assert_problem(client.post("/v1/search", json={"item_id": "test-00042", "look": 0}), 422, "look-not-available")
