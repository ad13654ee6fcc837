"""Filters, facets and listings over a real shop's items: in Python, over HTTP and on the command line."""

import csv
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_asserts import assert_problem
from filter_meaning import allows, members
from flask.testing import FlaskClient

from indexer.catalogue.local import LocalCatalogue
from indexer.errors import InvalidFilter
from indexer.predictions import predicted_class
from indexer.records import AttributeUpdate, DisplayCopy, Item, Record
from indexer.sources.csv_rows import number_in
from models.datasets.fashion_mnist import Split
from models.embedder import as_views
from models.runtime import LiteRTEmbedder
from search_api.engine import Engine
from search_api.engine_state import CHANGED_SINCE
from search_api.http.app import create_app
from search_api.http.reading.parameters import read_where
from webui.app import create_app as create_site

MANY = 400
SEED = 13


def _attributes(row: dict[str, str]) -> dict[str, Any]:
    """Return a product's attributes: the words of its title as a list, its year as number or text or not at all."""
    known: dict[str, Any] = {name: row[name] for name in ("title", "gender", "type", "colour") if row[name]}
    number = number_in(row["year"])
    if number is not None and row["season"] != "Winter":
        known["year"] = number if row["season"] != "Spring" else row["year"]
    if row["usage"] != "Sports":
        known["casual"] = row["usage"] == "Casual"
    return known | {"words": row["title"].split(), "was": row["year"].replace("20", "19,")}


@pytest.fixture(scope="module")
def records(shop_table: Path, embedder: LiteRTEmbedder, test_split: Split) -> list[Record]:
    """Products of a real shop, with vectors of other pictures."""
    vectors, probabilities = embedder.embed(as_views(test_split.images[:MANY]))
    with shop_table.open(encoding="utf-8", newline="") as file:
        rows = [row for row, _ in zip(csv.DictReader(file), range(MANY), strict=False)]
    picture = DisplayCopy(b"\x89PNG", "image/png", 28, 28)
    classes = embedder.card.classes
    return [
        Record(
            row["id"],
            predicted_class(classes[int(known.argmax())], float(known.max())),
            vector,
            picture,
            _attributes(row),
        )
        for row, vector, known in zip(rows, vectors, probabilities, strict=True)
    ]


@pytest.fixture
def shop(tmp_path: Path, embedder: LiteRTEmbedder, records: list[Record]) -> Iterator[LocalCatalogue]:
    card = embedder.card
    with LocalCatalogue.create(tmp_path / "shop", card.fingerprint, card.dim, card.classes) as catalogue:
        catalogue.upsert(records[: MANY // 2])
        catalogue.publish()
        catalogue.upsert(records[MANY // 2 :])
        yield catalogue


@pytest.fixture
def client(shop: LocalCatalogue, embedder: LiteRTEmbedder) -> FlaskClient:
    return create_app(lambda: Engine(embedder, shop)).test_client()


# --- random filters ---


class _Filters:
    """Makes filters of every kind about what items have, and a little that they don't."""

    def __init__(self, items: list[Item]) -> None:
        self._chance = random.Random(SEED)
        self._items = items

    def one(self, depth: int = 0) -> dict[str, Any]:
        """Return a filter of one to three conditions."""
        where: dict[str, Any] = {}
        for _ in range(self._chance.choice((1, 1, 2, 3))):
            kind = self._chance.random()
            if depth < 3 and kind < 0.15:
                where["not"] = self.one(depth + 1)
            elif depth < 3 and kind < 0.35:
                where[self._chance.choice(("any", "all"))] = [self.one(depth + 1) for _ in range(2)]
            else:
                name, wanted = self._field()
                where[name] = wanted
        return where

    def _field(self) -> tuple[str, Any]:
        item = self._chance.choice(self._items)
        name = self._chance.choice(
            ("id", "predicted.class", "gender", "type", "colour", "year", "casual", "words", "was", "none")
        )
        if name in ("id", "predicted.class"):
            value = item.id if name == "id" else item.best_class.value
            return name, self._chance.choice(
                ({"not": [value]}, value, [value, self._items[0].id][: 1 + (name == "id")])
            )
        values = members(item.attributes.get(name)) or [None]
        value = self._chance.choice(values)
        ways: list[Any] = [value, [value, "Navy Blue", 2011], {"not": value}, {"not": [value, None]}]
        if isinstance(value, str):
            start = value[: self._chance.randint(0, len(value))]
            ways += [{"prefix": start}, {"gte": start}, {"lt": value}, {"prefix": start, "not": value}]
        if isinstance(value, int) and not isinstance(value, bool):
            ways += [{"gt": value}, {"gte": value - 1, "lt": value + 1.5}, {"not": {"lte": value}}, {"lt": 2012}]
        return f"attributes.{name}" if self._chance.random() < 0.1 else name, self._chance.choice(ways)


def test_random_filters_find_what_plain_python_does(shop: LocalCatalogue) -> None:
    sizes = []
    with shop.reading() as state:
        items = state.get(state.ids())
        filters = _Filters(items)
        query = state.vectors([items[0].id])
        for _ in range(400):
            where = filters.one()
            expected = [item.id for item in items if allows(where, item.id, item.best_class.value, item.attributes)]
            page = state.browse(where, limit=MANY)
            assert [item.id for item in page.items] == expected, where
            assert page.total == len(expected)
            assert sorted(hit.item.id for hit in state.search(query, MANY, where)[0]) == expected, where
            sizes.append(len(expected))
    assert len({size for size in sizes if 0 < size < MANY}) > 50


def test_nonsense_is_answered_or_refused_by_name(shop: LocalCatalogue) -> None:
    chance = random.Random(SEED)
    names = [
        "id",
        "predicted.class",
        "colour~",
        "not",
        "any",
        "all",
        "year",
        "words",
        "attributes.any",
        "",
        "\0",
        "a\0b",
        'a"',
        "ß" * 200,
    ]
    plain: list[Any] = [
        None, True, 0, -0.0, 1e308, float("nan"), float("inf"), 2**63, -(2**63), 2011, "", "x\0y", "\ud800", "Men",
        "navy", "Bag", b"Men", [], {}, (), {"Men"}, object(), "'; DROP TABLE items --", "$.year", "%",
    ]  # fmt: skip
    words = ["lt", "lte", "gt", "gte", "prefix", "not", "near", "within", "any", "year", ""]

    def made(depth: int) -> Any:
        way = chance.random()
        if depth == 0 or way < 0.4:
            return chance.choice(plain)
        if way < 0.6:
            return [made(depth - 1) for _ in range(chance.randint(0, 3))]
        return {chance.choice(words if way < 0.8 else names): made(depth - 1) for _ in range(chance.randint(0, 3))}

    outcomes = Counter()
    with shop.reading() as state:
        query = state.vectors(state.ids()[:1])
        for _ in range(3000):
            where = {chance.choice(names): made(3) for _ in range(chance.choice((1, 1, 1, 2)))}
            try:
                total = state.browse(where, limit=1).total
                state.filter_notes(where)
                assert len(state.search(query, MANY, where)[0]) == total
                outcomes["answered"] += 1
            except InvalidFilter:
                outcomes["refused"] += 1
    assert min(outcomes.values()) > 300


def test_random_filters_are_counted_as_plain_python_does(shop: LocalCatalogue) -> None:
    with shop.reading() as state:
        items = state.get(state.ids())
        filters = _Filters(items)
        for _ in range(30):
            where = filters.one()
            found = [item for item in items if allows(where, item.id, item.best_class.value, item.attributes)]
            for facet in state.facets(where, ["gender", "type", "words", "casual"], 5):
                counts = Counter(value for item in found for value in set(members(item.attributes.get(facet.field))))
                ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
                assert list(facet.values) == ranked[:5]
                assert facet.others == max(0, len(counts) - 5)
                assert facet.items == sum(bool(members(item.attributes.get(facet.field))) for item in found)


# --- one grammar, however it is written ---

SAME: list[tuple[list[str], dict[str, Any]]] = [
    (["gender=Men", "year<2012"], {"gender": "Men", "year": {"lt": 2012}}),
    (["gender=Men", "gender=Women", "casual=true"], {"gender": ["Men", "Women"], "casual": True}),
    (["colour!=Black", "words=Check"], {"colour": {"not": "Black"}, "words": "Check"}),
    (["title^=Turtle"], {"title": {"prefix": "Turtle"}}),
    (["year=null"], {"year": None}),
    (["casual!=null", "year>2010", "year<=2012"], {"casual": {"not": None}, "year": {"gt": 2010, "lte": 2012}}),
    (["year=2011"], {"year": [2011, "2011"]}),
]


@pytest.mark.parametrize(("typed", "where"), SAME)
def test_a_filter_is_the_same_typed_and_as_json(
    client: FlaskClient, shop: LocalCatalogue, typed: list[str], where: dict[str, Any]
) -> None:
    expected = [item.id for item in shop.browse(where, limit=MANY).items]
    assert 0 < len(expected) < MANY
    item = shop.ids()[0]
    for text in (";".join(typed), json.dumps(where), f" {json.dumps(where)}", " ; ".join(typed) + ";"):
        page = client.get("/v1/items", query_string={"where": text, "limit": 100}).json
        assert [found["id"] for found in page["items"]] == expected[:100]
        assert page["total"] == len(expected)
        facets = client.get("/v1/facets", query_string={"where": text, "fields": "predicted.class"}).json
        assert facets["total"] == facets["facets"][0]["items"] == len(expected)
        hits = client.get(f"/v1/items/{item}/similar", query_string={"where": text, "k": 100}).json["hits"]
        assert {hit["item"]["id"] for hit in hits} <= set(expected) - {item}
        assert len(hits) == min(100, len(set(expected) - {item}))
    for texts in (
        [*typed, json.dumps({"predicted.class": {"not": "Bag"}})],
        [json.dumps(where), "predicted.class!=Bag"],
    ):
        found = shop.browse(read_where(texts), limit=MANY).items
        assert [one.id for one in found] == [
            one.id for one in shop.browse({"all": [where, {"predicted.class": {"not": "Bag"}}]}, limit=MANY).items
        ]


def test_a_listing_holds_to_a_class_and_a_filter_together(client: FlaskClient, shop: LocalCatalogue) -> None:
    name = shop.get(shop.ids()[:1])[0].best_class.value
    both = client.get("/v1/items", query_string={"where": f"predicted.class={name};gender=Men"}).json
    assert both["total"] == shop.browse({"predicted.class": name, "gender": "Men"}).total > 0
    assert client.get("/v1/items", query_string={"where": f"predicted.class={name}"}).json["total"] > both["total"]


# --- what finds nothing says why ---


def test_what_can_find_nothing_is_told_in_every_answer(client: FlaskClient, shop: LocalCatalogue) -> None:
    item = shop.ids()[0]
    for where, words in (("was<=50", ("'was'", "'19,")), ("cut=wide", ("'cut'", "casual, colour, gender, title"))):
        answers = [
            client.get("/v1/items", query_string={"where": where}).json,
            client.get("/v1/facets", query_string={"where": where}).json,
            client.get(f"/v1/items/{item}/similar", query_string={"where": where}).json,
        ]
        assert [len(answers[0]["items"]), answers[1]["total"], len(answers[2]["hits"])] == [0, 0, 0]
        for answer in answers:
            assert len(answer["notes"]) == 1
            assert all(word in answer["notes"][0] for word in words)
    assert client.get("/v1/items?where=year>2000;gender=Men").json["notes"] == []
    assert "'cut'" in client.get("/v1/items?sort=-cut").json["notes"][0]
    assert "'cut'" in client.get("/v1/facets?fields=predicted.class,cut").json["notes"][0]
    assert client.get("/v1/facets").json["notes"] == []


def test_a_search_tells_of_its_filter_behind_its_picture(client: FlaskClient, png_of: bytes) -> None:
    plain = client.post("/v1/search", data=png_of, content_type="image/png").json
    told = client.post("/v1/search?where=was<50", data=png_of, content_type="image/png").json
    assert told["notes"][:-1] == plain["notes"]
    assert "'was'" in told["notes"][-1]
    assert told["hits"] == []


@pytest.fixture(scope="module")
def png_of(engine: Engine) -> bytes:
    """A picture."""
    return engine.display("test-00007").data


# --- listings ---


def _pages(client: FlaskClient, **asked: Any) -> list[dict[str, Any]]:
    """Return all pages of a listing, each asked for by the cursor of the one before."""
    pages = [client.get("/v1/items", query_string=asked).json]
    while pages[-1]["next"] is not None:
        pages.append(client.get("/v1/items", query_string={**asked, "cursor": pages[-1]["next"]}).json)
    return pages


@pytest.mark.parametrize("sort", ["id", "-id", "year", "-year", "title", "-words", "predicted.class"])
def test_pages_by_cursor_hold_every_item_once(client: FlaskClient, shop: LocalCatalogue, sort: str) -> None:
    pages = _pages(client, sort=sort, where="gender=Men", limit=37)
    ids = [item["id"] for page in pages for item in page["items"]]
    assert ids == [item.id for item in shop.browse({"gender": "Men"}, limit=MANY, sort=sort).items]
    assert len(set(ids)) == len(ids) == pages[0]["total"]
    assert [page["offset"] for page in pages] == [0] + [None] * (len(pages) - 1)
    assert {note for page in pages for note in page["notes"]} == set()
    assert all(len(page["items"]) == 37 for page in pages[:-1])


def test_an_attribute_sorts_numbers_before_texts_and_none_last(client: FlaskClient) -> None:
    for sort, is_first in (
        ("year", lambda kinds: kinds.index("n") == 0),
        ("-year", lambda kinds: kinds.index("t") == 0),
    ):
        years = [
            item["attributes"].get("year") for page in _pages(client, sort=sort, limit=100) for item in page["items"]
        ]
        kinds = "".join("x" if year is None else "t" if isinstance(year, str) else "n" for year in years)
        assert is_first(kinds)
        assert kinds.strip("x") + "x" * kinds.count("x") == kinds
        numbers = [year for year in years if isinstance(year, int)]
        assert numbers == sorted(numbers, reverse=sort != "year")


@pytest.mark.parametrize("sort", ["id", "-title"])
def test_a_page_of_an_earlier_state_goes_on_and_says_so(client: FlaskClient, shop: LocalCatalogue, sort: str) -> None:
    order = [item.id for item in shop.browse(limit=MANY, sort=sort).items]
    first = client.get("/v1/items", query_string={"sort": sort, "limit": 50}).json
    shop.delete([order[10], order[49], order[70]])
    shop.upsert([AttributeUpdate(order[5], {"title": dict(shop.get([order[5]])[0].attributes)["title"]}, "")])
    second = client.get("/v1/items", query_string={"sort": sort, "limit": 50, "cursor": first["next"]}).json
    assert second["notes"] == [CHANGED_SINCE]
    assert [item["id"] for item in second["items"]] == [*order[50:70], *order[71:101]]
    third = client.get("/v1/items", query_string={"sort": sort, "limit": 50, "cursor": second["next"]}).json
    assert third["notes"] == []
    assert [item["id"] for item in third["items"]] == order[101:151]


def test_a_cursor_of_another_listing_is_refused(client: FlaskClient) -> None:
    cursor = client.get("/v1/items?sort=title&where=gender=Men&limit=5").json["next"]
    for asked in ("sort=-title&where=gender=Men", "sort=title", "sort=title&where=gender=Women"):
        assert_problem(client.get(f"/v1/items?{asked}&cursor={cursor}"), 400, "invalid-cursor")
    assert client.get(f"/v1/items?sort=title&where=gender=Men&limit=7&cursor={cursor}").status_code == 200


def test_long_texts_make_no_long_cursors(client: FlaskClient, shop: LocalCatalogue) -> None:
    ids = shop.ids()[:5]
    shop.upsert([AttributeUpdate(id_, {"story": "ä" * 5000 + id_}, "") for id_ in ids])
    pages = _pages(client, sort="story", where="story!=null", limit=2)
    assert [item["id"] for page in pages for item in page["items"]] == ids
    assert max(len(page["next"] or "") for page in pages) < 1000


# --- facets ---


def test_facets_over_http(client: FlaskClient, shop: LocalCatalogue) -> None:
    answer = client.get("/v1/facets?where=gender=Men&fields=year,gender,words,none&limit=3").json
    assert list(answer) == ["facets", "total", "notes", "model", "generation", "state"]
    year, gender, words, none = answer["facets"]
    men = shop.browse({"gender": "Men"}, limit=MANY).items
    assert gender == {
        "field": "gender",
        "items": len(men),
        "values": [{"value": "Men", "items": len(men)}],
        "others": 0,
    }
    assert (year["field"], "minimum" in year) == ("year", False)
    assert words["values"][0]["value"] == "Men"
    assert len(words["values"]) == 3
    assert none == {"field": "none", "items": 0, "values": [], "others": 0}
    assert "'none'" in answer["notes"][0]
    numbers = client.get("/v1/facets?where=year>2000&fields=year&limit=1").json["facets"][0]
    years = [item.attributes["year"] for item in shop.browse({"year": {"gt": 2000}}, limit=MANY).items]
    assert (numbers["minimum"], numbers["maximum"], numbers["values"]) == (min(years), max(years), [])
    assert numbers["others"] == len(set(years))


def test_the_description_names_what_listings_and_facets_take(client: FlaskClient) -> None:
    paths = client.get("/v1/openapi.json").json["paths"]
    names = {
        path: [one["name"] for one in paths[path]["get"]["parameters"] if one["in"] == "query"]
        for path in ("/v1/items", "/v1/facets")
    }
    assert names == {
        "/v1/items": ["where", "q", "sort", "offset", "cursor", "limit"],
        "/v1/facets": ["where", "q", "fields", "limit"],
    }


def test_a_page_shows_the_members_of_a_list(shop: LocalCatalogue, embedder: LiteRTEmbedder) -> None:
    id_ = shop.ids()[0]
    shop.upsert([AttributeUpdate(id_, {"sizes": ["S", 36], "tags": []}, "")])
    page = create_site(lambda: Engine(embedder, shop)).test_client().get(f"/items/{id_}").text
    assert "S, 36" in page
    assert "ags</dt>" not in page


# --- on the command line ---


def _run(project: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, project / "lookalike.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_the_command_counts_and_sorts(project: Path, shop: LocalCatalogue, client: FlaskClient) -> None:
    at = ("--catalogue", shop.directory)
    counted = _run(project, "facets", "--where", "gender=Men", "--fields", "type,none", "--limit", "2", "--json", *at)
    over_http = client.get("/v1/facets?where=gender=Men&fields=type,none&limit=2").json
    assert json.loads(counted.stdout) == {name: over_http[name] for name in ("facets", "total", "notes")}
    assert "'none'" in counted.stderr
    told = _run(project, "facets", "--where", "year>2000", "--fields", "gender,year", "--limit", "1", *at).stdout
    assert [line.partition(" ")[0] for line in told.splitlines()[1:]] == ["gender:", "year:"]
    assert "others" in told
    listed = _run(
        project, "items", "list", "--where", '{"any": [{"gender": "Men"}]}', "--sort", "-title", "--json", *at
    )
    ids = [json.loads(line)["id"] for line in listed.stdout.splitlines()]
    assert ids == [item.id for item in shop.browse({"gender": "Men"}, limit=MANY, sort="-title").items]
    rest = _run(project, "items", "list", "--where", "gender=Men", "--sort", "-title", "--after", ids[6], "--json", *at)
    assert [json.loads(line)["id"] for line in rest.stdout.splitlines()] == ids[7:]
    assert "'was'" in _run(project, "items", "list", "--where", "was<5", *at).stderr
    table = ("--out", shop.directory.parent / "t.csv")
    assert "'was'" in _run(project, "export-similar", "--where", "was<5", *table, *at).stderr
