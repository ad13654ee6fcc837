"""How far apart two colours look: CIEDE2000."""

import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.floating]
"""CIELAB colours, (..., 3), L being 0 to 100."""

_SEVENTH_POWER = 25.0**7


def delta_e(first: Colours, second: Colours) -> NDArray[np.float64]:
    """Return how far apart colours look, float64 (...): 1 is just seen, above 20 are different colours.

    Both are CIELAB, (..., 3), and are broadcast. It is CIEDE2000 with all weights 1 (Sharma, Wu and Dalal, Color
    Research and Application 30, 2005, eq. 2 to 22).
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    chroma = (np.hypot(first[..., 1], first[..., 2]) + np.hypot(second[..., 1], second[..., 2])) / 2
    stretch = 1.5 - np.sqrt(chroma**7 / (chroma**7 + _SEVENTH_POWER)) / 2
    a1, a2 = first[..., 1] * stretch, second[..., 1] * stretch
    chroma1, chroma2 = np.hypot(a1, first[..., 2]), np.hypot(a2, second[..., 2])
    hue1 = np.degrees(np.arctan2(first[..., 2], a1)) % 360
    hue2 = np.degrees(np.arctan2(second[..., 2], a2)) % 360
    is_grey = chroma1 * chroma2 == 0
    turn = np.where(is_grey, 0, (hue2 - hue1 + 180) % 360 - 180)
    lightness = (first[..., 0] + second[..., 0]) / 2
    mean_chroma = (chroma1 + chroma2) / 2
    hue = np.where(is_grey, hue1 + hue2, (hue1 + turn / 2) % 360)
    of_hue = (
        1
        - 0.17 * np.cos(np.radians(hue - 30))
        + 0.24 * np.cos(np.radians(2 * hue))
        + 0.32 * np.cos(np.radians(3 * hue + 6))
        - 0.20 * np.cos(np.radians(4 * hue - 63))
    )
    off_grey = (lightness - 50) ** 2
    in_lightness = (second[..., 0] - first[..., 0]) / (1 + 0.015 * off_grey / np.sqrt(20 + off_grey))
    in_chroma = (chroma2 - chroma1) / (1 + 0.045 * mean_chroma)
    in_hue = 2 * np.sqrt(chroma1 * chroma2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * mean_chroma * of_hue)
    rotation = np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2)))
    blue = -2 * np.sqrt(mean_chroma**7 / (mean_chroma**7 + _SEVENTH_POWER)) * np.sin(rotation)
    squared = in_lightness**2 + in_chroma**2 + in_hue**2 + blue * in_chroma * in_hue
    return np.asarray(np.sqrt(np.maximum(squared, 0)))
