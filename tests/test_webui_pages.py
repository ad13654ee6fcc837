"""The pages over real items and the real model, without a browser: what they say, lead to, and refuse."""

import base64
import io
import random
import tracemalloc
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

import models
from indexer.catalogue.local import LocalCatalogue
from indexer.content_key import ContentKey
from indexer.pipeline import indexing
from indexer.sources.fashion_mnist import FashionMNIST
from indexer.sources.items import SourceItem
from models.card import ModelCard
from models.datasets.fashion_mnist import CLASSES, Split
from models.embedder import View
from models.pictures.boxes import Box
from models.pictures.decoding import MAX_BYTES, Picture
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from search_api.engine_state import EngineState
from search_api.http.security import PAGE_POLICY
from search_api.parameters import K
from search_api.query import Query
from webui import assets, formatting
from webui.app import create_app
from webui.view_codec import InvalidSharedView, from_address, to_address

ITEMS = 240
AS_BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"}
ODD_IDS = (
    "shoes/red & white/№ 7",
    "a//b?c#d%2Fe+f",
    "<script>alert('id')</script>",
    "test-00001/image",
    "靴 👢",
)
ODD_TITLE = "<b>Bold</b> \"quoted\" & 'single' {{ 7 * 7 }}"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, embedder: LiteRTEmbedder, test_split: Split) -> Iterator[Engine]:
    """240 test images, and five items with ids, titles and colour pictures as shops have them."""
    card = embedder.card
    colour = np.full((500, 400, 3), 255, np.uint8)
    colour[150:350, 100:300] = (30, 120, 90)
    attributes = {"title": ODD_TITLE, "price": 49.5, "note": None}
    odd = [SourceItem(id_, Picture(colour), attributes, ContentKey(id_)) for id_ in ODD_IDS]
    some = Split(test_split.images[:ITEMS], test_split.labels[:ITEMS])
    directory = tmp_path_factory.mktemp("pages") / "catalogue"
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        indexing.index([*FashionMNIST(some, "test"), *odd], embedder, catalogue)
        yield Engine(embedder, catalogue)


@pytest.fixture(scope="module")
def app(engine: Engine) -> Flask:
    return create_app(lambda: engine)


@pytest.fixture(scope="module")
def png(test_split: Split) -> bytes:
    """Test image 42 as the product picture that it was."""
    return encoded(np.invert(test_split.images[42]))


@pytest.fixture
def results(client: FlaskClient, png: bytes) -> str:
    """The address of results, as an upload leads to it."""
    return upload(client, png).headers["Location"]


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, kind)
    return data.getvalue()


def upload(client: FlaskClient, picture: bytes, accept: str = AS_BROWSER["Accept"]) -> TestResponse:
    """Post the form as a browser does. (Werkzeug's own way puts large forms into a temporary file.)"""
    head = b'--edge\r\nContent-Disposition: form-data; name="image"; filename="a picture.png"\r\n\r\n'
    return client.post(
        "/search",
        data=head + picture + b"\r\n--edge--\r\n",
        content_type="multipart/form-data; boundary=edge",
        headers={"Accept": accept},
    )


def item_path(id_: str) -> str:
    return "/items/" + quote(id_, safe="")


class Page(HTMLParser):
    """A page read strictly: what does not close, or close in order, is an error."""

    VOID = frozenset({"img", "input", "link", "meta", "br"})
    ENDED = frozenset({"rect"})
    INLINE = frozenset({"a", "span"})

    def __init__(self, response: TestResponse) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.text_of: dict[str, str] = {}
        self.feed(response.get_data(as_text=True))
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice: {attrs}"
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.ENDED, f"<{tag}/> is not how HTML ends it"
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1:] == [tag], f"</{tag}> closes {self.open}"
        self.open.pop()
        if tag not in self.INLINE:
            self.text.append(" ")

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.open:
            self.text_of[self.open[-1]] = self.text_of.get(self.open[-1], "") + data

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())

    @property
    def links(self) -> set[str]:
        named = [(element, name) for element in self.of("a", "link", "img", "script") for name in ("href", "src")]
        return {str(element[name]) for element, name in named if element.get(name)}


def read(response: TestResponse) -> Page:
    """Read a page and hold it to everything that every page keeps."""
    assert response.mimetype == "text/html"
    assert response.headers["Content-Security-Policy"] == PAGE_POLICY
    assert "public" not in response.headers["Cache-Control"]
    page = Page(response)
    names = [tag for tag, _ in page.elements]
    assert names.count("h1") == names.count("main") == names.count("title") == 1
    assert page.of("html") == [{"lang": "en"}]
    assert page.text_of["title"].endswith(" · Lookalike")
    assert "style" not in names
    for tag, attributes in page.elements:
        assert "style" not in attributes, f"<{tag}> has an inline style"
        assert not [name for name in attributes if name.startswith("on")], f"<{tag}> has an inline script"
    assert [script for script in page.of("script") if not script.get("src")] == []
    assert page.text_of.get("script", "").strip() == ""
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(set(ids)) == len(ids)
    for _, attributes in page.elements:
        for reference in ("aria-labelledby", "for"):
            assert attributes.get(reference) in {*ids, None}
    labelled = {label["for"] for label in page.of("label")}
    assert all(field["id"] in labelled for field in page.of("input"))
    for image in page.of("img"):
        assert image["alt"] is not None
        assert int(image["width"] or 0) > 0 < int(image["height"] or 0)
    return page


PATHS = (
    "/",
    "/browse",
    "/browse?page=2",
    "/browse?class=Sneaker",
    "/browse?class=T-shirt%2Ftop",
    "/items/test-00000",
    "/items/test-00000?k=48&class=Bag",
    *(item_path(id_) for id_ in ODD_IDS),
)


@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_sound_html_under_a_strict_policy(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers=AS_BROWSER)
    assert response.status_code == 200
    read(response)


def test_every_link_on_every_page_leads_somewhere(client: FlaskClient, results: str) -> None:
    """Follow all links from the start and from results; of items, which are all alike, expand a few."""
    seen, queue, expanded_items = {"/", results}, deque(["/", results]), 0
    while queue:
        address = queue.popleft()
        response = client.get(address, headers=AS_BROWSER)
        assert response.status_code == 200, address
        if response.mimetype != "text/html":
            continue
        if address.startswith("/items/"):
            expanded_items += 1
            if expanded_items > 12:
                continue
        for link in read(response).links:
            if link.startswith(("data:", "#")):
                continue
            target = urljoin(address, link)
            assert target.startswith("/"), f"{address} leads away from the site: {link}"
            if target not in seen:
                seen.add(target)
                queue.append(target)
    for id_ in ODD_IDS:
        assert item_path(id_) in seen
        assert any(address.startswith(f"/v1{item_path(id_)}/images/") for address in seen)
    assert {"/browse?page=2", "/browse?class=Ankle+boot"} <= seen


def test_browsing_shows_every_item_once_with_its_picture(client: FlaskClient, engine: Engine) -> None:
    shown: list[str] = []
    for number in range(1, 7):
        page = read(client.get(f"/browse?page={number}"))
        assert f"Page {number} of 6" in page.words
        shown += [str(link["href"]) for link in page.of("a") if link.get("class") == "card"]
    assert sorted(shown) == sorted(
        item_path(item.id) for start in (0, 100, 200) for item in engine.browse(None, start, 100).items
    )
    assert len(shown) == ITEMS + len(ODD_IDS)


def test_browsing_a_class_shows_only_that_class_and_says_how_many(client: FlaskClient, engine: Engine) -> None:
    for label, count in engine.counts().items():
        page = read(client.get("/browse", query_string={"class": label}))
        assert f"{label} {count}" in page.words
        cards = [link for link in page.of("a") if link.get("class") == "card"]
        assert len(cards) == min(count, 48)
        expected = {item_path(item.id) for item in engine.browse({"predicted.class": label}, limit=48).items}
        assert {link["href"] for link in cards} == expected


def test_the_start_page_says_what_the_catalogue_holds(client: FlaskClient, engine: Engine) -> None:
    page = read(client.get("/"))
    assert f"the closest of {ITEMS + len(ODD_IDS)} items" in page.words
    for label, count in engine.counts().items():
        if count:
            assert f"{label} {count} items" in page.words


def test_an_upload_leads_to_an_address_that_holds_the_models_view(
    client: FlaskClient, png: bytes, engine: Engine, test_split: Split
) -> None:
    response = upload(client, png)
    assert response.status_code == 303
    address = response.headers["Location"]
    (view,) = parse_qs(urlsplit(address).query)["view"]
    assert len(address) < 1200
    np.testing.assert_array_equal(from_address(view, (28, 28)), test_split.images[42])
    assert "Set-Cookie" not in response.headers


def test_results_show_what_the_engine_answers(client: FlaskClient, png: bytes, results: str, engine: Engine) -> None:
    expected = engine.search(png, Query(k=24))
    page = read(client.get(results))
    best = expected.best_class
    assert page.text_of["title"].startswith(f"{best.value}, {formatting.percent(best.probability)}: 24 lookalikes")
    assert f"{best.value} {formatting.percent(best.probability)}" in page.words
    widths = [float(bar["width"] or "nan") for bar in page.of("rect") if bar["height"] == "4"]
    assert widths == [round(100 * prediction.probability, 2) for prediction in (best, *best.others)]
    cards = [str(link["href"]) for link in page.of("a") if link.get("class") == "card"]
    assert cards == [item_path(hit.item.id) for hit in expected.hits]
    scores = [str(span["title"]) for span in page.of("span") if span.get("class") == "score"]
    assert scores == [
        f"Cosine similarity {hit.score:.3f}; the same kind of thing: {formatting.percent(hit.relevance)} likely"
        for hit in expected.hits
    ]


def test_the_view_on_the_results_page_is_the_models_own_shown_dark_on_white(
    client: FlaskClient, results: str, test_split: Split
) -> None:
    (picture,) = [image for image in read(client.get(results)).of("img") if str(image["src"]).startswith("data:")]
    shown = Image.open(io.BytesIO(base64.b64decode(str(picture["src"]).partition(",")[2])))
    np.testing.assert_array_equal(np.asarray(shown), 255 - test_split.images[42])


def test_results_can_be_narrowed_to_a_class_and_widened(client: FlaskClient, results: str, engine: Engine) -> None:
    page = read(client.get(f"{results}&class=Bag&k=12"))
    cards = [link["href"] for link in page.of("a") if link.get("class") == "card"]
    assert len(cards) == 12
    assert set(cards) <= {item_path(item.id) for item in engine.browse({"predicted.class": "Bag"}, limit=100).items}
    assert f"{results}&k=12" in page.links, "all classes again, with the same number"
    assert f"{results}&class=Bag&k=96" in page.links, "more, of the same class"


def stops_of(page: Page) -> list[tuple[str, str, bool]]:
    """Return the places of the control from the same kind to the same look: address, title, whether it is here."""
    links = [link for link in page.of("a") if str(link["href"]).endswith("#found")]
    return [(str(link["href"]), str(link["title"]), link.get("aria-current") == "true") for link in links]


def cards_of(page: Page) -> list[str]:
    return [str(link["href"]) for link in page.of("a") if link.get("class") == "card"]


@pytest.mark.parametrize("at", ["results", "/items/test-00007"])
def test_the_look_is_moved_in_five_steps_that_keep_number_and_class(
    client: FlaskClient, results: str, engine: Engine, at: str
) -> None:
    base = results if at == "results" else at
    rest = f"{base}{'&' if '?' in base else '?'}class=Shirt&k=12"
    plain = read(client.get(rest))
    standard = engine.look_share
    assert standard is not None
    stops = stops_of(plain)
    assert [here for _, _, here in stops] == [False, True, False, False, False]
    looks = [formatting.percent(share) for share in (0, standard, (1 + 2 * standard) / 3, (2 + standard) / 3, 1)]
    assert [title.rpartition(", ")[2] for _, title, _ in stops] == [f"{look} look" for look in looks]
    assert f"Same kind Balanced {looks[2]} look {looks[3]} look Same look {stops[1][1]}" in plain.words
    for number, (address, title, _) in enumerate(stops):
        page = read(client.get(address))
        (look,) = parse_qs(urlsplit(address).query).get("look", [None])
        assert [stop[:2] for stop in stops_of(page)] == [stop[:2] for stop in stops], "the way back is the same"
        assert [here for _, _, here in stops_of(page)].index(True) == number
        assert title in page.words
        share = standard if look is None else float(look)
        expected = (
            engine.search_view(view_in(results), Query(12, {"predicted.class": "Shirt"}, share)).hits
            if at == "results"
            else engine.similar("test-00007", Query(12, {"predicted.class": "Shirt"}, share))
        )
        kept = "" if look is None else f"?look={look}"
        assert cards_of(page) == [item_path(hit.item.id) + kept for hit in expected]
        others = [link for link in page.links if "k=96" in link or link.startswith(f"{base}&k=12")]
        assert others
        assert all(look is None or f"look={look}" in link for link in others)


def view_in(address: str) -> np.ndarray:
    return from_address(parse_qs(urlsplit(address).query)["view"][0], (28, 28))


def test_a_look_between_the_steps_has_a_place_of_its_own(client: FlaskClient, engine: Engine) -> None:
    stops = stops_of(read(client.get("/items/test-00007?look=0.99")))
    assert [title for _, title, here in stops if here] == ["1% kind, 99% look"]
    assert [here for _, _, here in stops] == [False, False, False, False, True, False]
    for same in (engine.look_share, ""):
        assert len(stops_of(read(client.get(f"/items/test-00007?look={same}")))) == 5


def test_a_model_of_one_part_has_no_such_control(embedder: LiteRTEmbedder, engine: Engine, results: str) -> None:
    class Undivided(LiteRTEmbedder):
        @property
        def card(self) -> ModelCard:
            return replace(super().card, parts=())

    client = create_app(lambda: Engine(Undivided(models.PRETRAINED), engine._catalogue)).test_client()
    for path in ("/items/test-00007", results):
        page = read(client.get(path))
        assert stops_of(page) == []
        assert len(cards_of(page)) == 24
    refused = client.get("/items/test-00007?look=1", headers=AS_BROWSER)
    assert refused.status_code == 422
    assert "Search without look" in read(refused).words


def test_an_item_page_shows_its_attributes_and_never_itself_among_the_similar(
    client: FlaskClient, engine: Engine
) -> None:
    page = read(client.get("/items/test-00007?k=96"))
    item = engine.item("test-00007")
    assert f"Recognised as {item.best_class.value}, {formatting.percent(item.best_class.probability)}" in page.words
    assert f"Class {item.attributes['class']} Split test" in page.words
    cards = [link["href"] for link in page.of("a") if link.get("class") == "card"]
    assert cards == [item_path(hit.item.id) for hit in engine.similar("test-00007", Query(96))]
    assert "/items/test-00007" not in cards


@pytest.mark.parametrize("id_", ODD_IDS)
def test_ids_and_titles_of_any_kind_are_shown_as_they_are(client: FlaskClient, id_: str) -> None:
    page = read(client.get(item_path(id_)))
    assert page.text_of["h1"] == ODD_TITLE
    assert " ".join(id_.split()) in page.words
    assert "Price 49.5" in page.words
    assert "Note" not in page.words
    large = next(image for image in page.of("img") if image.get("class") == "subject")
    assert (large["width"], large["height"]) == ("400", "500"), "a large picture is not drawn in blocks"
    sizes = [one.split() for one in str(large["srcset"]).split(", ")]
    assert [width for _, width in sizes] == ["128w", "256w", "400w"]
    assert str(large["src"]) in [address for address, _ in sizes]
    for address, width in sizes:
        answer = client.get(address)
        assert answer.mimetype == "image/webp"
        assert f"{Image.open(io.BytesIO(answer.data)).width}w" == width


def test_small_pictures_are_enlarged_crisply(client: FlaskClient) -> None:
    page = read(client.get("/items/test-00000"))
    assert [image["class"] for image in page.of("img") if "/test-00000/" in str(image["src"])] == ["subject pixels"]


def jpeg_cut_short() -> bytes:
    whole = encoded(np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8), "JPEG")
    return whole[: len(whole) // 2]


@pytest.mark.parametrize(
    ("picture", "status"),
    [
        (b"", 400),
        (b"this is text, whatever its name says", 415),
        (b"%!PS-Adobe-3.0 EPSF-3.0", 415),
        (jpeg_cut_short(), 422),
        (encoded(np.zeros((1, 1), np.uint8)), 422),
        (encoded(np.zeros((3, 5000), np.uint8)), 422),
        (b"\x89PNG\r\n\x1a\n" + bytes(MAX_BYTES), 413),
        (bytes(MAX_BYTES + 300_000), 413),
    ],
    ids=["empty", "text", "postscript", "cut short", "1x1", "5000x3", "too many bytes", "too large a form"],
)
def test_a_bad_picture_is_explained_beside_the_form(client: FlaskClient, picture: bytes, status: int) -> None:
    response = upload(client, picture)
    assert response.status_code == status
    page = read(response)
    (alert,) = [element for element in page.of("p") if element.get("role") == "alert"]
    assert "hidden" not in alert
    assert page.of("form"), "the person can try again right here"
    problem = upload(client, picture, accept="application/problem+json")
    assert (problem.status_code, problem.mimetype) == (status, "application/problem+json")
    assert problem.json is not None
    assert problem.json["detail"] in page.words


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        ({}, "multipart/form-data", 400),
        ({"image": "text instead of a file"}, "multipart/form-data", 400),
        ({"picture": (io.BytesIO(b"x"), "x.png")}, "multipart/form-data", 400),
        ({"image": "x"}, "application/x-www-form-urlencoded", 415),
        (b"--x\r\nnot a form", "multipart/form-data; boundary=x", 400),
    ],
    ids=["no field", "text field", "unknown field", "wrong content type", "broken form"],
)
def test_a_bad_form_is_explained_beside_the_form(
    client: FlaskClient, data: object, content_type: str, status: int
) -> None:
    response = client.post("/search", data=data, content_type=content_type, headers=AS_BROWSER)
    assert response.status_code == status
    assert read(response).of("form")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing/here", 404),
        ("/items/no-such-item", 404),
        ("/items/%00", 404),
        ("/items/", 404),
        ("/items/test-00000?k=0", 422),
        ("/items/test-00000?k=1000000000", 422),
        ("/items/test-00000?k=many", 400),
        ("/items/test-00000?class=Hat", 400),
        ("/items/test-00000?look=1.1", 422),
        ("/items/test-00000?look=-1", 422),
        ("/items/test-00000?look=nan", 400),
        ("/items/test-00000?look=more", 400),
        ("/browse?class=Hat", 400),
        ("/browse?page=0", 422),
        ("/browse?page=-1", 422),
        ("/browse?page=7", 422),
        ("/browse?page=99999999999999999999999", 422),
        ("/browse?page=two", 400),
        ("/browse?page=" + "9" * 5000, 400),
        ("/search?view=tooshort", 400),
        ("/search?view=%C3%A9%00%2B", 400),
        ("/search?view=" + "A" * 7000, 400),
        ("/static/nothing.css", 404),
        ("/static/..%2Fpages.py", 404),
    ],
)
def test_bad_addresses_answer_with_a_page_that_leads_on(client: FlaskClient, path: str, status: int) -> None:
    response = client.get(path, headers=AS_BROWSER)
    assert response.status_code == status
    page = read(response)
    assert {"/", "/browse"} <= page.links
    assert f"Error {status}" in page.words


def test_k_and_label_are_checked_on_results_too(client: FlaskClient, results: str) -> None:
    assert client.get(f"{results}&k={K.maximum}").status_code == 200
    for wrong, status in (
        ("k=1001", 422),
        ("k=0", 422),
        ("k=1.5", 400),
        ("class=Hat", 400),
        ("look=7", 422),
        ("look=x", 400),
    ):
        response = client.get(f"{results}&{wrong}", headers=AS_BROWSER)
        assert response.status_code == status
        read(response)


def test_a_search_without_a_view_leads_to_the_start(client: FlaskClient) -> None:
    for path in ("/search", "/search?view="):
        response = client.get(path)
        assert (response.status_code, response.headers["Location"]) == (303, "/")


def test_a_wrong_method_is_a_page_too(client: FlaskClient) -> None:
    response = client.delete("/browse", headers=AS_BROWSER)
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
    read(response)


def test_errors_are_pages_for_browsers_and_problems_for_programs(client: FlaskClient) -> None:
    for path, accept, mimetype in (
        ("/items/none", AS_BROWSER["Accept"], "text/html"),
        ("/items/none", "application/json", "application/problem+json"),
        ("/items/none", "*/*", "application/problem+json"),
        ("/v1/items/none", AS_BROWSER["Accept"], "application/problem+json"),
        ("/v1/nothing", AS_BROWSER["Accept"], "application/problem+json"),
    ):
        response = client.get(path, headers={"Accept": accept})
        assert (response.status_code, response.mimetype) == (404, mimetype), path


def test_an_unexpected_error_is_a_page_that_tells_nothing_of_it(
    embedder: LiteRTEmbedder, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a secret inside")

    monkeypatch.setattr(EngineState, "similar", fail)
    response = create_app(lambda: engine).test_client().get("/items/test-00000", headers=AS_BROWSER)
    assert response.status_code == 500
    assert "secret" not in read(response).words


def test_static_files_may_be_kept_for_good_only_under_their_own_version(client: FlaskClient, results: str) -> None:
    links = read(client.get("/")).links | read(client.get(results)).links
    addresses = [link for link in links if link.startswith("/static/")]
    assert len(addresses) == len(assets.assets().keys() - assets.EMBEDDED) == 4
    for address in addresses:
        response = client.get(address)
        assert response.headers["Cache-Control"] == assets.FOR_GOOD
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        unchanged = client.get(address, headers={"If-None-Match": response.headers["ETag"]})
        assert (unchanged.status_code, unchanged.data) == (304, b"")
        for other in (address.partition("?")[0], address.partition("?")[0] + "?v=000000000000"):
            assert client.get(other).headers["Cache-Control"] == "no-cache"
    assert client.get("/static/site.js").mimetype == "text/javascript"


def test_only_what_shops_embed_may_be_loaded_by_pages_of_others(client: FlaskClient) -> None:
    allowed = {
        name
        for name in assets.assets()
        if client.get(f"/static/{name}").headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    }
    assert allowed == assets.EMBEDDED == {"lookalike-strip.js"}


def test_styles_and_scripts_together_weigh_less_than_30_kilobytes() -> None:
    sizes = {name: len(asset.data) for name, asset in assets.assets().items()}
    assert sizes["site.css"] + sizes["site.js"] + sizes["photo.js"] < 30_000


def test_pages_load_nothing_from_elsewhere() -> None:
    for asset in assets.assets().values():
        text = asset.data.decode().replace("http://www.w3.org/2000/svg", "")
        assert "//" not in text.replace("// ", "")
        assert "@import" not in text
        assert "url(" not in text


def test_an_empty_catalogue_still_has_its_pages(embedder: LiteRTEmbedder, tmp_path: Path, png: bytes) -> None:
    card = embedder.card
    with LocalCatalogue.create(tmp_path / "empty", card.fingerprint, card.dim, card.classes) as catalogue:
        client = create_app(lambda: Engine(embedder, catalogue)).test_client()
        for path in ("/", "/browse", "/browse?class=Bag", upload(client, png).headers["Location"]):
            response = client.get(path)
            assert response.status_code == 200
            read(response)
        assert "0 lookalikes" in read(client.get(upload(client, png).headers["Location"])).words


class EmbedderWithDoubts(LiteRTEmbedder):
    """The real one, saying two things about every picture."""

    def prepare(self, picture: Picture, box: Box | None = None) -> View:
        return View(super().prepare(picture, box).pixels, ("Very dark.", "Several <objects>; é."))


def test_notes_reach_the_results_of_their_own_upload_and_no_others(engine: Engine, png: bytes, project: Path) -> None:
    doubtful = EmbedderWithDoubts(project / "models" / "pretrained" / "fashion-mnist")
    client = create_app(lambda: Engine(doubtful, engine._catalogue)).test_client()
    response = upload(client, png)
    assert "HttpOnly" in response.headers["Set-Cookie"]
    page = read(client.get(response.headers["Location"]))
    assert "Very dark. Several <objects>; é." in page.words
    other = to_address(np.zeros((28, 28), np.uint8))
    assert "Very dark" not in read(client.get("/search", query_string={"view": other})).words


@pytest.mark.parametrize("cookie", ["", "[", "{}", "[1,2]", "%5B", '["x", {"y": 1}]', "[[[[[[", "null"])
def test_a_strange_cookie_is_passed_over(client: FlaskClient, results: str, cookie: str) -> None:
    client.set_cookie("steps", cookie, path="/search")
    assert client.get(results).status_code == 200


def test_views_survive_the_way_through_an_address() -> None:
    rng = np.random.default_rng(7)
    for shape in ((28, 28), (1, 1), (28, 28, 3)):
        for pixels in (rng.integers(0, 256, shape, np.uint8), np.zeros(shape, np.uint8)):
            address = to_address(pixels)
            assert address.replace("-", "").replace("_", "").isalnum()
            np.testing.assert_array_equal(from_address(address, shape), pixels)


def test_views_of_the_data_set_make_short_addresses(test_split: Split) -> None:
    lengths = [len(to_address(image)) for image in test_split.images[:500]]
    assert max(lengths) < 1100


def test_an_altered_address_is_refused_or_is_another_view_and_never_anything_else(
    client: FlaskClient, test_split: Split
) -> None:
    rng = random.Random(1)
    alphabet = "ABCXYZabcxyz019-_=+/%. \0é"
    for _ in range(600):
        address = list(to_address(test_split.images[rng.randrange(100)]))
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(address))
            match rng.randrange(3):
                case 0:
                    address[place] = rng.choice(alphabet)
                case 1:
                    del address[place:]
                    address.append(rng.choice(alphabet))
                case _:
                    address.insert(place, rng.choice(alphabet))
        text = "".join(address)
        try:
            view = from_address(text, (28, 28))
        except InvalidSharedView:
            expected = 400
        else:
            assert (view.shape, view.dtype) == ((28, 28), np.uint8)
            expected = 200
        if rng.random() < 0.1:
            assert client.get("/search", query_string={"view": text}, headers=AS_BROWSER).status_code == expected


@pytest.mark.parametrize("bomb", [bytes(50_000_000), bytes(785), bytes(783), b""], ids=len)
def test_an_address_never_inflates_beyond_a_view(bomb: bytes) -> None:
    deflate = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    packed = deflate.compress(bomb) + deflate.flush()
    for text in (packed, packed[:600]):
        address = base64.urlsafe_b64encode(text).decode().rstrip("=")
        tracemalloc.start()
        with pytest.raises(InvalidSharedView):
            from_address(address, (28, 28))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 200_000


def test_an_address_with_anything_after_the_view_is_refused() -> None:
    good = to_address(np.zeros((28, 28), np.uint8))
    packed = base64.urlsafe_b64decode(good + "=" * (-len(good) % 4))
    with pytest.raises(InvalidSharedView):
        from_address(base64.urlsafe_b64encode(packed + b"more").decode().rstrip("="), (28, 28))


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (1.0, "100%"),
        (0.99996, "100%"),
        (0.9994, ">99%"),
        (0.994, "99%"),
        (0.5, "50%"),
        (0.0051, "1%"),
        (0.004, "<1%"),
        (0.00001, "0%"),
        (0.0, "0%"),
        (-0.001, "0%"),
        (-0.126, "\N{MINUS SIGN}13%"),
    ],
)
def test_per_cents_are_never_rounded_to_a_certainty(share: float, expected: str) -> None:
    assert formatting.percent(share) == expected


def test_every_class_that_has_items_has_a_shelf(client: FlaskClient, engine: Engine) -> None:
    shelves = {link for link in read(client.get("/")).links if link.startswith("/browse?class=")}
    expected = {label for label in CLASSES if engine.counts()[label]}
    assert {parse_qs(urlsplit(shelf).query)["class"][0] for shelf in shelves} == expected
    assert len(expected) == 10
