"""A folder of pictures as a source of items."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from indexer.sources.errors import DuplicateId, InvalidRow, SourceEmpty
from indexer.sources.files.walk import SUFFIXES, shown, walk
from indexer.sources.items import Failure, SourceItem
from indexer.sources.picture_files import PictureFile
from indexer.sources.source_options import AS_IT_IS, SourceOptions
from indexer.validation import id_error

__all__ = ["SUFFIXES", "Folder"]


class Folder:
    """Every picture in a folder and the folders in it, in order of the path.

    Its id is the path below the folder, with forward slashes; a picture in a sub-folder has that one's path as the
    attribute `folder`. What is hidden (a name that begins with a dot) is passed over, and so are the folders of systems
    and files that don't have a picture's name. Links are followed, and those told that lead out of the folder; a folder
    that several of them lead to is read once.

    Raises SourceUnreadable and SourceEmpty.
    """

    has_sub_folders = True

    def __init__(self, path: Path, options: SourceOptions = AS_IT_IS) -> None:
        self._path = path
        self._walked = walk(path, options)
        if not self._walked.found and not self._walked.failures:
            left_out = " ".join(self.notes)
            raise SourceEmpty(
                f"There is no picture in {path}: no file with a name like *.jpg, *.png or *.webp. {left_out}".strip()
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for a person on how the folder was read."""
        walked = self._walked
        notes = []
        if walked.passed_over:
            kinds = ", ".join(
                f"{count} {suffix or 'without a suffix'}" for suffix, count in walked.passed_over.most_common(5)
            )
            notes.append(f"Passed over as no pictures, by their names: {kinds}.")
        if walked.system:
            names = ", ".join(f"{count} {name}" for name, count in walked.system.most_common(5))
            notes.append(f"Left out as folders of the system, unless --include names them: {names}.")
        if walked.excluded:
            notes.append(f"Left out by --include and --exclude: {walked.excluded}.")
        if walked.links_out:
            names = ", ".join(map(shown, sorted(walked.links_out)[:5]))
            more = ", ..." if len(walked.links_out) > 5 else ""
            notes.append(f"Followed {len(walked.links_out)} links out of the folder: {names}{more}.")
        if walked.links_inside:
            notes.append(f"Links to folders that are read already: {walked.links_inside}.")
        return tuple(notes)

    def __len__(self) -> int:
        return len(self._walked.found) + len(self._walked.failures)

    def __iter__(self) -> Iterator[SourceItem | Failure]:
        spelt: dict[str, str] = {}
        for id_ in self._walked.found:
            if problem := id_error(id_):
                yield Failure(shown(id_), None, InvalidRow.code, f"{problem} Rename the file.")
                continue
            if not id_.isascii() and (other := spelt.setdefault(unicodedata.normalize("NFC", id_), id_)) != id_:
                message = f"{other!r} has the same name, in letters that are composed otherwise. Rename one of them."
                yield Failure(id_, None, DuplicateId.code, message)
                continue
            folder = id_.rpartition("/")[0]
            yield SourceItem(id_, PictureFile(self._path / id_), {"folder": folder} if folder else {}, place=id_)
        yield from self._walked.failures
