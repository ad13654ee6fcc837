"""Questions that are answered together: each as it is answered alone, and none lost over another that is bad."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_asserts import assert_problem, assert_well_dressed
from flask.testing import FlaskClient
from live_server import live_server
from PIL import Image

from indexer.catalogue.local_state import LocalState
from models.datasets.fashion_mnist import Split
from models.embedder import View
from models.errors import DamagedPicture, UnsupportedPicture
from models.pictures.boxes import Box
from models.runtime import LiteRTEmbedder
from search_api.batches import ItemSearch, KnownItem, PictureSearch, SimilarItems, Strips
from search_api.engine import Engine
from search_api.errors import Busy, TooManyQuestions
from search_api.query import ANY, Query
from search_api.recommending.strips import Opinion, Strip
from search_api.results import Matches, SearchResult
from search_api.seeing import picture_reader
from search_api.server.front.pictures import may_hold_picture
from search_api.server.front.request import Request


def png_of(image: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def ask(client: FlaskClient, *questions: Any) -> list[Any]:
    response = client.post("/v1/batch", json={"questions": questions})
    assert response.status_code == 200, response.get_data(as_text=True)
    answers: list[Any] = response.get_json()["answers"]
    assert len(answers) == len(questions)
    return answers


def alike(answer: Any) -> Any:
    """What equals an answer but for the time that it took, and for how runs of several pictures round."""
    if isinstance(answer, dict):
        return {name: alike(one) for name, one in answer.items() if name != "took_ms"}
    if isinstance(answer, list):
        return [alike(one) for one in answer]
    return pytest.approx(answer, abs=2e-4) if isinstance(answer, float) else answer


def untimed(answer: Any) -> Any:
    return {name: value for name, value in answer.items() if name != "took_ms"}


# --- each as it is answered alone ---


def test_pictures_are_answered_as_they_are_alone_and_in_order(engine: Engine, test_split: Split) -> None:
    pictures = [png_of(image) for image in test_split.images[500:564]]
    answers = engine.batch([PictureSearch(picture, Query(5)) for picture in pictures])
    for picture, answer in zip(pictures, answers, strict=True):
        assert isinstance(answer, SearchResult)
        single = engine.search(picture, Query(5))
        assert [hit.item.id for hit in answer.hits] == [hit.item.id for hit in single.hits]
        assert answer.best_class.value == single.best_class.value
        assert set(answer.timings) == {"decode", "embed", "search"}
    assert len({answer.state for answer in answers if isinstance(answer, SearchResult)}) == 1


def test_all_pictures_are_seen_in_one_pass_and_each_once(
    engine: Engine, embedder: LiteRTEmbedder, test_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    real = LiteRTEmbedder.answers

    def counted(self: LiteRTEmbedder, views: list[View]) -> Any:
        passes.append(len(views))
        return real(self, views)

    monkeypatch.setattr(LiteRTEmbedder, "answers", counted)
    one, two, three = (png_of(image) for image in test_split.images[500:503])
    likes = Strip((Opinion(two), Opinion(three)))
    engine.batch([PictureSearch(one), SimilarItems("test-00001"), Strips((likes,)), PictureSearch(one)])
    assert passes == [3]
    engine.batch([PictureSearch(one), PictureSearch(one, box=Box(0, 0, 1, 0.5))])
    assert passes[1] == 2  # with another box it is another picture


def test_pictures_of_which_the_same_is_asked_are_searched_for_at_once(
    engine: Engine, test_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []
    real = LocalState.search

    def counted(self: LocalState, queries: Any, *arguments: Any, **options: Any) -> Any:
        searched.append(len(queries))
        return real(self, queries, *arguments, **options)

    monkeypatch.setattr(LocalState, "search", counted)
    pictures = [png_of(image) for image in test_split.images[500:506]]
    bags, looks = Query(3, {"predicted.class": "Bag"}), Query(4, weights={"look": 1})
    asked = [ANY, bags, ANY, looks, bags, looks]
    together = engine.batch([PictureSearch(picture, query) for picture, query in zip(pictures, asked, strict=True)])
    assert searched == [2, 2, 2]
    for picture, query, answer in zip(pictures, asked, together, strict=True):
        assert isinstance(answer, SearchResult)
        single = engine.search(picture, query)
        assert [hit.item.id for hit in answer.hits] == [hit.item.id for hit in single.hits]
        assert [hit.score for hit in answer.hits] == pytest.approx([hit.score for hit in single.hits], abs=1e-4)


def test_every_kind_is_answered_over_http_as_at_its_own_address(
    client: FlaskClient, engine: Engine, png: bytes
) -> None:
    picture = {"image": base64_of(png), "k": 3, "box": "0.1,0.1,0.8,0.8"}
    by_picture, by_item, similar, strip, strips, item, same = ask(
        client,
        {"search": picture},
        {"search": {"item_id": "test-00007", "k": 2, "cutout": True}},
        {"similar": {"item_id": "test-00007", "where": {"predicted.class": "Shirt"}, "look": 0.5}},
        {"recommend": {"likes": ["test-00007"], "limit": 4}},
        {"recommend": {"strips": [{"likes": ["test-00007"]}, {}], "limit": 4}},
        {"item": "test-00003"},
        {"item": {"item_id": "test-00003"}},
    )
    assert all(answer["status"] == 200 for answer in (by_picture, by_item, similar, strip, strips, item, same))
    own = client.post("/v1/search?k=3&box=0.1,0.1,0.8,0.8", data=png, content_type="image/png").get_json()
    assert untimed(by_picture["answer"]) == alike(own)
    own = client.post("/v1/search", json={"item_id": "test-00007", "k": 2, "cutout": True}).get_json()
    assert untimed(by_item["answer"]) == alike(own)
    own = client.get('/v1/items/test-00007/similar?look=0.5&where={"predicted.class": "Shirt"}').get_json()
    assert similar["answer"].items() <= own.items()
    own = client.post("/v1/recommend", json={"likes": ["test-00007"], "limit": 4}).get_json()
    assert untimed(strip["answer"]) == untimed(own)
    body = {"strips": [{"likes": ["test-00007"]}, {}], "limit": 4}
    assert untimed(strips["answer"]) == untimed(client.post("/v1/recommend", json=body).get_json())
    assert item["answer"] == same["answer"]
    assert item["answer"].items() <= client.get("/v1/items/test-00003").get_json().items()
    whole = client.post("/v1/batch", json={"questions": [{"item": "test-00003"}]})
    assert_well_dressed(whole, engine)
    assert whole.get_json()["model"] == engine.card.fingerprint
    assert whole.get_json()["state"] == whole.headers["Lookalike-State"]


# --- one that is bad ---


@pytest.mark.parametrize(
    ("question", "status", "code"),
    [
        ({"search": {"image": base64_of(b"This is no picture.")}}, 415, "unsupported-picture"),
        ({"search": {"image": "not base64!"}}, 400, "invalid-field"),
        ({"search": {"image": 5}}, 400, "invalid-field"),
        ({"search": {}}, 400, "no-query"),
        ({"search": {"item_id": "none"}}, 404, "unknown-item"),
        ({"search": {"item_id": "test-00001", "image": "AAAA"}}, 400, "several-queries"),
        ({"search": {"item_id": "test-00001", "box": "0,0,1,1"}}, 400, "invalid-field"),
        ({"search": {"item_id": "test-00001", "colour": "red"}}, 400, "unknown-field"),
        ({"search": {"item_id": "test-00001", "cutout": "perhaps"}}, 400, "invalid-field"),
        ({"similar": {"item_id": "test-00001", "k": 0}}, 422, "k-out-of-range"),
        ({"similar": {"item_id": ["test-00001"]}}, 400, "invalid-field"),
        ({"similar": "test-00001"}, 400, "invalid-field"),
        ({"recommend": {"likes": ["a"], "dislikes": ["a"]}}, 422, "contradictory-opinion"),
        ({"recommend": {"likes": [{"image": base64_of(b"GIF89a")}]}}, 422, "damaged-picture"),
        ({"item": "none"}, 404, "unknown-item"),
        ({"item": None}, 400, "invalid-field"),
        ({"wish": {}}, 400, "unknown-field"),
        ({}, 400, "invalid-field"),
        ({"item": "test-00001", "similar": {"item_id": "test-00001"}}, 400, "invalid-field"),
        ("item", 400, "invalid-field"),
    ],
)
def test_a_bad_question_is_told_and_loses_no_other(
    client: FlaskClient, png: bytes, question: Any, status: int, code: str
) -> None:
    good = {"search": {"image": base64_of(png)}}
    first, bad, last = ask(client, {"item": "test-00003"}, question, good)
    assert (first["status"], last["status"], bad["status"]) == (200, 200, status)
    problem = bad["problem"]
    assert list(problem) == ["type", "title", "status", "detail", "code", "instance"]
    assert (problem["code"], problem["status"], problem["instance"]) == (code, status, "/v1/batch")
    assert problem["detail"].endswith(".")
    assert last["answer"]["hits"][0]["item"]["id"] == "test-00042"


def test_python_is_given_the_errors_in_their_places(engine: Engine, png: bytes) -> None:
    answers = engine.batch([PictureSearch(b"text"), KnownItem("test-00003"), PictureSearch(png[:90]), ItemSearch("x")])
    assert isinstance(answers[0], UnsupportedPicture)
    assert isinstance(answers[2], DamagedPicture)
    assert [type(answer).__name__ for answer in answers[1::2]] == ["Item", "UnknownItem"]
    (matches,) = engine.batch([SimilarItems("test-00003", Query(4))])
    assert isinstance(matches, Matches)
    assert matches == engine.similar("test-00003", Query(4))
    with pytest.raises(UnsupportedPicture):
        engine.recommend([Strip((Opinion(b"text"),))])


def test_pictures_that_take_too_long_together_are_told_to_come_in_smaller_batches(
    engine: Engine, test_split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_reader, "MOST_SECONDS", -1)
    answers = engine.batch([PictureSearch(png_of(test_split.images[500])), KnownItem("test-00003")])
    assert isinstance(answers[0], Busy)
    assert not isinstance(answers[1], Busy)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"questions": []}, 422, "too-many-questions"),
        ({"questions": [{"item": "a"}] * 65}, 422, "too-many-questions"),
        ({"questions": {"item": "a"}}, 400, "invalid-field"),
        ({}, 400, "invalid-field"),
        ({"question": []}, 400, "unknown-field"),
        ([], 400, "invalid-field"),
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(client: FlaskClient, body: Any, status: int, code: str) -> None:
    assert_problem(client.post("/v1/batch", json=body), status, code)


def test_a_batch_of_none_is_refused_in_python_too(engine: Engine) -> None:
    with pytest.raises(TooManyQuestions):
        engine.batch([])


# --- through the server ---


def request_of(path: bytes, body: bytes, content_type: bytes = b"application/json") -> Request:
    request = Request(lambda request, answer: None, 0.0)
    request.path, request.content_type = path, content_type
    request.body = [body[:10], body[10:]] if body else []
    request.body_length = len(body)
    return request


@pytest.mark.parametrize(
    ("request_", "holds"),
    [
        (request_of(b"/v1/recommend", b'{"likes": ["image"], "seen": ["a"]}'), True),  # it may, and is looked at later
        (request_of(b"/v1/recommend", b'{"likes": [{"item_id": "a"}]}'), False),
        (request_of(b"/v1/recommend", b'{"likes": [{"image": "AAAA"}]}'), True),
        (request_of(b"/v1/recommend", b'{"likes": [{"im\\u0061ge": "AAAA"}]}'), True),
        (request_of(b"/v1/recommend", b'{"seen": ["' + b"a" * 70_000 + b'"]}'), True),
        (request_of(b"/v1/batch", b'{"questions": [{"item": "a"}]}'), True),
        (request_of(b"/v1/search", b'{"item_id": "a"}'), False),
        (request_of(b"/v1/search", b'{"image": "AAAA"}', b"Application/JSON; charset=utf-8"), True),
        (request_of(b"/v1/search", b"\x89PNG", b"image/png"), True),
        (request_of(b"/v1/search", b"a=b", b"application/x-www-form-urlencoded"), False),
        (request_of(b"/v1/items", b""), False),
    ],
)
def test_what_may_hold_a_picture_waits_apart_from_what_does_not(request_: Request, holds: bool) -> None:
    assert may_hold_picture(request_) is holds


def test_a_full_batch_of_photographs_is_answered_and_what_is_too_large_is_refused(
    small_catalogue: Path, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (190, 190, 3), np.uint8)
    noise[:60] = 255
    photograph = base64_of(png_of(noise))
    assert 90_000 < len(photograph) < 140_000
    headers = {"Content-Type": "application/json"}
    with live_server(tmp_path / "log", "--catalogue", small_catalogue, "--workers", "1") as server:
        questions = [{"search": {"image": photograph, "k": 1}}] * 64
        answer = server.ask("POST", "/v1/batch", json.dumps({"questions": questions}).encode(), headers)
        assert answer.status == 200
        assert [one["status"] for one in answer.json["answers"]] == [200] * 64
        likes = {"likes": [{"image": photograph, "weight": weight} for weight in range(1, 65)]}
        assert server.ask("POST", "/v1/recommend", json.dumps(likes).encode(), headers).status == 200
        huge = {"questions": [{"search": {"image": photograph * 300}}]}
        refused = server.ask("POST", "/v1/batch", json.dumps(huge).encode(), headers)
        assert (refused.status, refused.json["code"]) == (413, "content-too-large")
        assert "smaller" in refused.json["detail"]
        assert server.get("/healthz").status == 200
