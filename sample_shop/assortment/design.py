"""What a product is drawn from: a design, and the cloth it is made of."""

from random import Random
from typing import Protocol

from sample_shop.cloth.fabrics import DyedCloth
from sample_shop.drawing.canvas import Canvas


class Design(Protocol):
    """The cut of a garment, shoe or bag."""

    def draw(self, canvas: Canvas, cloth: DyedCloth, chance: Random) -> None:
        """Draw it in a cloth; `chance` says how its folds fall."""
        ...
