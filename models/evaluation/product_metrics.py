"""Whether the products that are found are like the query in what a shop's table says of them: type, colour, both."""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.arrays import Vectors
from models.errors import DatasetMissing, LookalikeError
from models.pictures.decoding import decode
from models.progress import Progress
from models.vector_parts import weighted

if TYPE_CHECKING:
    from models.embedder import View
    from models.runtime import LiteRTEmbedder

K = 10
"""Nearest products that are looked at."""

MOST_OF_A_VALUE = 10
"""Products of a value up to which it does not count: ten others alike can't be found."""

USUAL = ("type", "colour", "type+colour")
"""What is looked at where a table has these columns and nothing else is asked for."""

JOINED = "+"

_AT_ONCE = 64
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Product:
    """A row of the table: where its picture is, and what else it says."""

    id: str
    picture: Path
    attributes: Mapping[str, str]


MakeVectors: TypeAlias = Callable[[Sequence[Product], Progress], Mapping[str, Vectors]]
"""Makes unit vectors of products, (n, dim), by the names of the ways in which it does."""


@dataclass(frozen=True, slots=True, eq=False)
class Retrieval:
    """One way of finding, and by what is looked at: precision at 10 and mean average precision, 0 to 1.

    `nearest` are the rows of the ten nearest of each product, best first, (n, 10).
    """

    name: str
    precision: Mapping[str, float]
    mean_average_precision: Mapping[str, float]
    nearest: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ProductFindings:
    """The products of a table, and every way of finding that was measured on them; the model's own is the first."""

    products: tuple[Product, ...]
    looked_at: tuple[str, ...]
    ways: tuple[Retrieval, ...]


def read_products(table: Path, most: int | None = None) -> tuple[Product, ...]:
    """Return the products of a CSV file with the columns id and image, in its order; those without a picture are not.

    Raises DatasetMissing where there is no such file, it lacks the columns, or has no two pictures.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"id", "image"} <= set(rows.fieldnames or ()):
                raise DatasetMissing(f"{table} has no columns id and image. Name a CSV file of products that has them.")
            products = [
                Product(row["id"], table.parent / row["image"], {key: row[key] or "" for key in row if key})
                for row in rows
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetMissing(f"{table} can't be read as a CSV file of products: {error}") from error
    found = [one for one in products[:most] if one.picture.is_file()]
    if len(found) < 2:
        raise DatasetMissing(f"{table} names no two pictures that are there. Paths are relative to the table.")
    return tuple(found)


def choose_looked_at(products: Sequence[Product], asked: Sequence[str]) -> tuple[str, ...]:
    """Return what is looked at: columns, or several joined by +. Raises DatasetMissing for one that is not there."""
    columns = products[0].attributes.keys()
    names = tuple(asked) or tuple(name for name in USUAL if set(name.split(JOINED)) <= columns)
    if not names:
        raise DatasetMissing("The table has no columns type and colour. Name with --by what alike products share.")
    for name in names:
        if missing := [part for part in name.split(JOINED) if part not in columns]:
            raise DatasetMissing(f"The table has no column {missing[0]!r}; it has {', '.join(columns)}.")
        if not (_values(products, name) >= 0).any():
            raise DatasetMissing(f"No {name} has more than {MOST_OF_A_VALUE} products: there is nothing to measure.")
    return names


def evaluate_products(
    embedder: "LiteRTEmbedder",
    products: Sequence[Product],
    looked_at: Sequence[str],
    others: Sequence[MakeVectors] = (),
    progress: Progress = lambda done, total: None,
) -> ProductFindings:
    """Measure a model on products: each is a query among the others. Pictures that can't be decoded are left out.

    `others` make the vectors of further ways. `progress` counts pictures.
    """
    total = len(products) * (1 + len(others))
    sound, vectors = _embedded(embedder, products, lambda done, _: progress(done, total))
    name, parts = embedder.card.name, embedder.card.parts
    ways = [_Way(name, vectors, vectors)]
    for part in parts:
        alone = {one.name: float(one is part) for one in parts}
        ways.append(_Way(f"{name}, {part.name} alone", weighted(vectors, parts, alone), vectors))
    for number, make in enumerate(others, 1):
        made = make(sound, partial(_after, progress, number * len(products), total))
        ways += [_Way(other, found, found) for other, found in made.items()]
    progress(total, total)
    values = {name: _values(sound, name) for name in looked_at}
    measured = [_measured(way, values) for way in ways]
    return ProductFindings(tuple(sound), tuple(looked_at), tuple(measured))


def embedded_by(embedder: "LiteRTEmbedder") -> MakeVectors:
    """Return another model as a way of finding."""

    def make(products: Sequence[Product], progress: Progress) -> Mapping[str, Vectors]:
        return {embedder.card.name: _embedded(embedder, products, progress)[1]}

    return make


def _embedded(
    embedder: "LiteRTEmbedder", products: Sequence[Product], progress: Progress
) -> tuple[list[Product], Vectors]:
    sound: list[Product] = []
    vectors = [np.empty((0, embedder.card.dim), np.float32)]
    views: list[View] = []
    for number, product in enumerate(products, 1):
        try:
            views.append(embedder.prepare(decode(product.picture.read_bytes())).without_display())
            sound.append(product)
        except (LookalikeError, OSError):
            continue
        if len(views) == _AT_ONCE:
            vectors.append(embedder.embed(views)[0])
            views = []
        progress(number, len(products))
    return sound, np.concatenate([*vectors, embedder.embed(views)[0]])


def _values(products: Sequence[Product], name: str) -> NDArray[np.int64]:
    """Return the number of each product's value; -1 where it is blank, or not of more than MOST_OF_A_VALUE."""
    rows = [tuple(one.attributes[part].strip() for part in name.split(JOINED)) for one in products]
    numbers = {row: number for number, row in enumerate(dict.fromkeys(rows)) if all(row)}
    values = np.array([numbers.get(row, -1) for row in rows])
    counts = np.bincount(values[values >= 0], minlength=len(rows) + 1)
    return np.where((values >= 0) & (counts[values] > MOST_OF_A_VALUE), values, -1)


def _after(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    progress(before + done, total)


class _Way(NamedTuple):
    """Queries and items, unit vectors (n, dim); those of a part alone differ, for the query alone is weighed."""

    name: str
    queries: Vectors
    items: Vectors


def _measured(way: _Way, values: Mapping[str, NDArray[np.int64]]) -> Retrieval:
    name, queries, items = way
    nearest = np.empty((len(items), min(K, len(items) - 1)), np.int64)
    right: dict[str, list[NDArray[np.float64]]] = {key: [] for key in values}
    average: dict[str, list[NDArray[np.float64]]] = {key: [] for key in values}
    for start in range(0, len(items), _BLOCK):
        block = slice(start, min(start + _BLOCK, len(items)))
        scores = queries[block] @ items.T
        scores[np.arange(len(scores)), np.arange(block.start, block.stop)] = -np.inf
        ranking = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
        nearest[block] = ranking[:, : nearest.shape[1]]
        for key, value in values.items():
            asked = np.flatnonzero(value[block] >= 0)
            alike = value[ranking[asked]] == value[block][asked, None]
            right[key].append(alike[:, : nearest.shape[1]].mean(axis=1))
            average[key].append(_average_precision(alike))
    return Retrieval(
        name,
        {key: _mean(found) for key, found in right.items()},
        {key: _mean(found) for key, found in average.items()},
        nearest,
    )


def _mean(found: Sequence[NDArray[np.float64]]) -> float:
    every = np.concatenate(found)
    return float(every.mean()) if len(every) else math.nan


def _average_precision(alike: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean, over the places of those that are alike, of the precision up to there: (n,), n >= 0."""
    precision = np.cumsum(alike, axis=1) / np.arange(1, alike.shape[1] + 1)
    return np.asarray((precision * alike).sum(axis=1) / alike.sum(axis=1))
