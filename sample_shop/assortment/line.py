"""One line of the assortment: a cut, and the fabrics, colours and prices it comes in."""

from dataclasses import dataclass

from sample_shop.assortment.design import Design

BRIGHT = ("terracotta", "mustard", "petrol", "sky", "brick", "sage", "rose", "lilac", "forest", "navy")
MUTED = ("charcoal", "grey", "navy", "olive", "stone", "burgundy", "black", "forest", "sand", "espresso")
WARM = ("camel", "cognac", "chestnut", "mustard", "terracotta", "oatmeal", "burgundy", "forest", "navy", "ivory")
SOFT = ("blush", "sage", "sky", "lilac", "ivory", "rose", "mustard", "oatmeal", "petrol")
DENIM = ("indigo", "sky", "charcoal", "navy", "grey")
LEATHER = ("black", "chestnut", "cognac", "espresso", "burgundy", "camel", "navy", "forest")
"""Colours that kinds of things come in."""


@dataclass(frozen=True, slots=True)
class Line:
    """One cut and what it comes in; `material` is left out of titles where the fabric is one by itself."""

    noun: str
    design: Design
    fabrics: tuple[str, ...]
    colours: tuple[str, ...]
    price: tuple[int, int]
    material: str = ""
