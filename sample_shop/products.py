"""The products of the sample catalogue: what each is called, what it costs, and how it is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product as every_pair
from random import Random
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sample_shop import DRAWN
from sample_shop.assortment.design import Design
from sample_shop.assortment.line import Line
from sample_shop.assortment.lines import LINES
from sample_shop.cloth.fabrics import FABRICS, DyedCloth, dyed
from sample_shop.drawing.canvas import Canvas

PER_CLASS = 26
"""How many products there are of each class."""

SEED = 1
"""The seed of the catalogue that everyone sees."""

Attribute: TypeAlias = str | int | float
"""What an attribute of a product is."""

BRANDS = ("Tindervale", "Moss & Marlin", "Quillon", "Harrow Nine", "Brisela", "Nordhalm", "Pelagie", "Ossby")
"""Invented, all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """One product: its id, its attributes (title, price, colour, brand, stock, class, drawn_by), and its picture.

    The price is in euros, the stock in pieces, the class one of Fashion-MNIST's ten.
    """

    id: str
    attributes: Mapping[str, Attribute]
    _design: Design = field(repr=False)
    _cloth: DyedCloth = field(repr=False)

    def draw(self) -> NDArray[np.uint8]:
        """Return its picture, uint8 (500, 400, 3) sRGB, on white; the same whenever it is drawn."""
        canvas = Canvas()
        self._design.draw(canvas, self._cloth, Random(self.id))  # noqa: S311 -- folds need no secrecy
        return canvas.pixels()


def products(seed: int = SEED) -> Sequence[Product]:
    """Return the products, the ten classes in turn; another seed deals fabrics, colours and prices anew."""
    shelves = [_shelf(name, lines, Random(f"{seed}/{name}")) for name, lines in LINES.items()]  # noqa: S311
    in_turn = [shelf[number] for number in range(PER_CLASS) for shelf in shelves]
    return [
        Product(f"sample-{number:03}", attributes, design, cloth)
        for number, (attributes, design, cloth) in enumerate(in_turn)
    ]


def _shelf(name: str, lines: Sequence[Line], chance: Random) -> list[tuple[Mapping[str, Attribute], Design, DyedCloth]]:
    """Return what is sold of one class: its lines in turn, each time in another fabric or colour."""
    choices = [
        chance.sample(pairs, len(pairs)) for line in lines if (pairs := list(every_pair(line.fabrics, line.colours)))
    ]
    seen: dict[str, int] = {}
    shelf: list[tuple[Mapping[str, Attribute], Design, DyedCloth]] = []
    for number in range(PER_CLASS):
        line, left = lines[number % len(lines)], choices[number % len(lines)]
        fabric, colour = min(left, key=lambda pair: seen.get(pair[0], 0) / 2 + seen.get(pair[1], 0))
        left.remove((fabric, colour))
        seen[fabric], seen[colour] = seen.get(fabric, 0) + 1, seen.get(colour, 0) + 1
        attributes: dict[str, Attribute] = {
            "title": _title(line, fabric, colour),
            "price": chance.randrange(*line.price) + 0.95,
            "colour": colour,
            "brand": chance.choice(BRANDS),
            "stock": max(0, chance.randrange(-4, 60)),
            "class": name,
            **DRAWN,
        }
        shelf.append((MappingProxyType(attributes), line.design, dyed(fabric, colour)))
    return shelf


def _title(line: Line, fabric: str, colour: str) -> str:
    """Return a title such as 'Striped cotton T-shirt in navy'."""
    of = FABRICS[fabric]
    words = (of.adjective, "" if of.is_material else line.material, line.noun)
    title = " ".join(word for word in words if word)
    return f"{title[0].upper()}{title[1:]} in {colour}"
