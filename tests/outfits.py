"""Several real garments in one picture: cut out of photographs and laid on one ground, with a box around each."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.datasets.photographs import Photograph
from models.pictures.boxes import Box
from models.preprocessing.garment_finder import bounding_box, find_garment

Cutout = NDArray[np.uint8]
TOPS, TROUSERS, SHOES = ("t-shirt", "longsleeve", "shirt"), ("pants",), ("shoes",)

DOUBTS = "busy", "hardly", "several", "edge", "middle"
"""Words of the notes about photographs that are not cut out, since what is cut might not be a garment."""

GROUNDS = (252, 252, 252), (203, 196, 184), (96, 122, 140), (214, 178, 74), (150, 60, 70)


@dataclass(frozen=True, slots=True)
class Outfit:
    """A picture of several garments, a JPEG, with the box around each and its kind."""

    jpeg: bytes
    boxes: tuple[Box, ...]
    kinds: tuple[str, ...]


def cutouts(photographs: Sequence[Photograph], of_a_kind: int) -> Mapping[str, Sequence[Cutout]]:
    """Return garments cut out of photographs, uint8 (height, width, 4), by kind."""
    found: dict[str, list[Cutout]] = {kind: [] for kind in (*TOPS, *TROUSERS, *SHOES)}
    for photograph in photographs:
        kind = photograph.path.parent.name
        if len(found.get(kind, range(of_a_kind))) == of_a_kind:
            continue
        pixels = photograph.read().pixels
        garment = find_garment(pixels) if pixels.ndim == 3 else None
        if garment is None or garment.mask is None or any(word in " ".join(garment.notes) for word in DOUBTS):
            continue
        inside = bounding_box(garment.mask)
        found[kind].append(np.dstack([pixels[inside], garment.mask[inside] * np.uint8(255)]))
    return found


class Table:
    """A ground on which garments are laid."""

    def __init__(self, size: tuple[int, int], colour: tuple[int, int, int], rng: np.random.Generator) -> None:
        grain = rng.normal(0, 2, (size[1], size[0], 1))
        self._picture = Image.fromarray((np.asarray(colour) + grain).clip(0, 255).astype(np.uint8))
        self._boxes: list[Box] = []
        self._kinds: list[str] = []

    def lay(self, kind: str, cutout: Cutout, place: tuple[int, int, int, int]) -> int:
        """Lay a garment into the middle of left, top, width and height, as large as it fits; return where it ends."""
        left, top, width, height = place
        image = Image.fromarray(cutout)
        scale = min(width / image.width, height / image.height)
        image = image.resize((round(image.width * scale), round(image.height * scale)))
        left += (width - image.width) // 2
        self._picture.paste(image.convert("RGB"), (left, top), image.getchannel("A"))
        across, down = self._picture.size
        self._boxes.append(Box(left / across, top / down, image.width / across, image.height / down))
        self._kinds.append(kind)
        return top + image.height

    def outfit(self) -> Outfit:
        """Return all that lies there."""
        jpeg = io.BytesIO()
        self._picture.save(jpeg, "JPEG", quality=90)
        return Outfit(jpeg.getvalue(), tuple(self._boxes), tuple(self._kinds))


def outfits(of: Mapping[str, Sequence[Cutout]], count: int) -> Sequence[Outfit]:
    """Return outfits: in turns a top above trousers, two tops side by side, and a top, trousers and shoes."""
    rng = np.random.default_rng(0)

    def one(kinds: Sequence[str]) -> tuple[str, Cutout]:
        kind = kinds[rng.integers(len(kinds))]
        return kind, of[kind][rng.integers(len(of[kind]))]

    made = []
    for number in range(count):
        form, ground = number % 3, GROUNDS[number % len(GROUNDS)]
        table = Table((900, 620) if form == 1 else (800, 1040), ground, rng)
        if form == 1:
            table.lay(*one(TOPS), (40, 50, 390, 520))
            table.lay(*one(TOPS), (470, 50, 390, 520))
        else:
            end = table.lay(*one(TOPS), (60, 50, 440, 430))
            table.lay(*one(TROUSERS), (110, end + 20, 340, 960 - end))
            if form == 2:
                table.lay(*one(SHOES), (540, 740, 220, 220))
        made.append(table.outfit())
    return made
