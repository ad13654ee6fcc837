"""Several garments in one picture: found with their boxes, told over HTTP and on the page; one garment stays one."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import numpy as np
import pytest
from browsing import PHONE, Open, search, serving
from flask.testing import FlaskClient
from outfits import SHOES, TOPS, TROUSERS, Outfit, cutouts, outfits
from playwright.sync_api import expect

from commands.terminal import print_result
from indexer.catalogue.local import LocalCatalogue
from indexer.pipeline import indexing
from indexer.sources.folder import Folder
from models.datasets.photographs import Photograph
from models.garments.finding import SeenGarment, find_garments
from models.garments.kinds import kind_posteriors
from models.pictures.boxes import Box
from models.pictures.decoding import Picture, decode
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from search_api.seeing.picture_reader import SEVERAL, SEVERAL_BUT_WHOLE
from webui import upload_cookie
from webui.app import create_app

SINGLE = 60
OUTFITS = 18
RIGHT: Mapping[str, set[str]] = {
    "t-shirt": {"T-shirt/top", "Shirt", "Pullover"},
    "longsleeve": {"Pullover", "T-shirt/top", "Shirt", "Coat"},
    "shirt": {"Shirt", "T-shirt/top", "Pullover", "Coat"},
    "pants": {"Trouser"},
    "shoes": {"Sandal", "Sneaker", "Ankle boot"},
}


@pytest.fixture(scope="module")
def laid(unseen_by_eye: Sequence[Photograph]) -> Sequence[Outfit]:
    return outfits(cutouts(unseen_by_eye, 5), OUTFITS)


@pytest.fixture(scope="module")
def shop(shop_table: Path) -> Sequence[Mapping[str, str]]:
    """The rows of a real shop's table, each with the path of its picture."""
    with shop_table.open(encoding="utf-8") as lines:
        return [{**row, "image": str(shop_table.parent / row["image"])} for row in csv.DictReader(lines)]


def garments_of(eye: LiteRTEmbedder, picture: Picture) -> Sequence[SeenGarment]:
    view = eye.prepare(picture)
    return find_garments(eye, picture, view, eye.embed([view])[0])


def label_of(eye: LiteRTEmbedder, garment: SeenGarment) -> str:
    return eye.card.classes[int(garment.probabilities.argmax())]


# --- what is found ---


def test_the_garments_of_an_outfit_are_found_where_they_lie_and_as_what_they_are(
    eye: LiteRTEmbedder, laid: Sequence[Outfit]
) -> None:
    found = right = asked = wrong = 0
    for outfit in laid:
        garments = garments_of(eye, decode(outfit.jpeg))
        shares = [garment.found.share for garment in garments]
        assert shares == sorted(shares, reverse=True)
        for box, kind in zip(outfit.boxes, outfit.kinds, strict=True):
            asked += 1
            best = max(garments, key=lambda one: one.found.box.overlap(box), default=None)
            if best is not None and best.found.box.overlap(box) > 0.5:
                found += 1
                right += label_of(eye, best) in RIGHT[kind]
        wrong += sum(all(one.found.box.overlap(box) <= 0.5 for box in outfit.boxes) for one in garments)
    assert found >= 0.7 * asked
    assert right >= 0.95 * found
    assert wrong <= 0.05 * asked


def test_a_photograph_of_one_garment_stays_one(eye: LiteRTEmbedder, unseen_by_eye: Sequence[Photograph]) -> None:
    some = unseen_by_eye[:: len(unseen_by_eye) // SINGLE]
    split = [one.path for one in some if garments_of(eye, one.read())]
    assert len(split) <= 0.03 * len(some), split


def test_products_shown_alone_and_pairs_of_shoes_stay_one(
    eye: LiteRTEmbedder, shop: Sequence[Mapping[str, str]]
) -> None:
    alone = [row["image"] for row in shop if row["category"] in {"Footwear", "Accessories"}][::50]
    split = [path for path in alone if garments_of(eye, decode(Path(path).read_bytes()))]
    assert len(alone) > 40
    assert len(split) <= 0.03 * len(alone), split


def test_of_a_person_the_top_and_the_trousers_are_found_and_neither_face_nor_hair(
    eye: LiteRTEmbedder, shop: Sequence[Mapping[str, str]]
) -> None:
    worn = [row["image"] for row in shop if row["type"] == "Tshirts"][::40]
    several = [found for path in worn if (found := garments_of(eye, decode(Path(path).read_bytes())))]
    assert len(several) >= 0.2 * len(worn), "of half of them the trousers are hardly to be seen"
    for garments in several:
        upper, lower = sorted(garments, key=lambda one: one.found.box.y)[:2]
        assert upper.found.box.y > 0.1, "the head is above"
        assert lower.found.box.y >= upper.found.box.y + 0.7 * upper.found.box.height
    labels = [label_of(eye, max(garments, key=lambda one: one.found.box.y)) for garments in several]
    assert np.mean([label == "Trouser" for label in labels]) > 0.8


def test_dresses_stay_one(eye: LiteRTEmbedder, shop: Sequence[Mapping[str, str]]) -> None:
    dresses = [row["image"] for row in shop if row["type"] == "Dresses"]
    assert sum(bool(garments_of(eye, decode(Path(path).read_bytes()))) for path in dresses) <= 1


def test_only_a_model_that_tells_kinds_sees_several(
    embedder: LiteRTEmbedder, eye: LiteRTEmbedder, laid: Sequence[Outfit]
) -> None:
    assert not garments_of(embedder, decode(laid[1].jpeg))
    view = eye.prepare(decode(laid[1].jpeg))
    kinds = kind_posteriors(eye.embed([view, view])[0])
    assert kinds is not None
    np.testing.assert_allclose(kinds.sum(axis=1), 1, rtol=1e-5)


def test_a_view_tells_what_of_the_picture_it_shows(eye: LiteRTEmbedder) -> None:
    pixels = np.random.default_rng(0).integers(150, 250, (200, 100, 3), np.uint8)
    pixels[20:180, 30:70] = (20, 60, 90)
    left, top, width, height = eye.prepare(Picture(pixels)).frame or (0, 0, 0, 0)
    assert (left, top, width, height) == pytest.approx((-0.12, 0, 1.25, 1))  # ground was added on both sides


# --- what is answered ---


@pytest.fixture(scope="module")
def catalogue(
    unseen_by_eye: Sequence[Photograph], eye: LiteRTEmbedder, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A catalogue of two dozen photographs."""
    root = tmp_path_factory.mktemp("several")
    (root / "photographs").mkdir()
    for number, one in enumerate(unseen_by_eye[:: len(unseen_by_eye) // 24]):
        (root / "photographs" / f"{number}.jpg").symlink_to(one.path)
    card = eye.card
    with LocalCatalogue.create(root / "catalogue", card.fingerprint, card.dim, card.classes) as made:
        indexing.index(Folder(root / "photographs"), eye, made)
    return root / "catalogue"


@pytest.fixture(scope="module")
def shop_engine(catalogue: Path, eye: LiteRTEmbedder) -> Iterator[Engine]:
    with LocalCatalogue.open(catalogue, eye.card.fingerprint) as opened:
        yield Engine(eye, opened)


@pytest.fixture
def shop_client(shop_engine: Engine) -> FlaskClient:
    return create_app(lambda: shop_engine).test_client()


@pytest.fixture(scope="module")
def two(eye: LiteRTEmbedder, laid: Sequence[Outfit]) -> Outfit:
    """The first outfit of a top and trousers of which both are found and one does not rule the other."""
    return next(one for one in laid[::3] if len(garments_of(eye, decode(one.jpeg))) == 2)


def test_the_largest_is_searched_with_and_each_is_told(
    shop_client: FlaskClient, shop_engine: Engine, two: Outfit
) -> None:
    answer = shop_client.post("/v1/search", data=two.jpeg, content_type="image/jpeg").json
    garments = answer["garments"]
    assert [one["searched"] for one in garments] == [True, False]
    assert answer["notes"][0] == SEVERAL
    assert (answer["predicted"]["class"]["value"], answer["predicted"]["class"]["probability"]) == (
        garments[0]["predicted"]["class"]["value"],
        garments[0]["predicted"]["class"]["probability"],
    )
    for place, garment in enumerate(garments):
        text = ",".join(map(str, garment["box"]))
        chosen = shop_client.post(f"/v1/search?box={text}", data=two.jpeg, content_type="image/jpeg").json
        assert [one["searched"] for one in chosen["garments"]] == [number == place for number in range(2)]
        assert chosen["predicted"]["class"]["value"] == garment["predicted"]["class"]["value"]
        assert SEVERAL not in chosen["notes"]
        result = shop_engine.search(two.jpeg, box=Box.parse(text))
        assert [hit["item"]["id"] for hit in chosen["hits"]] == [hit.item.id for hit in result.hits]
    elsewhere = shop_client.post("/v1/search?box=0,0,0.2,0.2", data=two.jpeg, content_type="image/jpeg").json
    assert [one["searched"] for one in elsewhere["garments"]] == [True, False, False]
    assert elsewhere["garments"][0]["box"] == [0, 0, 0.2, 0.2]


def test_one_garment_is_told_with_the_box_around_it_and_an_item_has_none(
    shop_client: FlaskClient, unseen_by_eye: Sequence[Photograph]
) -> None:
    path = unseen_by_eye[0].path
    answer = shop_client.post("/v1/search", data=path.read_bytes(), content_type="image/jpeg").json
    (garment,) = answer["garments"]
    assert garment["searched"]
    assert (garment["predicted"]["class"]["value"], garment["predicted"]["class"]["probability"]) == (
        answer["predicted"]["class"]["value"],
        answer["predicted"]["class"]["probability"],
    )
    Box(*garment["box"])
    assert answer["hits"][0]["score"] == pytest.approx(1, abs=1e-4), "it is found as it was indexed"
    item_id = answer["hits"][0]["item"]["id"]
    assert shop_client.post("/v1/search", json={"item_id": item_id}).json["garments"] == []


def test_a_picture_that_one_garment_rules_is_searched_with_as_it_is(
    shop_engine: Engine, eye: LiteRTEmbedder, shop: Sequence[Mapping[str, str]]
) -> None:
    worn = [Path(row["image"]).read_bytes() for row in shop if row["type"] == "Tshirts"][::100]
    ruled = [one for one in map(shop_engine.embed_picture, worn) if SEVERAL_BUT_WHOLE in one.view.notes]
    assert ruled
    for picture in ruled:
        assert picture.garments[0].searched
        assert picture.garments[0].best_class.value == eye.card.classes[int(picture.probabilities.argmax())]
        assert picture.view.frame == (0, 0, 1, 1)


def test_the_description_tells_of_garments(shop_client: FlaskClient) -> None:
    schemas = shop_client.get("/v1/openapi.json").json["components"]["schemas"]
    assert "garments" in schemas["Search"]["required"]
    assert set(schemas["Garment"]["required"]) == {"box", "predicted", "searched"}


def test_the_command_tells_several_garments_in_a_line(
    shop_engine: Engine, two: Outfit, unseen_by_eye: Sequence[Photograph], capsys: pytest.CaptureFixture[str]
) -> None:
    print_result(shop_engine.search(two.jpeg))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "Garments:" in line]
    assert line.count("--box") == 2
    assert line.count("searched") == 1
    for part in line.split("--box ")[1:]:
        Box.parse(part.partition(";")[0])
    print_result(shop_engine.search(unseen_by_eye[0].path.read_bytes()))
    assert "Garments:" not in capsys.readouterr().out


# --- what the page offers ---


def test_the_page_offers_each_garment_and_marks_the_one_searched_with(shop_client: FlaskClient, two: Outfit) -> None:
    answer = shop_client.post("/search", data={"image": (io.BytesIO(two.jpeg), "x.jpg")})
    page = shop_client.get(answer.headers["Location"]).text
    assert page.count("data-garment=") == 2
    assert page.count('aria-pressed="true"') == 1
    assert 'data-box="' in page


@pytest.mark.parametrize("garments", ['["x"]', "[1,2,3]", "[0,0,9,9,1,1,1]", '[0,0,0.5,0.5,"Bag",7,1]', "[[]]"])
def test_strange_garments_in_the_cookie_are_passed_over(
    shop_client: FlaskClient, unseen_by_eye: Sequence[Photograph], garments: str
) -> None:
    answer = shop_client.post("/search", data={"image": (io.BytesIO(unseen_by_eye[0].path.read_bytes()), "x.jpg")})
    (view,) = parse_qs(urlsplit(answer.headers["Location"]).query)["view"]
    kept = [upload_cookie._digest(view), None, "A note.", json.loads(garments)]
    shop_client.set_cookie(upload_cookie.COOKIE, quote(json.dumps(kept), safe=""), path="/search")
    page = shop_client.get(answer.headers["Location"])
    assert page.status_code == 200
    assert "A note." in page.text
    assert "data-garment=" not in page.text


@pytest.fixture(scope="module")
def site(catalogue: Path, project: Path) -> Iterator[str]:
    with serving(catalogue, project) as address:
        yield address


def test_choosing_another_garment_searches_with_it(open_page: Open, two: Outfit, tmp_path: Path) -> None:
    (tmp_path / "two.jpg").write_bytes(two.jpeg)
    page = open_page(**PHONE)
    search(page, tmp_path / "two.jpg")
    pressed, other = (page.locator(f"[data-garment][aria-pressed={state}]") for state in ("true", "false"))
    expect(pressed).to_be_enabled()
    expect(page.locator(".box")).to_be_visible()
    asked = other.inner_text().split()[0]
    before = page.url
    other.click()
    page.wait_for_url(lambda address: address != before)
    expect(page.locator("h1")).to_contain_text(asked)
    expect(pressed).to_contain_text(asked)
    expect(page.locator("[data-garment]")).to_have_count(2)


def test_kinds_of_the_outfits_are_those_that_are_right() -> None:
    assert {*TOPS, *TROUSERS, *SHOES} == set(RIGHT)
