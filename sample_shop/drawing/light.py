"""Soft light on cloth: rounded edges, folds and shadows, all as factors for colours."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from sample_shop.drawing.curves import Points
from sample_shop.drawing.masks import Box, Field, Mask, wider

_FROM = (-0.55, -0.83)
"""Where the light comes from: above, and a little from the left."""

_COARSE = 2
"""Light is soft, so it is worked out on every second pixel."""

_BODY = 46
"""Pixels over which a whole garment is rounded, besides its edges."""


_MARGIN = 20
"""Coarse pixels added around the sheet, so that what reaches its edge is lit as the rest."""


_PEAK = 2.2
"""What the middle of a thin line is multiplied by to be as deep after blurring as before."""


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """A soft crease along a line: how wide (pixels), and how much darker (or, below 0, lighter) it is."""

    line: Points
    width: float = 12
    depth: float = 0.12


def light_on(mask: Mask, box: Box, roundness: float, relief: float, folds: Sequence[Fold] = ()) -> Field:
    """Return how bright a part is within a box: about 1, less where it turns away from the light."""
    outer = wider(box, round(_BODY * 1.5))
    alpha = np.pad(mask.alpha[outer][::_COARSE, ::_COARSE], _MARGIN)
    edges = _rounded(alpha, roundness / _COARSE, lean=0.32, rim=0.15)
    body = _rounded(alpha[::_COARSE, ::_COARSE], _BODY / _COARSE**2, lean=0.2, rim=0.07)
    body = np.asarray(Image.fromarray(body).resize(alpha.shape[::-1], Image.Resampling.BILINEAR))
    light = 1 + np.float32(relief) * (edges + body)[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    height, width = light.shape
    for wide in sorted({fold.width for fold in folds}):
        light = light * (1 - _creases([fold for fold in folds if fold.width == wide], wide, outer, (height, width)))
    return _enlarged(light, outer, box)


def shadow_of(mask: Mask, box: Box) -> Field:
    """Return how much of a shadow a part throws just below itself within a box, 0 to 1."""
    moved = np.roll(mask.alpha[box], (3, 1), (0, 1))
    return _enlarged(blurred(moved[::_COARSE, ::_COARSE], 4 / _COARSE), box, box)


def blurred(field: Field, radius: float) -> Field:
    """Return a field smoothed by two running means of about `radius` on either side in all."""
    reach = max(1, round(radius * 0.6))
    for _ in range(2):
        field = _running_mean(_running_mean(field, reach).T, reach).T
    return field


def _running_mean(field: Field, reach: int) -> Field:
    before, after = field[:1].repeat(reach + 1, axis=0), field[-1:].repeat(reach, axis=0)
    total = np.cumsum(np.concatenate([before, field, after]), axis=0)
    means: Field = (total[2 * reach + 1 :] - total[: -2 * reach - 1]) / np.float32(2 * reach + 1)
    return means


def _rounded(alpha: Field, roundness: float, lean: float, rim: float) -> Field:
    """Return the light on a cushion of a mask's form: its lean towards the light, less the darkness of its rim."""
    height = blurred(alpha, roundness)
    down, right = np.gradient(height)
    leaning = -(right * _FROM[0] + down * _FROM[1]) * np.float32(roundness)
    inward = (1 - height).clip(0, 0.5) * 2
    light = np.float32(lean) * leaning - np.float32(rim) * inward**2
    return light.astype(np.float32)


def _creases(folds: Sequence[Fold], width: float, box: Box, shape: tuple[int, int]) -> Field:
    """Return how much light the folds of one width take from the pixels of a box."""
    drawn = Image.new("F", shape[::-1])
    draw = ImageDraw.Draw(drawn)
    for fold in folds:
        points = (fold.line - (box[1].start, box[0].start)) / _COARSE
        thick = max(1, round(width / _COARSE / 2))
        draw.line([(float(x), float(y)) for x, y in points], fill=fold.depth, width=thick, joint="curve")
    return _PEAK * blurred(np.asarray(drawn), width / _COARSE)


def _enlarged(light: Field, outer: Box, box: Box) -> Field:
    height, width = outer[0].stop - outer[0].start, outer[1].stop - outer[1].start
    image = Image.fromarray(light).resize((width, height), Image.Resampling.BILINEAR)
    top, left = box[0].start - outer[0].start, box[1].start - outer[1].start
    return np.asarray(image)[top : top + box[0].stop - box[0].start, left : left + box[1].stop - box[1].start]
