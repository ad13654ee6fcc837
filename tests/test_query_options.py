"""What a search may be asked beyond a number of items: exclusions, groups, variety, relevance, members, pages."""

import base64
import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from api_asserts import assert_problem
from flask.testing import FlaskClient

from indexer.catalogue.local import LocalCatalogue
from indexer.errors import UnknownItem
from indexer.pipeline import indexing
from indexer.predictions import predicted_class
from indexer.records import AttributeUpdate, DisplayCopy, Item, Record
from indexer.sources.items import SourceItem
from indexer.sources.sample import SampleCatalogue
from models.arrays import Probabilities, Vectors
from models.datasets.fashion_mnist import CLASSES, Split
from models.embedder import View
from models.fingerprints.copies import fingerprint_of
from models.pictures.decoding import decode
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from search_api.errors import InvalidCursor, NothingInCommon, OptionsConflict, StaleCursor
from search_api.http.app import create_app
from search_api.query import Query
from search_api.results import Matches
from search_api.searching import selection
from search_api.searching.seed import Seed

ITEM = "test-00007"
MANY = 1_400
BRANDS = ("ash", "birch", "cedar", None)


def ids_of(matches: Matches) -> list[str]:
    return [match.item.id for match in matches]


def told(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.data
    return [hit["item"]["id"] for hit in answer.json["hits"]]


@pytest.fixture(scope="module")
def many(
    tmp_path_factory: pytest.TempPathFactory,
    embedder: LiteRTEmbedder,
    test_split: Split,
    test_answers: tuple[Vectors, Probabilities],
) -> Iterator[LocalCatalogue]:
    """A catalogue of many items without pictures, of three brands and of none."""
    directory, card = tmp_path_factory.mktemp("many") / "catalogue", embedder.card
    vectors = test_answers[0]
    nothing = DisplayCopy(b"", "image/png", 28, 28)
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        catalogue.upsert(
            [
                Record(
                    f"{number:05}",
                    predicted_class(CLASSES[test_split.labels[number]], 0.9),
                    vectors[number],
                    nothing,
                    {"brand": brand, "n": number} if (brand := BRANDS[number % len(BRANDS)]) else {"n": number},
                )
                for number in range(MANY)
            ]
        )
        catalogue.publish()
        yield catalogue


@pytest.fixture(scope="module")
def shop(many: LocalCatalogue, embedder: LiteRTEmbedder) -> Engine:
    """The engine over it."""
    return Engine(embedder, many)


@pytest.fixture(scope="module")
def caller(shop: Engine) -> FlaskClient:
    return create_app(lambda: shop).test_client()


# --- how many ---


def test_limit_and_k_are_one_option(client: FlaskClient, png: bytes, engine: Engine) -> None:
    expected = ids_of(engine.similar(ITEM, Query(5)))
    assert ids_of(engine.similar(ITEM, Query(limit=5))) == expected
    for name in ("k", "limit"):
        assert told(client.get(f"/v1/items/{ITEM}/similar?{name}=5")) == expected
        assert told(client.post("/v1/search", json={"item_id": ITEM, name: 5})) == expected
        assert len(told(client.post(f"/v1/search?{name}=5", data=png, content_type="image/png"))) == 5
    assert len(told(client.get(f"/v1/items/{ITEM}/similar"))) == 12
    assert_problem(client.post("/v1/search", json={"item_id": ITEM, "k": 5, "limit": 5}), 422, "options-conflict")
    with pytest.raises(OptionsConflict):
        Query(k=5, limit=6)


def test_limit_can_be_read(engine: Engine) -> None:
    assert [query.limit for query in (Query(), Query(7), Query(limit=5))] == [12, 7, 5]
    filtered = replace(Query(limit=5), where={"predicted.class": "Bag"})
    assert (filtered.k, filtered.limit) == (5, 5)
    assert replace(filtered, k=3, limit=3) == Query(3, where={"predicted.class": "Bag"})
    assert len(engine.similar(ITEM, filtered)) == 5


def test_a_thousand_items_are_found_at_once(caller: FlaskClient) -> None:
    assert len(set(told(caller.get("/v1/items/00007/similar?limit=1000")))) == 1000


# --- what is not to be found ---


def test_excluded_ids_are_not_found_and_others_take_their_places(client: FlaskClient, engine: Engine) -> None:
    plain = ids_of(engine.similar(ITEM, Query(10)))
    out = (plain[0], plain[3], "unknown")
    expected = [id_ for id_ in ids_of(engine.similar(ITEM, Query(12))) if id_ not in out]
    assert ids_of(engine.similar(ITEM, Query(10, exclude=out))) == expected
    assert told(client.get(f"/v1/items/{ITEM}/similar?k=10&exclude={','.join(out)}")) == expected
    assert told(client.get(f"/v1/items/{ITEM}/similar?k=10&exclude={quote(json.dumps(out))}")) == expected
    assert told(client.post("/v1/search", json={"item_id": ITEM, "k": 10, "exclude": list(out)})) == expected
    assert told(client.get(f"/v1/items/{ITEM}/similar?k=10&exclude=")) == plain


def test_what_a_filter_of_exclude_allows_is_not_found(shop: Engine, caller: FlaskClient) -> None:
    every = shop.similar("00000", Query(500))
    unwanted = {"brand": ["ash", "birch"], "n": {"lte": 700}}
    expected = [
        match.item.id
        for match in every
        if match.item.attributes.get("brand") not in ("ash", "birch") or match.item.attributes["n"] > 700
    ][:40]
    assert ids_of(shop.similar("00000", Query(40, exclude=unwanted))) == expected
    assert told(caller.get(f"/v1/items/00000/similar?k=40&exclude={quote(json.dumps(unwanted))}")) == expected
    only = shop.similar("00000", Query(1000, where={"brand": ["ash", "cedar"]}, exclude={"brand": "ash"}))
    assert {match.item.attributes["brand"] for match in only} == {"cedar"}
    assert len(only) == MANY // len(BRANDS)
    assert ids_of(shop.similar("00000", Query(5, exclude={}))) == ids_of(shop.similar("00000", Query(5)))


def test_a_filter_of_exclude_brings_back_no_deleted_item(tmp_path: Path, embedder: LiteRTEmbedder) -> None:
    card, nothing = embedder.card, DisplayCopy(b"", "image/png", 28, 28)
    vectors = np.eye(card.dim, dtype=np.float32)[:6]
    with LocalCatalogue.create(tmp_path / "c", card.fingerprint, card.dim, card.classes) as catalogue:
        catalogue.upsert(
            [Record(f"{n}", predicted_class(CLASSES[0], 1), vectors[n], nothing, {"n": n}) for n in range(6)]
        )
        catalogue.publish()
        catalogue.delete(["1"])
        found = Engine(embedder, catalogue).similar("0", Query(6, exclude={"n": 2}))
        assert set(ids_of(found)) == {"3", "4", "5"}


# --- groups ---


@pytest.mark.parametrize("size", [1, 3])
def test_no_more_of_a_group_are_found_and_items_without_one_stand_for_themselves(shop: Engine, size: int) -> None:
    expected, seen = [], Counter[Any]()
    for match in shop.similar("00003", Query(1000)):
        brand = match.item.attributes.get("brand")
        seen[brand] += 1
        if brand is None or seen[brand] <= size:
            expected.append(match.item.id)
    found = shop.similar("00003", Query(200, group_by="brand", group_size=size))
    assert ids_of(found) == expected[:200]
    assert not found.notes


def test_by_label_there_is_one_hit_of_each_class_and_an_unknown_field_is_noted(shop: Engine) -> None:
    by_class = shop.similar("00003", Query(50, group_by="predicted.class"))
    assert Counter(match.item.best_class.value for match in by_class) == dict.fromkeys(CLASSES, 1)
    assert by_class.next_cursor is None
    unknown = shop.similar("00003", Query(5, group_by="shape"))
    assert ids_of(unknown) == ids_of(shop.similar("00003", Query(5)))
    assert "'shape'" in unknown.notes[0]


# --- relevance ---


@pytest.mark.parametrize("look", [None, 0.9])
def test_no_hit_is_less_relevant_than_asked_for(shop: Engine, look: float | None) -> None:
    every = shop.similar("00005", Query(1000, look=look))
    least = float(np.quantile([match.relevance for match in every], 0.7))
    expected = [match.item.id for match in every if match.relevance >= least]
    found = shop.similar("00005", Query(1000, look=look, min_relevance=least))
    assert ids_of(found)[: len(expected)] == expected
    assert all(match.relevance >= least for match in found)
    assert len(ids_of(shop.similar("00005", Query(5, look=look, min_relevance=least)))) == 5


def test_several_items_are_as_relevant_as_their_kinds_on_average(shop: Engine) -> None:
    weights = {"00001": 3.0, "00002": 1.0}
    together = {match.item.id: match.relevance for match in shop.similar_to_all(weights, Query(200))}
    parts = [{m.item.id: m.relevance for m in shop.similar(id_, Query(1000))} for id_ in weights]
    both = together.keys() & parts[0].keys() & parts[1].keys()
    assert len(both) > 20
    for id_ in both:
        assert together[id_] == pytest.approx(0.75 * parts[0][id_] + 0.25 * parts[1][id_], abs=1e-4)


# --- variety ---


def marginal_order(vectors: Vectors, scores: Any, diversity: float, count: int) -> list[int]:
    """Maximal marginal relevance as the paper writes it, one by one."""
    chosen: list[int] = []
    for _ in range(count):
        left = [n for n in range(len(scores)) if n not in chosen]
        worth = [
            (1 - diversity) * scores[n] - diversity * max((float(vectors[n] @ vectors[m]) for m in chosen), default=0)
            for n in left
        ]
        chosen.append(left[int(np.argmax(worth))])
    return chosen


@pytest.mark.parametrize("diversity", [0.2, 0.5, 1])
def test_varied_hits_are_in_the_order_of_maximal_marginal_relevance(
    shop: Engine, many: LocalCatalogue, diversity: float
) -> None:
    block = shop.similar("00011", Query(selection.LEAST_BLOCK))
    bar = selection.AS_RELEVANT * max(match.relevance for match in block)
    pool = [m for at, m in enumerate(block) if at < selection.CHOICE_TIMES * 12 or m.relevance >= bar]
    vectors = many.vectors([match.item.id for match in pool])
    expected = marginal_order(vectors, [match.score for match in pool], diversity, 12)
    assert ids_of(shop.similar("00011", Query(12, diversity=diversity))) == [pool[at].item.id for at in expected]


def test_no_diversity_is_the_plain_order_and_more_is_more_varied(shop: Engine, many: LocalCatalogue) -> None:
    def likeness(diversity: float) -> float:
        ids = ids_of(shop.similar("00011", Query(12, diversity=diversity)))
        vectors = many.vectors(ids)
        return float((vectors @ vectors.T)[np.triu_indices(12, 1)].mean())

    assert ids_of(shop.similar("00011", Query(12, diversity=0))) == ids_of(shop.similar("00011", Query(12)))
    assert likeness(0) > likeness(0.5) > likeness(1)


TOPS = ("T-shirt/top", "Pullover", "Dress", "Coat", "Shirt")


class DrawnTops(SampleCatalogue):
    """The half of the drawn shop whose classes are the most alike."""

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __iter__(self) -> Iterator[SourceItem]:
        return (item for item in super().__iter__() if item.attributes["class"] in TOPS)


@pytest.fixture(scope="module")
def tops(tmp_path_factory: pytest.TempPathFactory, eye: LiteRTEmbedder) -> Iterator[Engine]:
    """The engine over a catalogue of them, by the model for photographs."""
    card = eye.card
    directory = tmp_path_factory.mktemp("tops") / "catalogue"
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        indexing.index(DrawnTops(), eye, catalogue)
        yield Engine(eye, catalogue)


def design_of(item: Item) -> str:
    """What a product is in all but its colour: its class, cut and fabric."""
    return f"{item.attributes['class']}/{str(item.attributes['title']).rpartition(' in ')[0]}"


def test_half_diversity_shows_more_designs_and_keeps_the_relevance(tops: Engine) -> None:
    products = [item for page in (0, 100) for item in tops.browse(offset=page, limit=100).items]
    designs_shown, mean_relevance = [], []
    for diversity in (0, 0.5):
        strips = [tops.similar(item.id, Query(12, diversity=diversity)) for item in products]
        designs_shown.append(np.mean([len({design_of(hit.item) for hit in hits}) for hits in strips]))
        mean_relevance.append(np.mean([hit.relevance for hits in strips for hit in hits]))
    assert designs_shown[0] < 9
    assert designs_shown[1] >= 10
    assert mean_relevance[1] >= 0.85 * mean_relevance[0]


# --- pages ---


def pages(engine: Engine, query: dict[str, Any], limits: list[int]) -> list[str]:
    """Follow the cursors through pages of these sizes, the last one again and again, and return all ids."""
    found: list[str] = []
    cursor, page = None, 0
    while page == 0 or cursor is not None:
        limit = limits[min(page, len(limits) - 1)]
        hits = engine.similar("00042", Query(limit, cursor=cursor, **query))
        assert len(hits) <= limit
        assert hits.next_cursor is None or len(hits) == limit
        found += ids_of(hits)
        cursor, page = hits.next_cursor, page + 1
    return found


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"where": {"brand": ["ash", "cedar"]}},
        {"exclude": {"brand": "ash"}},
        {"look": 0.8},
        {"group_by": "brand", "group_size": 50},
        {"min_relevance": 0.5},
    ],
    ids=str,
)
def test_pages_are_pieces_of_one_order(shop: Engine, query: dict[str, Any]) -> None:
    whole = ids_of(shop.similar("00042", Query(1000, **query)))
    found = pages(shop, query, [12, 30, 300])
    assert len(set(found)) == len(found)
    assert found[:1000] == whole
    assert len(found) == len(whole) or len(whole) == 1000


def test_pages_end_where_the_items_do(engine: Engine) -> None:
    first = engine.similar(ITEM, Query(299))
    assert (len(first), first.next_cursor) == (299, None)
    first = engine.similar(ITEM, Query(298))
    assert first.next_cursor is not None
    last = engine.similar(ITEM, Query(10, cursor=first.next_cursor))
    assert (len(last), last.next_cursor) == (1, None)
    assert engine.similar(ITEM, Query(1000)).next_cursor is None


@pytest.mark.parametrize(
    "query", [{"diversity": 0.5}, {"diversity": 1, "group_by": "brand", "group_size": 100}], ids=str
)
def test_pages_of_varied_hits_have_every_item_once(shop: Engine, query: dict[str, Any]) -> None:
    found = pages(shop, query, [100, 300])
    assert len(set(found)) == len(found)
    assert len(found) == MANY - 1 if "group_by" not in query else 300 <= len(found) <= 300 + MANY // len(BRANDS)
    assert found[:40] == pages(shop, query, [100, 20, 500])[:40]


@pytest.fixture
def graphed(tmp_path: Path, many: LocalCatalogue, embedder: LiteRTEmbedder, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine whose searches for few miss every fifth item, as a poor graph might."""
    from indexer.catalogue.local_state import LocalState
    from indexer.records import Hits

    search = LocalState.search

    def missing(state: LocalState, queries: Vectors, k: int, *args: Any, exact: bool = False, **named: Any) -> Any:
        if exact:
            return search(state, queries, k, *args, exact=True, **named)
        found = search(state, queries, 2 * k, *args, **named)
        return [Hits([hit for hit in hits if int(hit.item.id) % 5][:k], exact=False) for hits in found]

    monkeypatch.setattr(LocalState, "search", missing)
    monkeypatch.setattr(LocalState, "recall", 0.8)
    return Engine(embedder, many)


@pytest.mark.parametrize("query", [{}, {"group_by": "brand", "group_size": 400}, {"diversity": 0.3}], ids=str)
def test_what_a_graph_misses_comes_on_a_later_page(graphed: Engine, query: dict[str, Any]) -> None:
    found = pages(graphed, query, [12, 40, 400])
    assert len(set(found)) == len(found) == MANY - 1


def test_a_cursor_of_another_state_or_question_is_refused(
    tmp_path: Path, embedder: LiteRTEmbedder, test_answers: tuple[Vectors, Probabilities]
) -> None:
    card, nothing = embedder.card, DisplayCopy(b"", "image/png", 28, 28)
    with LocalCatalogue.create(tmp_path / "c", card.fingerprint, card.dim, card.classes) as catalogue:
        catalogue.upsert(
            [Record(f"{n}", predicted_class(CLASSES[0], 1), test_answers[0][n], nothing) for n in range(20)]
        )
        engine = Engine(embedder, catalogue)
        cursor = engine.similar("0", Query(5)).next_cursor
        assert len(engine.similar("0", Query(9, cursor=cursor))) == 9
        for item, query in (("1", Query(cursor=cursor)), ("0", Query(look=0.5, cursor=cursor))):
            with pytest.raises(InvalidCursor):
                engine.similar(item, query)
        catalogue.upsert([AttributeUpdate("3", {"price": 1}, "")])
        with pytest.raises(StaleCursor):
            engine.similar("0", Query(cursor=cursor))
        client = create_app(lambda: engine).test_client()
        assert_problem(client.get(f"/v1/items/0/similar?cursor={cursor}"), 409, "stale-cursor")


def test_the_picture_is_sent_again_with_the_cursor(client: FlaskClient, engine: Engine, png: bytes) -> None:
    found: list[str] = []
    address = "/v1/search?limit=50"
    for _ in range(6):
        answer = client.post(address, data=png, content_type="image/png")
        found += told(answer)
        address = f"/v1/search?limit=50&cursor={answer.json['next']}"
    assert answer.json["next"] is None
    assert found == ids_of(engine.search(png, Query(300)).hits)


# --- members ---


def test_a_hundred_ids_are_five_kilobytes(caller: FlaskClient) -> None:
    sent = caller.get("/v1/items/00007/similar?limit=100&fields=id", headers={"Accept-Encoding": "gzip"})
    assert len(sent.data) <= 5_000
    assert sent.headers["Content-Encoding"] == "gzip"
    hits = json.loads(gzip.decompress(sent.data))["hits"]
    assert len(hits) == 100
    assert all(list(hit) == ["item"] and list(hit["item"]) == ["id"] for hit in hits)


def test_fields_name_what_is_told(client: FlaskClient, png: bytes) -> None:
    whole = client.post("/v1/search", data=png, content_type="image/png").json
    some = client.post("/v1/search?fields=score,id,colours", data=png, content_type="image/png").json
    assert "view" in whole
    assert "view" not in some
    for hit, full in zip(some["hits"], whole["hits"], strict=True):
        assert hit == {"item": {name: full["item"][name] for name in ("id", "colours")}, "score": full["score"]}
    named = client.post("/v1/search", json={"item_id": ITEM, "fields": ["relevance", "view"]}).json
    assert [list(hit) for hit in named["hits"]] == [["relevance"]] * 12
    assert named["view"].startswith("data:image/")


# --- several items ---


def test_items_like_several_are_like_their_weighted_mean(
    shop: Engine, many: LocalCatalogue, caller: FlaskClient
) -> None:
    weights = {"00001": 2.0, "00006": 1.0, "00009": 1.0}
    mean = np.array([2, 1, 1]) @ many.vectors(list(weights))
    queries = (mean / np.linalg.norm(mean)).astype(np.float32)[np.newaxis]
    expected = [hit.item.id for hit in many.search(queries, 20, exclude=list(weights))[0]]
    assert ids_of(shop.similar_to_all(weights, Query(20))) == expected
    body = {"ids": [{"id": "00001", "weight": 1}, "00006", "00009", "00001"], "limit": 20}
    answer = caller.post("/v1/similar", json=body)
    assert told(answer) == expected
    assert answer.json["ids"] == list(weights)


def test_one_of_several_is_what_it_is_alone_and_unknown_ones_are_named(shop: Engine, caller: FlaskClient) -> None:
    alone = caller.get("/v1/items/00004/similar?look=0.3").json
    for ids in ("00004", ["00004"], ["nothing", "00004"]):
        answer = caller.post("/v1/similar", json={"ids": ids, "look": 0.3}).json
        for name in ("hits", "no_good_match", "exact", "look", "weights", "state"):
            assert answer[name] == alone[name], name
        assert ["'nothing'" in note for note in answer["notes"]] == [True] * (len(ids) == 2)
    with pytest.raises(UnknownItem):
        shop.similar_to_all({"nothing": 1, "none": 1})


def test_opposites_have_nothing_in_common() -> None:
    vectors = np.array([[0.6, 0.8], [-0.6, -0.8]], np.float32)
    with pytest.raises(NothingInCommon):
        Seed(vectors, np.array([0, 0]), np.array([0.5, 0.5])).direction()


# --- pictures in JSON ---


@pytest.mark.parametrize("write", ["plain", "data URI", "of addresses", "slashes escaped", "with line breaks"])
def test_a_picture_in_base64_is_answered_as_its_bytes_are(client: FlaskClient, png: bytes, write: str) -> None:
    text = base64.b64encode(png).decode()
    body = json.dumps(
        {
            "image": {
                "data URI": f"data:image/png;base64,{text}",
                "of addresses": text.replace("+", "-").replace("/", "_").rstrip("="),
                "with line breaks": base64.encodebytes(png).decode(),
            }.get(write, text),
            "limit": 3,
        }
    )
    body = body.replace("/", "\\/") if write == "slashes escaped" else body
    answer = client.post("/v1/search", data=body, content_type="application/json")
    bare = client.post("/v1/search?limit=3", data=png, content_type="image/png")
    assert told(answer) == told(bare)
    assert answer.json["query"] == bare.json["query"] == {"source": "image", "bytes": len(png)}


def test_a_large_picture_in_base64_is_read_and_the_rest_of_the_body_stays_small(client: FlaskClient) -> None:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)).save(file, "PNG")
    image = base64.b64encode(file.getvalue()).decode()
    assert len(image) > 500_000
    assert len(told(client.post("/v1/search", json={"image": image, "limit": 3}))) == 3
    for extra in ({"where": {"predicted.class": ["Bag"] * 20_000}}, {"where": {"image": image}}):
        assert_problem(client.post("/v1/search", json={**extra, "image": image}), 413, "content-too-large")


# --- copies ---


def test_copies_are_found_among_many_hits(
    tmp_path: Path, engine: Engine, small_catalogue: Path, embedder: LiteRTEmbedder
) -> None:
    """However few a hit is compared with: what it is a copy of is nearly always the most alike."""
    card, chance = embedder.card, np.random.default_rng(0)
    with LocalCatalogue.open(small_catalogue) as source:
        items = source.get(source.ids()[:100])
        vectors = source.vectors([item.id for item in items])
        displays = [source.display(item.id) for item in items]
    copies = vectors + chance.normal(0, 0.02, vectors.shape).astype(np.float32)
    copies /= np.linalg.norm(copies, axis=1, keepdims=True)
    records = [
        Record(
            f"{kind}-{item.id}", predicted_class(item.best_class.value, 1), row, display, fingerprint=item.fingerprint
        )
        for kind, rows in (("own", vectors), ("copy", copies))
        for item, row, display in zip(items, rows, displays, strict=True)
    ]
    with LocalCatalogue.create(tmp_path / "c", card.fingerprint, card.dim, card.classes) as catalogue:
        catalogue.upsert(records)
        found = Engine(embedder, catalogue).similar("own-test-00000", Query(200, collapse="duplicates"))
    pictures = [id_.partition("-")[2] for id_ in ids_of(found)]
    assert 60 < len(found) < 120
    assert len(pictures) - len(set(pictures)) <= 2


def test_collapsing_goes_with_diversity_and_groups(engine: Engine) -> None:
    query = Query(20, collapse="duplicates", diversity=0.4, group_by="predicted.class", group_size=3)
    found = engine.similar(ITEM, query)
    assert all(match.copies is not None for match in found)
    assert max(Counter(match.item.best_class.value for match in found).values()) == 3
    prints = [fingerprint_of(decode(engine.display(id_).data)) for id_ in ids_of(found)]
    assert len(set(prints)) == len(prints)


# --- the terminal ---


def test_the_command_takes_the_same_options(project: Path, small_catalogue: Path, engine: Engine) -> None:
    def run(*arguments: str) -> Any:
        command = [sys.executable, "-m", "lookalike", "similar", *arguments, "--catalogue", str(small_catalogue)]
        return json.loads(subprocess.run([*command, "--json"], capture_output=True, cwd=project, check=True).stdout)

    options = (
        "--limit",
        "4",
        "--group-by",
        "predicted.class",
        "--group-size",
        "2",
        "--diversity",
        "0.2",
        "--fields",
        "id",
    )
    first = run(ITEM, "test-00009", "none", "--exclude", "test-00001", "--exclude", "test-00002", *options)
    query = Query(4, exclude=("test-00001", "test-00002"), group_by="predicted.class", group_size=2, diversity=0.2)
    expected = engine.similar_to_all({ITEM: 1, "test-00009": 1, "none": 1}, query)
    assert [hit["item"]["id"] for hit in first["hits"]] == ids_of(expected)
    assert first["notes"] == list(expected.notes)
    assert list(first["hits"][0]) == ["item"]


def test_a_view_is_searched_with_like_its_picture(engine: Engine, png: bytes) -> None:
    picture = engine.embed_picture(png)
    found = engine.search_view(View(picture.view.pixels).pixels, Query(5, diversity=0.5)).hits
    assert ids_of(found) == ids_of(engine.search(png, Query(5, diversity=0.5)).hits)
