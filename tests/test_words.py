"""Words over HTTP and on the command line: alone, beside a picture or an item, in listings and facets."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_asserts import assert_problem
from flask.testing import FlaskClient

from indexer.catalogue.local import LocalCatalogue
from indexer.predictions import predicted_class
from indexer.records import AttributeUpdate, DisplayCopy, Record
from models.colours.garment_colours import GarmentColour
from models.datasets.fashion_mnist import Split
from models.embedder import as_views
from models.pictures.png import encode_png
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from search_api.errors import NoQuery, OptionsConflict
from search_api.http.app import create_app
from search_api.query import Query

SHOP: list[tuple[dict[str, Any], str | None]] = [
    ({"title": "Linen dress", "brand": "Ossby", "colour": "dark blue"}, "14213d"),
    ({"title": "Evening dresses", "brand": "Ossby", "colour": "red"}, "c8102e"),
    ({"title": "Robe d'été", "brand": "Atelier", "material": "linen"}, None),
    ({"title": "Trousers", "brand": "Acme", "description": "Wear them below a dress or with linen"}, None),
    ({"title": "Coat", "brand": "Acme", "colour": "navy"}, "14213d"),
    ({}, None),
]


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, embedder: LiteRTEmbedder, test_split: Split
) -> Iterator[LocalCatalogue]:
    """The items of SHOP, with pictures of others, `sku-0` and on; the dresses are seen in their colours."""
    card, images = embedder.card, test_split.images[: len(SHOP)]
    vectors, probabilities = embedder.embed(as_views(images))
    with LocalCatalogue.create(
        tmp_path_factory.mktemp("words") / "shop", card.fingerprint, card.dim, card.classes
    ) as catalogue:
        catalogue.upsert(
            [
                Record(
                    f"sku-{number}",
                    predicted_class(
                        card.classes[int(probabilities[number].argmax())], float(probabilities[number].max())
                    ),
                    vectors[number],
                    DisplayCopy(encode_png(images[number]), "image/png", 28, 28),
                    attributes,
                    "",
                    None if code is None else (GarmentColour(code, 0.9),),
                )
                for number, (attributes, code) in enumerate(SHOP)
            ]
        )
        yield catalogue


@pytest.fixture(scope="module")
def asked(shop: LocalCatalogue, embedder: LiteRTEmbedder) -> Engine:
    return Engine(embedder, shop)


@pytest.fixture
def client(asked: Engine) -> FlaskClient:
    return create_app(lambda: asked).test_client()


def listed(client: FlaskClient, **asked: Any) -> list[str]:
    """Return the numbers of the items that a listing shows."""
    return [item["id"][-1] for item in client.get("/v1/items", query_string=asked).json["items"]]


def hits_of(answer: Any) -> list[str]:
    return [hit["item"]["id"][-1] for hit in answer.json["hits"]]


def test_a_listing_of_words_begins_with_the_best(client: FlaskClient) -> None:
    assert set(listed(client, q="dress")) == {"0", "1", "3"}
    assert listed(client, q="dress")[-1] == "3", "a title counts more than a description"
    assert listed(client, q="dress", sort="id") == ["0", "1", "3"]
    assert listed(client, q="dress", sort="-brand", where="brand=Ossby") == ["0", "1"]
    assert listed(client, q="ete") == ["2"]
    assert listed(client, q=" ") == ["0", "1", "2", "3", "4", "5"]
    assert listed(client, where='{"q~": "dress"}') == listed(client, where="q~dress") == ["0", "1", "3"]
    first = client.get("/v1/items", query_string={"q": "dress", "limit": 2}).json
    second = client.get("/v1/items", query_string={"q": "dress", "limit": 2, "cursor": first["next"]}).json
    assert [item["id"][-1] for item in first["items"] + second["items"]] == listed(client, q="dress")
    assert (first["total"], second["next"]) == (3, None)
    other = client.get("/v1/items", query_string={"q": "coat", "cursor": first["next"]})
    assert " q," in assert_problem(other, 400, "invalid-cursor")["detail"]


def test_colour_words_mean_what_is_seen_and_what_the_shop_says(client: FlaskClient) -> None:
    assert listed(client, q="navy dress") == ["0"]
    assert listed(client, q="dark blue dress") == ["0"]
    assert listed(client, q="red dress") == ["1"]
    assert set(listed(client, q="navy")) == {"0", "4"}


def test_where_nothing_says_all_words_some_will_do_and_a_note_says_so(client: FlaskClient) -> None:
    page = client.get("/v1/items", query_string={"q": "navy linen coat"}).json
    assert {item["id"][-1] for item in page["items"]} == {"0", "2", "3", "4"}
    assert "'navy linen coat'" in page["notes"][0]
    assert client.get("/v1/items", query_string={"q": "zebra"}).json["notes"]
    found = client.post("/v1/search", json={"q": "zebra"}).json
    assert (found["hits"], found["no_good_match"]) == ([], True)
    assert found["notes"]


def test_facets_are_counted_among_what_says_the_words(client: FlaskClient) -> None:
    counts = client.get("/v1/facets", query_string={"q": "dress", "fields": "brand"}).json
    assert counts["total"] == 3
    assert counts["facets"][0]["values"] == [{"value": "Ossby", "items": 2}, {"value": "Acme", "items": 1}]


def test_words_alone_are_a_search(client: FlaskClient, asked: Engine) -> None:
    answer = client.post("/v1/search", json={"q": "linen"})
    assert answer.json["query"] == {"source": "words", "q": "linen"}
    assert set(hits_of(answer)) == {"0", "2", "3"}
    assert hits_of(answer) == listed(client, q="linen")
    scores = [hit["score"] for hit in answer.json["hits"]]
    assert scores[0] == 1
    assert scores == sorted(scores, reverse=True)
    assert scores == [hit["relevance"] for hit in answer.json["hits"]]
    assert hits_of(client.post("/v1/search", data={"q": "linen"}, content_type="multipart/form-data")) == hits_of(
        answer
    )
    best = hits_of(answer)[0]
    others = client.post("/v1/search", json={"q": "linen", "exclude": [f"sku-{best}"], "where": {"brand": "Acme"}})
    assert hits_of(others) == ["3"]
    assert len(hits_of(client.post("/v1/search", json={"q": "linen", "min_relevance": 0.999}))) == 1
    assert set(hits_of(client.post("/v1/search", json={"q": "dress", "group_by": "brand", "diversity": 0.5}))) >= {"3"}
    first = client.post("/v1/search", json={"q": "linen", "limit": 2}).json
    assert hits_of(client.post("/v1/search", json={"q": "linen", "cursor": first["next"]})) == hits_of(answer)[2:]
    for query, error in ((Query(), NoQuery), (Query(q=" "), NoQuery), (Query(q="linen", look=0.5), OptionsConflict)):
        with pytest.raises(error):
            asked.search_words(query)


def test_words_narrow_down_what_looks_alike(client: FlaskClient, asked: Engine) -> None:
    png = asked.display("sku-5").data
    for answer in (
        client.post("/v1/search", data=png, content_type="image/png", query_string={"q": "dress"}),
        client.post("/v1/search", json={"item_id": "sku-5", "q": "dress"}),
        client.post("/v1/similar", json={"ids": ["sku-5"], "q": "dress"}),
        client.get("/v1/items/sku-5/similar", query_string={"q": "dress"}),
    ):
        assert sorted(hits_of(answer)) == ["0", "1", "3"]
        scores = [hit["score"] for hit in answer.json["hits"]]
        assert scores == sorted(scores, reverse=True)
    question = {"questions": [{"similar": {"item_id": "sku-5", "q": "zebra linen"}}]}
    (batched,) = client.post("/v1/batch", json=question).json["answers"]
    assert len(batched["answer"]["hits"]) == 3
    assert "zebra" in batched["answer"]["notes"][0]


def test_a_batch_takes_words_alone_and_several_items(client: FlaskClient) -> None:
    words = {"q": "linen", "fields": ["id"]}
    questions = [{"search": words}, {"similar": {"ids": ["sku-0", "sku-1"], "limit": 2}}, {"search": {"q": " "}}]
    one, several, none = client.post("/v1/batch", json={"questions": questions}).json["answers"]
    own = client.post("/v1/search", json=words).json
    assert one["answer"] == {name: own[name] for name in one["answer"]}
    own = client.post("/v1/similar", json={"ids": ["sku-0", "sku-1"], "limit": 2}).json
    assert several["answer"] == {name: own[name] for name in several["answer"]}
    assert (none["status"], none["problem"]["code"]) == (400, "no-query")


def test_words_are_weighed_against_likeness(client: FlaskClient, asked: Engine) -> None:
    alike = {hit.item.id: hit for hit in asked.similar("sku-5")}
    said = {hit.item.id: hit.score for hit in asked.search_words(Query(q="dress"))}
    for share in (0.0, 0.4, 1.0):
        query = Query(q="dress", q_weight=share)
        hits = asked.similar("sku-5", query)
        expected = {id_: (1 - share) * hit.score + share * said.get(id_, 0) for id_, hit in alike.items()}
        assert [hit.item.id for hit in hits] == sorted(expected, key=lambda id_: (-expected[id_], id_))
        assert [hit.score for hit in hits] == pytest.approx([expected[hit.item.id] for hit in hits])
        assert [hit.relevance for hit in hits] == pytest.approx([alike[hit.item.id].relevance for hit in hits])
    assert {hit.item.id for hit in asked.similar("sku-5", Query(q="dress", q_weight=1))[:3]} == set(said)
    options = {"q": "dress", "q_weight": 0.5, "exclude": "sku-0"}
    whole = client.get("/v1/items/sku-5/similar", query_string=options).json
    pages, cursor = [], None
    while cursor or not pages:
        page = {**options, "limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = client.get("/v1/items/sku-5/similar", query_string=page).json
        pages += answer["hits"]
        cursor = answer["next"]
    assert pages == whole["hits"]
    assert {hit["item"]["id"] for hit in pages} == alike.keys() - {"sku-0"}
    answer = client.get("/v1/items/sku-5/similar", query_string={"q": "zebra", "q_weight": 0.5}).json
    assert (len(answer["hits"]), "zebra" in answer["notes"][0]) == (5, True)
    for wrong in ({"q_weight": 0.5}, {"q": " ", "q_weight": 0.5}):
        assert_problem(client.get("/v1/items/sku-5/similar", query_string=wrong), 422, "options-conflict")
    assert_problem(client.post("/v1/search", json={"q": "dress", "q_weight": 0.5}), 422, "options-conflict")
    assert client.get("/v1/items/sku-5/similar", query_string={"q": "a", "q_weight": 2}).status_code in (400, 422)


@pytest.mark.parametrize("q", ["a" * 301, '"', "NOT", "title:x*", "\x00", "(", "*", "?", "ü\u0301" * 50])
def test_no_text_breaks_anything(client: FlaskClient, q: str) -> None:
    status = 400 if len(q) > 300 else 200
    for answer in (
        client.get("/v1/items", query_string={"q": q}),
        client.get("/v1/facets", query_string={"q": q}),
        client.post("/v1/search", json={"q": q}),
        client.get("/v1/items/sku-5/similar", query_string={"q": q}),
    ):
        assert answer.status_code == status


def test_what_can_not_be_asked_with_words_says_why(client: FlaskClient) -> None:
    for answer, status, code, says in (
        (client.get("/v1/items", query_string={"sort": "relevance"}), 400, "invalid-sort", "with q"),
        (client.get("/v1/items", query_string={"sort": "-relevance", "q": "a"}), 400, "invalid-sort", "one way"),
        (client.post("/v1/search", json={"q": ""}), 400, "no-query", "words as q"),
        (client.post("/v1/search", json={"q": ["a"]}), 400, "invalid-field", "q must be text"),
        (client.post("/v1/search", json={"q": "a", "weights": {"kind": 1}}), 422, "options-conflict", "words alone"),
        (client.get("/v1/items", query_string={"where": '{"q~": 3}'}), 400, "invalid-filter", "a text"),
    ):
        assert says in assert_problem(answer, status, code)["detail"]


def test_a_write_is_found_by_the_next_question(client: FlaskClient, shop: LocalCatalogue) -> None:
    shop.upsert([AttributeUpdate("sku-5", {"title": "Zeppelin jacket"}, "")])
    assert listed(client, q="zeppelins") == ["5"]
    shop.upsert([AttributeUpdate("sku-5", {}, "")])
    assert listed(client, q="zeppelins") == []


def _run(project: Path, shop: LocalCatalogue, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(project / "lookalike.py"), *arguments, "--catalogue", str(shop.directory)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_takes_words(project: Path, shop: LocalCatalogue, client: FlaskClient) -> None:
    done = _run(project, shop, "items", "list", "-q", "dress", "--json")
    assert [json.loads(line)["id"][-1] for line in done.stdout.splitlines()] == listed(client, q="dress")
    done = _run(project, shop, "items", "list", "--words", "navy zebra", "--sort", "id", "--json")
    assert [json.loads(line)["id"][-1] for line in done.stdout.splitlines()] == ["0", "4"]
    assert "navy zebra" in done.stderr
    done = _run(project, shop, "search", "-q", "linen", "--json")
    assert [hit["item"]["id"][-1] for hit in json.loads(done.stdout)["hits"]] == listed(client, q="linen")
    done = _run(project, shop, "search")
    assert (done.returncode, "-q" in done.stderr) == (2, True)
    done = _run(project, shop, "facets", "-q", "dress", "--fields", "brand")
    assert done.stdout.splitlines() == ["3 items", "brand: Ossby (2), Acme (1)"]


def test_nothing_is_deleted_for_words_that_it_half_says(project: Path, shop: LocalCatalogue) -> None:
    done = _run(project, shop, "items", "delete", "--where", "q~dres", "--yes")
    assert "0 deleted, 6 items" in done.stdout
    done = _run(project, shop, "items", "delete", "--where", "q~dress zebra", "--yes")
    assert "0 deleted, 6 items" in done.stdout
    assert "dress zebra" in done.stderr
