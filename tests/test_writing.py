"""Writing over HTTP: what becomes of an item, under which conditions, once, and what a bad line or picture costs."""

import io
import json
import shutil
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from api_asserts import assert_problem, assert_well_dressed
from catalogue_asserts import assert_same
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from indexer.catalogue.local import LocalCatalogue
from indexer.errors import UnknownItem
from indexer.pipeline import indexing
from indexer.sources.folder import Folder
from indexer.upkeep.backup import back_up, restore
from indexer.upkeep.reindexing import reindex
from indexer.upkeep.verification import verify
from models.datasets.fashion_mnist import Split
from models.pictures.png import encode_png
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from search_api.errors import KeyReused, NoPicture, NoTimeLeft, StillUnderWay
from search_api.http.app import create_app
from search_api.http.routes import writing as routes
from search_api.http.writes import TRIED_BEFORE, changes, repeats
from search_api.http.writes.repeats import REQUESTS_FILE, Answered, Repeats
from search_api.item_changes import ItemChange
from search_api.results import WriteStatus
from search_api.writing import BATCH

ITEM = "/v1/items/test-00007"
NEW = "/v1/items/new"
LINES = "application/x-ndjson"


@pytest.fixture
def directory(small_catalogue: Path, tmp_path: Path) -> Path:
    """A copy of the small catalogue, to write to."""
    return Path(shutil.copytree(small_catalogue, tmp_path / "catalogue"))


@pytest.fixture
def catalogue(directory: Path, embedder: LiteRTEmbedder) -> Iterator[LocalCatalogue]:
    with LocalCatalogue.open(directory, embedder.card.fingerprint) as opened:
        yield opened


@pytest.fixture
def engine(catalogue: LocalCatalogue, embedder: LiteRTEmbedder) -> Engine:
    return Engine(embedder, catalogue)


@pytest.fixture
def client(engine: Engine) -> FlaskClient:
    return create_app(lambda: engine).test_client()


@pytest.fixture(scope="module")
def tiles(test_split: Split) -> list[bytes]:
    """PNG files of tiles that are not in the small catalogue."""
    return [encode_png(image) for image in test_split.images[1000:1100]]


def text(image: bytes) -> str:
    return b64encode(image).decode()


def lines_of(client: FlaskClient, *lines: Any, **headers: str) -> list[dict[str, Any]]:
    """Post lines, JSON values or bytes, and return the answer's."""
    body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    response = client.post("/v1/items", data=body, content_type=LINES, headers=headers)
    assert (response.status_code, response.content_type) == (200, LINES), response.data
    return [json.loads(line) for line in response.data.splitlines()]


def assert_item(response: TestResponse, status: int, client: FlaskClient) -> dict[str, Any]:
    """An answer to a write carries the item as GET answers it, and its version as ETag."""
    assert response.status_code == status, response.data
    item: dict[str, Any] = response.get_json()
    assert item == client.get(f"/v1/items/{item['id']}").get_json()
    assert response.headers["ETag"] == f'"{item["version"]}"'
    return item


# --- as indexing does ---


def test_what_is_written_over_http_equals_what_indexing_writes(
    photographs: Path, eye: LiteRTEmbedder, tmp_path: Path
) -> None:
    folder = photographs / "dress"
    card = eye.card
    with (
        LocalCatalogue.create(tmp_path / "indexed", card.fingerprint, card.dim, card.classes) as indexed,
        LocalCatalogue.create(tmp_path / "written", card.fingerprint, card.dim, card.classes) as written,
    ):
        indexing.index(Folder(folder), eye, indexed, workers=1)
        engine = Engine(eye, written)
        client = create_app(lambda: engine).test_client()
        files = {id_: (folder / id_).read_bytes() for id_ in indexed.ids()}
        (one, data), *others = files.items()
        assert_item(client.put(f"/v1/items/{one}", json={"attributes": {}, "image": text(data)}), 201, client)
        told = lines_of(client, *({"id": id_, "attributes": {}, "image": text(data)} for id_, data in others))
        assert [line["status"] for line in told] == ["created"] * len(others)
        assert_same(indexed, written)
        assert indexing.index(Folder(folder), eye, written, workers=1).unchanged == len(files)


# --- single items ---


def test_an_item_is_added_replaced_and_taken_out(client: FlaskClient, engine: Engine, tiles: list[bytes]) -> None:
    made = client.put(NEW, json={"attributes": {"price": 5, "sale": None}, "image": text(tiles[0])})
    item = assert_item(made, 201, client)
    assert_well_dressed(made, engine)
    assert made.headers["Location"] == NEW
    assert item["attributes"] == {"price": 5, "sale": None}
    assert client.get(f"{NEW}/image").data == engine.display("new").data
    view = engine.embed_picture(tiles[0])
    np.testing.assert_allclose(engine.similar("new")[0].score, engine.search(tiles[0]).hits[1].score, atol=1e-6)
    assert engine.search(tiles[0]).hits[0].item.id == "new"
    assert item["predicted"]["class"]["value"] == engine.card.classes[int(view.probabilities.argmax())]

    uri = f"data:image/png;base64,{text(tiles[1])}"
    other = assert_item(client.put(NEW, json={"image": uri}), 200, client)
    assert other["attributes"] == {}
    assert other["version"] != item["version"]
    assert engine.search(tiles[1]).hits[0].item.id == "new"

    gone = client.delete(NEW)
    assert (gone.status_code, gone.data) == (204, b"")
    assert "Content-Type" not in gone.headers
    assert_well_dressed(gone, engine)
    assert_problem(client.get(NEW), 404, "unknown-item")
    assert_problem(client.delete(NEW), 404, "unknown-item")


def test_attributes_alone_are_replaced_or_patched(client: FlaskClient, engine: Engine) -> None:
    before = client.get(ITEM).get_json()
    vector = engine.search_item("test-00007").hits
    put = assert_item(client.put(ITEM, json={"attributes": {"brand": "Acme", "price": 5}}), 200, client)
    assert put["attributes"] == {"brand": "Acme", "price": 5}
    patch = {"attributes": {"price": 6.5, "brand": None, "colour": "red", "nothing": None}}
    for content_type in ("application/merge-patch+json", "application/json"):
        patched = client.patch(ITEM, data=json.dumps(patch), content_type=content_type)
        item = assert_item(patched, 200, client)
        assert item["attributes"] == {"price": 6.5, "colour": "red"}
    assert {**item, "attributes": 0, "version": 0, "state": 0} == {**before, "attributes": 0, "version": 0, "state": 0}
    assert [hit.score for hit in engine.search_item("test-00007").hits] == [hit.score for hit in vector]
    assert engine.browse({"colour": "red"}).items[0].id == "test-00007"


def test_a_picture_alone_is_replaced(client: FlaskClient, engine: Engine, tiles: list[bytes]) -> None:
    client.put(ITEM, json={"attributes": {"price": 5}})
    item = assert_item(client.put(f"{ITEM}/image", data=tiles[3], content_type="image/png"), 200, client)
    assert item["attributes"] == {"price": 5}
    assert engine.search(tiles[3]).hits[0].item.id == "test-00007"
    assert_problem(client.put(f"{NEW}/image", data=tiles[3], content_type="image/png"), 404, "unknown-item")


def test_a_form_writes_what_json_does(client: FlaskClient, tiles: list[bytes]) -> None:
    form = {"image": (io.BytesIO(tiles[0]), "a.png"), "attributes": '{"price": 5}'}
    item = assert_item(client.put(NEW, data=form), 201, client)
    assert item["attributes"] == {"price": 5}
    same = client.put(NEW, json={"attributes": {"price": 5}, "image": text(tiles[0])})
    assert assert_item(same, 200, client)["version"] == item["version"]


def test_an_id_may_hold_slashes(client: FlaskClient, tiles: list[bytes]) -> None:
    address = {"path": "/v1/items/a/image", "environ_overrides": {"RAW_URI": "/v1/items/a%2Fimage"}}
    assert client.put(json={"image": text(tiles[0])}, **address).get_json()["id"] == "a/image"
    assert client.delete(**address).status_code == 204


def test_what_is_the_same_already_is_not_written_again(client: FlaskClient, engine: Engine, tiles: list[bytes]) -> None:
    sent = {"attributes": {"price": 5}, "image": text(tiles[0])}
    version = client.put(NEW, json=sent).get_json()["version"]
    state = engine.info().state
    assert client.put(NEW, json=sent).get_json()["version"] == version
    assert client.patch(NEW, json={"attributes": {"price": 5}}).get_json()["version"] == version
    assert engine.info().state == state
    assert client.put(NEW, json={"attributes": {"price": True}}).get_json()["version"] != version


def test_the_engine_writes_without_http(engine: Engine, tiles: list[bytes]) -> None:
    writer = engine.writer
    assert writer.put("new", {"price": 1}, tiles[0]).status is WriteStatus.CREATED
    assert writer.patch("new", {"price": 2}).item == engine.item("new")
    assert writer.delete("new").item is None
    with pytest.raises(UnknownItem):
        writer.delete("new")
    with pytest.raises(NoPicture):
        writer.put("new", {"price": 1})


# --- conditions ---


def test_if_match_writes_only_the_version_that_was_read(client: FlaskClient, tiles: list[bytes]) -> None:
    version = client.get(ITEM).get_json()["version"]
    patch = {"json": {"attributes": {"price": 1}}}
    for wrong in ('"0-00000000"', '"*"', '"a", "", "b"', '""', f'W/"{version}"', client.get(ITEM).headers["ETag"]):
        assert_problem(client.patch(ITEM, headers={"If-Match": wrong}, **patch), 412, "version-conflict")
    right = {"If-Match": f'"other", "{version}"'}
    item = assert_item(client.patch(ITEM, headers=right, **patch), 200, client)
    for write in (
        client.put(ITEM, headers=right, json={"attributes": {}}),
        client.put(f"{ITEM}/image", headers=right, data=tiles[0], content_type="image/png"),
        client.delete(ITEM, headers=right),
        client.patch(ITEM, headers=right, **patch),
    ):
        assert_problem(write, 412, "version-conflict")
    assert client.get(ITEM).get_json()["version"] == item["version"]
    assert client.delete(ITEM, headers={"If-Match": "*"}).status_code == 204
    assert_problem(client.put(ITEM, headers={"If-Match": "*"}, json={"image": text(tiles[0])}), 412, "version-conflict")


def test_if_none_match_only_adds(client: FlaskClient, tiles: list[bytes]) -> None:
    only_new = {"If-None-Match": "*"}
    sent = {"image": text(tiles[0])}
    assert client.put(NEW, headers=only_new, json=sent).status_code == 201
    assert_problem(client.put(NEW, headers=only_new, json=sent), 412, "version-conflict")
    assert_problem(client.put(NEW, headers={"If-None-Match": '"a"'}, json=sent), 400, "invalid-field")


def test_of_many_that_write_one_version_one_wins(client: FlaskClient, engine: Engine) -> None:
    for turn in range(3):
        version = client.get(ITEM).get_json()["version"]

        def write(number: int, turn: int = turn, version: str = version) -> int:
            return (
                client.application.test_client()
                .put(ITEM, headers={"If-Match": f'"{version}"'}, json={"attributes": {"turn": turn, "number": number}})
                .status_code
            )

        with ThreadPoolExecutor(6) as pool:
            statuses = sorted(pool.map(write, range(6)))
        assert statuses == [200, 412, 412, 412, 412, 412]
        assert engine.item("test-00007").attributes["turn"] == turn


def test_patches_side_by_side_lose_nothing(client: FlaskClient, engine: Engine) -> None:
    def write(number: int) -> int:
        other = client.application.test_client()
        return other.patch(ITEM, json={"attributes": {f"a{number}": number}}).status_code

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(write, range(12))) == [200] * 12
    assert engine.item("test-00007").attributes.items() >= {f"a{number}": number for number in range(12)}.items()


def test_a_request_that_a_worker_died_over_may_have_been_carried_out(client: FlaskClient, tiles: list[bytes]) -> None:
    version = client.get(ITEM).get_json()["version"]
    again = {"environ_overrides": {TRIED_BEFORE: True}, "headers": {"If-Match": f'"{version}"'}}
    patch = {"json": {"attributes": {"price": 1}}}
    item = assert_item(client.patch(ITEM, **patch, headers=again["headers"]), 200, client)
    assert assert_item(client.patch(ITEM, **patch, **again), 200, client)["version"] == item["version"]
    assert_problem(client.patch(ITEM, json={"attributes": {"price": 2}}, **again), 412, "version-conflict")
    new = {"environ_overrides": {TRIED_BEFORE: True}, "headers": {"If-None-Match": "*"}}
    for _ in range(2):
        assert client.put(NEW, json={"image": text(tiles[0])}, **new).status_code == 201
    assert_problem(client.put(NEW, json={"image": text(tiles[1])}, **new), 412, "version-conflict")
    for _ in range(2):
        assert client.delete(NEW, environ_overrides={TRIED_BEFORE: True}).status_code == 204


# --- what can't be written ---

PNG = encode_png(np.arange(28 * 28, dtype=np.uint8).reshape(28, 28))
REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "new without a picture": ({"path": NEW, "json": {"attributes": {}}}, 422, "no-picture"),
    "nothing at all": ({"path": NEW, "json": {}}, 422, "invalid-item"),
    "no JSON": ({"path": NEW, "data": b"{", "content_type": "application/json"}, 400, "invalid-field"),
    "a list": ({"path": NEW, "json": []}, 400, "invalid-field"),
    "another field": ({"path": NEW, "json": {"predicted": "Bag"}}, 400, "unknown-field"),
    "no content type": ({"path": NEW, "data": b"{}"}, 415, "unsupported-content-type"),
    "a bare picture": ({"path": NEW, "data": PNG, "content_type": "image/png"}, 415, "unsupported-content-type"),
    "a parameter": ({"path": f"{NEW}?k=1", "json": {"image": text(PNG)}}, 400, "unknown-field"),
    "attributes that are a list": ({"path": ITEM, "json": {"attributes": []}}, 400, "invalid-field"),
    "an attribute that is an object": ({"path": ITEM, "json": {"attributes": {"a": {}}}}, 422, "invalid-item"),
    "an attribute with a quote": ({"path": ITEM, "json": {"attributes": {'a"b': "x"}}}, 422, "invalid-item"),
    "half a surrogate pair": (
        {"path": ITEM, "data": b'{"attributes": {"a": "\\ud800"}}', "content_type": "application/json"},
        400,
        "invalid-field",
    ),
    "attributes without end": ({"path": ITEM, "json": {"attributes": {"a": "x" * 200_000}}}, 422, "invalid-item"),
    "no base64": ({"path": NEW, "json": {"image": "not base64!"}}, 400, "invalid-field"),
    "a web address": ({"path": NEW, "json": {"image": "https://example.com/a.png"}}, 400, "invalid-field"),
    "a data: URI of text": ({"path": NEW, "json": {"image": "data:text/plain,abc"}}, 400, "invalid-field"),
    "a picture that is a number": ({"path": NEW, "json": {"image": 5}}, 400, "invalid-field"),
    "an empty picture": ({"path": NEW, "json": {"image": ""}}, 400, "invalid-field"),
    "no picture format": ({"path": NEW, "json": {"image": text(b"GARBAGE" * 9)}}, 415, "unsupported-picture"),
    "a damaged picture": ({"path": NEW, "json": {"image": text(PNG[:60])}}, 422, "damaged-picture"),
    "a blank picture": (
        {"path": NEW, "json": {"image": text(encode_png(np.zeros((9, 9), np.uint8)))}},
        422,
        "blank-picture",
    ),
    "a long id": ({"path": f"/v1/items/{'x' * 1001}", "json": {"image": text(PNG)}}, 422, "invalid-item"),
    "an id with a line break": ({"path": "/v1/items/a%0Ab", "json": {"image": text(PNG)}}, 422, "invalid-item"),
    "a patch of nothing": ({"path": ITEM, "method": "PATCH", "json": {}}, 400, "invalid-field"),
    "a patch of no item": ({"path": NEW, "method": "PATCH", "json": {"attributes": {}}}, 404, "unknown-item"),
    "a patch of a picture": ({"path": ITEM, "method": "PATCH", "json": {"image": text(PNG)}}, 400, "unknown-field"),
    "a nested patch": ({"path": ITEM, "method": "PATCH", "json": {"attributes": {"a": {"b": 1}}}}, 422, "invalid-item"),
    "a picture as text": (
        {"path": f"{ITEM}/image", "data": b"{}", "content_type": "text/plain"},
        415,
        "unsupported-content-type",
    ),
    "a picture as JSON that holds none": ({"path": f"{ITEM}/image", "json": {}}, 400, "invalid-field"),
    "an empty body": ({"path": f"{ITEM}/image", "data": b"", "content_type": "image/png"}, 400, "invalid-field"),
    "a form of two pictures": (
        {
            "path": NEW,
            "data": b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nA\r\n' * 2
            + b"--x--\r\n",
            "content_type": "multipart/form-data; boundary=x",
        },
        400,
        "invalid-field",
    ),
    "lines as JSON": ({"path": "/v1/items", "method": "POST", "json": {}}, 415, "unsupported-content-type"),
    "a bad key": (
        {"path": ITEM, "json": {"attributes": {}}, "headers": {"Idempotency-Key": "x" * 256}},
        400,
        "invalid-field",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_written_changes_nothing(small_client: FlaskClient, name: str) -> None:
    request, status, code = REFUSED[name]
    before = small_client.get("/readyz").get_json()["state"]
    assert_problem(small_client.open(**{"method": "PUT", **request}), status, code)
    assert small_client.get("/readyz").get_json()["state"] == before


@pytest.fixture(scope="module")
def small_client(
    small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory, embedder: LiteRTEmbedder
) -> Iterator[FlaskClient]:
    """Who calls the API over a catalogue that no test changes."""
    directory = shutil.copytree(small_catalogue, tmp_path_factory.mktemp("refusing") / "catalogue")
    with LocalCatalogue.open(directory, embedder.card.fingerprint) as opened:
        engine = Engine(embedder, opened)
        yield create_app(lambda: engine).test_client()


def test_a_catalogue_that_can_not_be_written_says_so(embedder: LiteRTEmbedder, directory: Path) -> None:
    with LocalCatalogue.open(directory, embedder.card.fingerprint, busy_seconds=0.01) as opened:
        engine = Engine(embedder, opened)
        client = create_app(lambda: engine).test_client()
        with closing(apsw.Connection(str(directory / "catalogue.sqlite"))) as writer:
            writer.execute("BEGIN IMMEDIATE")
            busy = client.patch(ITEM, json={"attributes": {"price": 1}})
            assert "others" in assert_problem(busy, 503, "nothing-written")["detail"].lower()
            assert busy.headers["Retry-After"]
            assert lines_of(client, {"id": "test-00007", "delete": True})[0]["problem"]["status"] == 503
            assert client.get(ITEM).status_code == 200
            writer.execute("ROLLBACK")
        assert client.patch(ITEM, json={"attributes": {"price": 1}}).status_code == 200


def test_a_server_does_not_write_to_a_catalogue_that_was_replaced(
    directory: Path, embedder: LiteRTEmbedder, other: LiteRTEmbedder
) -> None:
    with LocalCatalogue.open(directory, embedder.card.fingerprint, place=directory) as opened:
        engine = Engine(embedder, opened)
        client = create_app(lambda: engine).test_client()
        client.patch(ITEM, json={"attributes": {"price": 1}}).get_json()
        reindex(directory, other, workers=1)
        for write in (client.patch(ITEM, json={"attributes": {"price": 2}}), client.delete(ITEM)):
            assert "another model" in assert_problem(write, 503, "nothing-written")["detail"]
        assert client.get(ITEM).get_json()["attributes"]["price"] == 1


# --- many at once ---


def test_lines_are_answered_line_by_line(client: FlaskClient, engine: Engine, tiles: list[bytes]) -> None:
    told = lines_of(
        client,
        {"id": "a", "attributes": {"n": 1}, "image": text(tiles[0])},
        b"",
        {"id": "test-00007", "attributes": {"n": 2}},
        {"id": "test-00008", "delete": True},
        {"id": "nobody", "delete": True},
        {"id": "a", "attributes": {"n": 3}},
        {"id": "a", "attributes": {"n": 3}},
        {"id": "a", "delete": True},
    )
    assert [(line["line"], line["id"], line["status"]) for line in told] == [
        (1, "a", "created"),
        (3, "test-00007", "updated"),
        (4, "test-00008", "deleted"),
        (5, "nobody", "unchanged"),
        (6, "a", "updated"),
        (7, "a", "unchanged"),
        (8, "a", "deleted"),
    ]
    assert told[1]["version"] == client.get(ITEM).get_json()["version"]
    assert told[4]["version"] == told[5]["version"] != told[0]["version"]
    assert engine.item("test-00007").attributes == {"n": 2}
    for gone in ("a", "test-00008"):
        with pytest.raises(UnknownItem):
            engine.item(gone)


@pytest.mark.parametrize("body", [b"", b"\n", b" \r\n\n"])
def test_lines_that_are_none_are_refused(small_client: FlaskClient, body: bytes) -> None:
    answer = small_client.post("/v1/items", data=body, content_type=LINES)
    assert "a line" in assert_problem(answer, 400, "bad-request")["detail"]


BAD_LINES: dict[str, tuple[Any, str]] = {
    "no JSON": (b'{"id": "x"', "invalid-field"),
    "no UTF-8": (b'{"id": "\xff"}', "invalid-field"),
    "a list": ([1], "invalid-field"),
    "nested deep": (b"[" * 100_000, "invalid-field"),
    "no id": ({"attributes": {}}, "invalid-field"),
    "an id that is a number": ({"id": 5, "attributes": {}}, "invalid-field"),
    "an id that can't be": ({"id": "a\nb", "attributes": {}, "image": text(PNG)}, "invalid-item"),
    "a name twice": (b'{"id": "x", "id": "y"}', "invalid-field"),
    "another field": ({"id": "x", "price": 5}, "unknown-field"),
    "nothing to write": ({"id": "x"}, "invalid-item"),
    "no picture": ({"id": "x", "attributes": {}}, "no-picture"),
    "a bad picture": ({"id": "x", "image": text(b"\x89PNG\r\n\x1a\n" + bytes(90))}, "damaged-picture"),
    "a bad attribute": ({"id": "x", "attributes": {"a": {}}, "image": text(PNG)}, "invalid-item"),
    "both": ({"id": "test-00001", "attributes": {}, "delete": True}, "invalid-field"),
    "delete that is false": ({"id": "test-00001", "delete": False}, "invalid-field"),
}


def test_a_bad_line_costs_itself_alone(client: FlaskClient, engine: Engine, tiles: list[bytes]) -> None:
    lines: list[Any] = []
    for number, (line, _) in enumerate(BAD_LINES.values()):
        lines += [{"id": f"good-{number}", "image": text(tiles[number])}, line]
    told = lines_of(client, *lines)
    assert [line["line"] for line in told] == list(range(1, len(lines) + 1))
    assert {line["status"] for line in told[::2]} == {"created"}
    for name, line, (_, code) in zip(BAD_LINES, told[1::2], BAD_LINES.values(), strict=True):
        assert (line["status"], line["problem"]["code"]) == ("failed", code), name
        assert line["problem"]["detail"].endswith("."), name
    assert engine.info().items == 300 + len(BAD_LINES)


def test_many_lines_are_written_batch_by_batch(client: FlaskClient, engine: Engine, tiles: list[bytes]) -> None:
    sent = [{"id": f"n-{number:03}", "image": text(tile)} for number, tile in enumerate(tiles)]
    assert len(sent) > BATCH
    before = int(engine.info().state, 16)
    told = lines_of(client, *sent)
    assert {line["status"] for line in told} == {"created"}
    assert int(engine.info().state, 16) == before + 2
    assert {line["version"] for line in told} == {engine.item(line["id"]).version for line in told}


def test_more_lines_than_are_taken_are_refused(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_LINES", 3)
    response = client.post("/v1/items", data=b'{"id":"test-00001","delete":true}\n' * 4, content_type=LINES)
    assert_problem(response, 413, "too-many-lines")
    assert client.get("/v1/items/test-00001").status_code == 200


def test_lines_that_there_is_no_time_for_are_told(
    engine: Engine, client: FlaskClient, tiles: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = list(engine.writer.write([ItemChange("a", {}, tiles[0]), ItemChange("b", {}, tiles[1])], seconds=-1))
    assert [type(outcome) for outcome in outcomes] == [NoTimeLeft, NoTimeLeft]
    monkeypatch.setattr(routes, "MOST_SECONDS", -1)
    (told,) = lines_of(client, {"id": "a", "image": text(tiles[0])})
    assert (told["status"], told["problem"]["code"]) == ("failed", "no-time-left")


# --- once ---


def test_a_key_is_answered_once(client: FlaskClient, engine: Engine, tiles: list[bytes]) -> None:
    key = {"Idempotency-Key": '"order-1"'}
    sent = {"json": {"attributes": {"n": 1}, "image": text(tiles[0])}}
    first = client.put(NEW, headers=key, **sent)
    assert_item(first, 201, client)
    client.put(NEW, json={"attributes": {"n": 2}})
    again = client.put(NEW, headers=key, **sent)
    assert (again.status_code, again.data) == (201, first.data)
    assert [again.headers[name] for name in ("ETag", "Location")] == [first.headers["ETag"], NEW]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert engine.item("new").attributes == {"n": 2}
    assert_problem(client.put(NEW, headers=key, json={"attributes": {"n": 3}}), 422, "idempotency-key-reused")
    assert_problem(client.put(ITEM, headers=key, **sent), 422, "idempotency-key-reused")
    restarted = create_app(lambda: engine).test_client()
    assert restarted.put(NEW, headers={"Idempotency-Key": "order-1"}, **sent).data == first.data


def test_lines_and_refusals_are_answered_once_too(client: FlaskClient, engine: Engine, tiles: list[bytes]) -> None:
    line = {"id": "a", "image": text(tiles[0])}
    assert lines_of(client, line, Idempotency_Key="k1") == lines_of(client, line, Idempotency_Key="k1")
    refused = [client.patch(NEW, json={"attributes": {}}, headers={"Idempotency-Key": "k2"}) for _ in range(2)]
    assert [assert_problem(one, 404, "unknown-item") for one in refused][1]
    assert "Idempotency-Replayed" in refused[1].headers


def test_what_failed_on_our_side_is_tried_anew(directory: Path, embedder: LiteRTEmbedder) -> None:
    with LocalCatalogue.open(directory, embedder.card.fingerprint, busy_seconds=0.01) as opened:
        engine = Engine(embedder, opened)
        client = create_app(lambda: engine).test_client()
        patch = {"json": {"attributes": {"price": 1}}, "headers": {"Idempotency-Key": "k"}}
        with closing(apsw.Connection(str(directory / "catalogue.sqlite"))) as writer:
            writer.execute("BEGIN IMMEDIATE")
            assert_problem(client.patch(ITEM, **patch), 503, "nothing-written")
            writer.execute("ROLLBACK")
        assert_item(client.patch(ITEM, **patch), 200, client)


def test_a_request_that_is_under_way_is_not_begun_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Repeats(tmp_path), Repeats(tmp_path)
    assert one.begin("k", b"digest", "r1", tried_before=False) is False
    with pytest.raises(StillUnderWay):
        other.begin("k", b"digest", "r2", tried_before=False)
    with pytest.raises(KeyReused):
        other.begin("k", b"other", "r2", tried_before=False)
    assert other.begin("k", b"digest", "r1", tried_before=True) is True  # its worker died
    monkeypatch.setattr(repeats, "LONGEST_WORK", -1)
    assert other.begin("k", b"digest", "r3", tried_before=False) is True
    other.answer("k", Answered(201, {"ETag": "x"}, b"body"))
    assert one.begin("k", b"digest", "r4", tried_before=False) == Answered(201, {"ETag": "x"}, b"body")
    other.begin("k2", b"digest", "r1", tried_before=False)
    other.forget("k2")
    assert one.begin("k2", b"another", "r1", tried_before=False) is False


def test_answers_are_kept_for_a_day_and_not_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MOST_KEPT", 5)
    monkeypatch.setattr(repeats, "MOST_BYTES", 100)
    kept = Repeats(tmp_path)

    def store(key: str, size: int) -> None:
        assert kept.begin(key, b"", "r", tried_before=False) is False
        kept.answer(key, Answered(200, {}, bytes(size)))

    def count() -> int:
        return int(apsw.Connection(str(tmp_path / REQUESTS_FILE)).execute("SELECT count(*) FROM requests").get)

    for number in range(8):
        store(f"small-{number}", 1)
    assert count() == 5
    store("large-1", 60)
    store("large-2", 60)
    assert count() == 1
    monkeypatch.setattr(repeats, "KEPT_SECONDS", -1)
    assert kept.begin("large-2", b"other", "r", tried_before=False) is False


def test_a_file_of_keys_that_is_damaged_is_told(client: FlaskClient, directory: Path) -> None:
    (directory / REQUESTS_FILE).write_bytes(b"no database " * 1000)
    refused = client.patch(ITEM, json={"attributes": {"price": 1}}, headers={"Idempotency-Key": "k"})
    assert_problem(refused, 503, "nothing-written")
    assert client.patch(ITEM, json={"attributes": {"price": 1}}).status_code == 200


def test_upkeep_passes_over_the_file_of_keys(
    client: FlaskClient, directory: Path, tmp_path: Path, tiles: list[bytes]
) -> None:
    client.put(NEW, json={"image": text(tiles[0])}, headers={"Idempotency-Key": "k"})
    assert (directory / REQUESTS_FILE).is_file()
    assert verify(directory).findings == ()
    assert back_up(directory, tmp_path / "backup") == 301
    restore(tmp_path / "backup", tmp_path / "restored")
    with LocalCatalogue.open(tmp_path / "restored") as restored:
        assert restored.get(["new"])[0].id == "new"
