"""How dark and how bright a picture is where it is brightest and darkest."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 128
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_DARKEST, _BRIGHTEST = 2, 98
"""Hundredths of the pixels: what fewer show, such as a lamp in the dark, says nothing of the picture."""


def exposure_of(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the lightness of a picture's darkest and of its brightest parts, each 0 (black) to 1 (white).

    `pixels` are uint8 (height, width) or (height, width, 3). All but two hundredths are as light or lighter, and all
    but two as dark or darker.
    """
    small = np.asarray(Image.fromarray(pixels).reduce(max(1, max(pixels.shape[:2]) // _SIDE)), np.float32)
    luma = small if small.ndim == 2 else small[:, :, :3] @ _LUMA
    darkest, brightest = np.percentile(luma / 255, [_DARKEST, _BRIGHTEST]).tolist()
    return darkest, brightest
