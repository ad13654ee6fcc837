"""Columns in memory, and in a file beside the index file: the same answers, whichever they come from."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filter_meaning import allows
from numpy.typing import NDArray

from indexer.catalogue import local
from indexer.catalogue.local import LocalCatalogue
from indexer.columns import column_files, columns
from indexer.errors import CatalogueDamaged
from indexer.predictions import predicted_class
from indexer.records import AttributeUpdate, DisplayCopy, Record
from indexer.upkeep.repair import repair
from indexer.upkeep.verification import verify
from models.colours.garment_colours import GarmentColour
from models.datasets.fashion_mnist import CLASSES
from models.pictures.png import encode_png

PICTURE = DisplayCopy(encode_png(np.zeros((4, 4, 3), np.uint8)), "image/png", 4, 4)
VALUES: list[Any] = [
    1, True, 0, False, 1.0, 2.5, -3, 2**53, 2**53 + 1, 2.0**53, -(2**62), 1e300, "", "a", "ab", "Ä", "\0", "1", None,
    [], ["a", 1, "a"], [2.5, True], ["x" * 100], 5e-324,
]  # fmt: skip
FILTERS: list[dict[str, Any]] = [
    *({"x": value} for value in VALUES if not isinstance(value, list)),
    {"x": [1, "a", None]},
    {"x": list(range(20))},
    {"x": {"gt": 2**53}},
    {"x": {"lte": 2**53, "gt": -1}},
    {"x": {"gte": "a", "lt": "b"}},
    {"x": {"gt": 2, "lt": 1}},
    {"x": {"prefix": "x"}},
    {"x": {"prefix": ""}},
    {"nothing": None},
    {"nothing": 1},
    {"not": {"any": [{"x": "a"}, {"x": {"lt": 5}}, {"predicted.class": "Bag"}]}},
    {"all": [{"n": {"gte": 100}}, {"id": ["item-0150", "item-0020", "nobody"]}]},
]


@pytest.fixture(autouse=True)
def kept_however_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep columns of as few items as there are here."""
    for module in (local, column_files):
        monkeypatch.setattr(module, "LEAST_KEPT", 1)


@pytest.fixture
def items(vectors: NDArray[np.float32]) -> dict[str, Record]:
    navy = (GarmentColour("14213d", 0.8),)
    records = [
        Record(
            f"item-{n:04}",
            predicted_class(CLASSES[n % 10], 0.5),
            vectors[n],
            PICTURE,
            {"x": VALUES[n % len(VALUES)], "n": n, f"only-{n % 3}": "y"},
            colours=navy if n % 4 == 0 else None,
        )
        for n in range(200)
    ]
    return {record.id: record for record in records}


@pytest.fixture
def directory(items: dict[str, Record], tmp_path: Path) -> Path:
    with LocalCatalogue.create(tmp_path / "shop", "f", 49, CLASSES) as catalogue:
        catalogue.upsert(list(items.values()))
        catalogue.publish()
    return tmp_path / "shop"


def hold(catalogue: LocalCatalogue, items: dict[str, Record]) -> None:
    for where in FILTERS:
        expected = [
            id_ for id_, one in items.items() if allows(where, id_, one.predicted["class"].value, one.attributes)
        ]
        page = catalogue.browse(where, limit=500)
        assert [item.id for item in page.items] == expected, where
        assert page.total == len(expected)
    navy = [id_ for id_, one in items.items() if one.colours]
    assert [item.id for item in catalogue.browse({"colour~": "navy"}, limit=500).items] == navy


def test_columns_from_a_file_answer_as_those_from_the_items(
    directory: Path, items: dict[str, Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalCatalogue.open(directory) as catalogue:
        hold(catalogue, items)
        facets = catalogue.facets()
    read: list[tuple[int, int]] = []
    monkeypatch.setattr(columns, "read_segment", lambda connection, first, last: read.append((first, last)))
    with LocalCatalogue.open(directory) as catalogue:
        hold(catalogue, items)
        assert catalogue.facets() == facets
    assert read == []


def test_what_came_after_the_file_is_read_from_the_items(directory: Path, items: dict[str, Record]) -> None:
    with LocalCatalogue.open(directory) as catalogue, LocalCatalogue.open(directory) as other:
        for step in range(40):
            id_ = f"item-{step * 3:04}"
            attributes = {"x": VALUES[(step * 7) % len(VALUES)], "n": step}
            other.upsert([AttributeUpdate(id_, attributes, "")])
            gone = f"item-{step * 3 + 1:04}"
            other.delete([gone])
            del items[gone]
            items[id_] = Record(
                id_,
                items[id_].predicted,
                items[id_].vector,
                PICTURE,
                attributes,
                "",
                items[id_].colours,
            )
            if step % 13 == 0:
                hold(catalogue, items)
            if step == 20:
                other.publish()
                assert len(list(directory.glob("*.columns"))) == 1, "those of the earlier index file are swept"
        hold(catalogue, items)
        hold(other, items)


def test_damaged_columns_are_found_passed_over_and_built_again(directory: Path, items: dict[str, Record]) -> None:
    (file,) = directory.glob("*.columns")
    content = file.read_bytes()
    place = np.random.default_rng(0)
    for number in range(12):
        at = int(place.integers(len(content)))
        file.write_bytes(
            content[:at] if number % 4 == 0 else content[:at] + bytes((content[at] ^ 4,)) + content[at + 1 :]
        )
        with LocalCatalogue.open(directory) as catalogue:
            assert catalogue.browse({"n": {"lt": 7}}).total == 7
        assert [finding.file for finding in verify(directory).findings] == [file.name]
    found, after = repair(directory)
    assert not found.lost
    assert after.is_sound
    with LocalCatalogue.open(directory) as catalogue:
        hold(catalogue, items)
    file = next(directory.glob("*.columns"))
    file.unlink()
    assert verify(directory).is_sound, "they are a cache that need not be there"


def test_columns_of_another_index_file_are_not_taken(directory: Path, items: dict[str, Record], tmp_path: Path) -> None:
    (old,) = directory.glob("*.columns")
    shutil.copy(old, tmp_path / "old")
    with LocalCatalogue.open(directory) as catalogue:
        catalogue.upsert([AttributeUpdate(id_, {"n": 1}, "") for id_ in items])
        catalogue.publish()
    (new,) = directory.glob("*.columns")
    shutil.copy(tmp_path / "old", new)
    with LocalCatalogue.open(directory) as catalogue:
        assert catalogue.browse({"n": 1}).total == 200
        assert catalogue.browse({"n": 2}).total == 0


def test_an_item_that_is_damaged_keeps_none_from_publishing(directory: Path) -> None:
    with LocalCatalogue.open(directory) as catalogue:
        with catalogue._store.write() as connection:
            connection.execute("UPDATE items SET attributes = '{}' WHERE row = 7; DELETE FROM generations")
        for file in directory.glob("generation-*"):
            file.unlink()
    with LocalCatalogue.open(directory) as catalogue:
        assert catalogue.publish() == 1
        with pytest.raises(CatalogueDamaged, match="item-0006"):
            catalogue.browse({"n": 3})
