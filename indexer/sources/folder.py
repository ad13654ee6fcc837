"""A folder of pictures as a source of items."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from indexer.sources.errors import InvalidRow, SourceEmpty, SourceUnreadable
from indexer.sources.items import Failure, SourceItem
from indexer.sources.picture_files import PictureFile
from indexer.validation import id_error

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
)
"""How the names of picture files end, in either case; where no HEIC can be read, one fails with advice."""


class Folder:
    """Every picture in a folder and the folders in it, in order of the path.

    Its id is the path below the folder, with forward slashes; a picture in a sub-folder has that one's path as the
    attribute `folder`. What is hidden (a name that begins with a dot) is passed over, and so are files that don't
    have a picture's name. Links to files are followed, links to folders are not.

    Raises SourceUnreadable and SourceEmpty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unreadable: list[Failure] = []
        self._passed_over: Counter[str] = Counter()
        self._found = sorted(self._walk())
        if not self._found and not self._unreadable:
            raise SourceEmpty(f"There is no picture in {path}: no file with a name like *.jpg, *.png or *.webp.")

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for a person on how the folder was read."""
        if not self._passed_over:
            return ()
        kinds = ", ".join(
            f"{count} {suffix or 'without a suffix'}" for suffix, count in self._passed_over.most_common(5)
        )
        return (f"Passed over as no pictures, by their names: {kinds}.",)

    def __len__(self) -> int:
        return len(self._found) + len(self._unreadable)

    def __iter__(self) -> Iterator[SourceItem | Failure]:
        for id_ in self._found:
            if problem := id_error(id_):
                place = id_.encode(errors="backslashreplace").decode()
                yield Failure(place, None, InvalidRow.code, f"{problem} Rename the file.")
                continue
            folder = id_.rpartition("/")[0]
            yield SourceItem(id_, PictureFile(self._path / id_), {"folder": folder} if folder else {}, place=id_)
        yield from self._unreadable

    def _walk(self) -> Iterator[str]:
        for directory, folders, files in os.walk(self._path, onerror=self._note_unreadable):
            folders[:] = [name for name in folders if not name.startswith(".")]
            below = Path(directory).relative_to(self._path)
            for name in files:
                suffix = Path(name).suffix.lower()
                if suffix in SUFFIXES and not name.startswith("."):
                    yield (below / name).as_posix()
                elif not name.startswith("."):
                    self._passed_over[suffix] += 1

    def _note_unreadable(self, error: OSError) -> None:
        path = Path(error.filename)
        reason = error.strerror or str(error)
        if path == self._path:
            raise SourceUnreadable(f"{path} can't be read ({reason}). Check its permissions.") from error
        message = f"The folder {str(path)!r} can't be read ({reason}). Check its permissions and run again."
        place = path.relative_to(self._path).as_posix().encode(errors="backslashreplace").decode()
        self._unreadable.append(Failure(place, None, SourceUnreadable.code, message, hides_items=True))
