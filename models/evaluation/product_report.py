"""A contact sheet of products: queries, and the nearest products of each way of finding, to be looked at by people."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from models.datasets.download import writing
from models.evaluation.product_metrics import Product, ProductFindings
from models.pictures.decoding import decode

PAGE = "products.html"
QUERIES, SHOWN = 50, 5
"""Products that are queries on the sheet, and how many of the nearest of each are shown."""

_SEED = 0
_SIDE = 112
_QUALITY = 70


@dataclass(frozen=True, slots=True)
class Shown:
    """A product on the sheet: its picture, a line of words, and whether it is like the query in what is looked at."""

    picture: str
    words: str
    is_alike: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A query and, for each way that is shown, the nearest products."""

    query: Shown
    found: Mapping[str, Sequence[Shown]]


def write_product_sheet(findings: ProductFindings, directory: Path) -> Path:
    """Write the sheet into a directory, made if need be, and return its path.

    The page shows the products themselves. Raises NotWritable.
    """
    page = directory / PAGE
    text = render_product_sheet(findings)
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    return page


def render_product_sheet(findings: ProductFindings) -> str:
    """Return the sheet as HTML that refers to nothing outside itself: figures, then queries drawn by chance."""
    environment = Environment(
        loader=PackageLoader("models.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    shown = [way for way in findings.ways if not way.name.endswith(" alone")]
    chosen = np.random.default_rng(_SEED).permutation(len(findings.products))[:QUERIES]
    pictures: dict[int, str] = {}

    def panel(row: int, query: int) -> Shown:
        if row not in pictures:
            pictures[row] = _uri(findings.products[row])
        product, asked = findings.products[row], findings.products[query]
        words = {name: product.attributes[name] for key in findings.looked_at for name in key.split("+")}
        alike = all(asked.attributes[name] == value for name, value in words.items())
        return Shown(pictures[row], ", ".join(dict.fromkeys(words.values())), alike)

    rows = [
        Row(
            panel(query, query),
            {way.name: [panel(int(row), query) for row in way.nearest[query][:SHOWN]] for way in shown},
        )
        for query in map(int, chosen)
    ]
    return environment.get_template("products.html").render(findings=findings, rows=rows)


def product_answer(findings: ProductFindings) -> dict[str, Any]:
    """Return the findings as plain values."""
    return {
        "products": len(findings.products),
        "ways": [
            {
                "name": way.name,
                "precision_at_10": {key: round(value, 4) for key, value in way.precision.items()},
                "mean_average_precision": {key: round(value, 4) for key, value in way.mean_average_precision.items()},
            }
            for way in findings.ways
        ],
    }


def product_text(findings: ProductFindings) -> str:
    """Return the findings as a table for a terminal."""
    width = max(len(way.name) for way in findings.ways)
    keys = findings.looked_at
    lines = [f"{len(findings.products):,} products, each a query among the others", ""]
    lines.append(" " * width + "".join(f"  {'P@10 ' + key:>16}  {'mAP ' + key:>16}" for key in keys))
    for way in findings.ways:
        figures = "".join(f"  {way.precision[key]:16.3f}  {way.mean_average_precision[key]:16.3f}" for key in keys)
        lines.append(f"{way.name:<{width}}{figures}")
    return "\n".join(lines)


def _uri(product: Product) -> str:
    image = Image.fromarray(decode(product.picture.read_bytes()).pixels)
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
