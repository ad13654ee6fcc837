"""Where the product is composed: an embedder, the catalogue made with it, and the engine over both."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from search_api.engine import Engine


def open_engine(catalogue: Path | str, model: Path | str | None = None) -> "Engine":
    """Compose the product: an embedder, the catalogue made with it, and the engine over both. Close it when done.

    `model` is a shipped model's name or a bundle's directory, by default what the catalogue was made with. Raises what
    `models.load` and `LocalCatalogue.open` do.
    """
    import models
    from indexer.catalogue.local import LocalCatalogue
    from indexer.directory import bundle_for
    from search_api.engine import Engine

    embedder = models.load(bundle_for(catalogue, model))
    return Engine(embedder, LocalCatalogue.open(catalogue, embedder.card.fingerprint))


def prepare_engine(catalogue: Path, model: Path | None) -> "Callable[[], Engine]":
    """Read what the engine is made of, and return what makes it as often as wanted, and always the same.

    That holds though the catalogue is reindexed or the model's files are exchanged meanwhile. It starts no thread, so
    the process may be forked before the engine is made.
    """
    from indexer.catalogue.local import LocalCatalogue
    from indexer.database.locations import located
    from indexer.directory import bundle_for
    from models.runtime import LiteRTEmbedder, read_bundle
    from search_api.engine import Engine

    bundle = read_bundle(bundle_for(catalogue, model))
    place = located(catalogue)

    def make() -> Engine:
        return Engine(LiteRTEmbedder(bundle), LocalCatalogue.open(catalogue, bundle.card.fingerprint, place=place))

    return make
