"""A catalogue of photographs asked by kind, look and colour: over HTTP, on the pages, and for what it does not have."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from api_asserts import assert_problem
from flask import Flask
from flask.testing import FlaskClient

from indexer.catalogue.local import LocalCatalogue
from indexer.pipeline import indexing
from indexer.records import Item
from indexer.sources.folder import Folder
from models.colours.names import NAMES
from models.datasets.photographs import Photograph
from models.pictures.png import encode_png
from models.runtime import LiteRTEmbedder
from sample_shop.products import products
from search_api.engine import Engine
from search_api.query import Query
from webui import view_codec
from webui.app import create_app
from webui.deflate64 import compact, expand

FOREIGN = ("hat", "shorts", "skirt")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, photographs: Path, eye: LiteRTEmbedder) -> Iterator[Engine]:
    """The model for photographs over a few photographs of each kind that it knows, and none of those it does not."""
    folder = tmp_path_factory.mktemp("known")
    for kind in photographs.iterdir():
        if kind.name not in FOREIGN:
            (folder / kind.name).mkdir()
            for path in kind.iterdir():
                (folder / kind.name / path.name).symlink_to(path.resolve())
    card = eye.card
    directory = tmp_path_factory.mktemp("in-colour") / "catalogue"
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        indexing.index(Folder(folder), eye, catalogue, workers=2)
        yield Engine(eye, catalogue)


@pytest.fixture(scope="module")
def app(engine: Engine) -> Flask:
    return create_app(lambda: engine)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def dress(photographs: Path) -> bytes:
    return next(iter(sorted((photographs / "dress").iterdir()))).read_bytes()


def found(client: FlaskClient, picture: bytes, **options: str) -> Any:
    answer = client.post("/v1/search", data=picture, content_type="image/jpeg", query_string=options)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_an_answer_tells_the_colours_and_what_each_part_counts(client: FlaskClient, dress: bytes) -> None:
    answer = found(client, dress)
    assert answer["weights"] == pytest.approx({"kind": 0.66, "look": 0.2, "colour": 0.14})
    assert answer["look"] == pytest.approx(0.2)
    colours = answer["colours"]
    assert colours
    assert all(one["name"] in NAMES and re.fullmatch("#[0-9a-f]{6}", one["hex"]) for one in colours)
    first = answer["hits"][0]["item"]
    assert [one["name"] for one in first["colours"]] == [one["name"] for one in colours]


@pytest.mark.parametrize("text", ["kind:0.2,colour:0.8", "kind=0.2, colour=0.8", '{"kind": 0.2, "colour": 0.8}'])
def test_weights_are_read_alike_wherever_they_stand(client: FlaskClient, dress: bytes, text: str) -> None:
    by_address = found(client, dress, weights=text)
    form = {"image": (io.BytesIO(dress), "dress.jpg"), "weights": text}
    by_form = client.post("/v1/search", data=form, content_type="multipart/form-data").json
    assert by_address["weights"] == {"kind": 0.2, "look": 0.0, "colour": 0.8}
    assert [hit["score"] for hit in by_form["hits"]] == [hit["score"] for hit in by_address["hits"]]
    item = by_form["hits"][3]["item"]["id"]
    similar = client.get(f"/v1/items/{item}/similar", query_string={"weights": text}).json
    as_json = {"item_id": item, "weights": {"kind": 0.2, "colour": 0.8}}
    assert client.post("/v1/search", json=as_json).json["hits"] == similar["hits"]
    assert similar["weights"] == by_address["weights"]


def test_the_weight_of_colour_brings_what_is_of_one_colour(engine: Engine) -> None:
    """Of each item with a colour of its own: more of its ten nearest have that colour when colour counts."""
    items = [item for item in engine.browse(limit=100).items if main_colour(item)]

    def of_one_colour(query: Query) -> int:
        alike = 0
        for item in items:
            name = main_colour(item)
            alike += sum(name in {one.name for one in hit.item.colours or ()} for hit in engine.similar(item.id, query))
        return alike

    assert of_one_colour(Query(10, weights={"colour": 0.8})) > 1.3 * of_one_colour(Query(10, weights={"kind": 1}))


@pytest.mark.parametrize(
    ("weights", "code"),
    [
        ("fit:0.5", "unknown-part"),
        ("kind:2", "invalid-weights"),
        ("kind:0,look:0,colour:0", "invalid-weights"),
        ("kind", "invalid-field"),
        ("kind:0.5,kind:0.4", "invalid-field"),
        ("[1]", "invalid-field"),
        ('{"kind": "much"}', "invalid-field"),
        ("{}", "invalid-field"),
    ],
)
def test_weights_that_mean_nothing_are_refused(client: FlaskClient, weights: str, code: str) -> None:
    item = client.get("/v1/items?limit=1").json["items"][0]["id"]
    answer = client.get(f"/v1/items/{item}/similar", query_string={"weights": weights})
    assert_problem(answer, answer.status_code, code)
    assert 400 <= answer.status_code < 500


def test_weights_and_look_are_not_given_together(client: FlaskClient) -> None:
    item = client.get("/v1/items?limit=1").json["items"][0]["id"]
    answer = client.get(f"/v1/items/{item}/similar?look=0.5&weights=kind:1")
    assert_problem(answer, 422, "invalid-weights")


def test_a_colour_filters_whatever_the_shop_calls_it(client: FlaskClient, engine: Engine, dress: bytes) -> None:
    name = found(client, dress)["colours"][0]["name"]
    hits = found(client, dress, where=json.dumps({"colour~": name}), k="100")["hits"]
    assert 0 < len(hits) < engine.info().items
    every = engine.browse({"colour~": [name]}, limit=100)
    assert {hit["item"]["id"] for hit in hits} == {item.id for item in every.items}
    called = {item.id for item in engine.browse(limit=100).items if main_colour(item) == name}
    assert called <= {item.id for item in every.items}
    code = (every.items[0].colours or ())[0].code
    near = engine.browse({"colour~": {"near": f"#{code}", "within": 1}}).items
    assert every.items[0].id in {item.id for item in near}


def test_a_colour_that_is_none_is_told(client: FlaskClient) -> None:
    item = client.get("/v1/items?limit=1").json["items"][0]["id"]
    answer = client.get(f"/v1/items/{item}/similar", query_string={"where": '{"colour~": "blurple"}'})
    assert_problem(answer, 400, "invalid-filter")
    assert "navy" in answer.json["detail"]


def test_what_the_catalogue_does_not_have_has_no_good_match(
    engine: Engine, unseen_by_eye: tuple[Photograph, ...]
) -> None:
    strange = [one for one in unseen_by_eye if one.kind == "hat"][:12]
    known = [one for one in unseen_by_eye if one.kind in ("t-shirt", "pants", "dress", "shoes")][::6][:36]
    missed = [engine.search(one.path.read_bytes()).hits.no_good_match for one in strange]
    wrongly = [engine.search(one.path.read_bytes()).hits.no_good_match for one in known]
    assert sum(missed) >= 0.8 * len(strange)
    assert sum(wrongly) <= 0.1 * len(known)


def main_colour(item: Item) -> str:
    return item.colours[0].name if item.colours else ""


def page_of(client: FlaskClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.text


def uploaded(client: FlaskClient, picture: bytes) -> str:
    form = {"image": (io.BytesIO(picture), "dress.jpg")}
    return client.post("/search", data=form, content_type="multipart/form-data").headers["Location"]


def test_a_page_tells_the_colours_that_the_picture_has_and_not_those_of_its_thumbnail(
    client: FlaskClient, engine: Engine
) -> None:
    differ = 0
    for product in products()[3:60:7]:
        picture = encode_png(product.draw())
        told = engine.search(picture).colours
        address = uploaded(client, picture)
        text = page_of(client, address)
        shown = text[text.index('class="colours"') : text.index("</ul>", text.index('class="colours"'))]
        assert re.findall(r'fill="#([0-9a-f]{6})"', shown) == [one.code for one in told]
        seen = view_codec.embedded_from_address(parse_qs(urlsplit(address).query)["view"][0], engine.card)
        differ += replace(seen, told_colours=None).colours != told
    assert differ, "a thumbnail tells others"


def test_colours_in_an_address_are_colours_or_it_is_refused(client: FlaskClient, dress: bytes) -> None:
    (view,) = parse_qs(urlsplit(uploaded(client, dress)).query)["view"]
    data = expand(view, 10_000)
    before, bar, _ = data.rpartition(b"|")
    for behind, status in (
        (b"", 200),  # of before there were colours in it
        (b"|", 200),
        (b"|1f2a44:71 ffffff:20", 200),
        (b"|1f2a44:101", 400),
        (b"|zzzzzz:71", 400),
        (b"|1f2a44:71 ffffff:20 000000:5 123456:1", 400),
        (b'|"><script>', 400),
        (b"1f2a44:71", 400),
        (b"|\xff", 400),
    ):
        assert client.get("/search", query_string={"view": compact(before + behind)}).status_code == status, behind
    assert bar
    assert 'class="colours"' not in page_of(client, f"/search?view={compact(before + b'|')}")


def test_a_result_shows_colours_and_lets_one_weigh(client: FlaskClient, dress: bytes) -> None:
    address = uploaded(client, dress)
    text = page_of(client, address)
    for words in ("Balanced", "Same kind", "Same look", "Same colour", "66% kind, 20% look, 14% colour", "Any colour"):
        assert words in text
    ways = dict(re.findall(r'href="([^"]*weights=[^"]*)" title="([^"]*)"', text))
    assert set(ways.values()) == {
        "100% kind, 0% look, 0% colour",
        "33% kind, 60% look, 7% colour",
        "31% kind, 9% look, 60% colour",
    }
    for link in ways:
        assert 'aria-current="true">Same' in page_of(client, link.replace("&amp;", "&"))


def test_sliders_lead_to_an_address_that_says_the_weights(client: FlaskClient, dress: bytes) -> None:
    address = uploaded(client, dress)
    answer = client.get(f"{address}&weight-kind=40&weight-look=0&weight-colour=60&k=12")
    assert answer.status_code == 303
    assert "weights=kind:0.4,look:0,colour:0.6" in answer.headers["Location"]
    assert "k=12" in answer.headers["Location"]


def test_the_shelves_are_browsed_by_colour(client: FlaskClient, engine: Engine) -> None:
    name = main_colour(engine.browse(limit=1).items[0])
    text = page_of(client, f"/browse?colour={name.replace(' ', '+')}")
    assert text.count('class="card"') == engine.browse({"colour~": name}, limit=100).total
    assert f'title="{name}" aria-current="page"' in text
    assert client.get("/browse?colour=blurple", headers={"Accept": "text/html"}).status_code == 422
