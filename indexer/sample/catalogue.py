"""The sample catalogue as a source of items."""

from collections.abc import Iterator

from indexer.sample.products import SEED, products
from indexer.sources import SourceItem, content_of
from models.pictures import Picture


class SampleCatalogue:
    """The drawn products as items, in an order of their own; a picture is drawn when its item is asked for."""

    def __init__(self, seed: int = SEED) -> None:
        self._products = products(seed)

    def __len__(self) -> int:
        return len(self._products)

    def __iter__(self) -> Iterator[SourceItem]:
        for product in self._products:
            pixels = product.draw()
            attributes = dict(product.attributes)
            yield SourceItem(product.id, Picture(pixels), attributes, content_of(pixels.tobytes(), attributes))
