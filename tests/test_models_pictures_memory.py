"""What decoding the largest pictures takes: each in a process of its own, measured."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from picture_files import encoded, png
from PIL import Image

from models.errors import PictureTooLarge
from models.pictures.decoding import decode

MEASURED = """
import sys
from pathlib import Path
from models.errors import PictureTooLarge
from models.pictures.decoding import decode

def peak() -> int:  # of this program alone: what getrusage tells begins with its parent's
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

before = peak()
data = sys.stdin.buffer.read()
try:
    print("x".join(map(str, decode(data).pixels.shape[:2])), end=" ")
except PictureTooLarge:
    print("refused", end=" ")
print(peak() - before)
"""


def outcome_and_memory(data: bytes) -> tuple[str, float]:
    """Return height x width of what a file decodes to, or "refused", and the MB taken beside the interpreter's own."""
    done = subprocess.run([sys.executable, "-c", MEASURED], input=data, capture_output=True, check=True)
    outcome, kilobytes = done.stdout.decode().split()
    return outcome, int(kilobytes) / 1024


def test_too_many_pixels_are_refused_by_the_header_alone() -> None:
    """A file that only claims its size costs no memory for it."""
    outcome, memory = outcome_and_memory(png(60_000, 60_000, 8, 6, b""))
    assert outcome == "refused"
    assert memory < 20


def tiled(mode: str, side: int = 5000) -> Image.Image:
    """A large picture of coarse noise in every channel: quick to make and to encode."""
    small = Image.effect_noise((40, 40), 60)
    channels = len(Image.new(mode, (1, 1)).getbands())
    turned = [small.rotate(90 * turn) for turn in range(channels)]
    image = turned[0] if channels == 1 else Image.merge(mode, turned)
    return image.resize((side, side), Image.Resampling.NEAREST)


def tiled_samples(top: float, dtype: Any) -> Image.Image:
    return Image.fromarray((np.asarray(tiled("L"), np.float32) * (top / 255)).astype(dtype))


def wide_png(colour: int, channels: int) -> bytes:
    """5000 x 5000 in 16 bits a sample."""
    row = b"\0" + np.repeat(np.asarray(tiled("L", 40))[0].astype(">u2") * 257, 125 * channels).tobytes()
    return png(5000, 5000, 16, colour, row * 5000)


DEFLATED = {"compression": "tiff_adobe_deflate"}

LARGE = {
    "16-bit grey PNG": lambda: wide_png(0, 1),
    "16-bit RGB PNG": lambda: wide_png(2, 3),
    "16-bit RGBA PNG": lambda: wide_png(6, 4),
    "LA PNG": lambda: encoded(tiled("LA"), "PNG", compress_level=1),
    "RGBA PNG on its side": lambda: encoded(
        tiled("RGBA"), "PNG", compress_level=1, exif=b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    ),
    "transparent palette PNG": lambda: encoded(
        tiled("L").convert("P"), "PNG", compress_level=1, transparency=bytes(range(256))
    ),
    "float TIFF": lambda: encoded(tiled_samples(1, np.float32), "TIFF", **DEFLATED),
    "32-bit TIFF": lambda: encoded(tiled_samples(65_535, np.int32), "TIFF", **DEFLATED),
    "CMYK TIFF": lambda: encoded(tiled("CMYK"), "TIFF", **DEFLATED),
    "TIFF in one strip": lambda: encoded(tiled("RGB"), "TIFF", **DEFLATED, strip_size=2**30),
    "Lab TIFF": lambda: encoded(tiled("LAB"), "TIFF", **DEFLATED),
    "GIF": lambda: encoded(tiled("L"), "GIF"),
    "progressive CMYK JPEG": lambda: encoded(tiled("CMYK"), "JPEG", progressive=True),
    "AVIF": lambda: encoded(tiled("RGB"), "AVIF", speed=10, quality=30),
}


@pytest.mark.parametrize("name", LARGE)
def test_25_megapixels_take_little_memory(name: str) -> None:
    outcome, memory = outcome_and_memory(LARGE[name]())
    assert outcome == ("625x625" if "JPEG" in name else "556x556")
    assert memory < 250


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=str)
@pytest.mark.parametrize(("width", "height", "shape"), [(8064, 6048, "756x1008"), (9248, 6936, "434x578")])
def test_48_and_64_megapixels_of_a_jpeg_take_little_memory(
    width: int, height: int, shape: str, options: dict[str, Any]
) -> None:
    image = tiled("RGB", 500).resize((width, height), Image.Resampling.NEAREST)
    outcome, memory = outcome_and_memory(encoded(image, "JPEG", **options))
    assert outcome == shape
    assert memory < (250 if options else 40)


@pytest.mark.parametrize(("name", "side"), [("WEBP", 3800), ("AVIF", 4600)])
def test_what_decoders_hold_several_times_over_may_be_less_large(name: str, side: int) -> None:
    options = {"WEBP": {"quality": 20, "method": 0}, "AVIF": {"speed": 10, "quality": 30, "subsampling": "4:4:4"}}[name]
    for square, refused in ((side, False), (side + 250, True)):
        outcome, memory = outcome_and_memory(encoded(tiled("RGB", square), name, **options))
        assert (outcome == "refused") is refused
        assert memory < 250


def test_a_progressive_jpeg_that_memory_has_no_room_for_is_refused() -> None:
    """64 megapixels without subsampling are 384 MB of coefficients."""
    image = tiled("L", 500).resize((9248, 6936), Image.Resampling.NEAREST).convert("RGB")
    data = encoded(image, "JPEG", progressive=True, subsampling=0)
    with pytest.raises(PictureTooLarge, match=r"9248 x 6936.*without 'progressive'"):
        decode(data)
