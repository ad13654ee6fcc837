"""Pictures: every format people really have, every way in which a file can be bad, and nothing but named errors."""

import io
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from models.errors import DamagedPicture, LookalikeError, PictureTooLarge, UnsupportedPicture, UnusablePicture
from models.pictures import decoding
from models.pictures.decoding import decode

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
LOSSLESS = ("PNG", "BMP", "TIFF")


def drawing(width: int = 90, height: int = 120) -> Image.Image:
    """A red dress on white, wider below, with a green square on its upper left."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    draw.polygon([(width * 0.4, 5), (width * 0.6, 5), (width * 0.9, height - 6), (width * 0.1, height - 6)], fill="red")
    draw.rectangle([width * 0.42, 12, width * 0.5, 24], fill="green")
    return image


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:  # noqa: A002 -- Pillow's own word
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG file put together by hand, for what Pillow does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def difference(pixels: NDArray[np.uint8], image: Image.Image) -> float:
    return float(np.abs(pixels.astype(np.int16) - np.asarray(image, np.int16)).mean())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_decoded(name: str) -> None:
    image = drawing()
    pixels = decode(encoded(image, name)).pixels
    assert pixels.shape == (120, 90, 3)
    assert pixels.dtype == np.uint8
    assert difference(pixels, image) == 0 if name in LOSSLESS else difference(pixels, image) < 8


@pytest.mark.parametrize("name", FORMATS)
def test_grey_stays_grey(name: str) -> None:
    image = drawing().convert("L")
    pixels = decode(encoded(image, name)).pixels
    grey = pixels if pixels.ndim == 2 else pixels[:, :, 0]
    assert pixels.ndim == 2 or name in {"WEBP", "GIF", "AVIF"}
    assert difference(grey, image) < 4


def test_mode_1_is_black_and_white() -> None:
    pixels = decode(encoded(drawing().convert("1"), "PNG")).pixels
    assert pixels.ndim == 2
    assert set(np.unique(pixels)) == {0, 255}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_orientation_is_applied(name: str, orientation: int) -> None:
    upright = drawing()
    stored = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.ROTATE_90, Image.Transpose.FLIP_TOP_BOTTOM],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.ROTATE_90, Image.Transpose.FLIP_LEFT_RIGHT],
        8: [Image.Transpose.ROTATE_270],
    }[orientation]
    turned = upright
    for step in stored:
        turned = turned.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = decode(encoded(turned, name, exif=exif)).pixels
    assert pixels.shape == (120, 90, 3)
    assert difference(pixels, upright) < 5


@pytest.mark.filterwarnings("ignore")  # Pillow warns of it, which is no error outside tests
def test_broken_exif_does_not_cost_the_picture() -> None:
    for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"):
        assert decode(encoded(drawing(), "JPEG", exif=exif)).pixels.shape == (120, 90, 3)


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_transparency_lies_on_white(name: str) -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((200, 0, 0, 255), (0, 0, 40, 20))
    options = {"lossless": True} if name == "WEBP" else {}
    pixels = decode(encoded(image, name, **options)).pixels
    assert np.abs(pixels[5, 20].astype(int) - (200, 0, 0)).max() <= 8
    assert pixels[35, 20].min() >= 250


def test_half_transparency_is_mixed() -> None:
    pixels = decode(encoded(Image.new("RGBA", (9, 9), (0, 0, 0, 128)), "PNG")).pixels
    assert np.abs(pixels.astype(int) - 127).max() <= 1
    grey = decode(encoded(Image.new("LA", (9, 9), (0, 128)), "PNG")).pixels
    assert grey.ndim == 2
    assert np.abs(grey.astype(int) - 127).max() <= 1


@pytest.mark.parametrize("name", ["PNG", "GIF"])
def test_transparent_palette_colour_is_white(name: str) -> None:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([0, 0, 0, 200, 0, 0])
    image.paste(1, (0, 0, 20, 10))
    pixels = decode(encoded(image, name, transparency=0)).pixels
    assert pixels[2, 2].tolist() == [200, 0, 0]
    assert pixels[15, 2].tolist() == [255, 255, 255]


def test_transparent_colour_of_grey_and_rgb_is_white() -> None:
    grey = Image.new("L", (20, 20), 7)
    assert decode(encoded(grey, "PNG", transparency=7)).pixels.tolist() == [[255] * 20] * 20
    colour = Image.new("RGB", (20, 20), (1, 2, 3))
    assert decode(encoded(colour, "PNG", transparency=(1, 2, 3))).pixels.min() == 255


def test_palette_is_converted() -> None:
    image = drawing().convert("P", palette=Image.Palette.ADAPTIVE)
    assert difference(decode(encoded(image, "PNG")).pixels, drawing()) < 2


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65_535, 64 * 64).astype(np.uint16).reshape(64, 64)
    for name in ("PNG", "TIFF"):
        pixels = decode(encoded(Image.fromarray(ramp), name)).pixels
        assert pixels.ndim == 2
        assert np.abs(pixels - ramp / 257).max() <= 0.5 + 1e-6


def test_sixteen_bit_colour_is_scaled() -> None:
    samples = np.linspace(0, 65_535, 16 * 16 * 3).astype(">u2").reshape(16, 48)
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    pixels = decode(png(16, 16, 16, 2, rows)).pixels
    assert np.abs(pixels.reshape(16, 48) - samples / 257).max() <= 1


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.linspace(0, 1, 256, dtype=np.float32), np.linspace(0, 255, 256)),
        (np.linspace(0, 255, 256, dtype=np.float32), np.linspace(0, 255, 256)),
        (np.linspace(0, 1e6, 256, dtype=np.float32), np.linspace(0, 255, 256)),
        (np.linspace(-3, 252, 256, dtype=np.float32), np.linspace(0, 255, 256)),
        (np.arange(256, dtype=np.int32), np.arange(256)),
        (np.arange(256, dtype=np.int32) * 257, np.arange(256)),
        (np.zeros(256, dtype=np.int32), np.zeros(256)),
    ],
)
def test_wide_samples_are_scaled(samples: NDArray[Any], expected: NDArray[Any]) -> None:
    pixels = decode(encoded(Image.fromarray(samples.reshape(16, 16)), "TIFF")).pixels
    assert np.abs(pixels.ravel() - expected).max() <= 1


def test_samples_that_are_no_numbers_are_survived() -> None:
    samples = np.full((16, 16), np.nan, np.float32)
    samples[0, 0], samples[0, 1], samples[8:] = np.inf, -np.inf, 1
    pixels = decode(encoded(Image.fromarray(samples), "TIFF")).pixels
    assert pixels[8:].min() == 255


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_cmyk_is_converted(name: str) -> None:
    ink = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    pixels = decode(encoded(ink, name)).pixels
    assert np.abs(pixels.astype(int) - (255, 0, 0)).max() <= 8


def test_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue", "green")]
    for name in ("GIF", "WEBP", "PNG", "TIFF", "AVIF"):
        pixels = decode(encoded(frames[0], name, save_all=True, append_images=frames[1:])).pixels
        assert pixels.shape == (30, 30, 3)
        assert np.abs(pixels.astype(int) - (255, 0, 0)).max() <= 8, name


def test_phone_picture_with_a_second_image_inside_is_decoded() -> None:
    photo = drawing(1600, 1200)
    pixels = decode(encoded(photo, "MPO", save_all=True, append_images=[drawing(160, 120)])).pixels
    assert pixels.shape == (600, 800, 3)


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
@pytest.mark.parametrize(("width", "height"), [(3000, 4000), (1024, 700), (1023, 700), (2049, 200), (513, 512)])
def test_large_pictures_are_reduced_by_a_whole_factor(name: str, width: int, height: int) -> None:
    pixels = decode(encoded(drawing(width, height), name)).pixels
    longest = max(pixels.shape)
    assert decoding.WORKING_SIDE <= longest < 2 * decoding.WORKING_SIDE + 2
    expected = drawing(width, height).resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.BOX)
    assert difference(pixels, expected) < 3


def test_pixels_can_be_trusted_not_to_change() -> None:
    for pixels in (decode(encoded(drawing(), name)).pixels for name in FORMATS):
        assert pixels.flags.c_contiguous


def test_empty_file_is_refused() -> None:
    with pytest.raises(UnsupportedPicture, match="empty"):
        decode(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"This is no picture, whatever its name says.",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n",
        b"\xc5\xd0\xd3\xc6" + bytes(60),
        b"%PDF-1.7\n",
        b"BMW makes cars and no bitmaps.",
        b"P6\n10 10\n255\n" + bytes(300),
        b"8BPS" + bytes(60),
        b"PK\3\4" + bytes(60),
        bytes(1000),
        b"RIFF\0\0\0\0WAVEfmt ",
    ],
)
def test_other_files_are_refused_with_what_is_accepted(data: bytes) -> None:
    with pytest.raises(UnsupportedPicture, match="JPEG, PNG, WebP"):
        decode(data)


@pytest.mark.parametrize("name", ["PPM", "ICO", "TGA", "JPEG2000", "PCX", "EPS", "PDF", "ICNS", "SGI"])
def test_formats_that_pillow_knows_and_we_do_not_accept_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedPicture):
        decode(encoded(drawing(64, 64), name))


def test_heic_gets_a_hint() -> None:
    with pytest.raises(UnsupportedPicture, match=r"HEIC.*JPEG"):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))


@pytest.mark.parametrize("name", FORMATS)
def test_half_a_file_is_damaged(name: str) -> None:
    data = encoded(drawing(300, 300), name)
    with pytest.raises(DamagedPicture, match=name):
        decode(data[: len(data) // 2])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 95}])
@pytest.mark.parametrize("share", [0.6, 0.9, 0.98])
def test_truncated_jpeg_is_called_incomplete(options: dict[str, Any], share: float) -> None:
    noise = Image.effect_noise((1200, 900), 60).convert("RGB")
    data = encoded(noise, "JPEG", **options)
    with pytest.raises(DamagedPicture, match="incomplete"):
        decode(data[: int(len(data) * share)])


def test_single_pixel_is_unusable() -> None:
    for name in FORMATS:
        with pytest.raises(UnusablePicture, match="1 x 1"):
            decode(encoded(Image.new("RGB", (1, 1)), name))


def test_smallest_usable_picture_is_accepted() -> None:
    side = decoding.MIN_SIDE
    assert decode(encoded(Image.new("RGB", (side, side)), "PNG")).pixels.shape == (side, side, 3)
    with pytest.raises(UnusablePicture):
        decode(encoded(Image.new("RGB", (side, side - 1)), "PNG"))


def test_long_and_thin_is_unusable() -> None:
    for size in ((5000, 3), (5000, 10), (10, 5000), (8, 161)):
        with pytest.raises(UnusablePicture, match=f"{size[0]} x {size[1]}"):
            decode(encoded(Image.new("L", size), "PNG"))
    assert decode(encoded(Image.new("L", (8, 160)), "PNG")).pixels.shape == (160, 8)


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(PictureTooLarge, match="20 MiB"):
        decode(encoded(drawing(), "PNG") + bytes(decoding.MAX_BYTES))


@pytest.mark.parametrize("size", [(20_000, 20_000), (10_000, 10_000), (6_000, 5_000)])
def test_too_many_pixels_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(PictureTooLarge, match="pixels"):
        decode(encoded(Image.new("1", size), "PNG"))


def test_too_many_pixels_are_refused_by_the_header_alone() -> None:
    """A file that only claims its size costs no memory for it."""
    header = png(60_000, 60_000, 8, 6, b"")
    program = (
        "import resource, sys\n"
        "from models.errors import PictureTooLarge\n"
        "from models.pictures.decoding import decode\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    decode(sys.stdin.buffer.read())\nexcept PictureTooLarge:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], input=header, capture_output=True, check=True)
    assert int(done.stdout) < 20_000, "kilobytes"


def test_large_phone_jpeg_is_accepted() -> None:
    data = encoded(Image.new("RGB", (9248, 6936 // 2), "red"), "JPEG")
    assert decode(data).pixels.shape[2] == 3


def test_jpeg_of_endless_scans_is_refused() -> None:
    """Each scan of a few bytes makes the decoder go over all pixels again."""
    data = encoded(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    assert decode(data).pixels.shape == (1000, 1000)
    start = data.index(b"\xff\xda")
    end = data.index(b"\xff", start + 2)
    with pytest.raises(PictureTooLarge, match="scans"):
        decode(data[:start] + data[start:end] * 40 + data[end:])


def test_large_progressive_jpeg_is_refused_since_it_must_be_held_whole() -> None:
    with pytest.raises(PictureTooLarge, match="25 million"):
        decode(encoded(Image.new("L", (6000, 5000)), "JPEG", progressive=True))
    assert decode(encoded(Image.new("L", (6000, 5000)), "JPEG")).pixels.shape == (625, 750)


def test_names_and_metadata_do_not_survive() -> None:
    exif = Image.Exif()
    exif[0x010E] = "Secret description"
    picture = decode(encoded(drawing(), "JPEG", exif=exif))
    assert list(picture.__slots__) == ["pixels", "alpha"]
    assert picture.alpha is None


def _examples() -> dict[str, bytes]:
    image = drawing(64, 80)
    files = {name: encoded(image, name) for name in FORMATS}
    files["progressive"] = encoded(image, "JPEG", progressive=True)
    files["exif"] = encoded(image, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0")
    files["cmyk"] = encoded(image.convert("CMYK"), "JPEG")
    files["palette"] = encoded(image.convert("P"), "PNG", transparency=3)
    files["alpha"] = encoded(image.convert("RGBA"), "PNG")
    files["interlaced gif"] = encoded(image.convert("P"), "GIF", interlace=1)
    files["lzw"] = encoded(image, "TIFF", compression="tiff_lzw")
    files["deflate"] = encoded(image, "TIFF", compression="tiff_adobe_deflate")
    files["jpeg in tiff"] = encoded(image, "TIFF", compression="jpeg")
    files["16 bit"] = encoded(Image.fromarray(np.arange(6400, dtype=np.uint16).reshape(80, 80)), "PNG")
    files["animated"] = encoded(image, "GIF", save_all=True, append_images=[drawing(64, 80).rotate(9)])
    files["lossless"] = encoded(image.convert("RGBA"), "WEBP", lossless=True)
    return files


@pytest.mark.filterwarnings("ignore")  # Pillow warns of odd metadata, which is no error outside tests
@pytest.mark.parametrize(("name", "data"), _examples().items(), ids=_examples().keys())
def test_damaged_bytes_raise_nothing_but_named_errors(name: str, data: bytes) -> None:
    random = np.random.default_rng(zlib.crc32(name.encode()))
    refused = 0
    for trial in range(150):
        damaged = bytearray(data)
        if trial % 3 == 0:
            damaged = damaged[: random.integers(1, len(data))]
        for position in random.integers(0, min(len(damaged), 400 if trial % 2 else len(damaged)), trial % 5 + 1):
            damaged[position] ^= 1 << random.integers(0, 8)
        try:
            pixels = decode(bytes(damaged)).pixels
        except LookalikeError:
            refused += 1
        else:
            assert pixels.dtype == np.uint8
            assert pixels.ndim in {2, 3}
            assert min(pixels.shape[:2]) >= 1
    assert refused > 0


def test_many_threads_decode_at_once() -> None:
    files = list(_examples().values())
    expected = [decode(data).pixels for data in files]

    def work(seed: int) -> None:
        for index in np.random.default_rng(seed).permutation(len(files) * 10) % len(files):
            assert np.array_equal(decode(files[index]).pixels, expected[index])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_decoding_never_loads_pillows_other_plug_ins() -> None:
    program = (
        "import sys\nfrom models.errors import LookalikeError\nfrom models.pictures.decoding import decode\n"
        "for data in (b'%!PS-Adobe-3.0 EPSF-3.0', b'\\x89PNG\\r\\n\\x1a\\nrubbish', b'\\xff\\xd8\\xff\\xe0rubbish'):\n"
        "    try:\n        decode(data)\n    except LookalikeError:\n        pass\n"
        "print([name for name in sys.modules if name.endswith(('EpsImagePlugin', 'PsdImagePlugin'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"
