"""Loading JPEG files (ITU-T T.81): what a progressive one costs, and what to do where the end of a file is missing."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, JpegImagePlugin

MOST_MISSING = 0.05
"""Share of the picture that a JPEG or PNG file may lack at its end.

What is there of a garment then still tells all of it, and the lowest rows of product pictures are ground. The rows that
lack are filled with the last whole one. A connection that broke usually costs more, and is told.
"""

_START_OF_SCAN = 0xDA
_SCAN_BEGINS = bytes([0xFF, _START_OF_SCAN])
_END = b"\xff\xd9"
_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xD9), 0xFF})
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""In the entropy-coded data of a scan: neither a stuffed byte nor a restart."""

_COEFFICIENTS = 64
_TO_JUDGE_PROGRESSIVE = 4
"""Reduction in which a cut-off progressive picture is judged: at an eighth, its last scan would change nothing."""

_EVEN = 8
"""Levels that a row may span and have nothing that a last scan would refine."""


@dataclass(frozen=True, slots=True)
class _Scan:
    """One scan: where its header and its data begin, of which components it is, of which coefficients, bits lacking."""

    start: int
    data: int
    components: bytes
    first: int
    last: int
    refines: bool
    bits_lacking: int


def scans_of(data: bytes, image: Image.Image) -> int:
    """Return how many times a JPEG file's decoder goes over the picture: 1 where it needs to hold no coefficients."""
    first = next(_scans(data), None)
    if first is None or ("progressive" not in image.info and len(first.components) == len(_layers(image))):
        return 1
    return max(2, data.count(_SCAN_BEGINS, first.start))


def coefficient_bytes(image: Image.Image) -> int:
    """Return the memory for the coefficients of a JPEG picture that comes in several scans: 2 bytes each."""
    layers = _layers(image)
    widest, tallest = (max((layer[side] for layer in layers), default=1) for side in (1, 2))
    share = sum(across * down for _, across, down, _ in layers) / (widest * tallest)
    return int(2 * image.width * image.height * share)


def load_jpeg(data: bytes, image: ImageFile.ImageFile, factor: int) -> tuple[Image.Image, int]:
    """Load an opened JPEG file at 1 / factor of its size or somewhat more; return it and how many rows are sound.

    Raises OSError where the file is damaged, or more than MOST_MISSING of the picture is missing at its end.
    """
    width, height = image.size
    size = width // factor, height // factor
    coarsest = min(factor, _TO_JUDGE_PROGRESSIVE)
    judged = width // coarsest, height // coarsest
    image.draft(None, size)
    try:
        image.load()
    except OSError as error:
        last = _last_scan(data, image)
        if "truncated" not in str(error) or last is None:
            raise
        image.tile = []  # what has been decoded is all that there is
        ended = _loaded(data, len(data), size)
        if scans_of(data, image) == 1:
            missing, sound = _missing_rows(image, ended, _loaded(data, last.data, size))
        else:
            of_least_weight = last.refines and _layers(image)[0][0] not in last.components  # the last bit of a colour
            missing = 0.0 if of_least_weight else _missing_of_last_scan(data, last, judged)
            sound = ended.height
        if missing > MOST_MISSING:
            raise
        return ended, sound
    return image, image.height


def _loaded(data: bytes, end: int, size: tuple[int, int], mode: str | None = None) -> Image.Image:
    """Load what a file holds up to some byte, as if that were all of it."""
    image = Image.open(io.BytesIO(b"".join([memoryview(data)[:end], _END])), formats=("JPEG",))
    image.draft(mode, size)
    image.load()
    return image


def _missing_rows(cut_off: Image.Image, ended: Image.Image, empty: Image.Image) -> tuple[float, int]:
    """Return the share of pixels that a file lacks, and how many rows are whole.

    `cut_off` is what was decoded until the file ended: black below, and it holds the last rows back. `ended` is decoded
    as if that were the end: what is missing is as it is in `empty`, of which nothing was decoded.
    """
    seen, filled, blank = (_pixels(one) for one in (cut_off, ended, empty))
    rows = np.flatnonzero((seen != filled).any(axis=(1, 2)))
    if not len(rows):
        return 0.0, len(filled)
    missing = (filled[rows[0] :] == blank[rows[0] :]).all(axis=2)
    incomplete = np.flatnonzero(missing[:, -1])  # a row ends at the right
    whole = rows[0] + incomplete[0] if len(incomplete) else len(filled)
    return float(missing.sum() / filled[:, :, 0].size), int(whole)


def _missing_of_last_scan(data: bytes, last: _Scan, size: tuple[int, int]) -> float:
    """Return the share of rows with something to see that the last scan has not refined."""
    mode = "L" if last.refines else None  # of the first component, and less to hold
    refined, before = (_pixels(_loaded(data, end, size, mode)) for end in (len(data), last.data))
    changed = np.flatnonzero((refined != before).any(axis=(1, 2)))
    rest = before[changed[-1] + 1 if len(changed) else 0 :]
    return float((np.ptp(rest, axis=1).max(axis=1, initial=0) > _EVEN).sum() / len(before))


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _last_scan(data: bytes, image: Image.Image) -> _Scan | None:
    """Return a file's last scan, or None where even with all of it coefficients would lack bits."""
    lacking = {component: np.full(_COEFFICIENTS, -1) for component, *_ in _layers(image)}
    scan = None
    for scan in _scans(data):
        for component in scan.components:
            if component in lacking:
                lacking[component][scan.first : scan.last + 1] = scan.bits_lacking
    return scan if all(not bits.any() for bits in lacking.values()) else None


def _layers(image: Image.Image) -> list[tuple[int, int, int, int]]:
    """Return the number of each component, and its samples across and down; the fourth is no matter."""
    return image.layer if isinstance(image, JpegImagePlugin.JpegImageFile) else []


def _scans(data: bytes) -> Iterator[_Scan]:
    """Find the scans of a file one by one, as far as it goes; each is only looked for when it is asked for."""
    position = 2
    while (position := data.find(b"\xff", position)) >= 0 and position + 4 <= len(data):
        marker = data[position + 1]
        if marker in _WITHOUT_LENGTH:
            position += 1 if marker == 0xFF else 2
            continue
        if bytes([0xFF, marker]) == _END:
            return
        length = int.from_bytes(data[position + 2 : position + 4])
        header = data[position + 4 : position + 2 + length]
        if marker == _START_OF_SCAN:
            count = header[0] if header else 0
            if len(header) < 4 + 2 * count:
                return
            first, last, bits = header[-3:]
            yield _Scan(
                position,
                position + 2 + length,
                header[1 : 1 + 2 * count : 2],
                first,
                min(last, _COEFFICIENTS - 1),
                bits > 15,
                bits & 15,
            )
            found = _MARKER.search(data, position + 2 + length)
            if found is None:
                return
            position = found.start()
        else:
            position += 2 + length
