"""From the colours of a picture's own ICC profile to sRGB."""

import io
from functools import lru_cache
from typing import Any

from PIL import Image, ImageCms

_PROFILES_KEPT = 16
_LARGEST = 4 * 1024 * 1024
"""Bytes; profiles of cameras and screens have some hundred to some hundred thousand."""


def to_srgb(image: Image.Image, profile: Any) -> Image.Image:
    """Return an image in mode L or RGB with its colours in sRGB, given the bytes of its ICC profile, if it has one.

    A profile that can't be read, or is of other channels than the image by now, changes nothing.
    """
    if image.mode != "RGB" or not isinstance(profile, bytes) or not 0 < len(profile) <= _LARGEST:
        return image
    transform = _transform(profile)
    return image if transform is None else transform.apply(image)


@lru_cache(_PROFILES_KEPT)
def _transform(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """Return the transform of a profile, None for sRGB's own and for one that can't be used."""
    try:
        given = ImageCms.getOpenProfile(io.BytesIO(profile))
        if given.profile.xcolor_space.strip() != "RGB" or "srgb" in ImageCms.getProfileDescription(given).lower():
            return None
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(given, srgb, "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
