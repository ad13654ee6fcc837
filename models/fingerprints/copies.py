"""Fingerprints of pictures, and which of them are of copies of one picture.

A copy is the same photograph saved again, smaller, cropped, framed, turned a little, mirrored, under a banner, in other
light or in more colour. A colour variant is not: another light moves all colours alike, a dye those of the garment.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from models.fingerprints.alignment import GRID
from models.fingerprints.evidence import ASPECT_STEP, ASPECT_ZERO, evidence_one_way
from models.pictures.bars import without_bars
from models.pictures.decoding import Picture

VERSION = 1
SIZE = 2 + GRID * GRID * 3
"""Bytes of a fingerprint: its version, the aspect ratio, and the colours of 16 by 16 cells."""

BLURRED = 16
"""Lines between a bar and the picture that a JPEG may blur: the side of its blocks of colour."""

_WORTH_TURNING_ROUND = -4.0
"""The evidence above which the other picture is also laid over the one: what is cropped fits better from one side."""


def fingerprint_of(picture: Picture, blurred: int = 0) -> bytes:
    """Return the fingerprint of a picture, bars cut off: SIZE bytes.

    What catalogues keep has `blurred` 0; with BLURRED, more of the frames that were put around a copy are known.
    """
    pixels = picture.pixels if picture.pixels.ndim == 3 else np.repeat(picture.pixels[:, :, None], 3, axis=2)
    shown = pixels[without_bars(pixels, blurred)]
    cells = np.asarray(Image.fromarray(shown).resize((GRID, GRID), Image.Resampling.BOX, reducing_gap=3.0))
    octaves = math.log2(shown.shape[1] / shown.shape[0])
    return bytes((VERSION, int(np.clip(round(octaves * ASPECT_STEP) + ASPECT_ZERO, 0, 255)))) + cells.tobytes()


def are_copies(fingerprint: bytes, others: Sequence[bytes]) -> list[bool]:
    """Return which of others are of copies of the picture that a fingerprint is of; none of another version is."""
    return pairs_of_copies([(fingerprint, other) for other in others])


def pairs_of_copies(pairs: Sequence[tuple[bytes, bytes]]) -> list[bool]:
    """Return which pairs of fingerprints are of copies of one picture; many at once cost far less each."""
    comparable = [n for n, (one, other) in enumerate(pairs) if one[:1] == other[:1] == bytes((VERSION,))]
    found = [False] * len(pairs)
    for n, evidence in zip(comparable, evidence_of_pairs([pairs[n] for n in comparable]), strict=True):
        found[n] = evidence > 0
    return found


def copy_evidence(fingerprint: bytes, others: Sequence[bytes]) -> list[float]:
    """Return how much speaks for each of others being of a copy: about the logarithm of the odds, less the threshold.

    It is minus infinity where nothing lies over the other at all. All are of this version.
    """
    return evidence_of_pairs([(fingerprint, other) for other in others])


def evidence_of_pairs(pairs: Sequence[tuple[bytes, bytes]]) -> list[float]:
    """Return what `copy_evidence` does of each pair of a fingerprint and another; many at once cost far less each."""
    evidence = evidence_one_way(pairs)
    near = [n for n, one in enumerate(evidence) if _WORTH_TURNING_ROUND < one <= 0]
    for n, turned in zip(near, evidence_one_way([pairs[n][::-1] for n in near]), strict=True):
        evidence[n] = max(evidence[n], turned)
    return evidence


def groups_of(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Return what hangs together by pairs of numbers: groups of two and more, each and all of them in order."""
    leads_to: dict[int, int] = {}

    def head(number: int) -> int:
        while (upper := leads_to.setdefault(number, number)) != number:
            leads_to[number] = leads_to[upper]
            number = leads_to[number]
        return number

    for one, other in pairs:
        first, second = sorted((head(one), head(other)))
        leads_to[second] = first
    groups: dict[int, list[int]] = {}
    for number in sorted(leads_to):
        groups.setdefault(head(number), []).append(number)
    return [tuple(group) for _, group in sorted(groups.items()) if len(group) > 1]
