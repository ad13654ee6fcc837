"""JSON: tables in files, as lines or as an array, and what comes through a pipe."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from indexer.sources.bounded_lines import bounded_lines
from indexer.sources.errors import DuplicateId, SourceEmpty, TableDamaged
from indexer.sources.files.places import PicturePlaces
from indexer.sources.items import Failure, SourceItem
from indexer.sources.source_options import AS_IT_IS, SourceOptions
from indexer.sources.table_rows import UNCHANGED, Row, source_item
from indexer.sources.tabular.encodings import encoding_of, told
from indexer.sources.tabular.headings import known_names
from indexer.sources.tabular.json_values import is_array, json_values
from indexer.sources.tabular.opened import format_suffix, open_table
from indexer.sources.tabular.plain_values import flattened
from indexer.sources.web.access import NO_ACCESS, WebAccess

JSON = ".json"
"""The suffix of files that hold an array, or objects that may be written over several lines."""


class JsonRows:
    """The rows of a file of JSON: an object a line, or an array of objects; null and NaN are missing.

    Of lines, one that is no JSON is that row's problem.

    Objects in objects become columns of their own (`indexer.sources.tabular.plain_values`).
    """

    is_text = False
    columns: tuple[str, ...] = ()
    unnamed: frozenset[str] = frozenset()
    delimiter = ""

    def __init__(self, path: Path, encoding: str = "") -> None:
        self.path = path
        self._encoding = encoding or encoding_of(path)
        self.notes = () if encoding or not self._encoding else (told(self._encoding),)
        with open_table(path) as file:
            self._is_lines = format_suffix(path) != JSON and not is_array(file, str(path), self._encoding)

    def __iter__(self) -> Iterator[Row]:
        with open_table(self.path) as file:
            rows = self._lines(file) if self._is_lines else self._values(file)
            for row in rows:
                if isinstance(row, TableDamaged):
                    raise row
                yield row

    def _lines(self, file: BinaryIO) -> Iterator[Row]:
        for number, line in bounded_lines(file, str(self.path), self._encoding):
            row = _row(number, line, str(self.path))
            if isinstance(row, TableDamaged):
                yield Row(number, {}, str(row))
            elif row is not None:
                yield row

    def _values(self, file: BinaryIO) -> Iterator[Row | TableDamaged]:
        for number, (line, values) in enumerate(json_values(file, str(self.path), self._encoding), 1):
            yield _row_of(number, values, f"{self.path}: line {line}")


class JsonStream:
    """Items as JSON Lines on a stream that can be read once; pictures by their paths relative to a folder, or at web
    addresses as far as `web` allows.

    Nothing is known in advance, so every problem is the failure of one row. Raises SourceEmpty at the end of a stream
    without any row.
    """

    notes: tuple[str, ...] = ()

    def __init__(
        self, file: BinaryIO, folder: Path, web: WebAccess = NO_ACCESS, options: SourceOptions = AS_IT_IS
    ) -> None:
        self._file = file
        self._places = PicturePlaces(options.images_dir or folder, web, follow_links_out=options.follow_links_out)
        self._names = {theirs: ours for ours, theirs in options.columns.items()}

    def __iter__(self) -> Iterator[SourceItem | Failure]:
        line_of: dict[str, int] = {}
        number = 0
        for number, line in bounded_lines(self._file, "standard input"):
            row = _row(number, line, "standard input")
            if row is None:
                continue
            if isinstance(row, TableDamaged):
                yield Failure(number, None, row.code, str(row), hides_items=True)
                continue
            item = source_item(self._named(row), self._places)
            if item.id is not None and (first := line_of.setdefault(item.id, number)) != number:
                yield Failure(number, item.id, DuplicateId.code, f"The id {item.id!r} was on line {first} already.")
            else:
                yield item
        if not number:
            raise SourceEmpty("Nothing came on standard input. Send an object with id and image on every line.")

    def _named(self, row: Row) -> Row:
        """Return a row in the names that were given for its columns."""
        if not self._names:
            return row
        named = {ours: row.values[theirs] for theirs, ours in self._names.items() if theirs in row.values}
        rest = {name: value for name, value in row.values.items() if name not in self._names}
        return Row(row.number, rest | named)


def _row(number: int, line: str | TableDamaged, name: str) -> Row | TableDamaged | None:
    """Return the row on a line, None for a blank one, or why it is none."""
    if isinstance(line, TableDamaged):
        return line
    if not line.strip():
        return None
    try:
        values = json.loads(line.rstrip().removesuffix(","))
    except (ValueError, RecursionError) as error:
        return TableDamaged(f"{name}: line {number} is no JSON ({error}). Put one object on every line.")
    return _row_of(number, values, f"{name}: line {number}")


def _row_of(number: int, values: Any, place: str) -> Row | TableDamaged:
    if not isinstance(values, dict):
        return TableDamaged(f"{place} is no JSON object. Each item is one, with its id and its image.")
    item: dict[str, Any] = values
    renamed = known_names(list(item))
    return Row(number, flattened({renamed.get(name, name): value for name, value in item.items()}, UNCHANGED))
