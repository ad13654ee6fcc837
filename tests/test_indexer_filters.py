"""Filters, as mappings and as a person types them."""

from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.catalogue.local import LocalCatalogue
from indexer.errors import FilterTooLarge, InvalidFilter
from indexer.filters import MOST_CONDITIONS, MOST_DEPTH
from indexer.predictions import predicted_class
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
        Record(str(n), predicted_class(CLASSES[n % 2], 1.0), vector, DisplayCopy(b"", "image/png", 28, 28), attributes)
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
    ({"price": {"gt": 10}}, lambda a: _is_number(a.get("price")) and a["price"] > 10),
    ({"price": {"lt": 10}}, lambda a: _is_number(a.get("price")) and a["price"] < 10),
    ({"brand": {"lt": "Z"}}, lambda a: isinstance(a.get("brand"), str) and a["brand"] < "Z"),
    ({"brand": {"prefix": "Z"}}, lambda a: isinstance(a.get("brand"), str) and a["brand"].startswith("Z")),
    ({"brand": {"prefix": "%"}}, lambda a: a.get("brand") == "%_'\"--"),
    ({"brand": {"prefix": ""}}, lambda a: isinstance(a.get("brand"), str)),
    ({"price": {"prefix": "1"}}, lambda a: a.get("price") == "10"),
    ({"brand": {"not": None}}, lambda a: a.get("brand") is not None),
    ({"price": {"not": [10, None]}}, lambda a: a.get("price") not in [10, None]),
    ({"price": {"gte": 0, "not": 10}}, lambda a: a.get("price") in (39.99, 2**53 + 1)),
    ({"price": {"not": {"gte": 10}}}, lambda a: not (_is_number(a.get("price")) and a["price"] >= 10)),
    ({"price": {"not": {"not": 10}}}, lambda a: a.get("price") == 10),
    ({"not": {"price": 10, "sale": True}}, lambda a: not (a.get("price") == 10 and a.get("sale") == 1)),
    ({"any": [{"price": 10}, {"brand": ""}]}, lambda a: a.get("price") == 10 or a.get("brand") == ""),
    ({"all": [{"price": 10}, {"sale": False}]}, lambda a: a.get("price") == 10 and a.get("sale") == 0),
    ({"attributes.price": -3}, lambda a: a.get("price") == -3),
    ({"nothing": "x"}, lambda a: False),
    ({"nothing": None, "not": {"nothing": 1}}, lambda a: True),
]


@pytest.mark.parametrize(("where", "allows"), SOUND, ids=[str(where)[:40] for where, _ in SOUND])
def test_a_filter_allows_what_python_s_own_comparison_would(
    catalogue: LocalCatalogue, where: dict[str, Any], allows: Callable[[dict[str, Any]], bool]
) -> None:
    assert _found(catalogue, where) == [n for n, attributes in enumerate(ATTRIBUTES) if allows(attributes)]


def test_the_predicted_class_is_filtered_by_one_or_several(catalogue: LocalCatalogue) -> None:
    assert _found(catalogue, {"predicted.class": CLASSES[1]}) == [1, 3, 5]
    assert _found(catalogue, {"predicted.class": [CLASSES[0], CLASSES[5]]}) == [0, 2, 4, 6]
    assert _found(catalogue, {"predicted.class": CLASSES[1], "price": {"gte": 0}}) == [1, 3]


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"predicted.class": "Hat"}, "no class 'Hat'.*T-shirt/top, Trouser"),
        ({"predicted.class": ["Bag", None]}, "no class None"),
        ({"predicted.class": {"gte": "A"}}, "no class"),
        ({"price": float("nan")}, "finite number"),
        ({"price": {"gte": float("inf")}}, "finite number"),
        ({"price": 2**63}, "finite number"),
        ({"price": b"10"}, "finite number"),
        ({"price": [[1]]}, "finite number"),
        ({"price": {"above": 1}}, 'compared by "gt", "gte", "lt", "lte", "prefix" and "not"'),
        ({"price": {"gte": 1, "above": 1}}, 'compared by "gt"'),
        ({"price": {}}, 'compared by "gt"'),
        ({"price": {"gte": 1, "lte": "2"}}, "are numbers, or all are strings"),
        ({"price": {"gte": None}}, "are numbers, or all are strings"),
        ({"price": {"gt": True}}, "are numbers, or all are strings"),
        ({"brand": {"prefix": 7}}, "begin with is a text"),
        ({"brand": {"prefix": "\ud800"}}, "begin with is a text"),
        ({"brand": {"not": {"above": 1}}}, "compared by"),
        ({"brand": {"not": b"x"}}, "finite number"),
        ({"id": 7}, "takes an id or a list of ids"),
        ({"id": ["a", None]}, "takes an id or a list of ids"),
        ({"id": {"prefix": "a"}}, "takes an id or a list of ids"),
        ({"predicted.class": {"not": "Hat"}}, "no class 'Hat'"),
        ({"colour~": {"not": "blurple"}}, "blurple"),
        ({"not": "Bag"}, '"not" is about filters'),
        ({"not": {}}, '"not" is about filters'),
        ({"not": []}, '"not" is about filters'),
        ({"any": {"brand": "x"}}, '"any" takes a list'),
        ({"any": []}, '"any" takes a list'),
        ({"any": "red"}, r'"any" takes a list.*"attributes\.any"'),
        ({"any": ["red"]}, r'"any" is about filters.*"attributes\.any"'),
        ({"all": [{"brand": "x"}, {}]}, '"all" is about filters'),
        ({"brand": "\ud800"}, "a string"),
        (["price"], "maps fields to values"),
        ({7: 1}, "no item can have a field '7'"),
        ({'price") OR 1=1 --': 1}, "no item can have a field"),
        ({"": 1}, "no item can have a field"),
        ({"attributes.": 1}, "no item can have a field"),
        ({"n" * 201: 1}, "no item can have a field"),
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
        other.upsert([Record("a", predicted_class("Bag", 1.0), vectors[0], picture, {"price": 1})])
        assert _ids(other, vectors) == ["a"]
        other.upsert([Record("b", predicted_class("Bag", 1.0), vectors[1], picture, {"price": 1})])
        assert _ids(other, vectors) == ["a", "b"]
        other.upsert([Record("a", predicted_class("Bag", 1.0), vectors[0], picture, {"price": 2})])
        assert _ids(other, vectors) == ["b"]


def _ids(catalogue: LocalCatalogue, vectors: np.ndarray) -> list[str]:
    return sorted(hit.item.id for hit in catalogue.search(vectors[:1], 10, {"price": 1})[0])


@pytest.mark.parametrize(
    ("typed", "where"),
    [
        ([], {}),
        (["predicted.class=T-shirt/top"], {"predicted.class": ["T-shirt/top"]}),
        (["predicted.class=Bag", "predicted.class=Dress"], {"predicted.class": ["Bag", "Dress"]}),
        (["size=42"], {"size": ["42", 42]}),
        (["price = 9.5"], {"price": ["9.5", 9.5]}),
        (["price>=10", "price<=20.5"], {"price": {"gte": 10, "lte": 20.5}}),
        (["brand>=M"], {"brand": {"gte": "M"}}),
        (["note=a=b<=c"], {"note": ["a=b<=c"]}),
        (["brand="], {"brand": [""]}),
        (["price>5", "price<9.5"], {"price": {"gt": 5, "lt": 9.5}}),
        (["material^=lin", "material != 5"], {"material": {"prefix": "lin", "not": ["5", 5]}}),
        (
            ["predicted.class!=Bag", "predicted.class!=Coat", "id=42"],
            {"predicted.class": {"not": ["Bag", "Coat"]}, "id": ["42"]},
        ),
        (
            ["sale=true", "new=false", "brand=null"],
            {"sale": ["true", True], "new": ["false", False], "brand": ["null", None]},
        ),
        (["a!b=1", "c^d=x"], {"a!b": ["1", 1], "c^d": ["x"]}),
        (["name=nan", "code=1_0", "big=99999999999999999999"], {"name": ["nan"], "code": ["1_0"], "big": ["9" * 20]}),
    ],
)
def test_typed_conditions_become_a_filter(typed: list[str], where: dict[str, Any]) -> None:
    assert parse_conditions(typed) == where


@pytest.mark.parametrize(
    "typed",
    [
        ["Dress"],
        ["=Dress"],
        [""],
        ["!"],
        ["price=1", "price>=2"],
        ["price=1", "price!=2"],
        ["price>=1", "price>=2"],
        ["brand^=a", "brand^=b"],
    ],
)
def test_conditions_that_make_no_sense_are_refused(typed: list[str]) -> None:
    with pytest.raises(InvalidFilter, match=r"condition"):
        parse_conditions(typed)


@pytest.mark.parametrize(
    "where",
    [
        {"all": [{"price": n} for n in range(MOST_CONDITIONS + 1)]},
        {f"price{n}": 1 for n in range(MOST_CONDITIONS + 1)},
        {"any": [{"any": [{"price": n} for n in range(50)]} for _ in range(10)]},
        reduce(lambda where, _: {"not": where}, range(MOST_DEPTH + 1), {"price": 1}),
        reduce(lambda where, _: {"any": [where]}, range(100_000), {"price": 1}),
        {"price": reduce(lambda wanted, _: {"not": wanted}, range(100_000), 1)},
    ],
    ids=["all", "fields", "any of any", "not not", "deep any", "deep not"],
)
def test_a_filter_that_is_too_large_says_so(catalogue: LocalCatalogue, where: dict[str, Any]) -> None:
    with pytest.raises(FilterTooLarge, match="more than"):
        catalogue.browse(where)


@pytest.mark.parametrize("word", ["not", "any", "all"])
def test_the_largest_filters_are_answered(catalogue: LocalCatalogue, word: str) -> None:
    leaf: dict[str, Any] = {"any": [{"price": {"gte": n, "lte": n}} for n in range(MOST_CONDITIONS)]}
    where = reduce(lambda inner, _: {word: inner if word == "not" else [inner]}, range(MOST_DEPTH - 1), leaf)
    found = _found(catalogue, where)
    assert found == ([2, 3, 4, 5, 6] if word == "not" else [0, 1])
