"""Measuring on a shop's table: what is counted, what is refused, and the page for people."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import models
from models.errors import DatasetMissing
from models.evaluation.product_metrics import (
    Product,
    choose_looked_at,
    embedded_by,
    evaluate_products,
    read_products,
)
from models.evaluation.product_report import product_answer, product_text, render_product_sheet
from models.pictures.decoding import Picture, decode
from models.pictures.png import encode_png
from models.runtime import LiteRTEmbedder
from sample_shop.products import products

SHELVES = ("Dress", "Sneaker", "Bag")
DRAWN = 78
"""Products on these shelves."""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's table: some of the drawn products, a row without a picture, and one whose picture is damaged."""
    directory = tmp_path_factory.mktemp("shop")
    path = directory / "products.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, ["id", "image", "type", "colour"])
        rows.writeheader()
        drawn = [product for product in products() if product.attributes["class"] in SHELVES]
        for number, product in enumerate(drawn):
            name = f"{product.id}.png"
            (directory / name).write_bytes(encode_png(product.draw()))
            colour = ("dark", "light")[number % 2] if number % 7 else ""
            rows.writerow({"id": product.id, "image": name, "type": product.attributes["class"], "colour": colour})
        rows.writerow({"id": "gone", "image": "gone.png", "type": "Dress", "colour": "grey"})
        (directory / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
        rows.writerow({"id": "damaged", "image": "damaged.png", "type": "Dress", "colour": "grey"})
    return path


def test_figures_equal_what_is_counted_by_hand(table: Path, embedder: LiteRTEmbedder) -> None:
    found = evaluate_products(embedder, read_products(table), ("type", "type+colour"))
    assert len(found.products) == DRAWN
    own = found.ways[0]
    assert own.name == embedder.card.name
    vectors = embedder.embed([embedder.prepare(_read(one)) for one in found.products])[0]
    scores = vectors @ vectors.T
    types = [one.attributes["type"] for one in found.products]
    precisions, averages = [], []
    for row, kind in enumerate(types):
        if types.count(kind) <= 10:
            continue
        order = [other for other in np.argsort(-scores[row], kind="stable").tolist() if other != row]
        alike = [types[other] == kind for other in order]
        precisions.append(sum(alike[:10]) / 10)
        places = [place for place, is_alike in enumerate(alike, 1) if is_alike]
        averages.append(sum(number / place for number, place in enumerate(places, 1)) / len(places))
    assert own.precision["type"] == pytest.approx(np.mean(precisions), abs=1e-6)
    assert own.mean_average_precision["type"] == pytest.approx(np.mean(averages), abs=1e-6)
    assert [way.name for way in found.ways] == [
        own.name,
        f"{own.name}, kind alone",
        f"{own.name}, look alone",
    ]


def test_what_is_blank_or_rare_does_not_count(embedder: LiteRTEmbedder, table: Path) -> None:
    known = read_products(table)[:34]
    values = ["common"] * 12 + ["rare"] * 10 + [" "] * 12
    given = [replace(one, attributes={"value": value}) for one, value in zip(known, values, strict=True)]
    found = evaluate_products(embedder, given, ("value",)).ways[0]
    alike = np.array([[values[other] == "common" for other in row] for row in found.nearest[:12]])
    assert found.precision["value"] == pytest.approx(alike.mean(), abs=1e-9)
    with pytest.raises(DatasetMissing, match="No value has more than 10 products"):
        choose_looked_at(given[12:], ["value"])


def test_another_model_is_set_beside_it(table: Path, embedder: LiteRTEmbedder, other: LiteRTEmbedder) -> None:
    seen: list[tuple[int, int]] = []
    found = evaluate_products(
        embedder,
        read_products(table),
        ("type",),
        [embedded_by(other)],
        lambda done, total: seen.append((done, total)),
    )
    assert found.ways[-1].name == other.card.name
    assert found.ways[-1].mean_average_precision != found.ways[0].mean_average_precision
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]


def test_the_page_shows_queries_and_what_was_found(table: Path, embedder: LiteRTEmbedder) -> None:
    found = evaluate_products(embedder, read_products(table), ("type", "colour"))
    page = render_product_sheet(found)
    assert page.count('alt="The query"') == 50
    assert page.count("<li") == 50 * 5
    assert "http" not in page.replace("http-equiv", "")
    assert f"{product_answer(found)['ways'][0]['precision_at_10']['type']:.3f}" in product_text(found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "columns id and image"),
        ("id,image\n1,no.png\n", "no two pictures"),
        ("", "columns id and image"),
    ],
)
def test_a_table_that_is_none_is_told(tmp_path: Path, text: str, told: str) -> None:
    table = tmp_path / "products.csv"
    table.write_text(text)
    with pytest.raises(DatasetMissing, match=told):
        read_products(table)


def test_columns_that_are_not_there_are_told(table: Path) -> None:
    found = read_products(table)
    assert choose_looked_at(found, ()) == ("type", "colour", "type+colour")
    assert choose_looked_at(found, ["colour+type"]) == ("colour+type",)
    with pytest.raises(DatasetMissing, match="no column 'price'; it has id, image, type, colour"):
        choose_looked_at(found, ["type+price"])


def test_the_command_prints_json_and_writes_the_page(table: Path, project: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "lookalike.py", "evaluate", "--products", str(table), "--model", "fashion-mnist"),
            *("--by", "type", "--json", "--report", str(tmp_path / "report")),
        ],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert answer["products"] == DRAWN
    assert 0 < answer["ways"][0]["precision_at_10"]["type"] <= 1
    assert (tmp_path / "report" / "products.html").stat().st_size > 10_000


def test_a_shop_is_measured_with_the_shipped_model_for_photographs(shop_table: Path) -> None:
    ours = models.evaluate_products(None, "fashion-mnist", shop_table, most=600)
    own, other = ours.ways[0], ours.ways[-1]
    assert own.name == "photographs"
    for name, least in (("type", 0.69), ("colour", 0.34), ("type+colour", 0.38)):
        assert own.precision[name] >= max(least, other.precision[name] + 0.1)


def _read(product: Product) -> Picture:
    return decode(product.picture.read_bytes())
