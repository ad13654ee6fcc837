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
from picture_files import chunk, drawing, encoded, heic, png
from PIL import Image

from models.errors import DamagedPicture, LookalikeError, PictureTooLarge, UnsupportedPicture, UnusablePicture
from models.pictures import decoding, heif
from models.pictures.decoding import decode

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
LOSSLESS = ("PNG", "BMP", "TIFF")


def difference(pixels: NDArray[np.uint8], image: Image.Image) -> float:
    return float(np.abs(pixels.astype(np.int16) - np.asarray(image, np.int16)).mean())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_decoded(name: str) -> None:
    image = drawing()
    pixels = decode(encoded(image, name)).pixels
    assert pixels.shape == (120, 90, 3)
    assert pixels.dtype == np.uint8
    assert difference(pixels, image) == 0 if name in LOSSLESS else difference(pixels, image) < 8


@pytest.mark.parametrize("lead", [b"\n", b"\r\n \t", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_blanks_that_a_program_wrote_before_a_picture_do_no_harm(name: str, lead: bytes) -> None:
    data = encoded(drawing(), name)
    assert np.array_equal(decode(lead + data).pixels, decode(data).pixels)
    assert decoding.is_picture(lead + data[:50])


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"\r\n<!DOCTYPE html><html>", "an HTML page"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "an SVG drawing"),
        (b"8BPS\0\1" + bytes(100), "a Photoshop document"),
        (b"\xff\x0a" + bytes(100), "JPEG XL"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ],
)
def test_what_people_take_for_a_picture_is_called_by_its_name(head: bytes, what: str) -> None:
    with pytest.raises(UnsupportedPicture, match=f"no picture that can be read: it is .*{what}"):
        decode(head)
    assert not decoding.is_picture(head[:64])


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


def test_without_its_library_heic_gets_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heif, "find_spec", lambda name: None)
    assert "HEIC" not in decoding.readable_formats()
    with pytest.raises(UnsupportedPicture, match=r"HEIC.*JPEG.*pip install 'lookalike\[heic\]'"):
        decode(heic(drawing()))


def test_heic_is_decoded() -> None:
    picture = decode(heic(drawing(), quality=90))
    assert picture.pixels.shape == (120, 90, 3)
    assert picture.alpha is None
    assert difference(picture.pixels, drawing()) < 5
    assert "HEIC" in decoding.readable_formats()


def test_a_grid_of_heic_tiles_as_phones_write_it_is_decoded() -> None:
    pixels = decode(heic(drawing(1200, 1600), quality=80, tile_size=512)).pixels
    assert pixels.shape == (534, 400, 3)
    assert difference(pixels, drawing(1200, 1600).reduce(3)) < 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_is_turned_upright_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.open(io.BytesIO(encoded(drawing(), "PNG", exif=exif)))
    expected = decode(encoded(drawing(), "PNG", exif=exif)).pixels
    pixels = decode(heic(stored, quality=90)).pixels
    assert pixels.shape == expected.shape
    assert difference(pixels, Image.fromarray(expected)) < 5


def test_heic_may_be_transparent() -> None:
    image = Image.new("RGBA", (64, 64), (200, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 32, 64, 64))
    picture = decode(heic(image, quality=90))
    assert np.abs(picture.pixels[8, 32].astype(int) - (200, 0, 0)).max() <= 12
    assert picture.pixels[56, 32].min() >= 250
    assert picture.alpha is not None
    assert picture.alpha[[8, 56], 32].tolist() == [255, 0]


def test_ten_bits_of_heic_are_scaled() -> None:
    import pillow_heif

    ramp = np.repeat(np.linspace(0, 65_535, 64).astype("<u2")[:, None], 64 * 3, axis=1)
    buffer = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (64, 64), ramp.tobytes()).save(buffer, quality=95, chroma=444)
    pixels = decode(buffer.getvalue()).pixels
    assert np.abs(pixels - (ramp.reshape(64, 64, 3) / 257)).mean() < 4


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_half_a_heic_file_is_damaged(share: float) -> None:
    data = heic(drawing(300, 300))
    with pytest.raises(DamagedPicture, match="HEIC"):
        decode(data[: int(len(data) * share)])


def test_a_heic_of_a_single_pixel_is_unusable() -> None:
    with pytest.raises(UnusablePicture, match="1 x 1"):
        decode(heic(Image.new("RGB", (1, 1))))


@pytest.mark.parametrize("name", FORMATS)
def test_half_a_file_is_damaged(name: str) -> None:
    data = encoded(drawing(300, 300), name)
    with pytest.raises(DamagedPicture, match=name):
        decode(data[: len(data) // 2])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 95}])
@pytest.mark.parametrize("share", [0.5, 0.6, 0.9])
def test_truncated_jpeg_is_called_incomplete(options: dict[str, Any], share: float) -> None:
    noise = Image.effect_noise((1200, 900), 60).convert("RGB")
    data = encoded(noise, "JPEG", **options)
    with pytest.raises(DamagedPicture, match="incomplete"):
        decode(data[: int(len(data) * share)])


WAYS_TO_SAVE_JPEG: dict[str, dict[str, Any]] = {
    "baseline": {},
    "restarts": {"restart_marker_rows": 1},
    "without subsampling": {"subsampling": 0, "quality": 95},
    "progressive": {"progressive": True},
}


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("way", WAYS_TO_SAVE_JPEG)
@pytest.mark.parametrize("size", [(28, 28), (300, 400), (1300, 1700)])
def test_jpeg_that_lacks_its_end_mark_is_sound(size: tuple[int, int], way: str, mode: str) -> None:
    data = encoded(drawing(*size).convert(mode), "JPEG", **WAYS_TO_SAVE_JPEG[way])
    assert np.array_equal(decode(data[:-2]).pixels, decode(data).pixels)


@pytest.mark.parametrize("way", WAYS_TO_SAVE_JPEG)
@pytest.mark.parametrize(("share", "allowed"), [(0.9995, 1.5), (0.98, 3)])
def test_jpeg_that_lacks_its_last_rows_is_sound(way: str, share: float, allowed: float) -> None:
    noise = Image.effect_noise((1000, 900), 60).convert("RGB")
    data = encoded(noise, "JPEG", **WAYS_TO_SAVE_JPEG[way])
    cut_off, whole = decode(data[: int(len(data) * share)]).pixels, decode(data).pixels
    assert cut_off.shape == whole.shape
    assert difference(cut_off, Image.fromarray(whole)) < allowed
    assert np.array_equal(cut_off[:800], whole[:800])


def test_rows_that_are_missing_are_filled_with_the_last_one() -> None:
    """Neither grey nor black: that would be a thing at the picture's end."""
    pale = Image.effect_noise((500, 600), 3).point(lambda level: level + 90).convert("RGB")
    data = encoded(pale, "JPEG", quality=95)
    assert decode(data[: int(len(data) * 0.97)]).pixels[-4:].min() > 180


@pytest.mark.parametrize("way", WAYS_TO_SAVE_JPEG)
@pytest.mark.parametrize("trash", [bytes(500), b"\xff", b"<html>", encoded(drawing(), "JPEG")])
def test_what_follows_a_jpeg_does_no_harm(way: str, trash: bytes) -> None:
    data = encoded(drawing(300, 400), "JPEG", **WAYS_TO_SAVE_JPEG[way])
    assert np.array_equal(decode(data + trash).pixels, decode(data).pixels)


def with_chunks(before: bytes = b"", between: bytes = b"", after: bytes = b"", **options: Any) -> bytes:
    """A PNG drawing with chunks put behind IHDR, between two halves of its IDAT, and behind that."""
    data = encoded(drawing(), "PNG", **options)
    start = data.index(b"IDAT") - 4
    (length,) = struct.unpack(">I", data[start : start + 4])
    body = data[start + 8 :][:length]
    halves = chunk(b"IDAT", body[:100]), chunk(b"IDAT", body[100:])
    return data[:33] + before + data[33:start] + halves[0] + between + halves[1] + after + data[start + 12 + length :]


TEXT = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"<x>  </x>" * 300_000)
HARMLESS = {
    "text": chunk(b"tEXt", b"Software\0x"),
    "text with a wrong checksum": chunk(b"tEXt", b"Software\0x", 1),
    "text without an end": chunk(b"tEXt", b"Software"),
    "text of 2 MB": chunk(b"tEXt", b"Comment\0" + b"a" * 2**21),
    "compressed text of 2 MB": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"a b c d " * 2**18)),
    "text in an unknown compression": chunk(b"zTXt", b"Comment\0\7abc"),
    "broken compressed text": chunk(b"zTXt", b"Raw profile type exif\0\0abcdefg"),
    "XMP of 2 MB": chunk(b"iTXt", TEXT),
    "broken XMP": chunk(b"iTXt", TEXT[:-90]),
    "XMP of a few bytes": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1"),
    "profile of 2 MB": chunk(b"iCCP", b"printer\0\0" + zlib.compress(np.random.default_rng(0).bytes(2**21))),
    "broken profile": chunk(b"iCCP", b"printer\0\0" + b"no zlib"),
    "profile in an unknown compression": chunk(b"iCCP", b"printer\0\7abc"),
    "profile of no bytes": chunk(b"iCCP", b""),
    "broken EXIF": chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"),
    "EXIF with a wrong checksum": chunk(b"eXIf", b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0", 1),
    "two times": chunk(b"tIME", bytes(7)) * 2,
    "a time too short": chunk(b"tIME", bytes(3)),
    "density too short": chunk(b"pHYs", bytes(3)),
    "gamma too short": chunk(b"gAMA", b"") + chunk(b"cHRM", b"\0") + chunk(b"sRGB", b""),
    "transparency too short": chunk(b"tRNS", b"\0"),
    "transparency with a wrong checksum": chunk(b"tRNS", b"\0\xff" * 3, 1),
    "private": chunk(b"prVt", bytes(3000), 1) + chunk(b"vpAg", b"") + chunk(b"CgBJ", b"x")[:0],
    "an animation that is none": chunk(b"acTL", bytes(3)) + chunk(b"fcTL", bytes(3)) + chunk(b"fdAT", b""),
}


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("where", ["before", "between", "after"])
def test_what_a_png_says_beside_its_picture_does_no_harm(where: str, name: str) -> None:
    assert np.array_equal(decode(with_chunks(**{where: HARMLESS[name]})).pixels, np.asarray(drawing()))


def test_repeated_and_misplaced_chunks_of_a_png_do_no_harm() -> None:
    everything = b"".join(HARMLESS.values())
    assert np.array_equal(decode(with_chunks(everything, everything, everything)).pixels, np.asarray(drawing()))


@pytest.mark.parametrize("chunk_name", [b"zTXt", b"tEXt"])
def test_orientation_in_a_text_of_a_png_is_applied(chunk_name: bytes) -> None:
    """As ImageMagick keeps EXIF data."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    told = b"\nexif\n%8d\n%s\n" % (len(exif), exif.hex().encode())
    text = b"\0" + zlib.compress(told) if chunk_name == b"zTXt" else told
    profile = chunk(chunk_name, b"Raw profile type exif\0" + text)
    expected = np.asarray(drawing().transpose(Image.Transpose.ROTATE_270))
    assert np.array_equal(decode(with_chunks(profile)).pixels, expected)


def test_orientation_in_the_xmp_of_a_png_is_applied() -> None:
    xmp = chunk(b"iTXt", b'XML:com.adobe.xmp\0\0\0\0\0<rdf tiff:Orientation="3"/>')
    expected = np.asarray(drawing().transpose(Image.Transpose.ROTATE_180))
    assert np.array_equal(decode(with_chunks(xmp)).pixels, expected)


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE", b"IDAT"])
@pytest.mark.parametrize("part", ["contents", "checksum"])
def test_a_damaged_critical_chunk_of_a_png_is_damage(name: bytes, part: str) -> None:
    data = bytearray(encoded(drawing().convert("P"), "PNG"))
    start = data.index(name)
    (length,) = struct.unpack(">I", data[start - 4 : start])
    data[start + 4 + (length // 2 if part == "contents" else length + 1)] ^= 4
    with pytest.raises(DamagedPicture, match="PNG file is damaged"):
        decode(bytes(data))


def test_critical_chunks_of_a_png_out_of_place_are_damage() -> None:
    data = encoded(drawing().convert("P"), "PNG")
    start, end = data.index(b"PLTE") - 4, data.index(b"IDAT") - 4
    header, palette, rest = data[8:33], data[start:end], data[end:]
    for chunks in (header * 2 + palette + rest, header + palette * 2 + rest, header + rest, palette + header + rest):
        with pytest.raises(DamagedPicture):
            decode(data[:8] + chunks)


@pytest.mark.parametrize("missing", [1, 4, 12, 14, 16, 20])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "I;16"])
def test_png_that_lacks_only_its_end_is_sound(mode: str, missing: int) -> None:
    """Of its 20 last bytes none holds pixels: 4 of the data's checksum, 4 of the chunk's, 12 of IEND."""
    image = drawing().convert("L").convert("I").convert("I;16") if mode == "I;16" else drawing().convert(mode)
    data = encoded(image, "PNG")
    assert np.array_equal(decode(data[:-missing]).pixels, decode(data).pixels)


def test_png_that_lacks_its_last_rows_is_sound() -> None:
    noise = Image.effect_noise((1100, 900), 60).convert("RGB")
    data = encoded(noise, "PNG", compress_level=1)
    cut_off, whole = decode(data[: int(len(data) * 0.97)]).pixels, decode(data).pixels
    assert cut_off.shape == whole.shape
    assert np.array_equal(cut_off[:430], whole[:430])
    assert (np.ptp(cut_off[-8:], axis=0) == 0).all()
    with pytest.raises(DamagedPicture, match="incomplete"):
        decode(data[: int(len(data) * 0.93)])


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
        decode(data[:start] + data[start:end] * 60 + data[end:])


def test_names_and_metadata_do_not_survive() -> None:
    exif = Image.Exif()
    exif[0x010E] = "Secret description"
    picture = decode(encoded(drawing(), "JPEG", exif=exif))
    assert list(picture.__slots__) == ["pixels", "alpha", "full_size"]
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
    files["heic"] = heic(image)
    files["heic with alpha"] = heic(image.convert("RGBA"))
    files["large text"] = with_chunks(HARMLESS["XMP of 2 MB"])
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
        "print([name for name in sys.modules if name.endswith(('EpsImagePlugin', 'PsdImagePlugin', 'pillow_heif'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"
