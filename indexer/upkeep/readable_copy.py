"""A database that SQLite refuses, made readable in a copy: the log put in page by page, the first page made to fit."""

import re
import shutil
import struct
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw

from indexer.database.locations import DATABASE_FILE
from indexer.database.storage_errors import storage_errors
from indexer.database.store import SCHEMA, Store
from indexer.upkeep.scratch import scratch

PAGE = 4096
"""Bytes of a page of every catalogue."""

_MOST_PAGES_GROWN = 2**16  # by one page of a log
_LEAST_PAGES = 16  # more than the tables begin on: SQLite reads nothing where one begins beyond the end

_COMMENT, _SPACE = re.compile(r"--.*"), re.compile(r"\s+")


@contextmanager
def readable_copy(directory: Path, pages: Iterable[tuple[int, bytes | memoryview]]) -> Iterator[apsw.Connection]:
    """Give a connection to a copy of a catalogue's database, which goes when the block ends. Its tables may be damaged.

    `pages`, by their numbers from 1, are put in: those of its log, or repaired ones.

    Raises CatalogueNotWritable when there is no room for it in the directory.
    """
    with storage_errors(directory), scratch(directory, "examined") as place:
        copy = place / DATABASE_FILE
        shutil.copyfile(directory / DATABASE_FILE, copy)
        _put_in(copy, pages)
        _make_fit(copy)
        try:
            connection = _opened(copy)
        except apsw.Error:
            _replace_first_page(copy, place / "new")
            connection = _opened(copy)
        with closing(connection):
            yield connection


def has_our_schema(connection: apsw.Connection) -> bool:
    """Tell whether a database's tables are those of a catalogue; raises apsw.Error when that can't be read."""
    with closing(apsw.Connection(":memory:")) as new:
        new.execute(SCHEMA.read_text(encoding="utf-8"))
        return _schema(connection) == _schema(new)


def _schema(connection: apsw.Connection) -> set[tuple[str, ...]]:
    found = connection.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema")
    return {(*names, _SPACE.sub("", _COMMENT.sub("", sql))) for *names, sql in found}


def _put_in(copy: Path, pages: Iterable[tuple[int, bytes | memoryview]]) -> None:
    with copy.open("r+b") as file:
        for number, page in pages:
            if 0 < number <= file.seek(0, 2) // PAGE + _MOST_PAGES_GROWN:  # or the number is damaged
                file.seek((number - 1) * PAGE)
                file.write(page)


def _make_fit(copy: Path) -> None:
    """Let the header say how many pages there are, and that none is free (https://www.sqlite.org/fileformat2.html)."""
    with copy.open("r+b") as file:
        pages = max(_LEAST_PAGES, -(-file.seek(0, 2) // PAGE))
        file.truncate(pages * PAGE)
        for place, value in ((28, pages), (32, 0), (36, 0), (24, 1), (92, 1)):
            file.seek(place)
            file.write(struct.pack(">I", value))


def _opened(copy: Path) -> apsw.Connection:
    connection = apsw.Connection(
        f"{copy.absolute().as_uri()}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    )
    try:
        if not has_our_schema(connection):
            raise apsw.CorruptError("the tables are not those of a catalogue")
    except (apsw.Error, UnicodeDecodeError) as error:
        connection.close()
        raise apsw.CorruptError(str(error)) from error
    return connection


def _replace_first_page(copy: Path, place: Path) -> None:
    """Put the first page of a new catalogue in: it says the same in all, as all are made in the same way."""
    store = Store(place, busy_seconds=1)
    store.create("", 1, "[]")
    store.close()
    with copy.open("r+b") as file:
        file.write((place / DATABASE_FILE).read_bytes()[:PAGE])
    _make_fit(copy)
