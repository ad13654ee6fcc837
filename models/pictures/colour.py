"""CIELAB: colours in which equal distances look about equally far apart."""

import numpy as np
from numpy.typing import NDArray

_TO_LINEAR = np.arange(256, dtype=np.float32) / 255
_TO_LINEAR = np.where(_TO_LINEAR <= 0.04045, _TO_LINEAR / 12.92, ((_TO_LINEAR + 0.055) / 1.055) ** 2.4)

_TO_XYZ = np.asarray(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_TO_WHITE_RELATIVE = (_TO_XYZ / _TO_XYZ.sum(axis=1, keepdims=True)).astype(np.float32)

_EPSILON, _KAPPA = 216 / 24389, 24389 / 27


def lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return sRGB pixels, uint8 (..., 3), as CIELAB of the D65 white, float32 (..., 3), L being 0 to 100."""
    xyz = _TO_LINEAR.astype(np.float32)[pixels] @ _TO_WHITE_RELATIVE.T
    f = np.where(xyz > _EPSILON, np.cbrt(xyz), (_KAPPA * xyz + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
