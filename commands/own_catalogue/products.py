"""A shop's products, from a source or from a catalogue, as they are learned from and judged."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.training.own_catalogue.examples import Example

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexer.catalogue.local import LocalCatalogue
    from indexer.sources.items import EncodedPicture
    from indexer.sources.source_options import SourceOptions
    from indexer.sources.web.access import WebAccess
    from models.pictures.decoding import Picture

_LISTED_AT_ONCE = 500


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """Products that could be taken, how many pictures are on the web, and a sentence for each row that failed."""

    examples: tuple[Example, ...]
    on_the_web: int
    failures: tuple[str, ...]


def products_of(source: str, web: "WebAccess", options: "SourceOptions") -> Products:
    """Return the products of a folder, a table or the sample. Raises what `open_source` does."""
    from indexer.sources.items import Failure
    from indexer.sources.named_sources import open_source
    from indexer.sources.web.access import WebPicture

    examples: list[Example] = []
    failures: list[str] = []
    on_the_web = 0
    for one in open_source(source, web=web, options=options):
        if isinstance(one, Failure):
            failures.append(f"{one.place}: {one.message}")
        elif isinstance(one.picture, WebPicture):
            on_the_web += 1
        else:
            examples.append(Example(one.id, _readable(one.picture), words_of(one.attributes)))
    return Products(tuple(examples), on_the_web, tuple(failures))


def products_in(directory: Path) -> Products:
    """Return the items of a catalogue, with the pictures that it shows. Raises what `LocalCatalogue.open` does."""
    from indexer.catalogue.local import LocalCatalogue

    catalogue = LocalCatalogue.open(directory)
    with catalogue.reading() as state:
        ids = state.ids()
        items = [
            one
            for start in range(0, len(ids), _LISTED_AT_ONCE)
            for one in state.get(ids[start : start + _LISTED_AT_ONCE])
        ]
    return Products(
        tuple(Example(one.id, _Displayed(catalogue, one.id), words_of(one.attributes)) for one in items), 0, ()
    )


def words_of(attributes: "Mapping[str, Any]") -> dict[str, str]:
    """Return what attributes say in words: of a list its only member, of one with several nothing."""
    found = {}
    for name, value in attributes.items():
        said = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
        if said is not None and not isinstance(said, list | tuple):
            found[name] = str(said).lower() if isinstance(said, bool) else str(said)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Displayed:
    """The picture of an item as a catalogue shows it."""

    catalogue: "LocalCatalogue"
    id: str

    def read(self) -> bytes:
        with self.catalogue.reading() as state:
            return state.display(self.id).data


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """A picture that has no file: that of a product which is drawn."""

    picture: "Picture"

    def read(self) -> bytes:
        from PIL import Image

        file = BytesIO()
        Image.fromarray(self.picture.pixels).save(file, "PNG", compress_level=1)
        return file.getvalue()


def _readable(picture: "Picture | EncodedPicture") -> "EncodedPicture | _Drawn":
    from models.pictures.decoding import Picture

    return _Drawn(picture) if isinstance(picture, Picture) else picture
