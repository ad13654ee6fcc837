"""Filters, as mappings and as a person types them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.catalogue.local import LocalCatalogue
from indexer.errors import InvalidFilter
from indexer.records import AttributeValue, DisplayCopy, Record
from indexer.typed_filters import parse_conditions
from models.datasets.fashion_mnist import CLASSES, Split

DIM = 49
ATTRIBUTES: list[dict[str, AttributeValue]] = [
    {"price": 10, "brand": "Ä & Co", "sale": True, "size (EU)": 40},
    {"price": 10.0, "brand": "zoë", "sale": False},
    {"price": "10", "brand": None},
    {"price": 39.99, "brand": "Zoë", "sale": 1},
    {"price": 2**53 + 1, "brand": "%_'\"--"},
    {"price": -3, "brand": ""},
    {},
]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory, test_split: Split) -> Iterator[LocalCatalogue]:
    """Items named by their place in ATTRIBUTES, half of them behind the published index."""
    blocks = test_split.images[:7].reshape(-1, 7, 4, 7, 4).mean((2, 4)).reshape(-1, DIM).astype(np.float32)
    vectors = blocks / np.linalg.norm(blocks, axis=1, keepdims=True)
    records = [
        Record(str(n), CLASSES[n % 2], 1.0, vector, DisplayCopy(b"", "image/png", 28, 28), attributes)
        for n, (vector, attributes) in enumerate(zip(vectors, ATTRIBUTES, strict=True))
    ]
    with LocalCatalogue.create(tmp_path_factory.mktemp("filters"), "f", DIM, CLASSES) as catalogue:
        catalogue.upsert(records[:4])
        catalogue.publish()
        catalogue.upsert(records[4:])
        yield catalogue


def _found(catalogue: LocalCatalogue, where: Any) -> list[int]:
    """Return the places of the items that a filter allows; search and browse must agree."""
    page = catalogue.browse(where)
    ids = [item.id for item in page.items]
    assert page.total == len(ids)
    query = catalogue.vectors(["0"])
    assert sorted(hit.item.id for hit in catalogue.search(query, 100, where)[0]) == ids
    return [int(id_) for id_ in ids]


def _is_number(value: AttributeValue) -> bool:
    return isinstance(value, int | float)


SOUND: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
    ({}, lambda a: True),
    ({"price": 10}, lambda a: a.get("price") == 10),
    ({"price": "10"}, lambda a: a.get("price") == "10"),
    ({"price": [10, "10", -3]}, lambda a: a.get("price") in [10, "10", -3]),
    ({"price": []}, lambda a: False),
    ({"price": 2**53 + 1}, lambda a: a.get("price") == 2**53 + 1),
    ({"price": 2**53}, lambda a: False),
    ({"price": list(range(5000))}, lambda a: a.get("price") == 10),
    ({"brand": None}, lambda a: a.get("brand") is None),
    ({"brand": ["zoë", None]}, lambda a: a.get("brand") in ["zoë", None]),
    ({"brand": "%_'\"--"}, lambda a: a.get("brand") == "%_'\"--"),
    ({"brand": "' OR 1=1 --"}, lambda a: False),
    ({"brand": ""}, lambda a: a.get("brand") == ""),
    ({"sale": True}, lambda a: a.get("sale") == True),  # noqa: E712
    ({"sale": 0}, lambda a: a.get("sale") == 0),
    ({"size (EU)": 40}, lambda a: a.get("size (EU)") == 40),
    ({"price": {"gte": 10}}, lambda a: _is_number(a.get("price")) and a["price"] >= 10),
    ({"price": {"gte": -3, "lte": 10}}, lambda a: _is_number(a.get("price")) and -3 <= a["price"] <= 10),
    ({"price": {"gte": 5, "lte": 4}}, lambda a: False),
    ({"price": {"gte": ""}}, lambda a: isinstance(a.get("price"), str)),
    ({"brand": {"gte": "Z", "lte": "zz"}}, lambda a: isinstance(a.get("brand"), str) and "Z" <= a["brand"] <= "zz"),
    ({"price": {"lte": 40}, "sale": True}, lambda a: a.get("price") in (10, 39.99) and a.get("sale") == 1),
]


@pytest.mark.parametrize(("where", "allows"), SOUND, ids=[str(where)[:40] for where, _ in SOUND])
def test_a_filter_allows_what_python_s_own_comparison_would(
    catalogue: LocalCatalogue, where: dict[str, Any], allows: Callable[[dict[str, Any]], bool]
) -> None:
    assert _found(catalogue, where) == [n for n, attributes in enumerate(ATTRIBUTES) if allows(attributes)]


def test_the_predicted_class_is_filtered_by_one_or_several(catalogue: LocalCatalogue) -> None:
    assert _found(catalogue, {"label": CLASSES[1]}) == [1, 3, 5]
    assert _found(catalogue, {"label": [CLASSES[0], CLASSES[5]]}) == [0, 2, 4, 6]
    assert _found(catalogue, {"label": CLASSES[1], "price": {"gte": 0}}) == [1, 3]


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"colour": "red"}, r"no item has a field 'colour'.*label, colour~, brand, price, sale, size \(EU\)"),
        ({"label": "Hat"}, "no class 'Hat'.*T-shirt/top, Trouser"),
        ({"label": ["Bag", None]}, "no class None"),
        ({"label": {"gte": "A"}}, "no class"),
        ({"price": float("nan")}, "finite number"),
        ({"price": {"gte": float("inf")}}, "finite number"),
        ({"price": 2**63}, "finite number"),
        ({"price": b"10"}, "finite number"),
        ({"price": [[1]]}, "finite number"),
        ({"price": {"gt": 1}}, 'bounds "gte" and "lte"'),
        ({"price": {}}, 'bounds "gte" and "lte"'),
        ({"price": {"gte": 1, "lte": "2"}}, "are numbers, or both are strings"),
        ({"price": {"gte": None}}, "are numbers, or both are strings"),
        ({"price": {"gte": True}}, "are numbers, or both are strings"),
        ({"brand": "\ud800"}, "a string"),
        (["price"], "maps fields to values"),
        ({7: 1}, "no item has a field 7"),
        ({'price") OR 1=1 --': 1}, "no item has a field"),
    ],
)
def test_an_impossible_filter_is_refused_with_a_reason(catalogue: LocalCatalogue, where: Any, says: str) -> None:
    with pytest.raises(InvalidFilter, match=f"(?i){says}"):
        catalogue.browse(where)
    with pytest.raises(InvalidFilter, match=f"(?i){says}"):
        catalogue.search(catalogue.vectors(["0"]), 3, where)


def test_a_filter_sees_what_was_written_since_it_was_last_used(tmp_path: Path, catalogue: LocalCatalogue) -> None:
    vectors = catalogue.vectors(["0", "1"])
    with LocalCatalogue.create(tmp_path, "f", DIM, CLASSES) as other:
        picture = DisplayCopy(b"", "image/png", 28, 28)
        other.upsert([Record("a", "Bag", 1.0, vectors[0], picture, {"price": 1})])
        assert _ids(other, vectors) == ["a"]
        other.upsert([Record("b", "Bag", 1.0, vectors[1], picture, {"price": 1})])
        assert _ids(other, vectors) == ["a", "b"]
        other.upsert([Record("a", "Bag", 1.0, vectors[0], picture, {"price": 2})])
        assert _ids(other, vectors) == ["b"]


def _ids(catalogue: LocalCatalogue, vectors: np.ndarray) -> list[str]:
    return sorted(hit.item.id for hit in catalogue.search(vectors[:1], 10, {"price": 1})[0])


@pytest.mark.parametrize(
    ("typed", "where"),
    [
        ([], {}),
        (["label=T-shirt/top"], {"label": ["T-shirt/top"]}),
        (["label=Bag", "label=Dress"], {"label": ["Bag", "Dress"]}),
        (["size=42"], {"size": ["42", 42]}),
        (["price = 9.5"], {"price": ["9.5", 9.5]}),
        (["price>=10", "price<=20.5"], {"price": {"gte": 10, "lte": 20.5}}),
        (["brand>=M"], {"brand": {"gte": "M"}}),
        (["note=a=b<=c"], {"note": ["a=b<=c"]}),
        (["brand="], {"brand": [""]}),
        (["name=nan", "code=1_0", "big=99999999999999999999"], {"name": ["nan"], "code": ["1_0"], "big": ["9" * 20]}),
    ],
)
def test_typed_conditions_become_a_filter(typed: list[str], where: dict[str, Any]) -> None:
    assert parse_conditions(typed) == where


@pytest.mark.parametrize(
    "typed", [["Dress"], ["=Dress"], [""], ["price>5"], ["price=1", "price>=2"], ["price>=1", "price>=2"]]
)
def test_conditions_that_make_no_sense_are_refused(typed: list[str]) -> None:
    with pytest.raises(InvalidFilter, match=r"condition"):
        parse_conditions(typed)
