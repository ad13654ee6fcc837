"""The sample catalogue as a source of items."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sample_shop
from indexer.content_key import ContentKey, picture_checksum
from indexer.sources.items import SourceItem
from models.pictures.png import encode_png
from sample_shop.products import SEED, Product, products


class SampleCatalogue:
    """The drawn products as items, in an order of their own.

    A picture is drawn when it is read. Its content is told without drawing it, from the code that draws and the
    product's place, so that a second run has nothing to do.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, seed: int = SEED) -> None:
        self._seed = seed

    def __len__(self) -> int:
        return len(_assortment(self._seed))

    def __iter__(self) -> Iterator[SourceItem]:
        for number, product in enumerate(_assortment(self._seed)):
            picture = DrawnPicture(self._seed, number)
            attributes = dict(product.attributes)
            content_key = ContentKey.of(picture_checksum(picture.recipe()), attributes)
            yield SourceItem(product.id, picture, attributes, content_key)


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """The picture of the product at a place in the assortment: light to send to another process."""

    seed: int
    number: int

    def read(self) -> bytes:
        """Draw it, and return it as the bytes of a PNG, 400 x 500 pixels."""
        return encode_png(_assortment(self.seed)[self.number].draw())

    def recipe(self) -> bytes:
        """Return what tells it from any other drawing, also from one by earlier code."""
        return b"%s %d %d" % (_drawing_code(), self.seed, self.number)


@cache
def _assortment(seed: int) -> Sequence[Product]:
    return products(seed)


@cache
def _drawing_code() -> bytes:
    digest = hashlib.sha256()
    for module in sorted(Path(sample_shop.__file__).parent.rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest().encode()
