"""Photographs of garments in a folder, a sub-folder for each kind, and which classes are right for each kind."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from models.card import PHOTOGRAPHS_FILE
from models.datasets.fashion_mnist import CLASSES
from models.errors import DatasetMissing, LookalikeError, UnknownKind
from models.pictures.decoding import Picture, decode

RIGHT_CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {label.lower(): (label,) for label in CLASSES}
    | {
        "t-shirt": ("T-shirt/top",),
        "pants": ("Trouser",),
        "longsleeve": ("Pullover", "T-shirt/top", "Shirt"),
        "dress": ("Dress",),
        "outwear": ("Coat", "Pullover"),
        "shirt": ("Shirt",),
        "shoes": ("Sandal", "Sneaker", "Ankle boot"),
        "hat": (),
        "shorts": (),
        "skirt": (),
    }
)
"""For each kind of photograph the classes that are right; none where it is none of the classes."""

_WRITTEN = 16
"""Digits of a digest that are written down."""

_PARTS = 20
_UNSEEN, _HELD_OUT = 3, 2
"""Of twenty photographs so many are never looked at, and so many held out of learning, to say what is familiar."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph in a file, known by the SHA-256 of its bytes."""

    path: Path
    kind: str
    digest: str

    def read(self) -> Picture:
        """Decode it. Raises LookalikeError when the file is no picture."""
        return decode(self.path.read_bytes())

    @property
    def is_unseen(self) -> bool:
        """Whether training looks at it not at all."""
        return self._part < _UNSEEN

    @property
    def is_held_out(self) -> bool:
        """Whether it is not learned from, but says what is familiar."""
        return _UNSEEN <= self._part < _UNSEEN + _HELD_OUT

    @property
    def is_mapped(self) -> bool:
        """Whether any class is right for it."""
        return bool(RIGHT_CLASSES[self.kind])

    @property
    def _part(self) -> int:
        return int(self.digest[:8], 16) % _PARTS


def find_photographs(folder: Path) -> tuple[Photograph, ...]:
    """Return the photographs of a folder in order of their paths; what is no picture is left out.

    Raises DatasetMissing when there are none, UnknownKind when a sub-folder's name is none of RIGHT_CLASSES.
    """
    for kind in sorted(path for path in folder.glob("*") if path.is_dir()):
        if kind.name.lower() not in RIGHT_CLASSES:
            raise UnknownKind(f"{kind} is named like no kind that is known: {', '.join(RIGHT_CLASSES)}. Rename it.")
    return tuple(
        Photograph(path, path.parent.name.lower(), hashlib.sha256(data).hexdigest())
        for path, data, _ in pictures_in(folder)
    )


def pictures_in(folder: Path) -> Iterator[tuple[Path, bytes, Picture]]:
    """Yield the pictures in a folder's sub-folders, in order of their paths, with their bytes and decoded.

    What is no picture is left out. Raises DatasetMissing when there are none.
    """
    is_empty = True
    for path in sorted(folder.glob("*/*")):
        try:
            data = path.read_bytes()
            picture = decode(data)
        except (LookalikeError, OSError):
            continue
        is_empty = False
        yield path, data, picture
    if is_empty:
        raise DatasetMissing(f"{folder} has no sub-folder with pictures. Make one for each kind of picture.")


def right_classes(kind: str, classes: Sequence[str]) -> NDArray[np.bool_]:
    """Return which of some classes are right for a kind of photograph, bool (classes,)."""
    return np.asarray([label in RIGHT_CLASSES[kind] for label in classes])


def write_seen(photographs: Iterable[Photograph], path: Path) -> None:
    """Write down which photographs were learned from, or said what is familiar: a digest a line, in order."""
    path.write_text("".join(f"{digest}\n" for digest in sorted(_short(one) for one in photographs)), encoding="ascii")


def unseen_by(bundles: Sequence[Path], photographs: Sequence[Photograph]) -> tuple[Photograph, ...]:
    """Return the photographs that none of some bundles has learned from or held out.

    Raises DatasetMissing when there were photographs and none is left.
    """
    seen = set[str]().union(*(digests_seen(bundle) for bundle in bundles))
    left = tuple(one for one in photographs if _short(one) not in seen)
    if photographs and not left:
        raise DatasetMissing("The model has learned from every one of these photographs. Give others to measure it on.")
    return left


def digests_seen(bundle: Path) -> set[str]:
    """Return the digests of the photographs that a bundle has learned from or held out."""
    path = bundle / PHOTOGRAPHS_FILE
    return set(path.read_text(encoding="ascii").split()) if path.exists() else set()


def digest_of(data: bytes) -> str:
    """Return what a photograph is written down as, given the bytes of its file."""
    return hashlib.sha256(data).hexdigest()[:_WRITTEN]


def _short(photograph: Photograph) -> str:
    return photograph.digest[:_WRITTEN]
