"""Picture files that are named one by one, or by a pattern, as a source of items."""

from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

from indexer.sources.errors import InvalidRow
from indexer.sources.files.walk import SUFFIXES
from indexer.sources.items import Failure, SourceItem
from indexer.sources.picture_files import PictureFile
from indexer.validation import id_error


class LoosePictures:
    """Some picture files in the order in which they are named; the id of each is its path as it is given."""

    notes: tuple[str, ...] = ()

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[SourceItem | Failure]:
        for path in self._paths:
            if problem := id_error(path):
                place = path.encode(errors="backslashreplace").decode()
                yield Failure(place, None, InvalidRow.code, f"{problem} Rename the file.")
            else:
                yield SourceItem(path, PictureFile(Path(path)), place=path)


def pictures_named(name: str) -> list[str]:
    """Return the paths of the pictures that a person means by a file's name or by a pattern like `photos/*.jpg`.

    None where the name is of something else: a folder, a table, a source of its own.
    """
    path = Path(name)
    if path.suffix.lower() in SUFFIXES and not path.is_dir() and (path.exists() or not has_magic(name)):
        return [name]
    if not has_magic(name) or path.exists():
        return []
    found = (
        one
        for one in glob(name, recursive=True)  # noqa: PTH207 -- a path may be absolute
        if Path(one).suffix.lower() in SUFFIXES
    )
    return sorted(one for one in found if not Path(one).is_dir())
