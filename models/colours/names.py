"""What people call colours: a few plain names, each with the sRGB colours that stand for it, and reading one."""

import re
from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.colours.difference import delta_e
from models.errors import UnknownColour
from models.pictures.colour import lab

NAMES: Mapping[str, tuple[str, ...]] = {
    "black": ("000000", "141414", "1e1e20", "27272a"),
    "charcoal": ("36383c", "44474c"),
    "grey": ("8c8c8e", "5c5c5e", "747476", "a4a4a6", "bcbcbe"),
    "white": ("ffffff", "f3f3f4", "e4e5e8", "d6d7da"),
    "cream": ("f6efdc", "ece2cb"),
    "beige": ("dfcdb2", "cdb99a", "bda98c"),
    "tan": ("b98d5c", "c19a6b", "a1764a"),
    "brown": ("5c3a21", "6f4a2e", "4a2f20", "7d5a44", "382622"),
    "red": ("c8102e", "e0222a", "b01a24", "d63a3a", "9a1420"),
    "burgundy": ("6d1326", "581825", "7a2038", "451520"),
    "pink": ("f4b6c2", "e88aa5", "f7cdd3", "d9728f", "c88a96"),
    "magenta": ("d4147a", "e0328c", "c2187a", "ff1493", "9c1460"),
    "coral": ("f47c6a", "e0685a", "f8a894"),
    "orange": ("ee7a1a", "f28c38", "d8601a", "c04e18"),
    "yellow": ("f7d923", "f5e16a", "ffe600", "f6eca0"),
    "mustard": ("c99a1e", "b8892a", "d8b04a"),
    "olive": ("5d5c2f", "6e6b3a", "7b7a46", "44452c"),
    "khaki": ("9a9068", "a89c78"),
    "green": ("1f8a3b", "2e7d4f", "4caf50", "145a32", "7dc242", "6fa03c", "1c3d2a"),
    "mint": ("b5e3cc", "c9ead8", "8fd0b0"),
    "teal": ("0f6e72", "1a7f80", "10484e"),
    "turquoise": ("30c5c3", "5fd0d0", "2aa6a8"),
    "light blue": ("a9cbe8", "c3dcf0", "86b6de", "9db4cc"),
    "blue": ("1f5fbf", "2b6fd0", "3f7ac0", "174a9c", "5b7fa8", "4f6a8c", "3a5478", "576375", "758196", "8496ab"),
    "navy": ("14213d", "1b2745", "101a30", "22304f", "1c1f4a", "3c4251", "2a3c45"),
    "purple": ("5b2a86", "6d3a96", "7d4fa0", "45215f", "3c2048", "6a4a78"),
    "lavender": ("b9a3d6", "cbbbe3", "9c86bc"),
}
"""Every name with colours of garments that it stands for, sRGB in hexadecimal: a colour is called by the nearest."""

_SAME = {"gray": "grey", "dark grey": "charcoal", "navy blue": "navy", "maroon": "burgundy", "hot pink": "magenta"}
_LOOKED_AT = 12
"""Of all references, the nearest by CIELAB's plain distance, among which CIEDE2000 decides."""

_HEXADECIMAL = re.compile(r"#?([0-9a-f]{6}|[0-9a-f]{3})", re.IGNORECASE)


def pixel_of(code: str) -> NDArray[np.uint8]:
    """Return a colour of six hexadecimal digits as uint8 (3,)."""
    return np.frombuffer(bytes.fromhex(code), np.uint8)


def other_names(name: str) -> tuple[str, ...]:
    """Return what else people say for a name of NAMES."""
    return tuple(other for other, same in _SAME.items() if same == name)


@cache
def references(name: str) -> NDArray[np.float32]:
    """Return the colours that a name stands for: CIELAB, float32 (n, 3)."""
    return lab(np.stack([pixel_of(code) for code in NAMES[name]]))


def names_of(colours: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the place in NAMES of what people call each colour: CIELAB, float32 (n, 3), to int (n,)."""
    targets, owners = _all_references()
    squares = np.square(targets).sum(axis=1) - 2 * colours @ targets.T
    near = np.argpartition(squares, _LOOKED_AT, axis=1)[:, :_LOOKED_AT]
    nearest = delta_e(colours[:, None], targets[near]).argmin(axis=1)
    called: NDArray[np.intp] = owners[np.take_along_axis(near, nearest[:, None], axis=1)[:, 0]]
    return called


@cache
def name_of(code: str) -> str:
    """Return what people call a colour of six hexadecimal digits."""
    return list(NAMES)[int(names_of(lab(pixel_of(code))[None])[0])]


@cache
def _all_references() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return all that names stand for, float32 (n, 3), and the place of the name that each belongs to, (n,)."""
    sizes = [len(codes) for codes in NAMES.values()]
    return np.concatenate([references(name) for name in NAMES]), np.repeat(np.arange(len(NAMES)), sizes)


def read_colour(text: str) -> str:
    """Return the name, or the six digits, that a person means by `navy`, `Navy Blue`, `#1f2a44` or `abc`.

    Raises UnknownColour.
    """
    plain = " ".join(text.lower().split())
    plain = _SAME.get(plain, plain)
    if plain in NAMES:
        return plain
    if match := _HEXADECIMAL.fullmatch(plain):
        digits = match[1]
        return digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    raise UnknownColour(
        f"{text[:40]!r} is no colour. Give six hexadecimal digits like #1f2a44, or one of: {', '.join(NAMES)}."
    )
