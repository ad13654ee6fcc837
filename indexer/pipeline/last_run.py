"""What the last run over a table saw: where nothing of it has changed since, the next run has nothing to do.

The file `last-run` beside a catalogue has a line for each picture, what the file system said of it before it was read,
and at the end what else must be as it was: the table, how it is read, and the catalogue's own state. Without that file,
or where any of it differs, everything is compared by its content.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from indexer.catalogue.item_list import Items
from indexer.pipeline.run_report import IndexReport
from indexer.sources.items import Failure, Source, SourceItem
from indexer.sources.picture_files import PictureFile
from models.errors import LookalikeError
from models.files import written_whole

LAST_RUN_FILE = "last-run"

_FORMAT = 1
"""Another number wherever tables are read in another way than before, so that each is read anew."""

_TICK_NS = 50_000_000
_COARSE_TICK_NS = 2_000_000_000
_SECOND_NS = 1_000_000_000
_LARGEST_END = 2**16


class _Table(Source, Protocol):
    """A table as a source: its file, and its rows."""

    @property
    def path(self) -> Path: ...

    def __len__(self) -> int: ...


class Watched:
    """A table as it is, and a note of each picture before it is read. Written down by `keep`, else dropped.

    Nothing is kept of a table with rows that fail, or with pictures that are no files beside it: each run looks at
    these. Nor is it where a file was written just before it was read, and could be once more unnoticed, the clocks of
    file systems being coarse.
    """

    def __init__(self, table: _Table, directory: Path) -> None:
        self._table = table
        self._path = directory / LAST_RUN_FILE
        self._stamp = _stamp(os.path.abspath(table.path))  # noqa: PTH100 -- links stay what they are
        self._is_known = self._stamp is not None
        self._lines = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by `__exit__`

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[SourceItem | Failure]:
        folder = os.getcwd()  # noqa: PTH109
        for row in self._table:
            if self._is_known:
                self._note(_line_of(row, folder))
            yield row

    def keep(self, options: str, pruned: bool, version: str, generation: int) -> None:
        """Write down what was seen, together with the version and the generation that the catalogue has now."""
        if not self._is_known or self._stamp is None:
            return
        end = {
            "format": _FORMAT,
            "table": os.path.abspath(self._table.path),  # noqa: PTH100
            "stamp": self._stamp,
            "options": options,
            "pruned": pruned,
            "version": version,
            "generation": generation,
            "items": len(self._table),
        }
        with suppress(OSError):
            self._lines.write(json.dumps(end).encode())
            self._lines.seek(0)
            with written_whole(self._path) as draft, draft.open("wb") as file:
                shutil.copyfileobj(self._lines, file)

    def _note(self, line: bytes | None) -> None:
        try:
            self._lines.write(line or b"")
        except OSError:
            line = None
        self._is_known = line is not None

    def __enter__(self) -> "Watched":
        with suppress(OSError):  # a directory that can't be written to is told of by others
            self._path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()


def unchanged(directory: Path, source: str, options: str, prune: bool) -> tuple[IndexReport, int] | None:
    """Return the report of a run that has nothing to do, and the number of items; None where that is not known.

    `options` is what else tells how the source is read, in any form that is the same for the same.
    """
    with suppress(OSError, ValueError, KeyError, TypeError, LookalikeError):  # noqa: SIM117
        with (directory / LAST_RUN_FILE).open("rb") as file, Items(directory) as items:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LARGEST_END))
            end: dict[str, Any] = json.loads(file.read().rpartition(b"\n")[2])
            table = os.path.abspath(source)  # noqa: PTH100
            wanted = (_FORMAT, table, options, True)
            if (end["format"], end["table"], end["options"], end["pruned"] or not prune) != wanted:
                return None
            if _stamp(table, may_be_new=True) != end["stamp"]:
                return None
            if items.version != end["version"]:
                return None
            file.seek(0)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                size_and_times, _, path = line[:-1].partition(b"\t")
                if _told(os.stat(path)) != size_and_times:  # noqa: PTH116 -- as above
                    return None
            return IndexReport(0, 0, end["items"], end["generation"]), items.count()
    return None


def _line_of(row: SourceItem | Failure, folder: str) -> bytes | None:
    """Return what is noted of a row's picture; None where it has none that is told by its file alone."""
    if not isinstance(row, SourceItem) or not isinstance(row.picture, PictureFile):
        return None
    path = os.path.join(folder, row.picture.path)  # noqa: PTH118 -- pathlib takes a third of a second for 100,000
    stamp = None if "\n" in path else _stamp(path)
    return None if stamp is None else b"%s\t%s\n" % (stamp.encode(), os.fsencode(path))


def _stamp(path: str, may_be_new: bool = False) -> str | None:
    """Return what a file system says of a file; None where it may change without being told by that."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    written = max(status.st_mtime_ns, status.st_ctime_ns)
    tick = _TICK_NS if status.st_mtime_ns % _SECOND_NS else _COARSE_TICK_NS
    return _told(status).decode() if may_be_new or time.time_ns() - written > tick else None


def _told(status: os.stat_result) -> bytes:
    return b"%d %d %d %d" % (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
