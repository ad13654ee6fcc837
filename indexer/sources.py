"""Where items come from: things that yield pictures with ids and attributes."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from indexer.errors import UnknownSource
from indexer.records import AttributeValue
from models import fashion_mnist
from models.download import Progress
from models.pictures import Picture

FASHION_MNIST = "fashion-mnist"
NAMES = (FASHION_MNIST,)
"""The sources that `open_source` knows by name."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceItem:
    """One item before it is indexed; `content` changes when its picture or its attributes do."""

    id: str
    picture: Picture
    attributes: Mapping[str, AttributeValue]
    content: str


class Source(Protocol):
    """Items in an order of their own, the same whenever they are iterated; ids are unique."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[SourceItem]: ...


class FashionMNIST:
    """A split as the product pictures that it was made from: grey, dark on white, `255 - image`.

    Ids are the split's name and the image's place in it, `test-00000`; attributes the true class and the split.
    """

    def __init__(self, split: fashion_mnist.Split, name: fashion_mnist.SplitName) -> None:
        self._split = split
        self._name = name

    def __len__(self) -> int:
        return len(self._split.images)

    def __iter__(self) -> Iterator[SourceItem]:
        for number, (image, label) in enumerate(zip(self._split.images, self._split.labels, strict=True)):
            pixels = np.invert(image)
            attributes = {"class": fashion_mnist.CLASSES[label], "split": self._name}
            yield SourceItem(
                f"{self._name}-{number:05}", Picture(pixels), attributes, content_of(pixels.tobytes(), attributes)
            )


def open_source(name: str, data_dir: Path | str | None = None, progress: Progress | None = None) -> Source:
    """Return a source by name: `fashion-mnist`, the 10,000 test images.

    `progress(done, total)` counts the bytes of a download. Raises UnknownSource, or what
    `models.fashion_mnist.load` raises.
    """
    if name != FASHION_MNIST:
        raise UnknownSource(f"There is no source {name!r}. Choose from: {', '.join(NAMES)}.")
    return FashionMNIST(fashion_mnist.load("test", data_dir, progress), "test")


def content_of(picture: bytes, attributes: Mapping[str, AttributeValue]) -> str:
    """Return what identifies an item's content: SHA-256 over its picture's bytes and its attributes."""
    digest = hashlib.sha256(picture)
    digest.update(json.dumps(attributes, sort_keys=True).encode())
    return digest.hexdigest()
