"""Fashion-MNIST as a source of items."""

from collections.abc import Iterator

import numpy as np

from indexer.content_key import ContentKey, picture_checksum
from indexer.sources.items import SourceItem
from models.datasets.fashion_mnist import CLASSES, Split, SplitName
from models.pictures.decoding import Picture


class FashionMNIST:
    """A split as the product pictures that it was made from: grey, dark on white, `255 - image`.

    Ids are the split's name and the image's place in it, `test-00000`; attributes the true class and the split.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, split: Split, name: SplitName) -> None:
        self._split = split
        self._name = name

    def __len__(self) -> int:
        return len(self._split.images)

    def __iter__(self) -> Iterator[SourceItem]:
        for number, (image, label) in enumerate(zip(self._split.images, self._split.labels, strict=True)):
            pixels = np.invert(image)
            attributes = {"class": CLASSES[label], "split": self._name}
            content_key = ContentKey.of(picture_checksum(pixels.tobytes()), attributes)
            yield SourceItem(f"{self._name}-{number:05}", Picture(pixels), attributes, content_key)
