"""A box says where in a picture the garment is: in the engine, over HTTP and in the terminal, with the cutout shown."""

import base64
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_asserts import assert_problem
from flask.testing import FlaskClient
from pictures_of_two import BAG, TROUSERS, bag_and_trousers
from PIL import Image, ImageOps

from models.datasets import fashion_mnist
from models.pictures.boxes import Box
from models.pictures.decoding import decode
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from search_api.query import Query


@pytest.fixture(scope="module")
def two() -> bytes:
    return bag_and_trousers()


def pixels_of(data_uri: str) -> np.ndarray:
    kind, _, encoded = data_uri.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))


def post(client: FlaskClient, picture: bytes, **options: object) -> Any:
    return client.post("/v1/search", data={"image": (io.BytesIO(picture), "two.jpg"), **options})


def test_a_box_around_one_of_two_garments_decides_which_is_searched_with(engine: Engine, two: bytes) -> None:
    assert engine.search(two, box=Box.parse(BAG)).best_class.value == "Bag"
    assert engine.search(two, box=Box.parse(TROUSERS)).best_class.value == "Trouser"


def test_what_lies_beyond_the_box_is_not_cut_out(engine: Engine, two: bytes) -> None:
    for text in (BAG, TROUSERS):
        box = Box.parse(text)
        cutout = engine.search(two, box=box).view.cutout
        assert cutout is not None
        shown = cutout[:, :, 3] > 0
        inside = shown[box.of(shown)]
        assert inside.mean() > 0.3
        assert inside.sum() == shown.sum()


def test_a_form_and_a_bare_picture_take_the_box_that_the_engine_takes(
    client: FlaskClient, engine: Engine, two: bytes
) -> None:
    expected = engine.search(two, Query(k=5), box=Box.parse(TROUSERS))
    form = post(client, two, box=TROUSERS, k=5).json
    bare = client.post(f"/v1/search?k=5&box={TROUSERS}", data=two, content_type="image/jpeg").json
    for answer in (form, bare):
        assert answer["query"] == {"source": "image", "bytes": len(two), "box": [0.55, 0.1, 0.4, 0.85]}
        assert [hit["item"]["id"] for hit in answer["hits"]] == [hit.item.id for hit in expected.hits]
        np.testing.assert_array_equal(pixels_of(answer["view"]), expected.view.pixels)
        assert answer["notes"] == list(expected.notes)
        assert "cutout" not in answer


def test_the_cutout_is_sent_when_asked_for(client: FlaskClient, engine: Engine, two: bytes) -> None:
    expected = engine.search(two, box=Box.parse(BAG)).view.cutout
    assert expected is not None
    cutout = pixels_of(post(client, two, box=BAG, cutout="true").json["cutout"])
    np.testing.assert_array_equal(cutout[:, :, 3], expected[:, :, 3])
    visible = cutout[:, :, 3] > 0
    np.testing.assert_array_equal(cutout[visible], expected[visible])
    assert not cutout[~visible].any(), "of the background nothing is sent"
    assert "cutout" not in post(client, two, cutout="false").json


def test_a_picture_that_was_taken_whole_has_no_cutout(client: FlaskClient, png: bytes) -> None:
    assert client.post("/v1/search?cutout=true", data=png, content_type="image/png").json["cutout"] is None
    by_item = client.post("/v1/search", json={"item_id": "test-00042", "cutout": True}).json
    assert by_item["cutout"] is None
    assert "cutout" not in client.post("/v1/search", json={"item_id": "test-00042", "cutout": False}).json


@pytest.mark.parametrize(
    "box",
    ["", "0.1,0.2,0.5", "a,b,c,d", "0,0,1,1,1", "-0.1,0,1,1", "0.6,0,0.5,1", "0,0,0.01,1", "nan,0,1,1", "0,0,inf,1"],
)
def test_a_box_that_lies_in_no_picture_is_refused(client: FlaskClient, two: bytes, box: str) -> None:
    problem = assert_problem(post(client, two, box=box), 422, "invalid-box")
    assert "0" in problem["detail"], "it says what a box looks like"
    bare = client.post("/v1/search", query_string={"box": box}, data=two, content_type="image/jpeg")
    assert_problem(bare, 422, "invalid-box")


def test_a_box_is_of_a_picture_and_an_item_has_none(client: FlaskClient) -> None:
    for answer in (
        client.post("/v1/search", json={"item_id": "test-00042", "box": BAG}),
        client.post("/v1/search", data={"item_id": "test-00042", "box": BAG}, content_type="multipart/form-data"),
    ):
        assert "an item is taken whole" in assert_problem(answer, 400, "invalid-field")["detail"]
    assert_problem(client.get(f"/v1/items/test-00042/similar?box={BAG}"), 400, "unknown-field")
    assert_problem(client.get("/v1/items/test-00042/similar?cutout=true"), 400, "unknown-field")


@pytest.mark.parametrize("value", ["yes", "1", "", "Truth"])
def test_cutout_is_true_or_false(client: FlaskClient, two: bytes, value: str) -> None:
    assert_problem(post(client, two, cutout=value), 400, "invalid-field")


def test_odd_values_are_refused_and_not_repeated_at_length(client: FlaskClient, two: bytes) -> None:
    for wrong in (1, None, "true", [True]):
        answer = client.post("/v1/search", json={"item_id": "test-00042", "cutout": wrong})
        assert answer.status_code == 400
    assert len(assert_problem(post(client, two, box="9" * 50_000), 400, "invalid-field")["detail"]) < 200
    twice = client.post(f"/v1/search?box={BAG}&box={BAG}", data=two, content_type="image/jpeg")
    assert_problem(twice, 400, "invalid-field")


def test_the_description_tells_of_box_and_cutout(client: FlaskClient) -> None:
    document = client.get("/v1/openapi.json").json
    search = document["paths"]["/v1/search"]["post"]
    content = search["requestBody"]["content"]
    assert {"box", "cutout"} <= set(content["multipart/form-data"]["schema"]["properties"])
    by_item, by_picture = (
        document["components"]["schemas"][name]["properties"] for name in ("ItemSearch", "PictureSearch")
    )
    assert "cutout" in by_item
    assert by_item["box"] == {"type": "null"}
    assert {"box", "cutout"} <= set(by_picture)
    assert {"box", "cutout"} <= {parameter["name"] for parameter in search["parameters"]}
    answer = document["components"]["schemas"]["Search"]
    assert "cutout" in answer["properties"]
    assert "cutout" not in answer["required"]
    Box.parse(content["multipart/form-data"]["schema"]["properties"]["box"]["examples"][0])


def test_a_box_is_of_the_upright_picture(engine: Engine, embedder: LiteRTEmbedder, two: bytes) -> None:
    lying, turned = Image.open(io.BytesIO(two)).transpose(Image.Transpose.ROTATE_90), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    lying.save(turned, "JPEG", quality=95, exif=exif)
    upright = embedder.prepare(decode(two), Box.parse(TROUSERS)).cutout
    result = engine.search(turned.getvalue(), box=Box.parse(TROUSERS))
    assert upright is not None
    assert result.view.cutout is not None
    assert result.view.cutout.shape == upright.shape
    assert result.best_class.value == "Trouser"


@pytest.fixture(scope="module")
def photos() -> Path:
    folder = fashion_mnist.locate().parent / "clothing-photos"
    if not folder.is_dir():
        pytest.skip("the phone photographs lie beside Fashion-MNIST only where the project is built")
    return folder


def side_by_side(left: Path, right: Path) -> bytes:
    """Two photographs as one, each on a white half of 400 x 500 pixels."""
    both, jpeg = Image.new("RGB", (800, 500)), io.BytesIO()
    for place, path in enumerate((left, right)):
        both.paste(ImageOps.pad(Image.open(path).convert("RGB"), (400, 500), color="white"), (400 * place, 0))
    both.save(jpeg, "JPEG", quality=90)
    return jpeg.getvalue()


def test_real_trousers_beside_a_dress_are_known_by_their_box(engine: Engine, photos: Path) -> None:
    dresses, trousers = (sorted((photos / kind).glob("*.jpg"))[:15] for kind in ("dress", "pants"))
    without, with_box = 0, 0
    for pair in zip(dresses, trousers, strict=True):
        picture = side_by_side(*pair)
        without += engine.search(picture).best_class.value == "Trouser"
        with_box += engine.search(picture, box=Box(0.5, 0, 0.5, 1)).best_class.value == "Trouser"
    assert with_box >= without + 3
    assert with_box >= 9


def test_the_command_takes_a_box_and_tells_of_a_wrong_one_in_a_line(
    small_catalogue: Path, two: bytes, tmp_path: Path, project: Path
) -> None:
    photo = tmp_path / "two.jpg"
    photo.write_bytes(two)

    def search(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "lookalike.py", "search", str(photo), "--catalogue", str(small_catalogue), *options]
        return subprocess.run(command, capture_output=True, text=True, cwd=project, check=False)

    assert json.loads(search("--box", TROUSERS, "--json").stdout)["predicted"]["class"]["value"] == "Trouser"
    assert search("--box", BAG).stdout.startswith("Bag (")
    wrong = search("--box", "0.5,0.5,0.9,0.2")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.count("\n") == 1
    assert "does not lie in the picture" in wrong.stderr
