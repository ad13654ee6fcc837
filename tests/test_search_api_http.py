"""The API over real items and the real model, in process: what it answers, and that every answer is well dressed."""

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from api_asserts import assert_problem, assert_well_dressed
from conftest import SMALL
from flask import Flask, Response
from flask.testing import FlaskClient
from PIL import Image

from indexer import errors as indexer_errors
from indexer.catalogue.local import LocalCatalogue
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Record
from models import errors as model_errors
from models.datasets.fashion_mnist import CLASSES, Split
from models.embedder import View
from models.errors import LookalikeError
from models.pictures.boxes import Box
from models.pictures.decoding import Picture
from models.runtime import LiteRTEmbedder
from search_api import errors as api_errors
from search_api.engine import Engine
from search_api.engine_state import EngineState
from search_api.http.app import create_app
from search_api.http.problems import STATUSES, Problem
from search_api.query import Query


def without_time(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in {"took_ms", "query"}}


# --- searching ---


def test_a_bare_picture_a_form_and_an_engine_call_answer_the_same(
    client: FlaskClient, engine: Engine, png: bytes
) -> None:
    bare = client.post("/v1/search?k=7", data=png, content_type="image/png").json
    octets = client.post("/v1/search?k=7", data=png, content_type="application/octet-stream").json
    form = client.post("/v1/search", data={"image": (io.BytesIO(png), "x.png"), "k": "7"}).json
    assert without_time(bare) == without_time(octets) == without_time(form)
    assert bare["query"] == {"source": "image", "bytes": len(png)}
    result = engine.search(png, Query(k=7))
    assert [hit["item"]["id"] for hit in bare["hits"]] == [hit.item.id for hit in result.hits]
    assert [hit["score"] for hit in bare["hits"]] == [pytest.approx(hit.score, abs=1e-6) for hit in result.hits]


def test_a_picture_of_an_item_finds_that_item_first(client: FlaskClient, engine: Engine, png: bytes) -> None:
    answer = client.post("/v1/search", data=png, content_type="image/png").json
    best = answer["hits"][0]
    assert best["item"]["id"] == "test-00042"
    assert best["score"] == pytest.approx(1, abs=1e-5)
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert answer["predicted"]["class"]["value"] == engine.item("test-00042").best_class.value
    assert answer["predicted"]["class"]["probability"] == pytest.approx(
        engine.item("test-00042").best_class.probability, abs=1e-5
    )


def test_the_answer_names_every_class_best_first(client: FlaskClient, png: bytes, engine: Engine) -> None:
    answer = client.post("/v1/search", data=png, content_type="image/png").json
    best = answer["predicted"]["class"]
    guesses = [best, *best["others"]]
    assert {guess["value"] for guess in guesses} == set(CLASSES)
    assert len(guesses) == len(CLASSES)
    probabilities = [guess["probability"] for guess in guesses]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=1e-4)
    assert answer["exact"] is True
    assert answer["model"] == engine.card.fingerprint
    assert answer["generation"] == engine.generation
    assert 0 < answer["took_ms"] < 60_000


def test_the_view_is_what_the_model_saw(client: FlaskClient, png: bytes, test_split: Split) -> None:
    answer = client.post("/v1/search", data=png, content_type="image/png").json
    kind, _, encoded = answer["view"].partition(",")
    assert kind == "data:image/png;base64"
    view = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
    np.testing.assert_array_equal(view, test_split.images[42])


def test_notes_about_the_view_reach_the_answer(app: Flask, engine: Engine, small_catalogue: Path, png: bytes) -> None:
    class Doubtful(LiteRTEmbedder):
        def prepare(self, picture: Picture, box: Box | None = None) -> View:
            return View(super().prepare(picture, box).pixels, notes=("The picture is blurred.",))

    import models

    with LocalCatalogue.open(small_catalogue) as catalogue:
        doubting = create_app(lambda: Engine(Doubtful(models.PRETRAINED), catalogue))
        answer = doubting.test_client().post("/v1/search", data=png, content_type="image/png").json
    assert answer["notes"] == ["The picture is blurred."]


def test_an_item_searches_like_its_similar_items_and_never_finds_itself(client: FlaskClient) -> None:
    answer = client.post("/v1/search", json={"item_id": "test-00007", "k": 100}).json
    similar = client.get("/v1/items/test-00007/similar?k=100").json
    assert answer["query"] == {"source": "item", "item_id": "test-00007"}
    assert answer["hits"] == similar["hits"]
    assert len(similar["hits"]) == 100
    assert "test-00007" not in {hit["item"]["id"] for hit in similar["hits"]}


def test_an_item_query_predicts_what_is_stored(client: FlaskClient) -> None:
    for number in range(0, SMALL, 23):
        name = f"test-{number:05d}"
        answer = client.post("/v1/search", json={"item_id": name, "k": 1}).json
        item = client.get(f"/v1/items/{name}").json
        assert answer["predicted"]["class"]["value"] == item["predicted"]["class"]["value"]
        assert answer["predicted"]["class"]["probability"] == pytest.approx(
            item["predicted"]["class"]["probability"], abs=1e-4
        )


@pytest.mark.parametrize("where", [{"predicted.class": "Sneaker"}, {"predicted.class": ["Bag", "Coat"]}])
def test_where_filters_the_hits_and_not_the_predictions(client: FlaskClient, png: bytes, where: dict[str, Any]) -> None:
    free = client.post("/v1/search", data=png, content_type="image/png").json
    text = json.dumps(where)
    answers = [
        client.post(f"/v1/search?where={quote(text)}&k=9", data=png, content_type="image/png").json,
        client.post("/v1/search", data={"image": (io.BytesIO(png), "x"), "where": text, "k": 9}).json,
        client.post("/v1/search", json={"item_id": "test-00042", "where": where, "k": 9}).json,
        client.get(f"/v1/items/test-00042/similar?where={quote(text)}&k=9").json,
    ]
    wanted = where["predicted.class"] if isinstance(where["predicted.class"], list) else [where["predicted.class"]]
    for answer in answers:
        assert len(answer["hits"]) == 9
        assert {hit["item"]["predicted"]["class"]["value"] for hit in answer["hits"]} <= set(wanted)
    assert answers[0]["predicted"] == free["predicted"]


@pytest.mark.parametrize("k", [1, 2, SMALL])
def test_k_items_are_answered(client: FlaskClient, png: bytes, k: int) -> None:
    assert len(client.post(f"/v1/search?k={k}", data=png, content_type="image/png").json["hits"]) == k


def test_a_large_upload_is_never_written_to_a_file(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, png: bytes
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an upload was about to be written to a file")

    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", refuse)
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)).save(file, "PNG")
    assert len(file.getvalue()) > 2_000_000
    head = b'--xyz\r\nContent-Disposition: form-data; name="image"; filename="noise.png"\r\n\r\n'
    body = head + file.getvalue() + b"\r\n--xyz--\r\n"
    response = client.post("/v1/search", data=body, content_type="multipart/form-data; boundary=xyz")
    assert response.status_code == 200


# --- items ---


def test_an_item_and_its_picture(client: FlaskClient, test_split: Split) -> None:
    item = client.get("/v1/items/test-00003").json
    assert item["id"] == "test-00003"
    assert item["predicted"]["class"]["value"] in CLASSES
    assert item["attributes"]["class"] == CLASSES[test_split.labels[3]]
    picture = client.get(item["picture"]["url"])
    assert picture.content_type == item["picture"]["media_type"]
    shown = Image.open(io.BytesIO(picture.data))
    assert shown.size == (item["picture"]["width"], item["picture"]["height"])


def test_a_picture_is_sent_again_only_when_it_changed(client: FlaskClient, engine: Engine) -> None:
    first = client.get("/v1/items/test-00003/image")
    assert "max-age" in first.headers["Cache-Control"]
    again = client.get("/v1/items/test-00003/image", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert_well_dressed(again, engine)
    other = client.get("/v1/items/test-00004/image", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200


def test_items_are_listed_in_pages(client: FlaskClient) -> None:
    first = client.get("/v1/items?limit=100").json
    second = client.get("/v1/items?limit=100&offset=100").json
    assert (first["total"], first["offset"], first["limit"]) == (SMALL, 0, 100)
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert ids == [f"test-{number:05d}" for number in range(200)]
    assert client.get(f"/v1/items?offset={SMALL}").json["items"] == []


def test_items_are_listed_by_predicted_class(client: FlaskClient) -> None:
    counts = client.get("/v1/facets?fields=predicted.class").json["facets"][0]["values"]
    assert {entry["value"] for entry in counts} <= set(CLASSES)
    assert sum(entry["items"] for entry in counts) == SMALL
    for entry in counts:
        page = client.get("/v1/items", query_string={"where": f"predicted.class={entry['value']}", "limit": 100}).json
        assert page["total"] == entry["items"]
        assert {item["predicted"]["class"]["value"] for item in page["items"]} <= {entry["value"]}


ODD_IDS = [
    "a", "a/image", "a/similar", "folder/sub folder/x.png", "/rooted", "trailing/", "a//b", "../../etc/passwd",
    "naïve Kleid 裙子 👗", "50%", "%2F", "a+b&c=d?e#f", "'\"<>", "x" * 1000,
    "at 9.41.00\u202fAM v\u00a013.png", "シャツ\u3000白", "لباس\u200cها", "Trench\u00adcoat", "👨\u200d👩\u200d👧",
]  # fmt: skip


@pytest.fixture(scope="module")
def odd_client(tmp_path_factory: pytest.TempPathFactory, embedder: LiteRTEmbedder, png: bytes) -> Iterator[FlaskClient]:
    card = embedder.card
    directory = tmp_path_factory.mktemp("odd") / "catalogue"
    vector = np.zeros(card.dim, np.float32)
    vector[0] = 1
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        catalogue.upsert(
            [
                Record(name, predicted_class(card.classes[0], 0.5), vector, DisplayCopy(png, "image/png", 28, 28))
                for name in ODD_IDS
            ]
        )
        yield create_app(lambda: Engine(embedder, catalogue)).test_client()


@pytest.mark.parametrize("name", ODD_IDS)
def test_an_id_may_hold_anything_printable(odd_client: FlaskClient, name: str) -> None:
    path = f"/v1/items/{quote(name, safe='')}"
    item = odd_client.get(path).json
    assert item["id"] == name
    assert item["picture"]["url"] == f"{path}/image"
    assert odd_client.get(item["picture"]["url"]).content_type == "image/png"
    similar = odd_client.get(f"{path}/similar?k=100").json
    assert {hit["item"]["id"] for hit in similar["hits"]} == set(ODD_IDS) - {name}
    assert odd_client.post("/v1/search", json={"item_id": name}).status_code == 200


def test_slashes_of_an_id_may_be_written_plainly(odd_client: FlaskClient) -> None:
    assert odd_client.get("/v1/items/folder/sub%20folder/x.png").json["id"] == "folder/sub folder/x.png"
    assert odd_client.get("/v1/items/a//b/similar").json["item_id"] == "a//b"
    assert odd_client.get("/v1/items/a/image").content_type == "image/png"


def test_a_zero_byte_never_stands_for_a_slash(odd_client: FlaskClient) -> None:
    assert_problem(odd_client.get("/v1/items/a%00image"), 404, "unknown-item")
    assert_problem(odd_client.get("/v1/items/folder%00%2Fx"), 404, "unknown-item")


# --- every answer ---

EVERY_ENDPOINT = [
    ("POST", "/v1/search"), ("POST", "/v1/similar"), ("POST", "/v1/recommend"), ("POST", "/v1/batch"),
    ("POST", "/v1/moderate"),
    ("GET", "/v1/items"), ("GET", "/v1/items/test-00001"),
    ("GET", "/v1/items/test-00001/image"), ("GET", "/v1/items/test-00001/images/test-00001"),
    ("GET", "/v1/items/test-00001/similar"),
    ("GET", "/v1/facets"), ("GET", "/v1/openapi.json"), ("GET", "/healthz"), ("GET", "/readyz"),
]  # fmt: skip

WRITING = [
    ("POST", "/v1/items"), ("PUT", "/v1/items/test-00001"), ("PATCH", "/v1/items/test-00001"),
    ("DELETE", "/v1/items/test-00001"), ("PUT", "/v1/items/test-00001/image"),
]  # fmt: skip
"""Those that change the catalogue: see test_writing.py."""


JSON_BODIES = {
    "/v1/similar": {"ids": ["test-00001", "test-00002"]},
    "/v1/recommend": {"likes": ["test-00001"]},
    "/v1/batch": {"questions": [{"item": "test-00001"}]},
}


def test_the_list_of_endpoints_is_complete(app: Flask) -> None:
    patterns = {
        (method, re.sub(r"<.*?>", "test-00001", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert patterns == {*EVERY_ENDPOINT, *WRITING}


@pytest.mark.parametrize(("method", "path"), EVERY_ENDPOINT)
def test_every_endpoint_is_well_dressed_and_holds_the_one_problem_shape(
    client: FlaskClient, engine: Engine, png: bytes, method: str, path: str
) -> None:
    data = {"data": png, "content_type": "image/png"} if method == "POST" else {}
    if "/images/" in path:
        path = client.get("/v1/items/test-00001").json["images"]["small"]["url"]
    if path in JSON_BODIES:
        data = {"json": JSON_BODIES[path]}
    answer = client.open(path, method=method, **data)
    assert answer.status_code == 200
    assert_well_dressed(answer, engine)

    wrong_method = client.open(path, method="BREW")
    assert_problem(wrong_method, 405, "method-not-allowed")
    assert method in wrong_method.headers["Allow"]
    assert_well_dressed(wrong_method, engine)

    if path not in {"/healthz", "/readyz"}:
        unknown = client.open(f"{path}?colour=red", method=method, **data)
        assert "'colour'" in assert_problem(unknown, 400, "unknown-field")["detail"]
        assert_well_dressed(unknown, engine)

    options = client.open(path, method="OPTIONS")
    assert (options.status_code, options.data) == (200, b"")
    assert_well_dressed(options, engine)

    head = client.open(path, method="HEAD")
    assert head.data == b""
    assert head.status_code == (405 if method == "POST" else 200)
    assert_well_dressed(head, engine)


def test_the_description_lists_every_address_and_what_is_answered(client: FlaskClient, app: Flask, png: bytes) -> None:
    document = client.get("/v1/openapi.json").json
    described = {(verb.upper(), path) for path, verbs in document["paths"].items() for verb in verbs}
    served = {
        (method, re.sub(r"<(?:item_id:)?(.*?)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/")
    }
    assert described == served

    schemas = document["components"]["schemas"]
    answers = {
        "Search": client.post("/v1/search?cutout=true", data=png, content_type="image/png").json,
        "Page": client.get("/v1/items").json,
        "SignedItem": client.get("/v1/items/test-00001").json,
        "Similar": client.get("/v1/items/test-00001/similar?collapse=duplicates").json,
        "SimilarToAll": client.post("/v1/similar", json={"ids": ["test-00001"]}).json,
        "Strip": client.post("/v1/recommend", json={"likes": ["test-00001"], "collapse": "duplicates"}).json,
        "Strips": client.post("/v1/recommend", json={"strips": [{}]}).json,
        "Batch": client.post("/v1/batch", json={"questions": [{"item": "test-00001"}]}).json,
        "Problem": json.loads(client.get("/v1/items/none").data),
    }
    for name, answer in answers.items():
        assert set(schemas[name]["properties"]) == set(answer), name
    assert set(schemas["Item"]["properties"]) == set(answers["Page"]["items"][0])
    assert set(schemas["RecommendedHit"]["properties"]) == set(answers["Strip"]["hits"][0])
    assert set(schemas["Hit"]["properties"]) == set(answers["Similar"]["hits"][0])
    assert set(schemas["Hit"]["properties"]["item"]["properties"]) == set(answers["Similar"]["hits"][0]["item"])


def test_ready_tells_what_is_served(client: FlaskClient, engine: Engine) -> None:
    assert client.get("/readyz").json == {
        "status": "ready", "items": SMALL, "model": engine.card.fingerprint, "generation": engine.generation,
        "state": engine.last_read.version, "newer_catalogue": False
    }  # fmt: skip


# --- failures that are not the asker's ---


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the engine's `item` raise something."""

    def fail_with(error: Exception) -> None:
        def item(*_: object) -> None:
            raise error

        monkeypatch.setattr(EngineState, "item", item)

    return fail_with


def test_a_mistake_of_ours_is_logged_and_tells_nothing(
    client: FlaskClient, engine: Engine, failing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    failing(RuntimeError("secret"))
    response = client.get("/v1/items/test-00031")
    problem = assert_problem(response, 500, "internal-error")
    assert "secret" not in json.dumps(problem)
    assert "secret" in caplog.text
    assert_well_dressed(response, engine)


def test_an_operators_failure_is_logged_and_names_no_directory(
    client: FlaskClient, failing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    failing(indexer_errors.CatalogueDamaged("/srv/secret/catalogue.sqlite is damaged."))
    response = client.get("/v1/items/test-00031")
    problem = assert_problem(response, 503, "catalogue-damaged")
    assert "secret" not in json.dumps(problem)
    assert "/srv/secret" in caplog.text
    assert int(response.headers["Retry-After"]) > 0


def test_every_error_that_a_request_can_meet_has_a_status() -> None:
    elsewhere = {  # met only by training, indexing and the server's start
        "training-unavailable", "report-unavailable", "checkpoint-mismatch", "dataset-missing", "dataset-damaged",
        "catalogue-exists", "item-failed", "picture-failed", "picture-too-slow", "workers-lost",
        "report-not-writable", "reindex-incomplete", "export-format-unknown", "export-not-writable",
        "unknown-kind", "catalogue-in-use", "not-repairable", "backup-unusable",
        "address-in-use", "address-not-allowed", "invalid-address",
        "server-failed", "error", "invalid-prefix", "log-not-writable",
            "target-unusable", "too-few-products", "nothing-gained", "not-learned",
    }  # fmt: skip
    for room in (model_errors, indexer_errors, api_errors):
        for kind in vars(room).values():
            if isinstance(kind, type) and issubclass(kind, LookalikeError) and kind.code not in elsewhere:
                assert kind in STATUSES, f"{kind.__name__} has no status"


def test_too_many_pictures_at_once_are_told_to_come_back(small_catalogue: Path, png: bytes) -> None:
    import models

    entered, leave = Event(), Event()

    class Slow(LiteRTEmbedder):
        def prepare(self, picture: Picture, box: Box | None = None) -> View:
            entered.set()
            leave.wait(30)
            return super().prepare(picture, box)

    with LocalCatalogue.open(small_catalogue) as catalogue:
        app = create_app(lambda: Engine(Slow(models.PRETRAINED), catalogue, decoders=1, max_wait=0.01))
        statuses: list[int] = []

        def search() -> None:
            response = app.test_client().post("/v1/search", data=png, content_type="image/png")
            statuses.append(response.status_code)

        first = Thread(target=search)
        first.start()
        assert entered.wait(30)
        refused = app.test_client().post("/v1/search", data=png, content_type="image/png")
        assert_problem(refused, 503, "busy")
        assert int(refused.headers["Retry-After"]) > 0
        assert app.test_client().get("/v1/items/test-00001/similar").status_code == 200
        leave.set()
        first.join(30)
    assert statuses == [200]


def test_people_get_a_page_and_programs_get_a_problem(engine: Engine) -> None:
    def page(problem: Problem) -> Response:
        return Response(f"<h1>{problem.title}</h1>", problem.status, mimetype="text/html")

    client = create_app(lambda: engine, problem_page=page).test_client()
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    for_people = client.get("/nowhere", headers=browser)
    assert (for_people.status_code, for_people.mimetype) == (404, "text/html")
    assert "img-src 'self' data: blob:" in for_people.headers["Content-Security-Policy"]
    assert "unsafe" not in for_people.headers["Content-Security-Policy"]
    assert_well_dressed(for_people, engine)
    assert_problem(client.get("/nowhere"), 404, "not-found")
    assert_problem(client.get("/nowhere", headers={"Accept": "application/json"}), 404, "not-found")
    assert_problem(client.get("/v1/nowhere", headers=browser), 404, "not-found")
    wrong_method = client.delete("/healthz", headers=browser)
    assert (wrong_method.status_code, "GET" in wrong_method.headers["Allow"]) == (405, True)
