"""The colours of the sample catalogue: few, muted, and chosen to look well beside each other."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Colour: TypeAlias = NDArray[np.float32]
"""(3,), sRGB from 0 to 1."""


def _rgb(code: str) -> Colour:
    colour: Colour = np.frombuffer(bytes.fromhex(code), np.uint8).astype(np.float32) / np.float32(255)
    colour.flags.writeable = False
    return colour


COLOURS: dict[str, Colour] = {
    name: _rgb(code)
    for name, code in {
        "ivory": "ece7db",
        "oatmeal": "d3c6b0",
        "sand": "c3ab86",
        "camel": "b4834f",
        "cognac": "97562c",
        "chestnut": "6d3f2a",
        "espresso": "43302a",
        "black": "2b2b2f",
        "charcoal": "4b4e55",
        "grey": "9a9ca1",
        "stone": "b9b5ac",
        "navy": "28344f",
        "indigo": "3d5379",
        "sky": "a3bfd6",
        "petrol": "2c6370",
        "sage": "9cab8d",
        "olive": "68694a",
        "forest": "2f4f40",
        "mustard": "cf9c3a",
        "terracotta": "be6a48",
        "brick": "a23b34",
        "burgundy": "672a37",
        "rose": "cb929a",
        "blush": "e3c3ba",
        "lilac": "a89cc0",
    }.items()
}
"""Every colour by name."""

_CONTRASTS: dict[str, tuple[str, str]] = {
    "ivory": ("navy", "terracotta"),
    "oatmeal": ("chestnut", "ivory"),
    "sand": ("ivory", "forest"),
    "camel": ("ivory", "espresso"),
    "cognac": ("ivory", "navy"),
    "chestnut": ("oatmeal", "mustard"),
    "espresso": ("sand", "blush"),
    "black": ("ivory", "brick"),
    "charcoal": ("stone", "mustard"),
    "grey": ("ivory", "charcoal"),
    "stone": ("navy", "ivory"),
    "navy": ("ivory", "brick"),
    "indigo": ("ivory", "mustard"),
    "sky": ("ivory", "navy"),
    "petrol": ("ivory", "mustard"),
    "sage": ("ivory", "forest"),
    "olive": ("oatmeal", "espresso"),
    "forest": ("oatmeal", "mustard"),
    "mustard": ("ivory", "navy"),
    "terracotta": ("ivory", "navy"),
    "brick": ("ivory", "navy"),
    "burgundy": ("blush", "navy"),
    "rose": ("ivory", "burgundy"),
    "blush": ("ivory", "burgundy"),
    "lilac": ("ivory", "navy"),
}

SHADE = _rgb("000000")
BRASS = _rgb("b9975b")
STEEL = _rgb("a9adb3")
RUBBER = _rgb("e4e1da")
GUM = _rgb("ad8354")
CORK = _rgb("c69c6d")
DARK_SOLE = _rgb("35322f")


def contrasts(name: str) -> tuple[Colour, Colour]:
    """Return the two colours that go with a named one in a pattern, the stronger contrast first."""
    first, second = _CONTRASTS[name]
    return COLOURS[first], COLOURS[second]


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """Return a colour with a share (0 to 1) of another in it."""
    return colour + (other - colour) * np.float32(share)


def darker(colour: Colour, share: float = 0.3) -> Colour:
    """Return a colour with a share of its light taken away."""
    return colour * np.float32(1 - share)


def lighter(colour: Colour, share: float = 0.3) -> Colour:
    """Return a colour a share of the way to white."""
    return mixed(colour, np.ones(3, np.float32), share)


def luma(colour: Colour) -> float:
    """Return how bright a colour looks, 0 to 1."""
    return float(colour @ np.array([0.299, 0.587, 0.114], np.float32))
