"""Where the product is composed: an embedder, the catalogue made with it, and the engine over both."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search_api.engine import Engine


def open_engine(catalogue: Path, model: Path | None) -> "Engine":
    """Compose the product: an embedder, the catalogue made with it, and the engine over both."""
    import models
    from indexer.catalogue.local import LocalCatalogue
    from search_api.engine import Engine

    embedder = models.load(model)
    return Engine(embedder, LocalCatalogue.open(catalogue, embedder.card.fingerprint))
