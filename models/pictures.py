"""Decoding pictures from untrusted bytes, safely and always to the same kind of array."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture: uint8, (height, width) grey or (height, width, 3) sRGB, upright, without alpha."""

    pixels: NDArray[np.uint8]
