"""The model's own view of a picture as text for an address, so that a result can be shared and nothing is stored."""

import math

import numpy as np
from numpy.typing import NDArray

from search_api.errors import BadRequest
from webui.deflate64 import compact, expand


class InvalidSharedView(BadRequest):
    """An address whose view is cut short, altered, or made for a model with another input."""

    code = "invalid-view"


def to_address(pixels: NDArray[np.uint8]) -> str:
    """Return a view of any shape as text. A view of 28x28 takes some 300 to 1,060 characters."""
    return compact(pixels.tobytes())


def from_address(text: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the view of `shape` that an address holds. Never inflates to more than one byte past that shape.

    Raises InvalidSharedView.
    """
    try:
        return np.frombuffer(expand(text, math.prod(shape)), np.uint8).reshape(shape)
    except ValueError as error:
        raise InvalidSharedView(
            "This address is cut short, or was made for another model. Ask for it again, or search with the picture "
            "itself."
        ) from error
