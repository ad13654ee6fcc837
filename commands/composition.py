"""Where the product is composed: an embedder, the catalogue made with it, and the engine over both."""

from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from search_api.access.image_hosts import ImageHosts
    from search_api.engine import Engine


@contextmanager
def engine_without_items(model: Path | None = None, policy: Path | None = None) -> "Iterator[Engine]":
    """Give an engine over an empty catalogue, for what is asked of pictures alone.

    Without a `model` it is that of the policy's blocklist, or the one for photographs. Raises what `models.load` and
    PolicyFile do, and what `LocalCatalogue.open` does of the blocklist.
    """
    import models
    from indexer.catalogue.local import LocalCatalogue
    from indexer.directory import bundle_for
    from search_api.engine import Engine
    from search_api.moderation.policy_file import read_policy

    blocklist = None if policy is None else read_policy(policy).blocklist.catalogue
    if model is None and blocklist is None:
        bundle = models.bundle_directory(models.PHOTOGRAPHS)
    else:
        bundle = bundle_for(blocklist or Path(), model)
    embedder = models.load(bundle)
    card = embedder.card
    with (
        TemporaryDirectory(prefix="lookalike-") as directory,
        closing(LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes)) as catalogue,
        closing(Engine(embedder, catalogue, policy=policy)) as engine,
    ):
        yield engine


def open_engine(catalogue: Path | str, model: Path | str | None = None, image_hosts: "Iterable[str]" = ()) -> "Engine":
    """Compose the product: an embedder, the catalogue made with it, and the engine over both. Close it when done.

    `model` is a shipped model's name or a bundle's directory, by default what the catalogue was made with;
    `image_hosts` name where pictures are fetched from that are given by their addresses, as `ImageHosts` takes them.
    Raises what that, `models.load` and `LocalCatalogue.open` do.
    """
    import models
    from indexer.catalogue.local import LocalCatalogue
    from indexer.directory import bundle_for
    from search_api.access.image_hosts import ImageHosts
    from search_api.engine import Engine

    allowed = ImageHosts(image_hosts)
    embedder = models.load(bundle_for(catalogue, model))
    return Engine(embedder, LocalCatalogue.open(catalogue, embedder.card.fingerprint), image_hosts=allowed)


def prepare_engine(
    catalogue: Path, model: Path | None, policy: Path | None = None, image_hosts: "ImageHosts | None" = None
) -> "Callable[[], Engine]":
    """Read what the engine is made of, and return what makes it as often as wanted, and always the same.

    `policy` is the file of what pictures are moderated by, `image_hosts` where pictures are fetched from.

    That holds though the catalogue is reindexed or the model's files are exchanged meanwhile. It starts no thread, so
    the process may be forked before the engine is made.
    """
    from indexer.catalogue.local import LocalCatalogue
    from indexer.database.locations import located
    from indexer.directory import bundle_for
    from models.runtime import LiteRTEmbedder, read_bundle
    from search_api.engine import Engine

    if image_hosts:
        pass  # what every worker would import for itself
    bundle = read_bundle(bundle_for(catalogue, model))
    place = located(catalogue)

    def make() -> Engine:
        return Engine(
            LiteRTEmbedder(bundle),
            LocalCatalogue.open(catalogue, bundle.card.fingerprint, place=place),
            policy=policy,
            image_hosts=image_hosts,
        )

    return make
