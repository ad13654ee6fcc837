"""Decoding pictures from untrusted bytes, safely and always to the same kind of array."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Every plug-in that may read is imported here: Pillow then never goes looking for others (EPS runs Ghostscript).
from PIL import (
    AvifImagePlugin,  # noqa: F401
    BmpImagePlugin,  # noqa: F401
    ExifTags,
    GifImagePlugin,  # noqa: F401
    Image,
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,
    WebPImagePlugin,  # noqa: F401
    features,
)

from models.errors import DamagedPicture, PictureTooLarge, UnsupportedPicture, UnusablePicture
from models.pictures.heif import heif_is_readable, open_heif
from models.pictures.jpeg_stream import MOST_MISSING, coefficient_bytes, load_jpeg, scans_of
from models.pictures.png_chunks import png_picture
from models.pictures.reduction import Pixels, Raster, reduced

MAX_BYTES = 20 * 2**20
"""Encoded size that is accepted, 20 MiB."""

MAX_MEMORY = 230 * 2**20
"""Bytes that a file and its decoder may take, by what was measured of each: with all else, decoding takes 250 MB."""

MAX_JPEG_PIXELS = 2**26
"""Pixels of a JPEG: the 64 megapixels of a phone, which are decoded at a fraction of that size. Of a HEIC as well."""

MAX_PIXELS = 25_000_000
"""Pixels in any other format, which is decoded at its full size first."""

MIN_SIDE = 8
"""Pixels of the shorter side below which there is nothing to look at."""

MAX_ASPECT = 20
"""Longer side over shorter side."""

WORKING_SIDE = 512
"""Larger pictures are reduced by a whole factor while the longest side stays at least this long (pixels)."""

MAX_JPEG_WORK = 12 * 2**26
"""Pixels times scans of a JPEG (usual: 1 or 10). A scan costs time over the whole picture, however few its bytes."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture: uint8, (height, width) grey or (height, width, 3) sRGB, upright, laid on white.

    `alpha`, uint8 (height, width), is how opaque the file says each pixel is; None where all are. `full_size` are the
    width and height that the file has, before it was made smaller; None for a picture that comes from no file.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    full_size: tuple[int, int] | None = None


def readable_formats() -> tuple[str, ...]:
    """Return the formats that this installation reads, as people call them."""
    return (
        *("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF"),
        *(("AVIF",) if features.check("avif") else ()),
        *(("HEIC",) if heif_is_readable() else ()),
    )


def decode(data: bytes) -> Picture:
    """Return the picture that the bytes of a JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC file hold.

    The first frame, turned upright by its EXIF orientation, transparency laid on white, 16-bit and float samples
    scaled to 8 bits, palette and CMYK converted to RGB, colours taken as sRGB. The longest side comes out below
    2 x WORKING_SIDE pixels. The format is told by the bytes, never by a name. Metadata may be broken; a JPEG or PNG may
    lack its end, and MOST_MISSING of its rows with it. Takes at most 250 MB. Safe to call from several threads.

    Raises PictureTooLarge (more than MAX_BYTES, MAX_JPEG_PIXELS or MAX_PIXELS, or than MAX_MEMORY allows),
    UnsupportedPicture, DamagedPicture and UnusablePicture (a side below MIN_SIDE, or sides beyond MAX_ASPECT), and
    nothing else.
    """
    if len(data) > MAX_BYTES:
        raise PictureTooLarge(
            f"The file has {len(data) / 2**20:.1f} MiB; at most {MAX_BYTES >> 20} MiB are accepted. Send a smaller one."
        )
    data = _trimmed(data)
    name = _format_of(data)
    try:
        return _READERS.get(name, _read_other)(data, name)
    except (UnusablePicture, PictureTooLarge, UnsupportedPicture):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureTooLarge("The picture has far too many pixels. Send a smaller one.") from error
    except Exception as error:  # decoders raise whatever hostile bytes make them stumble over
        if isinstance(error, EOFError) or "truncated" in str(error).lower():
            raise DamagedPicture(f"The {name} file is incomplete: its end is missing. Send the whole file.") from error
        raise DamagedPicture(f"The {name} file is damaged. Save the picture again and send that.") from error


def _read_jpeg(data: bytes, name: str) -> Picture:
    with Image.open(io.BytesIO(data), formats=(name,)) as image:
        size = image.size
        _check_size(*size, MAX_JPEG_PIXELS)
        scans = scans_of(data, image)
        if scans > 1:
            _check_scans(scans, image, len(data))
        loaded, sound = load_jpeg(data, image, _reduction(*size))
        return _picture(Raster.of(loaded, image.info.get("icc_profile")), sound, _orientation(image), size)


def _read_png(data: bytes, name: str) -> Picture:
    png = png_picture(data)
    with Image.open(io.BytesIO(png.file), formats=(name,)) as image:
        _check_size(*image.size, MAX_PIXELS)
        sound = image.height
        try:
            image.load()
        except OSError as error:
            sound = min(sound, png.whole_rows()) if "truncated" in str(error) else 0
            if sound < (1 - MOST_MISSING) * image.height:
                raise
            image.tile = []  # what has been decoded is all that there is
        return _picture(Raster.of(image, png.profile), sound, _orientation(image))


def _read_heif(data: bytes, _: str) -> Picture:
    heif = open_heif(data)
    _check_size(*heif.size, _most_pixels(len(data), heif.bytes_per_pixel, MAX_JPEG_PIXELS))
    size, rows = heif.decoded()
    _check_size(*size, MAX_JPEG_PIXELS)
    return _picture(Raster(size, rows, heif.profile), size[1])


def _read_other(data: bytes, name: str) -> Picture:
    with Image.open(io.BytesIO(data), formats=(name,)) as image:
        _check_size(*image.size, _most_pixels(_file_bytes(data, name), _bytes_per_pixel(data, image), MAX_PIXELS))
        image.load()
        return _picture(Raster.of(image, image.info.get("icc_profile")), image.height, _orientation(image))


_READERS = {"JPEG": _read_jpeg, "PNG": _read_png, "HEIC": _read_heif}


def _picture(
    raster: Raster, sound_rows: int, orientation: int = 1, full_size: tuple[int, int] | None = None
) -> Picture:
    """Return a raster made small and turned upright, the rows from `sound_rows` on filled with the last before them.

    `full_size` is the file's where the raster is smaller already.
    """
    factor = _reduction(*raster.size)
    pixels, alpha = reduced(raster, factor)
    whole = sound_rows // factor

    def finished(part: Pixels) -> Pixels:
        if sound_rows < raster.size[1]:
            part = np.concatenate([part[:whole], np.repeat(part[whole - 1 : whole], len(part) - whole, axis=0)])
        turn = _TURNS.get(orientation)
        return part if turn is None else np.asarray(Image.fromarray(part).transpose(turn))

    width, height = full_size or raster.size
    upright = (height, width) if orientation in _ON_ITS_SIDE else (width, height)
    return Picture(finished(pixels), None if alpha is None else finished(alpha), upright)


def _file_bytes(data: bytes, name: str) -> int:
    return len(data) * (3 if name == "WEBP" else 1)  # whose reader copies it twice


def _bytes_per_pixel(data: bytes, image: Image.Image) -> float:
    """Return what Pillow holds of a picture at once while it loads it, as measured, by its pixels."""
    if image.format == "WEBP":
        return 16
    if image.format == "AVIF":
        configuration = data[data.find(b"av1C") + 4 :][:4]  # AV1 Codec ISO Media File Format Binding, 2.3.3
        bits = configuration[2] if len(configuration) > 2 else 0
        return 7.8 + (2 if bits & 0x40 else 1) * (1.5 if bits & 0x0C == 0x0C else 3)
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.info.get("compression") != "raw":
        tags = image.tag_v2
        rows = 0 if TiffImagePlugin.TILEWIDTH in tags else tags.get(TiffImagePlugin.ROWSPERSTRIP, image.height)
        strip = min(1.0, rows / image.height)
        bits = sum(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
        return 4 + float(strip * bits / 8)
    return 4


def _most_pixels(beside: int, bytes_per_pixel: float, most: int) -> int:
    """Return how many pixels of so many bytes MAX_MEMORY has room for, beside so many that the file takes."""
    return min(most, int((MAX_MEMORY - beside) / bytes_per_pixel))


def is_picture(head: bytes | bytearray) -> bool:
    """Tell whether a file begins like a picture that can be read; 64 bytes of it are enough."""
    try:
        return bool(_format_of(_trimmed(bytes(head))))
    except UnsupportedPicture:
        return False


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
        if head[8:12] in _HEIF_BRANDS:
            return "HEIC"
    *others, last = readable_formats()
    what = _other_format(data[:1024])
    raise UnsupportedPicture(
        f"This is no picture that can be read{f': it is {what}' if what else ''}. Send a {', '.join(others)} or {last} "
        "file."
    )


def _trimmed(data: bytes) -> bytes:
    """Return a file without the blanks that programs write before a picture by mistake."""
    return data if data[:1] not in _BLANKS else data[len(data[:64]) - len(data[:64].lstrip(_LEAD)) :]


def _other_format(head: bytes) -> str:
    """Return what a file is that people take for a picture, empty where that is not known."""
    text = head.lstrip(_LEAD).lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page, perhaps an error or a login"
    if text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!--")) and b"<svg" in text):
        return "an SVG drawing"
    return next((told for start, told in _OTHERS if head.startswith(start)), "")


_LEAD = b"\xef\xbb\xbf \t\r\n"
_BLANKS = frozenset(_LEAD[place : place + 1] for place in range(len(_LEAD)))
_OTHERS = (
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself"),
    (b"{", "JSON"),
)


_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_BMP_HEADER_SIZES = frozenset(size.to_bytes(4, "little") for size in (12, 40, 52, 56, 64, 108, 124))


def _check_size(width: int, height: int, most_pixels: int) -> None:
    if width * height > most_pixels:
        raise PictureTooLarge(
            f"The picture has {width} x {height} pixels; at most {most_pixels / 1e6:.0f} million are accepted. "
            + ("Send a smaller one." if most_pixels == MAX_JPEG_PIXELS else "Send a smaller one, or a JPEG.")
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


def _check_scans(scans: int, image: Image.Image, file_size: int) -> None:
    width, height = image.size
    if scans * width * height > MAX_JPEG_WORK or coefficient_bytes(image) + 2 * file_size > MAX_MEMORY:
        raise PictureTooLarge(
            f"The JPEG file has {scans} scans of {width} x {height} pixels, which would have to be held all at once. "
            "Save the picture again without 'progressive', or smaller, and send that."
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

_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
"""The orientations of which that exchanges width and height."""
