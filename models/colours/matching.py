"""Which garments are of a colour that somebody asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.colours.difference import delta_e
from models.colours.garment_colours import LEVELS
from models.colours.names import NAMES, names_of, pixel_of, read_colour, references
from models.pictures.colour import lab

WITHIN = 10.0
"""Delta E (CIEDE2000) up to which a colour counts as the one that is asked for, where nobody says another."""

FARTHEST = 100.0

COUNTING_SHARE = 0.2
"""Share of a garment from which one of its colours counts."""


@dataclass(frozen=True, slots=True)
class NearColour:
    """Colours that are asked for, any of them, each a name or six hexadecimal digits, and how near they must be.

    A colour is near a name where people call it so, or where one of the colours that the name stands for is near.
    """

    wanted: tuple[str, ...]
    within: float = WITHIN

    @classmethod
    def read(cls, texts: tuple[str, ...], within: float = WITHIN) -> "NearColour":
        """Return what texts ask for. Raises UnknownColour, and ValueError unless `within` is 0 to 100."""
        if not 0 <= within <= FARTHEST:
            raise ValueError(f"A Delta E is between 0 and {FARTHEST:g}, not {within}.")
        return cls(tuple(read_colour(text) for text in texts), float(within))


def matcher_of(near: NearColour) -> Callable[[str], bool]:
    """Return what tells, of colours as catalogues keep them, whether one that counts is near."""
    table = _table(near)

    def matches(colours: str) -> bool:
        return any(
            table[_place(int(part[:6], 16))] for part in colours.split() if int(part[7:]) >= COUNTING_SHARE * 100
        )

    return matches


def are_near(near: NearColour) -> NDArray[np.bool_]:
    """Return which of all colours that are kept are near, bool (n,), by the numbers that `places_that_count` gives."""
    return np.frombuffer(_table(near), np.bool_)


def are_called() -> NDArray[np.intp]:
    """Return what each of all colours that are kept is called: its place in NAMES, (n,)."""
    return _called()


def places_that_count(colours: str) -> list[int]:
    """Return the numbers of those that count, of colours as catalogues keep them, among all that are kept."""
    return [_place(int(part[:6], 16)) for part in colours.split() if int(part[7:]) >= COUNTING_SHARE * 100]


def names_that_count(colours: str) -> frozenset[str]:
    """Return what people call those that count, of colours as catalogues keep them."""
    called, names = _called(), list(NAMES)
    return frozenset(
        names[called[_place(int(part[:6], 16))]] for part in colours.split() if int(part[7:]) >= COUNTING_SHARE * 100
    )


def _place(code: int) -> int:
    """Return a colour's number among all that are kept: its three levels, of LEVELS each."""
    red, green, blue = code >> 16, code >> 8 & 255, code & 255
    return ((red * 31 + 127) // 255 * LEVELS + (green * 31 + 127) // 255) * LEVELS + (blue * 31 + 127) // 255


@lru_cache(64)
def _table(near: NearColour) -> bytes:
    """Return, for each colour that catalogues keep, whether it is near: so a filter costs a look-up an item."""
    colours = _all_colours()
    is_near = np.zeros(len(colours), np.bool_)
    for wanted in near.wanted:
        apart = _apart(colours, references(wanted) if wanted in NAMES else lab(pixel_of(wanted))[None])
        is_near |= apart <= near.within
        if wanted in NAMES:
            is_near |= _called() == list(NAMES).index(wanted)
    return is_near.tobytes()


def _apart(colours: NDArray[np.float32], targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how far each colour is from the nearest target, float64 (n,)."""
    nearest: NDArray[np.float64] = np.min([delta_e(colours, target) for target in targets], axis=0)
    return nearest


@lru_cache(1)
def _all_colours() -> NDArray[np.float32]:
    """Return every colour that is kept: CIELAB, float32 (LEVELS ** 3, 3)."""
    levels = np.round(np.arange(LEVELS) * 255 / (LEVELS - 1)).astype(np.uint8)
    return lab(np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3))


@lru_cache(1)
def _called() -> NDArray[np.intp]:
    """Return the place in NAMES of what people call each colour that is kept, (LEVELS ** 3,)."""
    return names_of(_all_colours())
