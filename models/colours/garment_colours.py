"""The dominant colours of a garment, as it was cut out of its picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.colours.names import name_of
from models.pictures.colour import lab

MOST_COLOURS = 3
LEAST_SHARE = 0.08
"""Share of the garment that a colour has at least."""

LEVELS = 32
"""Steps of each channel of sRGB to which a colour is rounded: half of one is hardly seen (Delta E about 1)."""

_MOST_PIXELS = 2000
_CLUSTERS = 6
_ROUNDS = 6
_LIGHTNESS = 0.5
"""What a difference in lightness counts beside one in hue: folds and shadows are no colours of their own."""

_DIFFERS, _PLAIN_SHARE = 3.0, 0.8
"""Distance (CIELAB) from the ground within which a pixel is like it; share of the rim that a plain ground has."""

_WELL_FILLED, _LIKE_GROUND = 0.75, 0.4
"""Share of the outline that a sound cutout fills, and what a pixel like the ground counts inside the outline."""

_MOSTLY_SKIN = 0.6
"""Share of what counts from which on colours like skin are the garment's."""

_MIDDLE = 0.3
"""How far from the middle pixels count (a Gaussian's standard deviation, in sides of what is there)."""

_ONE_COLOUR = 13.0
"""Clusters nearer than this (CIELAB, lightness so weighted) are one colour."""


@dataclass(frozen=True, slots=True)
class GarmentColour:
    """One colour, six hexadecimal digits of sRGB, and its share of the garment, 0 to 1."""

    code: str
    share: float

    @property
    def name(self) -> str:
        """What people call it."""
        return name_of(self.code)


def garment_colours(cutout: NDArray[np.uint8] | None) -> tuple[GarmentColour, ...]:
    """Return the dominant colours of a cutout, uint8 (height, width, 4), opaque where the garment is.

    At most three, the largest share first, each a cluster's median (k-means in CIELAB, begun by the farthest points;
    near clusters are joined); none where nothing was cut out.
    """
    if cutout is None:
        return ()
    coarser = max(1, round((cutout.shape[0] * cutout.shape[1] / _MOST_PIXELS) ** 0.5))
    seen = np.asarray(Image.fromarray(cutout[:, :, :3]).reduce(coarser))
    colours = lab(seen)
    weights = _weights(np.asarray(Image.fromarray(cutout[:, :, 3]).reduce(coarser)) > 127, colours)
    counted = weights > 0
    if not counted.any():
        return ()
    pixels, weight = seen[counted], weights[counted] / weights.sum()
    points = colours[counted] * np.asarray([_LIGHTNESS, 1, 1], np.float32)
    nearest = _joined(points, _clustered(points), weight)
    clusters = [nearest == number for number in np.unique(nearest)]
    clusters.sort(key=lambda is_here: -float(weight[is_here].sum()))
    found: dict[str, GarmentColour] = {}
    for is_here in clusters:
        colour = GarmentColour(_rounded(np.median(pixels[is_here], axis=0)), float(weight[is_here].sum()))
        larger = found.setdefault(colour.name, colour)
        if larger is not colour:  # two shades that people call the same
            found[colour.name] = replace(larger, share=larger.share + colour.share)
    falling = sorted(found.values(), key=lambda colour: -colour.share)
    return tuple(
        replace(colour, share=round(colour.share, 2))
        for colour in falling[:MOST_COLOURS]
        if colour.share >= LEAST_SHARE
    )


def colours_text(colours: Sequence[GarmentColour]) -> str:
    """Return colours as catalogues keep them: `1f2a44:71 ffffff:20`, shares in hundredths."""
    return " ".join(f"{colour.code}:{round(colour.share * 100)}" for colour in colours)


def read_colours(text: str) -> tuple[GarmentColour, ...]:
    """Return what `colours_text` wrote. Raises ValueError."""
    return tuple(GarmentColour(part[:6], int(part[7:]) / 100) for part in text.split())


def _weights(mask: NDArray[np.bool_], colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what each pixel counts, float32 (height, width), 0 or more: the garment's most, in the middle more.

    `mask` is where the garment was found. On a plain ground, where it fills too little of the outline, the outline
    counts: a white shirt on white is found by its seams alone. Skin counts only where nearly all there is is like it.
    """
    weights = _inside(mask).astype(np.float32)
    ground = _plain_ground(colours)
    if ground is not None:
        differs = np.linalg.norm(colours - ground, axis=2) > _DIFFERS
        outline = _inside(_hull(_without_specks(differs)))
        if (mask & outline).sum() < _WELL_FILLED * outline.sum():
            weights = np.where(outline, np.where(differs, np.float32(1), np.float32(_LIKE_GROUND)), np.float32(0))
    skin = _like_skin(colours)
    if weights[skin].sum() < _MOSTLY_SKIN * weights.sum():
        weights = np.where(skin, np.float32(0), weights)
    if not weights.any():
        return weights
    nearer: NDArray[np.float32] = weights * _nearness(weights)
    return nearer


def _plain_ground(colours: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return the colour, float32 (3,), that nearly all of the picture's rim is of; None where there is none."""
    rim = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    ground: NDArray[np.float32] = np.median(rim, axis=0)
    is_plain = (np.linalg.norm(rim - ground, axis=1) < _DIFFERS).mean() >= _PLAIN_SHARE
    return ground if is_plain else None


def _without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask without pixels that have fewer than two neighbours in it."""
    padded = np.pad(mask.astype(np.uint8), 1)
    height, width = mask.shape
    around = sum(padded[down : down + height, across : across + width] for down in range(3) for across in range(3))
    kept: NDArray[np.bool_] = mask & (np.asarray(around) >= 3)
    return kept


def _hull(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what lies between points of a mask in its row and in its column."""
    across = np.logical_or.accumulate(mask, axis=1) & np.logical_or.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
    down = np.logical_or.accumulate(mask, axis=0) & np.logical_or.accumulate(mask[::-1], axis=0)[::-1]
    hull: NDArray[np.bool_] = across & down
    return hull


def _nearness(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how near the middle of what counts each pixel is, 0 to 1 (a Gaussian)."""
    rows, columns = np.flatnonzero(weights.any(axis=1)), np.flatnonzero(weights.any(axis=0))
    down = (np.arange(weights.shape[0]) - (rows[0] + rows[-1]) / 2) / max(1, len(rows))
    across = (np.arange(weights.shape[1]) - (columns[0] + columns[-1]) / 2) / max(1, len(columns))
    apart = np.square(down)[:, None] + np.square(across)
    nearness: NDArray[np.float32] = np.exp(-apart / (2 * _MIDDLE**2)).astype(np.float32)
    return nearness


def _like_skin(colours: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which CIELAB colours, float32 (..., 3), could be of skin, dark to pale."""
    hue = np.degrees(np.arctan2(colours[..., 2], colours[..., 1]))
    chroma = np.hypot(colours[..., 1], colours[..., 2])
    is_like: NDArray[np.bool_] = (colours[..., 0] > 25) & (chroma > 14) & (chroma < 42) & (hue > 28) & (hue < 72)
    return is_like


def _inside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask without its outermost pixels, which are of both sides; all of it where nothing else is left."""
    padded = np.pad(mask, 1, mode="edge")
    inner: NDArray[np.bool_] = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inner if inner.any() else mask


def _clustered(points: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the number of each point's cluster, (n,)."""
    centres = [np.median(points, axis=0)]
    distance = np.linalg.norm(points - centres[0], axis=1)
    while len(centres) < _CLUSTERS and distance.max() > _ONE_COLOUR / 2:
        centres.append(points[distance.argmax()])
        distance = np.minimum(distance, np.linalg.norm(points - centres[-1], axis=1))
    places = np.stack(centres)
    nearest = np.zeros(len(points), np.intp)
    for _ in range(_ROUNDS):
        nearest = (np.square(places).sum(axis=1) - 2 * points @ places.T).argmin(axis=1)
        places = np.stack(
            [points[nearest == n].mean(axis=0) if (nearest == n).any() else places[n] for n in range(len(places))]
        )
    return nearest


def _joined(points: NDArray[np.float32], nearest: NDArray[np.intp], weights: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the clusters' numbers once those near each other are one, the nearest first."""
    while True:
        numbers = np.unique(nearest)
        centres = np.stack([points[nearest == n].mean(axis=0) for n in numbers])
        apart = np.linalg.norm(centres[:, None] - centres, axis=2)
        np.fill_diagonal(apart, np.inf)
        one, other = np.unravel_index(apart.argmin(), apart.shape)
        if apart[one, other] >= _ONE_COLOUR:
            return nearest
        if weights[nearest == numbers[one]].sum() < weights[nearest == numbers[other]].sum():
            one, other = other, one
        nearest = np.where(nearest == numbers[other], numbers[one], nearest)


def _rounded(pixel: NDArray[np.floating]) -> str:
    levels = np.round(np.asarray(pixel) / 255 * (LEVELS - 1))
    return bytes(np.round(levels * 255 / (LEVELS - 1)).astype(np.uint8).tolist()).hex()
