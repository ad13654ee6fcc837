"""Out-of-distribution images: of nothing that a fashion model knows, drawn to see whether it notices.

Every function returns images, uint8 (n, side, side), 0 = background, drawn by the generator that it is given.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from models.arrays import Images

_FINE = 4
"""Shapes and characters are drawn this many times as large, then shrunk."""
_CANVAS = 112
"""Pixels of such a canvas that sizes are given for; on another they grow with it."""

_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = "0123456789"


def shapes(n: int, rng: np.random.Generator, side: int) -> Images:
    """Ellipses, polygons and stars, filled or in outline."""
    return np.stack([_shape(rng, side) for _ in range(n)])


def _shape(rng: np.random.Generator, side: int) -> Images:
    large = side * _FINE
    scale = large / _CANVAS
    canvas = Image.new("L", (large, large))
    pen = ImageDraw.Draw(canvas)
    grey, radius = int(rng.integers(90, 256)), scale * rng.uniform(24, 52)
    x, y = large / 2 + scale * rng.uniform(-4, 4, 2)
    width = max(1, round(6 * scale))
    inside = grey if rng.random() < 0.6 else None
    kind = rng.choice(["ellipse", "polygon", "polygon", "star"])
    if kind == "ellipse":
        wide, tall = radius * rng.uniform(0.5, 1, 2)
        pen.ellipse((x - wide, y - tall, x + wide, y + tall), fill=inside, outline=grey, width=width)
    else:
        corners = int(rng.integers(3, 8))
        radii = np.full(corners, radius) if kind == "polygon" else np.tile([radius, 0.45 * radius], corners)
        angles = rng.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(len(radii)) / len(radii)
        outline = np.column_stack([x + radii * np.cos(angles), y + radii * np.sin(angles)])
        pen.polygon([(float(across), float(down)) for across, down in outline], fill=inside, outline=grey, width=width)
    return _shrunk(canvas, side)


def letters(n: int, rng: np.random.Generator, side: int) -> Images:
    """Capital and small letters."""
    return _characters(_CHARACTERS, n, rng, side)


def digits(n: int, rng: np.random.Generator, side: int) -> Images:
    """Digits."""
    return _characters(_DIGITS, n, rng, side)


def _characters(alphabet: str, n: int, rng: np.random.Generator, side: int) -> Images:
    large = side * _FINE
    scale = large / _CANVAS
    drawn = []
    for _ in range(n):
        canvas = Image.new("L", (large, large))
        font = ImageFont.load_default(scale * float(rng.uniform(70, 125)))
        centre = (large / 2, large / 2)
        ImageDraw.Draw(canvas).text(
            centre,
            alphabet[rng.integers(len(alphabet))],
            fill=int(rng.integers(120, 256)),
            font=font,
            anchor="mm",
            stroke_width=round(scale * int(rng.integers(0, 4))),
        )
        drawn.append(_shrunk(canvas.rotate(float(rng.uniform(-10, 10)), Image.Resampling.BICUBIC), side))
    return np.stack(drawn)


def _shrunk(canvas: Image.Image, side: int) -> Images:
    return np.asarray(canvas.resize((side, side), Image.Resampling.BOX))


def textures(n: int, rng: np.random.Generator, side: int) -> Images:
    """Stripes, checks and waves that fill the picture."""
    return np.stack([_texture(rng, side) for _ in range(n)])


def _texture(rng: np.random.Generator, side: int) -> Images:
    down, across = np.mgrid[:side, :side]
    angle, frequency = rng.uniform(0, np.pi), rng.uniform(0.2, 1.6)
    u = across * np.cos(angle) + down * np.sin(angle)
    v = down * np.cos(angle) - across * np.sin(angle)
    kind = rng.choice(["stripes", "checks", "waves"])
    if kind == "stripes":
        wave = np.sin(frequency * u + rng.uniform(0, 2 * np.pi))
    elif kind == "checks":
        wave = np.sign(np.sin(frequency * u) * np.sin(frequency * v))
    else:
        turns = rng.uniform(0.1, 1, (4, 2))
        wave = sum(np.sin(a * u + b * v + rng.uniform(0, 2 * np.pi)) for a, b in turns) / 4
    low, high = np.sort(rng.integers(0, 256, 2))
    return _levels(low + (wave + 1) / 2 * (high - low + 20))


def noise(n: int, rng: np.random.Generator, side: int) -> Images:
    """Random grey levels, in grains of one to four pixels."""
    drawn = []
    for _ in range(n):
        grains = int(rng.choice([side, side // 2, side // 4]))
        levels = Image.fromarray(_levels(rng.integers(0, 256, (grains, grains))))
        drawn.append(np.asarray(levels.resize((side, side), Image.Resampling.BILINEAR)))
    return np.stack(drawn)


def _levels(values: NDArray[np.floating] | NDArray[np.integer]) -> Images:
    levels: Images = np.clip(values, 0, 255).astype(np.uint8)
    return levels


def shuffled(images: Images, rng: np.random.Generator, piece: int) -> Images:
    """Cut square images (n, side, side) into squares of `piece` pixels, which divides the side, and mix these."""
    side = images.shape[1]
    across = side // piece
    patches = images.reshape(-1, across, piece, across, piece).swapaxes(2, 3).reshape(-1, across**2, piece, piece)
    mixed = np.stack([patch[_other_order(across**2, rng)] for patch in patches])
    return mixed.reshape(-1, across, across, piece, piece).swapaxes(2, 3).reshape(-1, side, side)


def _other_order(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    while True:
        order = rng.permutation(n)
        if (order != np.arange(n)).any():
            return order


DRAWN: Mapping[str, Callable[[int, np.random.Generator, int], Images]] = MappingProxyType(
    {"shapes": shapes, "letters": letters, "digits": digits, "textures": textures, "noise": noise}
)
"""The kinds that are drawn from nothing."""


def draw_ood_images(garments: Images, each: int = 500, seed: int = 0) -> Mapping[str, Images]:
    """Return at most `each` images of every kind by name: drawn ones, and garments (n, side, side) in pieces.

    The side is a multiple of 4.
    """
    side = garments.shape[1]
    kinds = {
        name: draw(each, np.random.default_rng([seed, number]), side)
        for number, (name, draw) in enumerate(DRAWN.items())
    }
    some = garments[:each]
    return {
        **kinds,
        "garments in 4 pieces": shuffled(some, np.random.default_rng([seed, len(kinds)]), side // 2),
        "garments in 16 pieces": shuffled(some, np.random.default_rng([seed, len(kinds) + 1]), side // 4),
    }
