"""Sources by the names that a person gives them."""

import stat
from pathlib import Path
from typing import BinaryIO, Protocol

from indexer.sources.errors import SourceUnreadable, UnknownSource
from indexer.sources.fashion_mnist import FashionMNIST
from indexer.sources.folder import Folder
from indexer.sources.items import Source
from indexer.sources.json_rows import JsonStream
from indexer.sources.source_options import AS_IT_IS, SourceOptions
from indexer.sources.tables import FORMATS, Table
from indexer.sources.tabular.opened import format_suffix
from indexer.sources.web.access import NO_ACCESS, WebAccess
from models.datasets import fashion_mnist
from models.progress import Progress

FASHION_MNIST = "fashion-mnist"
SAMPLE = "sample"
STREAM = "-"


class NamedSource(Source, Protocol):
    """A source that a person named, with sentences on how it was read."""

    @property
    def notes(self) -> tuple[str, ...]: ...


def open_source(
    name: str,
    data_dir: Path | str | None = None,
    progress: Progress | None = None,
    stream: BinaryIO | None = None,
    web: WebAccess = NO_ACCESS,
    options: SourceOptions = AS_IT_IS,
) -> NamedSource:
    """Return a source: `fashion-mnist` (its 10,000 test images), `sample`, the path of a folder or a table, or `-`.

    `-` is JSON Lines on `stream`, with paths relative to the current directory. `progress(done, total)` counts the
    bytes of a download; `web` says which hosts pictures may be fetched from, `options` how
    folders and tables are read. Raises UnknownSource, SourceUnreadable,
    or what `models.datasets.fashion_mnist.load`, `Folder` and `Table` raise.
    """
    if name == FASHION_MNIST:
        return FashionMNIST(fashion_mnist.load("test", data_dir, progress), "test")
    if name == SAMPLE:
        from indexer.sources.sample import SampleCatalogue  # what draws is loaded only where it is wanted

        return SampleCatalogue()
    if name == STREAM and stream is not None:
        return JsonStream(stream, Path(), web, options)
    path = Path(name)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        mode = None
    except OSError as error:
        raise SourceUnreadable(f"{path} can't be read ({error.strerror or error}). Check it.") from error
    if mode is not None and stat.S_ISDIR(mode):
        return Folder(path, options)
    if mode is not None and stat.S_ISREG(mode) and format_suffix(path) in FORMATS:
        return Table(path, web, options)
    what = "does not exist" if mode is None else "is of no kind that can be read"
    raise UnknownSource(
        f"The source {name!r} {what}. Choose {FASHION_MNIST}, {SAMPLE}, a folder of pictures, a table "
        f"({', '.join(FORMATS)}, also packed as .gz), or {STREAM} for JSON Lines on standard input."
    )
