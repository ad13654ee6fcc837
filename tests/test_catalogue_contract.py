"""What every kind of catalogue keeps, whatever it stands on: run on each implementation of the protocol."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.catalogue import Catalogue
from indexer.catalogue.local import LocalCatalogue
from indexer.errors import InvalidFilter, ModelMismatch, UnknownItem
from indexer.records import AttributeUpdate, DisplayCopy, Record
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
        Record(f"item-{n:02}", CLASSES[n % 10], 0.5, vectors[n], PICTURE, {"price": n, "brand": "ab"[n % 2]}, f"c{n}")
        for n in range(40)
    ]


def ids_of(hits: list) -> list[str]:
    return [hit.item.id for hit in hits]


# --- what is written is found ---


def test_what_was_written_is_read_as_it_was(catalogue: Catalogue, records: list[Record]) -> None:
    catalogue.upsert(records)
    item = catalogue.get(["item-07"])[0]
    assert (item.id, item.label, item.probability, dict(item.attributes)) == (
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
        ({"label": [CLASSES[1], CLASSES[2]]}, (), lambda n: n % 10 in (1, 2)),
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
    new = Record("item-01", CLASSES[9], 0.9, records[2].vector, PICTURE, {"price": 1000})
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
        ([records[1], Record("x", "no class", 0.5, records[1].vector, PICTURE)], ValueError),
        ([records[1], Record("x", CLASSES[0], 0.5, records[1].vector * 2, PICTURE)], ValueError),
        ([records[1], Record("", CLASSES[0], 0.5, records[1].vector, PICTURE)], ValueError),
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
    "where", [{"any": "red"}, {"label": "Hat"}, {"price": {"near": 1}}, {"price": {"gte": True}}, {"price": [[1]]}]
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


def test_another_model_is_refused(catalogue: Catalogue) -> None:
    catalogue.require("model-a")
    with pytest.raises(ModelMismatch, match="reindex"):
        catalogue.require("model-b")


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
