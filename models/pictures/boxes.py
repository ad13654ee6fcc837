"""A box that says where in a picture the garment is."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from models.errors import InvalidBox

MIN_SIDE = 0.02
"""Share of the picture's width and height that a box has at least."""

_MARGIN = 0.12
"""Share of a box's width and height by which one looks beyond it, to see what the background is like."""

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle within an upright picture, as shares of its width and height: left, top, width, height.

    Raises InvalidBox unless it lies in the picture and is at least MIN_SIDE wide and high.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        fits = (
            self.x >= 0
            and self.y >= 0
            and self.width >= MIN_SIDE
            and self.height >= MIN_SIDE
            and self.x + self.width <= 1 + _ROUNDING
            and self.y + self.height <= 1 + _ROUNDING
        )
        if not fits:  # nor is NaN
            raise InvalidBox(
                f"The box {self.x:g},{self.y:g},{self.width:g},{self.height:g} does not lie in the picture. Give left, "
                f"top, width and height as shares of the picture, 0 to 1, width and height at least {MIN_SIDE}."
            )

    @classmethod
    def parse(cls, text: str) -> "Box":
        """Return the box written as `x,y,width,height`. Raises InvalidBox."""
        try:
            x, y, width, height = (float(part) for part in text.split(","))
        except ValueError as error:
            raise InvalidBox(
                f"{text!r} is no box. Give left, top, width and height as shares of the picture: 0.1,0.2,0.5,0.6."
            ) from error
        return cls(x, y, width, height)

    @property
    def area(self) -> float:
        """The share of the picture that the box holds, 0 to 1."""
        return self.width * self.height

    def overlap(self, other: "Box") -> float:
        """Return the area that two boxes share over that which they cover together, 0 to 1."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        common = max(0.0, across) * max(0.0, down)
        return common / (self.area + other.area - common)

    def with_margin(self) -> "Box":
        """Return this box and something of what is around it, as far as the picture goes."""
        across, down = _MARGIN * self.width, _MARGIN * self.height
        left, top = max(0.0, self.x - across), max(0.0, self.y - down)
        right, bottom = min(1.0, self.x + self.width + across), min(1.0, self.y + self.height + down)
        return Box(left, top, right - left, bottom - top)

    def of(self, pixels: NDArray[Any]) -> tuple[slice, slice]:
        """Return the rows and columns of a picture (height, width, ...) that the box holds, at least one of each."""
        height, width = pixels.shape[:2]
        return _span(self.y, self.height, height), _span(self.x, self.width, width)


def _span(start: float, length: float, size: int) -> slice:
    first = min(size - 1, round(start * size))
    return slice(first, max(first + 1, min(size, round((start + length) * size))))
