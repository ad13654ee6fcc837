"""Fabrics: every pattern and weave by name, and cloth that is dyed.

To add one, write a function of `(u, v, dyes)` in `patterns` or `weaves` and enter it in `FABRICS`: `u` counts pixels
across the cloth and `v` along it, arrays of one shape; what returns is (height, width, 3) float32, 0 to 1.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sample_shop.cloth import patterns, weaves
from sample_shop.cloth.dyes import Colours, Dyes
from sample_shop.drawing import palette
from sample_shop.drawing.masks import Field
from sample_shop.drawing.palette import Colour


@dataclass(frozen=True, slots=True)
class Fabric:
    """A kind of cloth: how titles call it ('' for plain), what it is made of, and its weave."""

    adjective: str
    weave: Callable[[Field, Field, Dyes], Colours]
    is_material: bool = False
    """Whether its adjective says what it is made of."""


@dataclass(frozen=True, slots=True, eq=False)
class DyedCloth:
    """A fabric in its colours: what parts of products are made of."""

    fabric: Fabric
    dyes: Dyes

    def __call__(self, u: Field, v: Field) -> Colours:
        return self.fabric.weave(u, v, self.dyes)

    @property
    def colour(self) -> Colour:
        """The colour that it is called by."""
        return self.dyes.main

    @property
    def contrast(self) -> Colour:
        """The colour that goes with it best."""
        return self.dyes.second


def dyed(fabric: str, colour: str) -> DyedCloth:
    """Return a fabric of FABRICS in a colour of the palette."""
    return DyedCloth(FABRICS[fabric], Dyes(palette.COLOURS[colour], *palette.contrasts(colour)))


def in_colour(fabric: str, colour: Colour) -> DyedCloth:
    """Return a fabric in any colour, for soles, linings and cuffs."""
    return DyedCloth(FABRICS[fabric], Dyes(colour, colour, colour))


FABRICS: dict[str, Fabric] = {
    "plain": Fabric("", patterns.plain),
    "melange": Fabric("marled", patterns.melange),
    "breton": Fabric("striped", patterns.breton),
    "wide stripes": Fabric("wide-striped", patterns.wide_stripes),
    "multi stripes": Fabric("multi-striped", patterns.multi_stripes),
    "pinstripes": Fabric("pinstriped", patterns.pinstripes),
    "bengal": Fabric("candy-striped", patterns.bengal),
    "gingham": Fabric("gingham", patterns.gingham),
    "tartan": Fabric("tartan", patterns.tartan, is_material=True),
    "windowpane": Fabric("windowpane-check", patterns.windowpane),
    "dots": Fabric("polka-dot", patterns.dots),
    "floral": Fabric("floral", patterns.floral),
    "leaves": Fabric("leaf-print", patterns.leaves),
    "denim": Fabric("denim", weaves.denim, is_material=True),
    "knit": Fabric("", weaves.knit),
    "cable": Fabric("cable-knit", weaves.cable),
    "fair isle": Fabric("Fair Isle", weaves.fair_isle),
    "rib": Fabric("ribbed", weaves.rib),
    "corduroy": Fabric("corduroy", weaves.corduroy, is_material=True),
    "herringbone": Fabric("herringbone", weaves.herringbone),
    "wool": Fabric("", weaves.wool),
    "quilted": Fabric("quilted", weaves.quilted),
    "diamond quilted": Fabric("diamond-quilted", weaves.diamond_quilted),
    "leather": Fabric("", weaves.leather),
    "suede": Fabric("suede", weaves.suede, is_material=True),
    "canvas": Fabric("", weaves.canvas),
    "mesh": Fabric("mesh", weaves.mesh, is_material=True),
    "woven": Fabric("woven", weaves.woven, is_material=True),
}
"""Every fabric by name."""
