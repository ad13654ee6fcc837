"""What every kind of catalogue keeps, whatever it stands on: run on each implementation of the protocol."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filter_meaning import allows, members
from numpy.typing import NDArray

from indexer.catalogue import Catalogue, CatalogueState
from indexer.catalogue.local import LocalCatalogue
from indexer.errors import InvalidFacet, InvalidFilter, InvalidSort, ModelMismatch, UnknownItem, VersionConflict
from indexer.predictions import predicted_class
from indexer.records import AttributeUpdate, DisplayCopy, Hit, Item, Record
from indexer.vectors import publishing
from models.colours.garment_colours import GarmentColour
from models.datasets.fashion_mnist import CLASSES, Split

DIM = 49
PICTURE = DisplayCopy(b"\x89PNG", "image/png", 28, 28)

OpenCatalogue = Callable[[str], Catalogue]
"""Opens the catalogue of a name: the same one for the same name, as another program would."""


@pytest.fixture(params=["local"])
def open_catalogue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenCatalogue]:
    """Make and open catalogues of one implementation."""
    opened: list[Catalogue] = []

    def open_(name: str) -> Catalogue:
        assert request.param == "local"
        opened.append(LocalCatalogue.create(tmp_path / name, "model-a", DIM, CLASSES))
        return opened[-1]

    yield open_
    for catalogue in opened:
        catalogue.close()


@pytest.fixture
def catalogue(open_catalogue: OpenCatalogue) -> Catalogue:
    return open_catalogue("shop")


@pytest.fixture(scope="module")
def records(test_split: Split, vectors: NDArray[np.float32]) -> list[Record]:
    """Forty items, of the classes in turn, the price going up."""
    return [
        Record(
            f"item-{n:02}",
            predicted_class(CLASSES[n % 10], 0.5),
            vectors[n],
            PICTURE,
            {"price": n, "brand": "ab"[n % 2]},
            f"c{n}",
        )
        for n in range(40)
    ]


def ids_of(hits: list) -> list[str]:
    return [hit.item.id for hit in hits]


# --- what is written is found ---


def test_what_was_written_is_read_as_it_was(catalogue: Catalogue, records: list[Record]) -> None:
    catalogue.upsert(records)
    item = catalogue.get(["item-07"])[0]
    assert (item.id, item.best_class.value, item.best_class.probability, dict(item.attributes)) == (
        "item-07",
        CLASSES[7],
        0.5,
        {"price": 7, "brand": "b"},
    )
    assert catalogue.display("item-07") == PICTURE
    np.testing.assert_array_equal(catalogue.vectors(["item-07", "item-03"]), [records[7].vector, records[3].vector])
    assert catalogue.content_keys(["item-07", "nothing"]) == {"item-07": "c7"}
    assert catalogue.ids() == sorted(record.id for record in records)
    assert len(catalogue) == 40
    assert catalogue.counts() == dict.fromkeys(CLASSES, 4)


def test_the_latest_and_a_sample_are_told_in_the_order_of_writing(catalogue: Catalogue, records: list[Record]) -> None:
    catalogue.upsert(records[:30])
    catalogue.publish()
    catalogue.upsert(records[30:])
    catalogue.upsert([AttributeUpdate("item-05", {"price": 5, "brand": "c"}, "new")])
    catalogue.delete(["item-39", "item-00"])
    with catalogue.reading() as state:
        assert [item.id for item in state.latest(3)] == ["item-05", "item-38", "item-37"]
        assert state.latest(1)[0].attributes["brand"] == "c"
        only = state.latest(100, {"brand": "a"}, ["item-38", "nothing"])
        assert [item.id for item in only] == [f"item-{number:02}" for number in range(36, 1, -2)]
        order = [f"item-{number:02}" for number in range(1, 39) if number != 5] + ["item-05"]
        assert [item.id for item in state.sample(100)] == order
        assert [item.id for item in state.sample(4)] == [order[at] for at in (0, 9, 19, 28)]
        assert [item.id for item in state.sample(2, {"price": {"lte": 4}}, ["item-02"])] == ["item-01", "item-03"]
        assert state.latest(3, {"price": -1}) == state.sample(0) == []


def test_a_search_equals_brute_force_with_filter_and_exclusions(catalogue: Catalogue, records: list[Record]) -> None:
    catalogue.upsert(records[:30])
    catalogue.publish()
    catalogue.upsert(records[30:])
    query = records[5].vector[np.newaxis]
    for where, exclude, allowed in (
        (None, (), lambda n: True),
        (None, ("item-05",), lambda n: n != 5),
        ({"brand": "a"}, (), lambda n: n % 2 == 0),
        ({"brand": "a", "price": {"gte": 10, "lte": 33}}, ("item-12",), lambda n: n % 2 == 0 and 10 <= n <= 33 != 12),
        ({"predicted.class": [CLASSES[1], CLASSES[2]]}, (), lambda n: n % 10 in (1, 2)),
    ):
        among = [record for n, record in enumerate(records) if allowed(n) and record.id not in exclude]
        scores = {
            record.id: float(np.float32(record.vector.astype(np.float64) @ query[0].astype(np.float64)))
            for record in among
        }
        expected = sorted(scores, key=lambda id_: (-min(scores[id_], 1.0), id_))[:8]
        found = catalogue.search(query, 8, where, exclude)[0]
        assert ids_of(found) == expected
        assert found.exact


def test_replaced_deleted_and_updated_items_are_what_they_are_now(catalogue: Catalogue, records: list[Record]) -> None:
    catalogue.upsert(records)
    catalogue.publish()
    new = Record("item-01", predicted_class(CLASSES[9], 0.9), records[2].vector, PICTURE, {"price": 1000})
    catalogue.upsert([new, AttributeUpdate("item-02", {"price": 2000}, "c")])
    assert catalogue.delete(["item-03", "not there"]) == 1
    assert len(catalogue) == 39
    assert [item.id for item in catalogue.browse({"price": {"gte": 1000}}).items] == ["item-01", "item-02"]
    found = catalogue.search(records[2].vector[np.newaxis], 2)[0]
    assert ids_of(found) == ["item-01", "item-02"]
    assert "item-03" not in ids_of(catalogue.search(records[3].vector[np.newaxis], 40)[0])
    with pytest.raises(UnknownItem):
        catalogue.get(["item-03"])


def test_a_change_that_is_refused_changes_nothing(catalogue: Catalogue, records: list[Record]) -> None:
    catalogue.upsert(records[:1])
    with catalogue.reading() as state:
        before = state.version
    for changes, error in (
        ([records[1], AttributeUpdate("nobody", {}, "")], UnknownItem),
        ([records[1], Record("x", predicted_class("no class", 0.5), records[1].vector, PICTURE)], ValueError),
        ([records[1], Record("x", predicted_class(CLASSES[0], 0.5), records[1].vector * 2, PICTURE)], ValueError),
        ([records[1], Record("", predicted_class(CLASSES[0], 0.5), records[1].vector, PICTURE)], ValueError),
    ):
        with pytest.raises(error):
            catalogue.upsert(changes)
    with catalogue.reading() as state:
        assert (state.version, state.ids()) == (before, ["item-00"])


def test_pages_hold_every_item_once(catalogue: Catalogue, records: list[Record]) -> None:
    catalogue.upsert(records)
    pages = [catalogue.browse({"brand": "a"}, offset, 7) for offset in range(0, 21, 7)]
    assert [item.id for page in pages for item in page.items] == [f"item-{n:02}" for n in range(0, 40, 2)]
    assert {page.total for page in pages} == {20}


def test_the_vector_table_has_all_and_says_which_are_allowed(catalogue: Catalogue, records: list[Record]) -> None:
    catalogue.upsert(records)
    table = catalogue.vector_table({"brand": "b"})
    assert list(table.ids) == [record.id for record in records]
    np.testing.assert_array_equal(table.vectors, np.stack([record.vector for record in records]))
    assert table.allowed is not None
    assert table.allowed.tolist() == list(range(1, 40, 2))
    assert catalogue.vector_table().allowed is None


@pytest.mark.parametrize(
    "where",
    [{"any": "red"}, {"predicted.class": "Hat"}, {"price": {"near": 1}}, {"price": {"gte": True}}, {"price": [[1]]}],
)
def test_a_filter_that_can_not_be_is_refused_everywhere(
    catalogue: Catalogue, records: list[Record], where: dict
) -> None:
    catalogue.upsert(records)
    with catalogue.reading() as state:
        for ask in (
            lambda: state.browse(where),
            lambda: state.search(records[0].vector[np.newaxis], 3, where),
            lambda: state.vector_table(where),
        ):
            with pytest.raises(InvalidFilter):
                ask()


# --- filters ---

SHOP: list[dict[str, Any]] = [
    {"price": 19, "brand": "Ossby", "sizes": ["S", "M"], "sale": True, "was": "19,95"},
    {"price": 19.5, "brand": "ossby", "sizes": ["M"], "sale": False, "was": "24,95"},
    {"price": "19", "brand": None, "sizes": [], "sale": 1},
    {"brand": "Oss", "sizes": [36, 37.5, "M"], "was": ""},
    {"price": -4, "brand": "Ärla", "sizes": "M"},
    {"price": 2**62, "brand": "Os%", "any": "thing", "id": "item-00", "attributes.any": 1},
    {},
]

FILTERS: list[dict[str, Any]] = [
    {"price": 19},
    {"price": [19, "19", None]},
    {"price": []},
    {"brand": None},
    {"sizes": None},
    {"sale": True},
    {"sale": [0, 7]},
    {"price": {"lt": 19}},
    {"price": {"lte": 19}},
    {"price": {"gt": 19}},
    {"price": {"gte": 19, "lt": 2**62}},
    {"brand": {"gt": "Os", "lte": "Ossby"}},
    {"brand": {"prefix": "Os"}},
    {"brand": {"prefix": "Ä"}},
    {"brand": {"prefix": "Os%"}},
    {"sizes": "M"},
    {"sizes": ["S", 36]},
    {"sizes": {"gte": 37}},
    {"sizes": {"gt": 36, "lt": 37}},
    {"sizes": {"prefix": "S"}},
    {"sizes": {"not": "M"}},
    {"sizes": '["M"]'},
    {"brand": {"not": ["Ossby", None]}},
    {"brand": {"prefix": "O", "not": {"prefix": "Oss"}}},
    {"price": {"not": {"gte": 0}}},
    {"price": {"gte": 0, "not": 19}},
    {"price": {"not": {"not": 19}}},
    {"not": {"brand": "Ossby", "price": 19}},
    {"not": {"any": [{"sale": True}, {"price": "19"}]}},
    {"any": [{"price": -4}, {"sizes": "S"}, {"nothing": 1}]},
    {"any": [{"price": -4}]},
    {"all": [{"sizes": "M"}, {"sizes": {"not": "S"}}]},
    {"all": [{"price": {"gte": 0}}, {"any": [{"sale": True}, {"brand": {"prefix": "Os%"}}]}], "sizes": None},
    {"id": "item-03"},
    {"id": ["item-03", "item-05", "nobody"]},
    {"id": {"not": ["item-03", "item-05"]}},
    {"id": []},
    {"predicted.class": CLASSES[1]},
    {"predicted.class": {"not": [CLASSES[1], CLASSES[2]]}},
    {"attributes.any": "thing"},
    {"attributes.id": "item-00"},
    {"attributes.attributes.any": True},
    {"nothing": "x"},
    {"nothing": None},
    {"not": {"nothing": "x"}},
    {"was": {"lt": 20}},
    {},
]


@pytest.fixture
def shelf(catalogue: Catalogue, records: list[Record]) -> Catalogue:
    """The items of SHOP, of the first classes, half of them behind the published index."""
    items = [replace(record, attributes=attributes) for record, attributes in zip(records, SHOP, strict=False)]
    catalogue.upsert(items[:4])
    catalogue.publish()
    catalogue.upsert(items[4:])
    return catalogue


def test_what_was_written_as_a_list_is_read_as_one(shelf: Catalogue) -> None:
    assert [dict(item.attributes) for item in shelf.get(shelf.ids())] == SHOP


@pytest.mark.parametrize("where", FILTERS, ids=str)
def test_a_filter_means_one_thing_wherever_it_is_asked(shelf: Catalogue, where: dict[str, Any]) -> None:
    with shelf.reading() as state:
        items = state.get(state.ids())
        expected = [item.id for item in items if allows(where, item.id, item.best_class.value, item.attributes)]
        page = state.browse(where)
        assert [item.id for item in page.items] == expected
        assert page.total == len(expected)
        assert sorted(ids_of(state.search(state.vectors(["item-00"]), 100, where)[0])) == expected
        table = state.vector_table(where)
        allowed = range(len(table.ids)) if table.allowed is None else table.allowed
        assert [table.ids[at] for at in allowed] == expected
        (facet,) = state.facets(where, ["predicted.class"])
        assert facet.items == sum(items for _, items in facet.values) == len(expected)


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({}, []),
        ({"price": {"lt": 20}, "sizes": "M", "sale": True}, []),
        ({"was": {"lt": 20}}, ["'was'.*'19,95'.*numbers"]),
        ({"was": 19}, ["'was'.*numbers"]),
        ({"was": [19, "19,95"]}, []),
        ({"was": None}, []),
        ({"sale": "true"}, ["'sale'.*true.*text"]),
        ({"sale": {"prefix": "t"}}, ["'sale'.*text"]),
        ({"sizes": {"gte": 36}}, []),
        ({"any": [{"colour": "red"}, {"not": {"size": "M"}}, {"colour": "blue"}]}, ["'colour'.*was.*", "'size'"]),
        (
            {"attributes.all": 1},
            ["'all'.*: predicted.class, id, colour~, attributes.any, attributes.attributes.any, brand, attributes.id"],
        ),
    ],
)
def test_a_filter_that_can_find_nothing_says_why(shelf: Catalogue, where: dict[str, Any], says: list[str]) -> None:
    notes = shelf.filter_notes(where)
    assert len(notes) == len(says)
    for note, expected in zip(notes, says, strict=True):
        assert re.search(expected, note)
        assert note.endswith(".")


def test_notes_speak_of_the_present_state(shelf: Catalogue) -> None:
    assert "no item ever had" in shelf.filter_notes({"cut": "wide"})[0].lower()
    assert "'cut'" in shelf.filter_notes(None, ["cut"])[0]
    shelf.upsert([AttributeUpdate("item-06", {"cut": "wide", "was": 7}, "")])
    assert shelf.filter_notes({"cut": "wide", "was": {"lt": 20}}) == ()
    shelf.delete(["item-06"])
    assert "at present" in shelf.filter_notes({"cut": "wide"})[0]
    assert "'19,95'" in shelf.filter_notes({"was": {"lt": 20}})[0]


# --- facets and orders ---


def test_facets_count_what_filters_find(shelf: Catalogue) -> None:
    with shelf.reading() as state:
        for where in ({}, {"sizes": "M"}, {"price": {"gte": 0}}, {"nothing": 1}):
            facets = {facet.field: facet for facet in state.facets(where)}
            assert list(facets)[:2] == ["predicted.class", "colour~"]
            assert {"attributes.any", "attributes.id", "attributes.attributes.any", "sizes", "price"} < set(facets)
            for field, facet in facets.items():
                counts = [items for _, items in facet.values]
                assert counts == sorted(counts, reverse=True)
                assert facet.others == 0
                for value, items in facet.values:
                    assert state.browse({**where, "all": [{field: value}]}).total == items
                if field not in ("predicted.class", "colour~"):
                    assert state.browse({**where, "all": [{field: {"not": None}}]}).total == facet.items


def test_facets_tell_bounds_of_numbers_and_the_values_of_most(catalogue: Catalogue, records: list[Record]) -> None:
    catalogue.upsert(records)
    label, price, brand = catalogue.facets({"price": {"lt": 15}}, ["predicted.class", "price", "brand"], 4)
    assert (price.items, price.values, price.others, price.minimum, price.maximum) == (15, (), 15, 0, 14)
    assert (brand.items, brand.values, brand.others, brand.minimum) == (15, (("a", 8), ("b", 7)), 0, None)
    assert (label.items, len(label.values), label.others) == (15, 4, 6)
    assert label.values == tuple(sorted((name, 2) for name in CLASSES[:5]))[:4]
    (few,) = catalogue.facets({"price": {"lt": 3}}, ["price"], 4)
    assert (few.values, few.others, few.minimum, few.maximum) == (((0, 1), (1, 1), (2, 1)), 0, 0, 2)
    (none,) = catalogue.facets(None, ["nothing"])
    assert (none.items, none.values, none.others, none.minimum, none.maximum) == (0, (), 0, None, None)
    for fields in (["id"], [""], ['a"b'], [f"a{n}" for n in range(51)]):
        with pytest.raises(InvalidFacet):
            catalogue.facets(None, fields)


def _sorted(state: CatalogueState, sort: str, where: dict[str, Any] | None) -> list[str]:
    """Return the ids of items in an order, as plain Python sorts them."""
    field, down = sort.removeprefix("-"), sort.startswith("-")
    found = [
        item for item in state.get(state.ids()) if allows(where or {}, item.id, item.best_class.value, item.attributes)
    ]

    def places(item: Item) -> list[tuple[bool, Any]]:
        values = {"id": [item.id], "predicted.class": [item.best_class.value]}.get(
            field, members(item.attributes.get(field))
        )
        return sorted((isinstance(value, str), value) for value in values)

    having = [item for item in found if places(item)]
    having.sort(key=lambda item: places(item)[-1 if down else 0], reverse=down)  # stable: ties stay in order of id
    return [item.id for item in [*having, *(item for item in found if not places(item))]]


@pytest.mark.parametrize(
    "sort",
    [
        "id",
        "-id",
        "predicted.class",
        "-predicted.class",
        "price",
        "-price",
        "brand",
        "-sizes",
        "sizes",
        "-sale",
        "nothing",
    ],
)
@pytest.mark.parametrize("where", [None, {"sizes": "M"}])
def test_pages_in_an_order_hold_every_item_once(shelf: Catalogue, sort: str, where: dict[str, Any] | None) -> None:
    with shelf.reading() as state:
        expected = _sorted(state, sort, where)
        assert [item.id for item in state.browse(where, sort=sort).items] == expected
        assert [item.id for item in state.browse(where, 2, 3, sort).items] == expected[2:5]
        for limit in (1, 2, 3, len(expected), 100):
            seen, after = [], None
            while True:
                page = state.browse(where, 0, limit, sort, after)
                assert page.total == len(expected)
                seen += [item.id for item in page.items]
                after = page.last
                if after is None:
                    break
                assert len(page.items) == limit
            assert seen == expected


def test_an_order_by_no_field_is_refused(shelf: Catalogue) -> None:
    for sort in ("", "-", 'a"b', "n" * 201, "attributes."):
        with pytest.raises(InvalidSort):
            shelf.browse(sort=sort)


def test_another_model_is_refused(catalogue: Catalogue) -> None:
    catalogue.require("model-a")
    with pytest.raises(ModelMismatch, match="reindex"):
        catalogue.require("model-b")


# --- versions of items ---


def test_an_item_has_another_version_after_each_write_of_it_and_of_no_other(
    open_catalogue: OpenCatalogue, records: list[Record]
) -> None:
    catalogue, other = open_catalogue("shop"), open_catalogue("shop")

    def version(id_: str = "item-00") -> str:
        assert catalogue.get([id_])[0].version == other.get([id_])[0].version
        return catalogue.browse({"brand": ["a", "b"]}).items[records_at[id_]].version

    records_at = {"item-00": 0, "item-01": 1}
    written = catalogue.upsert(records[:2])
    assert {id_: one.is_new for id_, one in written.items()} == {"item-00": True, "item-01": True}
    versions, beside = [version()], version("item-01")
    assert versions == [written["item-00"].version]
    for change in (records[0], AttributeUpdate("item-00", {"brand": "a"}, "c"), records[0]):
        written = other.upsert([change])
        assert not written["item-00"].is_new
        assert version() == written["item-00"].version
        versions.append(version())
    catalogue.publish()
    assert version() == versions[-1]
    assert len(set(versions)) == 4
    assert version("item-01") == beside
    assert catalogue.search(records[1].vector[np.newaxis], 1)[0][0].item.version == beside
    catalogue.delete(["item-00"])
    assert catalogue.upsert(records[:1])["item-00"].version not in versions


def test_a_write_is_made_only_of_the_versions_expected(catalogue: Catalogue, records: list[Record]) -> None:
    old = catalogue.upsert(records[:2])
    now = catalogue.upsert([AttributeUpdate("item-00", {"price": 1}, "c")])["item-00"].version
    with catalogue.reading() as state:
        before = state.version
    for wrong in ({"item-00": old["item-00"].version}, {"item-00": None}, {"item-02": now}, {"item-01": ""}):
        with pytest.raises(VersionConflict):
            catalogue.upsert(records[:3], wrong)
        with pytest.raises(VersionConflict):
            catalogue.delete(["item-00", "item-01"], wrong)
    with catalogue.reading() as state:
        assert state.version == before
    assert catalogue.upsert([records[0], records[2]], {"item-00": now, "item-02": None})["item-02"].is_new
    assert catalogue.delete(["item-01"], {"item-01": old["item-01"].version}) == 1
    assert catalogue.ids() == ["item-00", "item-02"]


def test_of_many_that_expect_one_version_one_writes(open_catalogue: OpenCatalogue, records: list[Record]) -> None:
    expected = open_catalogue("shop").upsert(records[:1])["item-00"].version
    catalogues = [open_catalogue("shop") for _ in range(4)]

    def write(number: int) -> bool:
        try:
            catalogues[number].upsert([AttributeUpdate("item-00", {"price": number}, "c")], {"item-00": expected})
        except VersionConflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(write, range(4))) == 1


# --- one question, one state ---


def test_one_reading_sees_one_state_whatever_is_written_meanwhile(
    open_catalogue: OpenCatalogue, records: list[Record]
) -> None:
    reader, writer = open_catalogue("shop"), open_catalogue("shop")
    writer.upsert(records[:20])
    query = records[0].vector[np.newaxis]
    with reader.reading() as state:
        before = (state.version, state.generation, len(state), state.ids(), ids_of(state.search(query, 50)[0]))

        def write() -> None:
            writer.upsert(records[20:])
            writer.delete(["item-00"])
            writer.publish()

        other = threading.Thread(target=write)  # a reading belongs to its thread
        other.start()
        other.join()
        assert before == (state.version, state.generation, len(state), state.ids(), ids_of(state.search(query, 50)[0]))
        assert state.get(["item-00"])[0].id == "item-00"
        assert state.browse().total == 20
    with reader.reading() as state:
        assert state.version != before[0]
        assert (len(state), state.browse().total, len(state.search(query, 50)[0])) == (39, 39, 39)
        with pytest.raises(UnknownItem):
            state.get(["item-00"])


def test_the_version_changes_with_every_write_and_with_nothing_else(
    open_catalogue: OpenCatalogue, records: list[Record]
) -> None:
    catalogue, other = open_catalogue("shop"), open_catalogue("shop")

    def version() -> str:
        with catalogue.reading() as one, other.reading() as same:
            assert one.version == same.version
            return one.version

    versions = [version()]
    for write in (
        lambda: catalogue.upsert(records[:3]),
        lambda: other.upsert([AttributeUpdate("item-00", {"price": 5}, "")]),
        lambda: catalogue.upsert(records[:3]),
        lambda: other.delete(["item-02"]),
        lambda: catalogue.publish(),
    ):
        write()
        assert version() == version()
        versions.append(version())
    catalogue.search(records[0].vector[np.newaxis], 1)
    assert version() == versions[-1]
    assert len(set(versions)) == len(versions)


def test_no_two_catalogues_have_a_version_in_common(open_catalogue: OpenCatalogue, records: list[Record]) -> None:
    versions = set()
    for name in ("a", "b", "c"):
        catalogue = open_catalogue(name)
        for n in range(3):
            catalogue.upsert([records[n]])
            with catalogue.reading() as state:
                versions.add(state.version)
    assert len(versions) == 9


def test_keeping_up_changes_nothing_that_is_found(
    open_catalogue: OpenCatalogue, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "MOST_UNPUBLISHED", 5)
    catalogue, other = open_catalogue("shop"), open_catalogue("shop")
    query = records[0].vector[np.newaxis]
    for record in records:
        catalogue.upsert([record])
        before = ids_of(catalogue.search(query, 40)[0])
        catalogue.keep_up()
        assert ids_of(catalogue.search(query, 40)[0]) == ids_of(other.search(query, 40)[0]) == before
    assert 3 < catalogue.generation < 8
    generation = catalogue.generation
    catalogue.keep_up()
    assert catalogue.generation == generation


# --- words ---

WORDED: list[dict[str, Any]] = [
    {"title": "Linen summer dress", "brand": "Ossby", "material": "linen"},
    {"title": "Wool dresses, set of two", "brand": "Ossby"},
    {"title": "Blusa de algodón", "tags": ["café", "season:summer"]},
    {"name": "Trousers", "description": "To go with any dress; not for summer", "price": 501},
    {"title": "Women's T-Shirt", "colour": "dark blue"},
    {"title": 'Denim "501" NOT AND OR NEAR', "note": "title:linen* ^x"},
    {},
]


@pytest.fixture
def worded(catalogue: Catalogue, records: list[Record]) -> Catalogue:
    """The items of WORDED, all shirts, half of them behind the published index; item-04 is seen as navy."""
    navy = (GarmentColour("14213d", 0.8),)
    items = [
        replace(
            record,
            predicted=predicted_class("Shirt", 0.5),
            attributes=attributes,
            colours=navy if record.id == "item-04" else None,
        )
        for record, attributes in zip(records, WORDED, strict=False)
    ]
    catalogue.upsert(items[:4])
    catalogue.publish()
    catalogue.upsert(items[4:])
    return catalogue


def found(catalogue: Catalogue, text: str, **where: Any) -> list[str]:
    """Return the numbers of the items that say words, in order of id."""
    return [item.id[-1] for item in catalogue.browse({"q~": text, **where}).items]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dress", "013"),
        ("DRESSES", "013"),  # stems
        ("algodon", "2"),  # accents
        ("algodo\u0301n", "2"),
        ("Cafe", "2"),  # a member of a list
        ("summ", "023"),  # the beginning of the last word
        ("summ dress", ""),
        ("summer dre", "03"),
        ("dress  summer,linen", "0"),
        ("season:summer", "2"),
        ("t-shirt", "4"),
        ("shirt", "0123456"),  # the predicted class
        ("women's", "4"),
        ("navy", "4"),
        ("navy t-shirt", "4"),
        ("navy blue", "4"),
        ("dark blue shirt", "4"),
        ('"501"', "5"),
        ("denim AND or NOT near", "5"),
        ("linen*", "05"),
        ("title:linen", "5"),
        ("^linen", "05"),
    ],
)
def test_words_are_found(worded: Catalogue, text: str, expected: str) -> None:
    where = {"q~": text}
    if text == "summ dress":  # a word that nothing has but as a beginning: those that have the other
        assert "summ dress" in worded.filter_notes(where)[0]
        expected = "013"
    else:
        assert worded.filter_notes(where) == ()
    assert "".join(found(worded, text)) == expected
    with worded.reading() as state:
        assert {hit.item.id[-1] for hit in state.words(text, 10)} == set(expected)


@pytest.mark.parametrize(
    "text",
    ["NOT", "-", "^", "*", '"', '""', "title:", "(", ")", "a AND", "NEAR(a b", "{title}: x", "\0", "a\0b", "'", ";--"],
)
def test_signs_and_operators_are_text(worded: Catalogue, text: str) -> None:
    for where in ({"q~": text}, {"not": {"q~": text}}, {"q~": f"dress {text}"}):
        worded.browse(where)
    assert set(found(worded, f"linen {text}")) & {"0", "5"}


def test_what_has_no_word_and_what_nothing_says_finds_nothing_and_says_so(worded: Catalogue) -> None:
    for text, says in (("?!", "no word"), ("zebra", "the word"), ("zebra giraffe", "a word")):
        assert found(worded, text) == []
        assert says in worded.filter_notes({"q~": text})[0]
    for wrong in (3, None, ["a"], {"near": "a"}, "a" * 301, "\ud800"):
        with pytest.raises(InvalidFilter):
            worded.browse({"q~": wrong})


def test_words_go_with_everything_that_filters(worded: Catalogue, records: list[Record]) -> None:
    with worded.reading() as state:
        assert [item.id for item in state.browse({"q~": "dress", "brand": "Ossby"}).items] == ["item-00", "item-01"]
        assert [item.id for item in state.browse({"any": [{"q~": "linen"}, {"price": 501}]}).items] == [
            "item-00",
            "item-03",
            "item-05",
        ]
        not_dresses = [f"item-0{number}" for number in "2456"]
        assert [item.id for item in state.browse({"q~": {"not": "dress"}}).items] == not_dresses
        assert len(state.browse({"not": {"q~": "summ"}}).items) == 7, "unwanted words are whole ones"
        assert len(state.browse({"not": {"q~": "linen zebra"}}).items) == 7, "and all of them must be said"
        hits = state.search(records[6].vector[np.newaxis], 3, {"q~": "dress"})[0]
        assert sorted(ids_of(hits)) == ["item-00", "item-01", "item-03"]
        (facet,) = state.facets({"q~": "dress"}, ["brand"])
        assert facet.values == (("Ossby", 2),)
        assert [item.id for item in state.latest(2, {"q~": "dress"})] == ["item-03", "item-01"]


def test_the_best_come_first_page_by_page(worded: Catalogue) -> None:
    with worded.reading() as state:
        ranked = state.words("linen dress summer", 9)
        assert ids_of(ranked) == ["item-00"]
        ranked = state.words("dress", 9)
        assert ids_of(ranked)[-1] == "item-03", "a title counts more than a description"
        assert ranked[0].score == 1
        assert [hit.score for hit in ranked] == sorted((hit.score for hit in ranked), reverse=True)
        assert all(0 < hit.score <= 1 for hit in ranked)
        assert ids_of(state.words("dress", 1)) == ids_of(ranked)[:1]
        assert ids_of(state.words("dress", 9, {"brand": "Ossby"}, ["item-00"])) == ["item-01"]
        items, after = [], None
        for _ in range(3):
            page = state.browse({"q~": "dress"}, limit=1, sort="relevance", after=after)
            items += [item.id for item in page.items]
            after = page.last
        assert items == ids_of(ranked)
        assert after is None
        assert [item.id for item in state.browse({"q~": "dress"}, 1, 2, "relevance").items] == ids_of(ranked)[1:]
        for where in (None, {"brand": "Ossby"}, {"not": {"q~": "dress"}}):
            with pytest.raises(InvalidSort, match="q"):
                state.browse(where, sort="relevance")
        with pytest.raises(InvalidSort):
            state.browse({"q~": "dress"}, sort="-relevance")


def test_words_are_those_of_the_latest_state_whoever_writes(open_catalogue: OpenCatalogue, worded: Catalogue) -> None:
    other = open_catalogue("shop")
    assert found(worded, "dress") == found(other, "dress") == ["0", "1", "3"]
    other.upsert([AttributeUpdate("item-06", {"title": "Sommerkleid, dress"}, "c")])
    other.delete(["item-01"])
    assert found(worded, "dress") == found(other, "dress") == ["0", "3", "6"]
    other.publish()
    other.upsert([AttributeUpdate("item-06", {"title": "Coat"}, "d")])
    assert found(worded, "dress") == ["0", "3"]
    assert found(worded, "coat") == ["6"]
    fresh = open_catalogue("shop")
    assert [hit.score for hit in _words(fresh, "summer dress")] == [hit.score for hit in _words(worded, "summer dress")]


def _words(catalogue: Catalogue, text: str) -> list[Hit]:
    with catalogue.reading() as state:
        return list(state.words(text, 10))


def test_a_state_keeps_its_words_while_others_are_read(worded: Catalogue) -> None:
    with ThreadPoolExecutor(1) as elsewhere, worded.reading() as state:
        before = state.browse({"q~": "dress"}).items
        elsewhere.submit(worded.delete, ["item-00"]).result()
        assert elsewhere.submit(found, worded, "linen").result() == ["5"]
        assert state.browse({"q~": "linen"}, sort="relevance").items[0].id == "item-00"
        assert state.browse({"q~": "dress"}).items == before
    assert found(worded, "dress") == ["1", "3"]


def test_threads_find_words_while_another_writes(worded: Catalogue) -> None:
    def look(number: int) -> list[str]:
        return found(worded, ("linen", "linen dress", "denim")[number % 3])

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(look, number) for number in range(60)]
        for price in range(20):
            worded.upsert([AttributeUpdate("item-03", {"description": "dress", "price": price}, "")])
        for number, answer in enumerate(asked):
            assert answer.result() == (["0", "5"], ["0"], ["5"])[number % 3]
