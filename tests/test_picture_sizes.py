"""Items' pictures in three sizes: what they are called, what they hold, and what becomes of an address that was."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_asserts import assert_problem
from flask.testing import FlaskClient
from PIL import Image

from indexer.catalogue.local import LocalCatalogue
from indexer.content_key import ContentKey, picture_checksum, picture_digest
from indexer.errors import CatalogueDamaged
from indexer.records import DisplayCopy, PictureInfo
from models.runtime import LiteRTEmbedder
from search_api.access.exposure import Exposure
from search_api.access.origins import Origins
from search_api.engine import Engine
from search_api.http.app import create_app
from search_api.picture_sizes import SIZES, SizedPictures, size_named, sizes_of
from search_api.server.front.pictures import is_sized_picture

WIDE, LITTLE, TILE = "a/wide one", "little", "test-00003"


def photo(width: int, height: int, seed: int = 1) -> bytes:
    """A picture with a garment's share of detail, as JPEG."""
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture(scope="module")
def engine(
    small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory, embedder: LiteRTEmbedder
) -> Iterator[Engine]:
    """The engine over a catalogue with a large picture, one that is smaller than the largest sizes, and tiles."""
    directory = Path(shutil.copytree(small_catalogue, tmp_path_factory.mktemp("sizes") / "catalogue"))
    with LocalCatalogue.open(directory, embedder.card.fingerprint) as catalogue:
        engine = Engine(embedder, catalogue)
        engine.writer.put(WIDE, {"price": 5}, photo(900, 600))
        engine.writer.put(LITTLE, {}, photo(200, 150))
        yield engine


@pytest.fixture(scope="module")
def client(engine: Engine) -> FlaskClient:
    return create_app(lambda: engine).test_client()


def images(client: FlaskClient, item_id: str) -> Any:
    page = client.get("/v1/items", query_string={"where": f"id={item_id}"}).get_json()
    return page["items"][0]["images"]


def test_sizes_are_what_answers_say_and_smaller_than_the_display_copy(client: FlaskClient, engine: Engine) -> None:
    told = images(client, WIDE)
    assert [(one["width"], one["height"]) for one in told.values()] == [(160, 107), (320, 213), (512, 341)]
    display = engine.display(WIDE)
    weights = []
    for called, one in told.items():
        answer = client.get(one["url"])
        assert (answer.status_code, answer.mimetype) == (200, "image/webp")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        picture = Image.open(io.BytesIO(answer.data))
        assert (picture.format, picture.size) == ("WEBP", (one["width"], one["height"]))
        original = Image.open(io.BytesIO(display.data)).resize(picture.size)
        difference = np.abs(np.asarray(picture.convert("RGB"), int) - np.asarray(original, int)).mean()
        assert difference < 6, "it shows the same"
        assert engine.sized(WIDE, called).data == answer.data
        again = client.get(one["url"], headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        weights.append(len(answer.data))
    assert sorted(weights) == weights
    assert weights[-1] < len(display.data)


def test_no_picture_is_made_larger(client: FlaskClient, engine: Engine) -> None:
    little = images(client, LITTLE)
    assert [(one["width"], one["height"]) for one in little.values()] == [(160, 120), (200, 150), (200, 150)]
    assert little["medium"] == little["large"]
    tile = images(client, TILE)
    assert tile["small"] == tile["medium"] == tile["large"]
    answer = client.get(tile["small"]["url"])
    assert (answer.mimetype, answer.data) == ("image/png", engine.display(TILE).data), "its pixels are counted"


def test_an_address_stays_with_the_picture_and_leads_on_from_one_that_was(client: FlaskClient, engine: Engine) -> None:
    engine.writer.put("changing", {"price": 5}, photo(900, 600))
    before = images(client, "changing")
    engine.writer.patch("changing", {"price": 4})
    assert images(client, "changing") == before
    assert images(client, WIDE)["small"]["url"].rpartition("/")[2] == before["small"]["url"].rpartition("/")[2]
    engine.writer.put_image("changing", photo(300, 400, seed=2))
    after = images(client, "changing")
    for called, one in before.items():
        led = client.get(one["url"])
        assert (led.status_code, led.data) == (302, b"")
        assert led.headers["Location"] == after[called]["url"]
        assert led.headers["Cache-Control"] == "no-cache"
    engine.writer.delete("changing")
    assert_problem(client.get(after["small"]["url"]), 404, "unknown-item")


def test_what_names_no_size_is_not_found_or_led_to_the_nearest(client: FlaskClient) -> None:
    told = images(client, WIDE)
    folder, _, name = told["small"]["url"].rpartition("/")
    digest = name.partition("-")[0]
    for wrong in ("x", "160.webp", f"{digest}.webp", f"{digest}-160.jpg", f"{digest}-1600000.webp", f"{digest}--1.png"):
        assert_problem(client.get(f"{folder}/{wrong}"), 404, "not-found")
    for side, called in ((1, "small"), (161, "medium"), (320, "medium"), (5000, "large")):
        answer = client.get(f"{folder}/{digest}-{side}.png")
        assert (answer.status_code, answer.headers["Location"]) == (302, told[called]["url"])


def test_sizes_are_told_of_every_item_and_alone_where_asked_for(client: FlaskClient, engine: Engine) -> None:
    told = images(client, TILE)
    asked: list[Any] = [
        client.get(f"/v1/items/{TILE}").get_json(),
        client.post("/v1/batch", json={"questions": [{"item": TILE}]}).get_json()["answers"][0]["answer"],
        client.post("/v1/recommend", json={"cold_start": "newest", "where": {"id": TILE}}).get_json()["hits"][0][
            "item"
        ],
        client.patch(f"/v1/items/{TILE}", json={"attributes": {}}).get_json(),
    ]
    assert all(one["images"] == told for one in asked)
    hits = client.get(f"/v1/items/{TILE}/similar?limit=3&fields=images").get_json()["hits"]
    assert [list(hit["item"]) for hit in hits] == [["images"]] * 3
    only_ids = client.get(f"/v1/items/{TILE}/similar?limit=3&fields=id").get_json()["hits"]
    assert [list(hit["item"]) for hit in only_ids] == [["id"]] * 3


def test_other_pages_may_show_them_by_the_public_address(engine: Engine) -> None:
    exposure = Exposure(origins=Origins(["https://shop.example"]), public_url="https://shop.example/vs")
    client = create_app(lambda: engine, exposure=exposure).test_client()
    address = images(client, WIDE)["small"]["url"]
    assert address.startswith("https://shop.example/vs/v1/items/a%2Fwide%20one/images/")
    path = address.removeprefix("https://shop.example/vs")
    was = path.replace("-160", "-161")
    answers = [client.get(path, headers={"Origin": "https://shop.example"}), client.get(was)]
    assert [one.status_code for one in answers] == [200, 302]
    assert [one.headers.getlist("Cross-Origin-Resource-Policy") for one in answers] == [["cross-origin"]] * 2
    assert answers[1].headers["Location"] == address.replace("-160", "-320")


def test_sizes_are_made_once_and_let_go_when_there_are_too_many() -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(photo(400, 400))).save(file, "JPEG")
    display, asked = DisplayCopy(file.getvalue(), "image/jpeg", 400, 400), []

    def given() -> DisplayCopy:
        asked.append(1)
        return display

    size = sizes_of(PictureInfo("image/jpeg", 400, 400, "0123456789abcdef"))["medium"]
    made = SizedPictures().made("a", size, given)
    kept = SizedPictures(most_bytes=2 * len(made.data))
    for item_id in ("a", "b", "a", "c", "a", "b"):
        assert kept.made(item_id, size, given) == made
    assert len(asked) == 1 + 4, "b was not asked for as lately as a"


def test_a_picture_that_is_damaged_is_told_of() -> None:
    size = sizes_of(PictureInfo("image/jpeg", 400, 400, "0123456789abcdef"))["medium"]
    with pytest.raises(CatalogueDamaged, match="verify"):
        SizedPictures().made("a", size, lambda: DisplayCopy(b"\xff\xd8junk", "image/jpeg", 400, 400))


@pytest.mark.parametrize(("width", "height"), [(512, 1), (1, 512), (65, 64), (511, 333), (160, 160), (161, 3)])
def test_every_size_has_a_side_of_its_name_and_is_found_by_it(width: int, height: int) -> None:
    picture = PictureInfo("image/jpeg", width, height, "0123456789abcdef")
    for size, side in zip(sizes_of(picture).values(), SIZES.values(), strict=True):
        assert max(size.width, size.height) == min(side, max(width, height))
        assert min(size.width, size.height) >= 1
        assert size_named(picture, size.name) == size


def test_a_digest_is_the_picture_s_or_of_what_is_no_key_the_version_s() -> None:
    checksum = picture_checksum(b"a picture")
    keys = [str(ContentKey.of(checksum, {"price": price}, "validator")) for price in (1, 2)]
    assert len({picture_digest(key, version) for key, version in zip(keys, ("1-a", "2-b"), strict=True)}) == 1
    assert picture_digest(str(ContentKey(picture_checksum(b"another"))), "1-a") != picture_digest(keys[0], "1-a")
    assert picture_digest("same for all", "1-a") != picture_digest("same for all", "2-b")


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        (b"/v1/items/a/images/0123456789abcdef-160.webp", True),
        (b"/v1/items/a%2Fb/images/x", True),
        (b"/v1/items/a/images/b/similar", False),
        (b"/v1/items/a/image", False),
        (b"/search/images/x", False),
    ],
)
def test_the_lane_for_sizes_takes_nothing_else(path: bytes, is_one: bool) -> None:
    assert is_sized_picture(path) is is_one
