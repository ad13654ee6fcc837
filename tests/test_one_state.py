"""One request is answered from one state of the catalogue, and tells which; who has the answer is not sent it again."""

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_asserts import assert_problem
from flask.testing import FlaskClient

from indexer.catalogue import local_state
from indexer.catalogue.local import LocalCatalogue
from indexer.database.store import Store
from indexer.records import AttributeUpdate
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from search_api.engine_state import EngineState
from search_api.http import kept_answers
from search_api.http.app import create_app
from search_api.http.engine_access import ENGINE
from webui.app import create_app as create_site

STATED = [
    "/v1/items",
    "/v1/items?where=predicted.class=Bag&limit=5",
    "/v1/items/test-00001",
    "/v1/items/test-00001/similar",
    "/v1/items/test-00001/similar?k=3&look=0.5",
    "/v1/facets",
    "/v1/items?sort=-split&where=predicted.class!=Bag",
    "/v1/facets?where=predicted.class=Bag&fields=predicted.class,split&limit=3",
]
"""Answers that depend on the address and the catalogue's state alone."""


@pytest.fixture
def own(tmp_path: Path, small_catalogue: Path, embedder: LiteRTEmbedder) -> Iterator[LocalCatalogue]:
    """A copy of the small catalogue, to write to."""
    with LocalCatalogue.open(small_catalogue) as catalogue:
        table = catalogue.vector_table()
        items = catalogue.get(table.ids[:40])
        displays = [catalogue.display(item.id) for item in items]
    from indexer.records import Record

    card = embedder.card
    with LocalCatalogue.create(tmp_path / "own", card.fingerprint, card.dim, card.classes) as catalogue:
        catalogue.upsert(
            [
                Record(item.id, item.predicted, vector, display, item.attributes)
                for item, vector, display in zip(items, table.vectors, displays, strict=False)
            ]
        )
        catalogue.publish()
        yield catalogue


@pytest.fixture
def shop(own: LocalCatalogue, embedder: LiteRTEmbedder) -> FlaskClient:
    """The pages and the API over it."""
    return create_site(lambda: Engine(embedder, own)).test_client()


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count read transactions."""
    count = [0]
    read = Store.read

    def counted(store: Store) -> Any:
        count[0] += 1
        return read(store)

    monkeypatch.setattr(Store, "read", counted)
    return count


@pytest.mark.parametrize(
    ("path", "needed"),
    [(path, 1) for path in (*STATED, "/v1/items/test-00001/image", "/readyz", "/", "/browse", "/items/test-00001")]
    + [(path, 0) for path in ("/healthz", "/v1/openapi.json", "/static/site.css", "/nowhere", "/v1/items?k=1")],
)
def test_a_question_takes_one_transaction_and_health_none(
    shop: FlaskClient, transactions: list[int], path: str, needed: int
) -> None:
    transactions[0] = 0
    shop.get(path)
    assert transactions[0] == needed


def test_a_picture_is_embedded_once_and_searched_for_in_one_transaction(
    shop: FlaskClient, transactions: list[int], png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = [0]
    embed = LiteRTEmbedder.answers

    def counted(embedder: LiteRTEmbedder, views: Any) -> Any:
        embedded[0] += 1
        return embed(embedder, views)

    monkeypatch.setattr(LiteRTEmbedder, "answers", counted)
    for ask in (
        lambda: shop.post("/v1/search", data=png, content_type="image/png"),
        lambda: shop.post("/search", data={"image": (io.BytesIO(png), "x.png")}, follow_redirects=True),
    ):
        transactions[0] = embedded[0] = 0
        assert ask().status_code == 200
        assert (transactions[0], embedded[0]) == (1, 1)
    transactions[0] = embedded[0] = 0
    assert shop.post("/v1/search", json={"item_id": "test-00001"}).status_code == 200
    assert (transactions[0], embedded[0]) == (1, 0)


@pytest.mark.parametrize("path", STATED)
def test_an_answer_is_sent_again_only_after_a_write(shop: FlaskClient, own: LocalCatalogue, path: str) -> None:
    first = shop.get(path)
    assert first.json["state"] == first.headers["Lookalike-State"]
    known = {"If-None-Match": first.headers["ETag"]}
    same = shop.get(path, headers=known)
    assert (same.status_code, same.data) == (304, b"")
    assert same.headers["ETag"] == first.headers["ETag"]
    assert same.headers["Lookalike-State"] == first.headers["Lookalike-State"]
    own.upsert([AttributeUpdate("test-00001", {"price": 1}, "")])
    after = shop.get(path, headers=known)
    assert after.status_code == 200
    assert after.json["state"] == after.headers["Lookalike-State"] != first.json["state"]
    own.delete(["test-00002"])
    assert shop.get(path).json["state"] != after.json["state"]


def test_who_has_the_answer_makes_no_search(shop: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/v1/items/test-00001/similar"
    etag = shop.get(path).headers["ETag"]
    monkeypatch.setattr(EngineState, "similar", None)
    engine = shop.application.extensions[ENGINE]
    where_nothing_is_kept = create_app(lambda: engine).test_client()
    for asker in (shop, where_nothing_is_kept):
        for known in (etag, f'"other", {etag.removeprefix("W/")}'):
            answer = asker.get(path, headers={"If-None-Match": known})
            assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", etag)
            assert "Content-Encoding" not in answer.headers


def test_an_etag_of_one_address_says_nothing_of_another(shop: FlaskClient) -> None:
    etag = shop.get("/v1/items/test-00001").headers["ETag"]
    assert shop.get("/v1/items/test-00002", headers={"If-None-Match": etag}).status_code == 200
    assert shop.get("/v1/items/nothing", headers={"If-None-Match": etag}).status_code == 404


def test_json_is_compressed_for_those_who_accept_it(shop: FlaskClient) -> None:
    path = "/v1/items/test-00001/similar?k=30"
    plain = shop.get(path)
    assert "Content-Encoding" not in plain.headers
    small = shop.get(path, headers={"Accept-Encoding": "br;q=0.5, gzip"})
    assert small.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(small.data)) == plain.json
    assert len(small.data) < len(plain.data) / 3
    assert plain.headers["Vary"] == small.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] == small.headers["ETag"]
    for refusal in ("gzip;q=0", "identity", "br"):
        assert "Content-Encoding" not in shop.get(path, headers={"Accept-Encoding": refusal}).headers
    assert "Content-Encoding" not in shop.get("/healthz", headers={"Accept-Encoding": "gzip"}).headers


def test_an_item_says_the_same_of_itself_whichever_way_it_is_asked(own: LocalCatalogue, shop: FlaskClient) -> None:
    for id_ in own.ids():
        item = shop.get(f"/v1/items/{id_}").json
        answer = shop.post("/v1/search", json={"item_id": id_}).json
        similar = shop.get(f"/v1/items/{id_}/similar").json
        assert (answer["predicted"]["class"]["value"], answer["predicted"]["class"]["probability"]) == (
            item["predicted"]["class"]["value"],
            item["predicted"]["class"]["probability"],
        )
        assert answer["predicted"]["class"]["others"] == []
        assert answer["hits"] == similar["hits"]


def test_the_steps_of_an_answer_tell_their_time(shop: FlaskClient, png: bytes) -> None:
    searched = shop.post("/v1/search", data=png, content_type="image/png")
    assert [step.partition(";")[0] for step in searched.headers["Server-Timing"].split(", ")] == [
        "decode",
        "embed",
        "search",
    ]
    assert shop.get("/v1/items/test-00001/similar").headers["Server-Timing"].startswith("search;dur=")


def test_ready_tells_that_a_newer_catalogue_waits(
    own: LocalCatalogue, shop: FlaskClient, other: LiteRTEmbedder
) -> None:
    from indexer.upkeep.reindexing import reindex

    before = shop.get("/readyz").json
    assert before["newer_catalogue"] is False
    reindex(own.directory, other, workers=1)
    after = shop.get("/readyz").json
    assert after == before | {"newer_catalogue": True, "state": after["state"]}


# --- answers that are kept ---


def test_an_answer_is_given_again_until_something_is_written(
    shop: FlaskClient, own: LocalCatalogue, monkeypatch: pytest.MonkeyPatch, transactions: list[int]
) -> None:
    asked: list[str] = []
    similar = EngineState.similar

    def counted(state: EngineState, item_id: str, *query: Any) -> Any:
        asked.append(item_id)
        return similar(state, item_id, *query)

    monkeypatch.setattr(EngineState, "similar", counted)
    path = "/v1/items/test-00001/similar?k=5"
    first, transactions[0] = shop.get(path), 0
    again = shop.get(path)
    assert (asked, transactions[0]) == (["test-00001"], 1)
    assert again.data == first.data
    changing = {"Server-Timing"}
    assert [pair for pair in first.headers if pair[0] not in changing] == list(again.headers)
    assert shop.get(f"{path}&look=1").data != first.data
    assert gzip.decompress(shop.get(path, headers={"Accept-Encoding": "gzip"}).data) == first.data
    assert len(asked) == 3
    nearest = first.json["hits"][0]["item"]["id"]
    own.delete([nearest])
    assert nearest not in {hit["item"]["id"] for hit in shop.get(path).json["hits"]}
    own.upsert([AttributeUpdate("test-00001", {"price": 1}, "")])
    assert shop.get(path).json["state"] == shop.get("/readyz").json["state"]
    assert len(asked) == 5
    own.delete(["test-00001"])
    assert_problem(shop.get(path), 404, "unknown-item")
    assert_problem(shop.get(path), 404, "unknown-item")


def test_kept_answers_take_no_more_than_their_room(shop: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.get("/v1/items?limit=1")
    monkeypatch.setattr(kept_answers, "MOST_BYTES", 4 * len(first.data))
    keeper = shop.application.extensions[kept_answers.KEEPER]
    assert isinstance(keeper, kept_answers.KeptAnswers)
    for number in range(40):
        assert shop.get(f"/v1/items?limit=1&offset={number % 25}").status_code == 200
        assert keeper._bytes == sum(len(answer.body) for answer in keeper._kept.values()) <= 4 * len(first.data) + 100


def test_an_item_in_memory_is_the_one_that_its_row_holds(own: LocalCatalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_state, "MOST_ITEMS_KEPT", 15)
    query = own.vectors(["test-00001"])
    for price in range(3):
        for number in range(0, 40, 7):
            own.upsert([AttributeUpdate(f"test-{number:05}", {"price": price}, "")])
            with own.reading() as state:
                found = state.search(query, 12)[0]
                assert [hit.item for hit in found] == state.get([hit.item.id for hit in found])


# --- faults that were ---


@pytest.mark.parametrize("count", [9, 40, 200])
def test_a_form_with_too_many_fields_is_told_which_does_not_exist(shop: FlaskClient, png: bytes, count: int) -> None:
    fields: dict[str, Any] = {f"field{n}": "x" for n in range(count)}
    for address in ("/v1/search", "/search"):
        answer = shop.post(address, data={**fields, "image": (io.BytesIO(png), "x.png")})
        assert_problem(answer, 400, "unknown-field")


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "gzip, identity", "nonsense"])
def test_a_compressed_body_is_refused_by_name(shop: FlaskClient, png: bytes, encoding: str) -> None:
    answer = shop.post(
        "/v1/search",
        data=gzip.compress(png),
        content_type="image/png",
        headers={"Content-Encoding": encoding},
    )
    assert encoding.split(",", maxsplit=1)[0] in assert_problem(answer, 415, "unsupported-content-type")["detail"]
    assert (
        shop.post(
            "/v1/search", data=png, content_type="image/png", headers={"Content-Encoding": "identity"}
        ).status_code
        == 200
    )


def test_a_problem_names_the_address_as_it_was_asked_for(small_catalogue: Path, embedder: LiteRTEmbedder) -> None:
    with LocalCatalogue.open(small_catalogue) as catalogue:
        client = create_app(lambda: Engine(embedder, catalogue)).test_client()
        answer = client.get(
            "/v1/items/a%2Fb c%00/similar", environ_overrides={"RAW_URI": "/v1/items/a%2Fb%20c/similar"}
        )
        assert assert_problem(answer, 404, "unknown-item")["instance"] == "/v1/items/a%2Fb%20c/similar"


@pytest.mark.parametrize("cookie", ["[" * 2600, "[" * 200_000, '{"a":' * 5000, "%5B" * 2600, "[1e999999]", "nul%00l"])
def test_no_cookie_breaks_a_page(shop: FlaskClient, png: bytes, cookie: str) -> None:
    address = shop.post("/search", data={"image": (io.BytesIO(png), "x.png")}).headers["Location"]
    assert shop.get(address, headers={"Cookie": f"steps={cookie}"}).status_code == 200
