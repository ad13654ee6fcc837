"""Pictures with nothing in them: one colour throughout, or all transparent."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import BlankPicture
from models.pictures.decoding import Picture

FAINTEST = 6
"""Levels of a channel by which something must differ from its ground to be seen: white cloth on white does by 10."""

_CLEARLY = 64
_SAMPLED = 8
"""Every so many pixels, a difference of so many levels is looked for first: nearly all pictures have it."""

_LOOKED_AT = 64
"""Longest side (pixels) to which a picture is averaged, so that a camera's noise in the dark is nothing to see."""


def is_blank(pixels: NDArray[np.uint8]) -> bool:
    """Return whether pixels, (height, width) or (height, width, channels), show nothing."""
    if _span(pixels[::_SAMPLED, ::_SAMPLED]) >= _CLEARLY:
        return False
    factor = -(-max(pixels.shape[:2]) // _LOOKED_AT)
    return _span(np.asarray(Image.fromarray(pixels).reduce(factor))) < FAINTEST


def refuse_blank(picture: Picture, by_outline: bool = False) -> None:
    """Raise BlankPicture where a picture shows nothing.

    `by_outline` says that a transparent ground counts as well: then white on nothing is something to see.
    """
    if not is_blank(picture.pixels):
        return
    alpha = picture.alpha
    if by_outline and alpha is not None and not is_blank(alpha):
        return
    if alpha is not None and alpha.max() < FAINTEST:
        why = "it is transparent throughout"
    elif alpha is not None:
        why = "laid on white, it has one colour throughout"
    else:
        why = "it has one colour throughout"
    raise BlankPicture(f"There is nothing to see in this picture: {why}. Send one that shows a garment.")


def _span(pixels: NDArray[np.uint8]) -> int:
    """Return the greatest difference within a channel."""
    return int(np.ptp(pixels, axis=(0, 1)).max())
