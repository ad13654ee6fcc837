"""Recommending: likes are kept apart by kind, dislikes push away, what is seen stays away, and a beginning is made."""

import base64
import io
import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_asserts import assert_problem, assert_well_dressed
from click.testing import CliRunner
from flask.testing import FlaskClient
from PIL import Image

from commands.command_line import main
from indexer.catalogue.local import LocalCatalogue
from indexer.records import AttributeUpdate
from models.datasets.fashion_mnist import Split
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from search_api.errors import ContradictoryOpinion, LimitOutOfRange, OpinionOutOfRange, TooManyOpinions
from search_api.query import Query
from search_api.recommending.modes import MOST_MODES, interleaved, modes_of
from search_api.recommending.recommendations import Recommendation
from search_api.recommending.strips import Opinion, Strip


def liked(*subjects: str | bytes) -> tuple[Opinion, ...]:
    return tuple(Opinion(subject) for subject in subjects)


def strip_of(engine: Engine, strip: Strip) -> Recommendation:
    (found,) = engine.recommend([strip]).strips
    return found


def ids_of(strip: Recommendation) -> list[str]:
    return [hit.item.id for hit in strip.hits]


@pytest.fixture(scope="module")
def by_class(engine: Engine) -> dict[str, list[str]]:
    """The ids of the small catalogue by predicted class."""
    found: dict[str, list[str]] = {}
    for offset in (0, 100, 200):
        for item in engine.browse(offset=offset, limit=100).items:
            found.setdefault(item.best_class.value, []).append(item.id)
    return found


# --- modes ---


def test_likes_of_a_kind_share_a_mode_and_others_do_not() -> None:
    chances = np.array([[1, 0.9, 0.1], [0.9, 1, 0.2], [0.1, 0.2, 1]])
    assert modes_of(chances, np.array([3, 3, 3])) == [[0, 1], [2]]
    assert modes_of(chances, np.array([3, 4, 3])) == [[0], [1], [2]]  # never across classes
    assert modes_of(np.ones((1, 1)), np.array([0])) == [[0]]


def test_groups_are_joined_by_their_mean_and_never_more_than_there_may_be() -> None:
    chain = np.array([[1, 0.8, 0.0], [0.8, 1, 0.6], [0.0, 0.6, 1]])  # 0 and 1 with 2: 0.3 on average
    assert modes_of(chain, np.zeros(3, int)) == [[0, 1], [2]]
    distant = np.eye(12)
    distant[3, 11] = distant[11, 3] = 0.4
    modes = modes_of(distant, np.arange(12))
    assert len(modes) == MOST_MODES
    assert any({3, 11} <= set(mode) for mode in modes)  # those most alike are the first to be joined
    assert sorted(like for mode in modes for like in mode) == list(range(12))


def test_every_mode_has_a_place_and_the_heavier_more() -> None:
    lists = [[f"a{n}" for n in range(20)], [f"b{n}" for n in range(20)], ["a0", "c0"]]
    found, has_ended = interleaved(lists, [0.7, 0.25, 0.05], 12)
    assert [number for number, _ in found][:3] == [0, 1, 2]
    counts = [sum(number == mode for number, _ in found) for mode in range(3)]
    assert counts[0] > counts[1] > counts[2] == 1
    assert len({thing for _, thing in found}) == len(found) == 12  # a0 is not there twice
    assert not has_ended
    assert [number for number, _ in interleaved(lists, [0.1, 0.2, 0.7], 2)[0]] == [2, 1]
    rest, has_ended = interleaved([["x"], ["y0", "y1", "y2"]], [0.9, 0.1], 4)
    assert (len(rest), has_ended) == (4, True)


# --- what is recommended ---


def test_likes_of_two_kinds_are_both_in_every_strip(engine: Engine, by_class: dict[str, list[str]]) -> None:
    strips = 0
    for one, other in combinations(sorted(by_class), 2):
        for first, second in zip(by_class[one][:4], by_class[other][:4], strict=True):
            found = strip_of(engine, Strip(liked(first, second)))
            assert len(found.hits) == 12
            assert {one, other} <= {hit.item.best_class.value for hit in found.hits}, (first, second)
            assert {hit.because_of.item_id for hit in found.hits if hit.because_of} == {first, second}
            strips += 1
    assert strips == 180


def test_a_single_like_is_answered_as_its_similar_items_are(engine: Engine) -> None:
    found = strip_of(engine, Strip(liked("test-00007"), limit=12))
    similar = engine.similar("test-00007", Query(12))
    assert ids_of(found) == [match.item.id for match in similar]
    for hit, match in zip(found.hits, similar, strict=True):
        assert hit.match is not None
        assert hit.match.score == pytest.approx(match.score, abs=1e-5)
        assert hit.match.relevance == pytest.approx(match.relevance, abs=1e-4)
    assert found.weights == pytest.approx({"kind": 0.85, "look": 0.15}, abs=1e-3)


def test_each_hit_names_the_like_nearest_to_it(engine: Engine, by_class: dict[str, list[str]]) -> None:
    likes = [*by_class["Bag"][:3], *by_class["Sneaker"][:2]]
    found = strip_of(engine, Strip(liked(*likes), limit=40))
    with engine.reading() as state:
        catalogue = state._catalogue
        cosines = catalogue.vectors(ids_of(found)) @ catalogue.vectors(likes).T
    for hit, row in zip(found.hits, cosines, strict=True):
        assert hit.because_of is not None
        assert row[hit.because_of.like] == pytest.approx(row.max(), abs=1e-6)
        assert hit.because_of.item_id == likes[hit.because_of.like]
    assert sorted(like for mode in found.modes for like in mode.likes) == [0, 1, 2, 3, 4]
    assert sum(mode.share for mode in found.modes) == pytest.approx(1)


def test_weights_of_likes_give_their_kinds_more_or_fewer_places(engine: Engine, by_class: dict[str, list[str]]) -> None:
    def bags(weight: float) -> int:
        likes = (Opinion(by_class["Bag"][0], weight), Opinion(by_class["Sneaker"][0]))
        found = strip_of(engine, Strip(likes))
        return sum(hit.item.best_class.value == "Bag" for hit in found.hits)

    assert 1 <= bags(0.1) < bags(1) < bags(10) <= 11
    assert bags(0) == 0


def test_the_smallest_weight_still_has_its_place(engine: Engine, by_class: dict[str, list[str]]) -> None:
    likes = (Opinion(by_class["Bag"][0], 5e-324), Opinion(by_class["Bag"][1], 1e-300))
    found = strip_of(engine, Strip((*likes, Opinion(by_class["Sneaker"][0], 1000))))
    assert sum(hit.item.best_class.value == "Bag" for hit in found.hits) == 1
    assert all(hit.match is not None and np.isfinite(hit.match.score) for hit in found.hits)


def test_what_is_liked_disliked_or_seen_is_not_shown(engine: Engine, by_class: dict[str, list[str]]) -> None:
    like, dislike = by_class["Dress"][:2]
    plain = strip_of(engine, Strip(liked(like)))
    seen = tuple(ids_of(plain)[:5])
    found = strip_of(engine, Strip(liked(like), liked(dislike), (*seen, "never-was")))
    assert not {like, dislike, *seen} & set(ids_of(found))
    assert len(found.hits) == 12


def test_a_dislike_pushes_what_is_near_it_away_and_nothing_else(engine: Engine, by_class: dict[str, list[str]]) -> None:
    like = by_class["Sandal"][0]
    plain = strip_of(engine, Strip(liked(like), limit=20))
    dislike = ids_of(plain)[3]
    found = strip_of(engine, Strip(liked(like), liked(dislike), limit=20))
    with engine.reading() as state:
        catalogue = state._catalogue
        vectors = catalogue.vectors([*ids_of(plain), like, dislike])
        nearer = [
            id_
            for id_, vector in zip(ids_of(plain), vectors, strict=False)
            if vector @ vectors[-1] > vector @ vectors[-2]
        ]
    assert nearer, "the dislike has neighbours of its own"
    assert not set(nearer) & set(ids_of(found))
    before = {hit.item.id: hit.match.score for hit in plain.hits if hit.match}
    both = [hit for hit in found.hits if hit.item.id in before]
    assert both
    assert all(hit.match is not None and hit.match.score < before[hit.item.id] for hit in both)
    far = strip_of(engine, Strip(liked(like), liked(by_class["Shirt"][0]), limit=20))
    assert ids_of(far) == ids_of(plain)


def test_unknown_ids_are_told_and_passed_over(engine: Engine) -> None:
    found = strip_of(engine, Strip(liked("gone", "test-00007", "gone"), liked("lost")))
    assert found.unknown == ("gone", "lost")
    assert ids_of(found) == ids_of(strip_of(engine, Strip(liked("test-00007"))))
    assert {hit.because_of.like for hit in found.hits if hit.because_of} == {1}


def test_a_context_and_weights_are_those_of_a_search(engine: Engine) -> None:
    found = strip_of(engine, Strip(liked("test-00007"), where={"predicted.class": "Bag"}, weights={"look": 1}, limit=5))
    assert [hit.item.best_class.value for hit in found.hits] == ["Bag"] * 5
    unheard = strip_of(engine, Strip(liked("test-00007"), where={"fabric": "wool"}))
    assert (unheard.hits, "fabric" in unheard.notes[0]) == ((), True)
    similar = engine.similar("test-00007", Query(5, {"predicted.class": "Bag"}, weights={"look": 1}))
    assert ids_of(found) == [match.item.id for match in similar]


def test_a_picture_is_liked_as_an_item_is(engine: Engine, png: bytes) -> None:
    of_picture = strip_of(engine, Strip(liked(png)))
    assert ids_of(of_picture)[0] == "test-00042"  # the item itself, which nobody said is known
    assert {hit.because_of.item_id for hit in of_picture.hits if hit.because_of} == {None}
    assert ids_of(of_picture)[1:] == ids_of(strip_of(engine, Strip(liked("test-00042"))))[:11]


def test_a_long_strip_holds_all_there_is_once(engine: Engine) -> None:
    found = strip_of(engine, Strip(liked("test-00001", "test-00002", "test-00004"), limit=1000))
    assert len(ids_of(found)) == len(set(ids_of(found))) == 297


def test_where_nothing_may_be_shown_the_strip_is_empty(engine: Engine, by_class: dict[str, list[str]]) -> None:
    bags = tuple(by_class["Bag"])
    for cold_start in ("varied", "newest"):
        only = Strip((), seen=bags, where={"predicted.class": "Bag"}, cold_start=cold_start)
        assert strip_of(engine, only).hits == ()
    found = strip_of(engine, Strip(liked("test-00007"), seen=bags, where={"predicted.class": "Bag"}))
    assert (found.hits, found.no_good_match, found.cold_start) == ((), True, None)


# --- chosen among as a search chooses ---


def test_of_one_like_a_strip_is_chosen_as_similar_items_are(engine: Engine) -> None:
    for options in (
        {"diversity": 0.6},
        {"group_by": "predicted.class", "group_size": 2},
        {"min_relevance": 0.9},
        {"collapse": "duplicates"},
        {"exclude": ("test-00019", "test-00001")},
        {"exclude": {"predicted.class": "Shirt"}, "diversity": 0.3},
        {"q": "shirt"},
        {"look": 0.8, "diversity": 0.5},
    ):
        found = strip_of(engine, Strip(liked("test-00007"), **options))  # type: ignore[arg-type]
        similar = engine.similar("test-00007", Query(12, **options))  # type: ignore[arg-type]
        assert ids_of(found) == [match.item.id for match in similar], options
        assert found.hits or "min_relevance" in options


def test_what_a_strip_chooses_holds_across_its_modes(engine: Engine, by_class: dict[str, list[str]]) -> None:
    likes = liked(by_class["Bag"][0], by_class["Sneaker"][0], by_class["Dress"][0])
    plain = strip_of(engine, Strip(likes))
    grouped = strip_of(engine, Strip(likes, group_by="predicted.class", group_size=2))
    labels = [hit.item.best_class.value for hit in grouped.hits]
    assert max(map(labels.count, labels)) == 2
    assert {"Bag", "Sneaker", "Dress"} <= set(labels)
    varied = strip_of(engine, Strip(likes, diversity=0.7))
    assert {hit.because_of.item_id for hit in varied.hits if hit.because_of} == {one.subject for one in likes}
    assert len(varied.modes) == len(plain.modes) == 3
    with engine.reading() as state:
        vectors = [state._catalogue.vectors(ids_of(one)) for one in (plain, varied)]
    likeness = [float(np.tril(one @ one.T, -1).sum()) for one in vectors]
    assert likeness[1] < likeness[0]
    sure = strip_of(engine, Strip(likes, min_relevance=0.95, limit=100))
    assert 0 < len(sure.hits) < 100
    assert all(hit.match is not None and hit.match.relevance >= 0.95 for hit in sure.hits)


def test_copies_are_in_a_strip_once_whichever_mode_finds_them(
    tmp_path: Path, embedder: LiteRTEmbedder, engine: Engine
) -> None:
    card = embedder.card
    with LocalCatalogue.create(tmp_path / "copies", card.fingerprint, card.dim, card.classes) as catalogue:
        own = Engine(embedder, catalogue)
        for number in range(12):
            picture = engine.display(f"test-{number:05}").data
            for copy in "abc":
                own.writer.put(f"{number}-{copy}", {"n": number}, picture)
        plain = strip_of(own, Strip(liked("0-a", "1-a"), limit=8))
        assert len({id_.split("-")[0] for id_ in ids_of(plain)}) < 8
        found = strip_of(own, Strip(liked("0-a", "1-a"), limit=8, collapse="duplicates"))
        assert len({id_.split("-")[0] for id_ in ids_of(found)}) == len(found.hits) == 8
        assert all(hit.match is not None and hit.match.copies is not None for hit in found.hits)
        for cold_start in ("newest", "varied"):
            start = strip_of(own, Strip(limit=8, collapse="duplicates", cold_start=cold_start, exclude={"n": 3}))
            designs = [id_.split("-")[0] for id_ in ids_of(start)]
            assert len(set(designs)) == len(designs) == 8
            assert "3" not in designs
            if cold_start == "newest":  # where a picture's copies, written one after another, are looked at
                assert all(len(hit.copies or ()) == 2 for hit in start.hits[:-1])


def test_options_of_strips_come_over_http_and_on_the_command_line(client: FlaskClient, small_catalogue: Path) -> None:
    asked = {"likes": ["test-00007", "test-00001"], "k": 4, "group_by": "predicted.class", "fields": ["id", "score"]}
    answer = client.post("/v1/recommend", json=asked).get_json()
    assert len(answer["hits"]) == 4
    assert all(hit.keys() == {"item", "score", "because_of"} and hit["item"].keys() == {"id"} for hit in answer["hits"])
    both = client.post("/v1/recommend", json={**asked, "strips": [{"limit": 2}, {}, {"group_size": 3}]}).get_json()
    assert [len(strip["hits"]) for strip in both["strips"]] == [2, 4, 4]
    start = client.post("/v1/recommend", json={"fields": ["id"], "collapse": "duplicates"}).get_json()
    assert all(hit.keys() == {"item", "because_of"} for hit in start["hits"])
    for wrong, status, code in (
        ({"limit": 2, "k": 3}, 422, "options-conflict"),
        ({"group_size": 2}, 422, "options-conflict"),
        ({"diversity": 2}, 422, "option-out-of-range"),
        ({"diversity": "0.5"}, 400, "invalid-field"),
        ({"weights": {"kind": 1}, "look": 1}, 422, "invalid-weights"),
    ):
        assert_problem(client.post("/v1/recommend", json={"likes": ["test-00007"], **wrong}), status, code)
    command = [
        "recommend",
        "--like",
        "test-00007",
        "--like",
        "test-00001",
        "--limit",
        "4",
        "--group-by",
        "predicted.class",
    ]
    done = CliRunner().invoke(main, [*command, "--json", "--fields", "id,score", "--catalogue", str(small_catalogue)])
    assert json.loads(done.stdout)["hits"] == answer["hits"]


# --- several strips ---


def test_no_item_is_in_two_strips_unless_that_is_asked_for(engine: Engine) -> None:
    strips = [Strip(liked("test-00007"), name="one"), Strip(liked("test-00007", "test-00042"), name="two")]
    one, two = engine.recommend(strips).strips
    assert (one.name, two.name) == ("one", "two")
    assert len(ids_of(one)) == len(ids_of(two)) == 12
    assert not set(ids_of(one)) & set(ids_of(two))
    again, both = engine.recommend(strips, repeat=True).strips
    assert ids_of(again) == ids_of(one)
    assert set(ids_of(again)) & set(ids_of(both))


def test_what_one_strip_likes_no_other_shows(engine: Engine) -> None:
    nearest = engine.similar("test-00007", Query(1))[0].item.id
    first, _ = engine.recommend([Strip(liked("test-00007")), Strip(liked(nearest))]).strips
    assert nearest not in ids_of(first)


# --- a beginning ---


def test_who_likes_nothing_is_shown_a_bit_of_everything(engine: Engine, by_class: dict[str, list[str]]) -> None:
    found = strip_of(engine, Strip(limit=12))
    assert (found.cold_start, found.no_good_match) == ("varied", False)
    assert len({hit.item.best_class.value for hit in found.hits}) >= 9
    assert all((hit.match, hit.because_of) == (None, None) for hit in found.hits)
    assert ids_of(strip_of(engine, Strip(limit=12))) == ids_of(found)
    only = strip_of(engine, Strip(where={"predicted.class": ["Bag", "Coat"]}, seen=by_class["Bag"][:2], limit=50))
    assert {hit.item.best_class.value for hit in only.hits} == {"Bag", "Coat"}
    assert not set(by_class["Bag"][:2]) & set(ids_of(only))
    lost = strip_of(engine, Strip(liked("gone")))
    assert (lost.unknown, lost.cold_start) == (("gone",), "varied")
    assert "Nothing of what is liked" in lost.notes[0]


def test_a_beginning_keeps_away_from_what_is_disliked(engine: Engine, by_class: dict[str, list[str]]) -> None:
    found = strip_of(engine, Strip((), liked(*by_class["Trouser"][:3]), limit=60))
    assert "Trouser" not in {hit.item.best_class.value for hit in found.hits}


@pytest.fixture
def own(engine: Engine, embedder: LiteRTEmbedder, small_catalogue: Path, tmp_path: Path) -> Iterator[Engine]:
    """An engine over twenty items that were written in order, of a brand each."""
    from indexer.records import Record

    ids = [f"test-{number:05}" for number in range(20)]
    with LocalCatalogue.open(small_catalogue) as catalogue, catalogue.reading() as state:
        vectors, items = state.vectors(ids), state.get(ids)
        records = [
            Record(item.id, item.predicted, vector, state.display(item.id), {"brand": "aab"[at % 3]})
            for at, (item, vector) in enumerate(zip(items, vectors, strict=True))
        ]
    card = embedder.card
    with LocalCatalogue.create(tmp_path / "own", card.fingerprint, card.dim, card.classes) as catalogue:
        catalogue.upsert(records)
        yield Engine(embedder, catalogue)


def test_the_newest_are_those_written_last(own: Engine) -> None:
    newest = strip_of(own, Strip(cold_start="newest", limit=3))
    assert ids_of(newest) == ["test-00019", "test-00018", "test-00017"]
    own._catalogue.upsert([AttributeUpdate("test-00004", {"brand": "c"}, "")])
    assert ids_of(strip_of(own, Strip(cold_start="newest", limit=2))) == ["test-00004", "test-00019"]


def test_values_of_an_attribute_take_turns(own: Engine) -> None:
    found = strip_of(own, Strip(cold_start="by", by="brand", limit=6))
    assert [hit.item.attributes["brand"] for hit in found.hits] == ["a", "b"] * 3
    by_class = strip_of(own, Strip(cold_start="by", by="predicted.class", limit=5))
    assert len({hit.item.best_class.value for hit in by_class.hits}) == 5
    own._catalogue.upsert([AttributeUpdate("test-00002", {"brand": ["b", "z"]}, "")])
    both = strip_of(own, Strip(cold_start="by", by="attributes.brand", limit=3))
    assert [hit.item.attributes["brand"] for hit in both.hits[:2]] == ["a", ["b", "z"]]
    none = strip_of(own, Strip(cold_start="by", by="size", limit=5))
    assert (none.cold_start, len(none.hits)) == ("varied", 5)
    assert "'size'" in none.notes[0]


# --- over HTTP ---


def ask(client: FlaskClient, body: Any) -> Any:
    response = client.post("/v1/recommend", json=body)
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.get_json()


def test_http_answers_what_the_engine_does(client: FlaskClient, engine: Engine, png: bytes) -> None:
    picture = {"image": base64.b64encode(png).decode(), "weight": 0.5}
    body = {"likes": ["test-00007", picture], "dislikes": [{"item_id": "test-00003", "weight": 2}], "limit": 6}
    answer = ask(client, body)
    strip = Strip((Opinion("test-00007"), Opinion(png, 0.5)), (Opinion("test-00003", 2),), limit=6)
    found = strip_of(engine, strip)
    assert [hit["item"]["id"] for hit in answer["hits"]] == ids_of(found)
    assert {hit["because_of"]["item_id"] for hit in answer["hits"]} == {"test-00007", None}
    assert {hit["because_of"]["like"] for hit in answer["hits"]} == {0, 1}
    assert sum(mode["share"] for mode in answer["modes"]) == pytest.approx(1)
    assert answer["model"] == engine.card.fingerprint
    assert (answer["cold_start"], answer["unknown"], answer["exact"]) == (None, [], True)


def test_strips_take_what_stands_beside_them(client: FlaskClient, engine: Engine) -> None:
    body = {"likes": ["test-00007"], "limit": 3, "strips": [{"name": "a"}, {"name": "b", "limit": 2}, {"likes": []}]}
    answer = ask(client, body)
    assert [len(strip["hits"]) for strip in answer["strips"]] == [3, 2, 3]
    assert [strip.get("name") for strip in answer["strips"]] == ["a", "b", None]
    assert [strip["cold_start"] for strip in answer["strips"]] == [None, None, "varied"]
    assert answer["strips"][2]["hits"][0]["score"] is None
    assert_well_dressed(client.post("/v1/recommend", json=body), engine)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"likes": ["a"], "dislikes": ["a"]}, 422, "contradictory-opinion"),
        ({"likes": [str(number) for number in range(257)]}, 422, "too-many-opinions"),
        ({"seen": [str(number) for number in range(10_001)]}, 422, "too-many-opinions"),
        ({"strips": [{}] * 17}, 422, "too-many-opinions"),
        ({"strips": []}, 422, "too-many-opinions"),
        ({"likes": [{"item_id": "a", "weight": -1}]}, 422, "opinion-out-of-range"),
        ({"likes": [{"item_id": "a", "weight": 1001}]}, 422, "opinion-out-of-range"),
        ({"likes": [{"item_id": "a", "weight": "much"}]}, 400, "invalid-field"),
        ({"likes": [{"item_id": "a", "weight": True}]}, 400, "invalid-field"),
        ({"likes": [{"weight": 1}]}, 400, "invalid-field"),
        ({"likes": [{"item_id": "a", "image": "b"}]}, 400, "invalid-field"),
        ({"likes": [{"item_id": 7}]}, 400, "invalid-field"),
        ({"likes": [7]}, 400, "invalid-field"),
        ({"likes": "a"}, 400, "invalid-field"),
        ({"likes": {"a": 1}}, 400, "invalid-field"),
        ({"likes": None}, 400, "invalid-field"),
        ({"likes": [{"image": "%%%"}]}, 400, "invalid-field"),
        ({"likes": [{"image": "\u00e9"}]}, 400, "invalid-field"),
        ({"likes": [{"image": ""}]}, 400, "invalid-field"),
        ({"likes": [{"image": base64.b64encode(b"no picture").decode()}]}, 415, "unsupported-picture"),
        ({"likes": [{"item_id": "a", "size": 1}]}, 400, "unknown-field"),
        ({"hates": ["a"]}, 400, "unknown-field"),
        ({"strips": [{"strips": []}]}, 400, "unknown-field"),
        ({"strips": ["a"]}, 400, "invalid-field"),
        ({"seen": [1]}, 400, "invalid-field"),
        ({"limit": 0}, 422, "limit-out-of-range"),
        ({"limit": 1001}, 422, "limit-out-of-range"),
        ({"limit": None}, 400, "invalid-field"),
        ({"limit": "many"}, 400, "invalid-field"),
        ({"cold_start": "bestsellers"}, 400, "invalid-field"),
        ({"cold_start": ["varied"]}, 400, "invalid-field"),
        ({"cold_start": "by"}, 422, "options-conflict"),
        ({"by": "brand"}, 422, "options-conflict"),
        ({"cold_start": "by", "by": 1}, 400, "invalid-field"),
        ({"name": 1, "strips": [{}]}, 400, "unknown-field"),
        ({"repeat": "perhaps"}, 400, "invalid-field"),
        ({"where": 5}, 400, "invalid-field"),
        ({"weights": {"smell": 1}}, 422, "unknown-part"),
        ({"weights": {"kind": 0, "look": 0}}, 422, "invalid-weights"),
        ([], 400, "invalid-field"),
    ],
)
def test_what_is_wrong_is_told(client: FlaskClient, body: Any, status: int, code: str) -> None:
    assert_problem(client.post("/v1/recommend", json=body), status, code)


def test_a_body_that_is_no_json_is_told(client: FlaskClient, png: bytes) -> None:
    assert_problem(client.post("/v1/recommend"), 400, "no-query")
    assert_problem(client.post("/v1/recommend", data=png, content_type="image/png"), 415, "unsupported-content-type")
    assert_problem(client.post("/v1/recommend", data="{", content_type="application/json"), 400, "invalid-field")
    assert_problem(client.post("/v1/recommend?k=3", json={}), 400, "unknown-field")
    assert_problem(client.get("/v1/recommend"), 405, "method-not-allowed")


def test_python_is_told_the_same() -> None:
    with pytest.raises(ContradictoryOpinion, match="'a'"):
        Strip(liked("a"), liked("a"))
    with pytest.raises(OpinionOutOfRange):
        Opinion("a", float("nan"))
    with pytest.raises(TooManyOpinions, match="257"):
        Strip(liked(*map(str, range(257))))
    with pytest.raises(LimitOutOfRange):
        Strip(limit=1001)


# --- in a terminal ---


def test_the_command_says_what_is_there_because_of_what(
    small_catalogue: Path, tmp_path: Path, test_split: Split
) -> None:
    run = CliRunner().invoke
    asked = ["recommend", "--catalogue", str(small_catalogue), "--like", "test-00007", "--dislike", "gone"]
    done = run(main, [*asked, "--limit", "3"])
    assert (done.exit_code, done.stdout.count("because of test-00007")) == (0, 3)
    assert "'gone'" in done.stderr
    picture = tmp_path / "liked.png"
    buffer = io.BytesIO()
    Image.fromarray(255 - test_split.images[42]).resize((280, 280)).save(buffer, "PNG")
    picture.write_bytes(buffer.getvalue())
    weighed = [*asked, "--like-picture", str(picture), "--weigh", str(picture), "0.1", "--json"]
    answer = json.loads(run(main, weighed).stdout)
    assert [mode["share"] for mode in answer["modes"]] == pytest.approx([0.909091, 0.090909])
    start = run(main, ["recommend", "--catalogue", str(small_catalogue), "--by", "predicted.class", "--limit", "5"])
    assert "Nothing is liked" in start.stdout
    assert run(main, [*asked, "--weigh", "test-00001", "2"]).exit_code == 2
    assert run(main, [*asked, "--dislike", "test-00007"]).exit_code == 1
