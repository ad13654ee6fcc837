"""Decoding pictures from untrusted bytes, safely and always to the same kind of array."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Every plug-in that may read is imported here: Pillow then never goes looking for others (EPS runs Ghostscript).
from PIL import (  # noqa: F401
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)

from models.errors import DamagedPicture, PictureTooLarge, UnsupportedPicture, UnusablePicture
from models.pictures.colour_management import to_srgb

MAX_BYTES = 20 * 2**20
"""Encoded size that is accepted, 20 MiB."""

MAX_JPEG_PIXELS = 2**26
"""Pixels of a baseline JPEG: the 64 megapixels of a phone, which are decoded at a fraction of that size."""

MAX_PIXELS = 25_000_000
"""Pixels in any other format, which is decoded at its full size first (4 bytes each)."""

MIN_SIDE = 8
"""Pixels of the shorter side below which there is nothing to look at."""

MAX_ASPECT = 20
"""Longer side over shorter side."""

WORKING_SIDE = 512
"""Larger pictures are reduced by a whole factor while the longest side stays at least this long (pixels)."""

MAX_JPEG_WORK = 2**29
"""Pixels times scans of a JPEG (usual: 1 or 10). A scan costs time over the whole picture, however few its bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture: uint8, (height, width) grey or (height, width, 3) sRGB, upright, laid on white.

    `alpha`, uint8 (height, width), is how opaque the file says each pixel is; None where all are.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None


def decode(data: bytes) -> Picture:
    """Return the picture that the bytes of a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file hold.

    The first frame, turned upright by its EXIF orientation, transparency laid on white, 16-bit and float samples
    scaled to 8 bits, palette and CMYK converted to RGB, colours taken as sRGB. The longest side comes out below
    2 x WORKING_SIDE pixels. The format is told by the bytes, never by a name. Safe to call from several threads.

    Raises PictureTooLarge (more than MAX_BYTES, MAX_JPEG_PIXELS or MAX_PIXELS), UnsupportedPicture, DamagedPicture
    and UnusablePicture (a side below MIN_SIDE, or sides beyond MAX_ASPECT), and nothing else.
    """
    if len(data) > MAX_BYTES:
        raise PictureTooLarge(
            f"The file has {len(data) / 2**20:.1f} MiB; at most {MAX_BYTES >> 20} MiB are accepted. Send a smaller one."
        )
    name = _format_of(data)
    try:
        with Image.open(io.BytesIO(data), formats=(name,)) as image:
            in_strips = name == "JPEG" and "progressive" not in image.info
            _check_size(*image.size, MAX_JPEG_PIXELS if in_strips else MAX_PIXELS)
            if name == "JPEG":
                _check_scans(data.count(_START_OF_SCAN), *image.size)
            factor = _reduction(*image.size)
            image.draft(None, (image.width // factor, image.height // factor))  # JPEG only: decodes at 1/2, 1/4 or 1/8
            image.load()
            upright = _turned_upright(image, _orientation(image))
            eight_bits = to_srgb(_eight_bits(upright), image.info.get("icc_profile"))
            return Picture(_reduced(eight_bits), _opacity(upright))
    except (UnusablePicture, PictureTooLarge):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureTooLarge("The picture has far too many pixels. Send a smaller one.") from error
    except Exception as error:  # Pillow's decoders raise whatever hostile bytes make them stumble over
        if isinstance(error, EOFError) or "truncated" in str(error).lower():
            raise DamagedPicture(f"The {name} file is incomplete: its end is missing. Send the whole file.") from error
        raise DamagedPicture(f"The {name} file is damaged. Save the picture again and send that.") from error


def _format_of(data: bytes) -> str:
    """Return Pillow's name of the format that the first bytes declare."""
    if not data:
        raise UnsupportedPicture("The file is empty. Send a picture.")
    head = data[:64]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head[:2] == b"BM" and head[14:18] in _BMP_HEADER_SIZES:
        return "BMP"
    if head[4:8] == b"ftyp":
        if b"avif" in head[8:] or b"avis" in head[8:]:
            if features.check("avif"):
                return "AVIF"
            raise UnsupportedPicture("AVIF can't be read by this installation. Send the picture as JPEG or PNG.")
        if head[8:12] in {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}:
            raise UnsupportedPicture("HEIC pictures can't be read. Send it as JPEG (on an iPhone: 'Most Compatible').")
    raise UnsupportedPicture(
        "This is no picture that can be read. Send a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file."
    )


_START_OF_SCAN = b"\xff\xda"
_BMP_HEADER_SIZES = frozenset(size.to_bytes(4, "little") for size in (12, 40, 52, 56, 64, 108, 124))


def _check_size(width: int, height: int, most_pixels: int) -> None:
    if width * height > most_pixels:
        raise PictureTooLarge(
            f"The picture has {width} x {height} pixels; at most {most_pixels / 1e6:.0f} million are accepted. "
            "Send a smaller one."
        )
    short, long = sorted((width, height))
    if short < MIN_SIDE:
        raise UnusablePicture(
            f"The picture has {width} x {height} pixels; there is nothing to see below {MIN_SIDE} x {MIN_SIDE}."
        )
    if long > MAX_ASPECT * short:
        raise UnusablePicture(
            f"The picture has {width} x {height} pixels: too long and thin, more than {MAX_ASPECT} to 1. Crop it."
        )


def _check_scans(scans: int, width: int, height: int) -> None:
    if scans * width * height > MAX_JPEG_WORK:
        raise PictureTooLarge(
            f"The JPEG file has {scans} scans of {width} x {height} pixels. Save the picture again without "
            "'progressive' and send that."
        )


def _reduction(width: int, height: int) -> int:
    return max(1, max(width, height) // WORKING_SIDE)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF data are no reason to refuse the pixels
        return 1


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by EXIF orientation (1 is upright)."""


def _turned_upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return the image in mode L or RGB."""
    if image.mode in {"L", "RGB"} and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_scaled(np.asarray(image)))
    if image.has_transparency_data:
        return _on_white(image)
    return image.convert("L" if image.mode == "1" else "RGB")


def _scaled(samples: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale wide samples to 8 bits by the range that they are kept in: 0 to 1, 255, 65535, or what they span."""
    values = np.nan_to_num(samples.astype(np.float64), posinf=0, neginf=0)
    low, high = float(values.min()), float(values.max())
    if samples.dtype == np.uint16:
        top = 65_535.0
    else:
        values -= min(low, 0)
        high -= min(low, 0)
        ranges = (1.0, 255.0, 65_535.0) if samples.dtype.kind == "f" else (255.0, 65_535.0)
        top = next((full for full in ranges if high <= full), high)
    return np.asarray(np.rint(values * (255 / top)), np.uint8)


def _opacity(image: Image.Image) -> NDArray[np.uint8] | None:
    """Return the opacity of a picture that is not all opaque, reduced as its colours are."""
    if image.mode.startswith(("I", "F")) or not image.has_transparency_data:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return None if alpha.getextrema()[0] == 255 else _reduced(alpha)


def _on_white(image: Image.Image) -> Image.Image:
    grey = image.mode in {"L", "LA", "La"}
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("L" if grey else "RGB")


def _reduced(image: Image.Image) -> NDArray[np.uint8]:
    factor = _reduction(*image.size)
    return np.asarray(image if factor == 1 else image.reduce(factor))
