"""JSON Lines: tables in files, and what comes through a pipe."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from indexer.sources.bounded_lines import bounded_lines
from indexer.sources.errors import DuplicateId, SourceEmpty, TableDamaged
from indexer.sources.items import Failure, SourceItem
from indexer.sources.table_rows import Row, open_table, source_item
from indexer.sources.web.access import NO_ACCESS, WebAccess


class JsonRows:
    """The rows of a JSON Lines file, an object a line; null is missing, blank lines are passed over."""

    is_text = False
    columns: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Row]:
        with open_table(self.path) as file:
            for number, line in bounded_lines(file, str(self.path)):
                row = _row(number, line, str(self.path))
                if isinstance(row, TableDamaged):
                    raise row
                if row is not None:
                    yield row


class JsonStream:
    """Items as JSON Lines on a stream that can be read once; pictures by their paths relative to a folder, or at web
    addresses as far as `web` allows.

    Nothing is known in advance, so every problem is the failure of one row. Raises SourceEmpty at the end of a stream
    without any row.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, file: BinaryIO, folder: Path, web: WebAccess = NO_ACCESS) -> None:
        self._file = file
        self._folder = folder
        self._web = web

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
            item = source_item(row, self._folder, self._web)
            if item.id is not None and (first := line_of.setdefault(item.id, number)) != number:
                yield Failure(number, item.id, DuplicateId.code, f"The id {item.id!r} was on line {first} already.")
            else:
                yield item
        if not number:
            raise SourceEmpty("Nothing came on standard input. Send an object with id and image on every line.")


def _row(number: int, line: str | TableDamaged, name: str) -> Row | TableDamaged | None:
    """Return the row on a line, None for a blank one, or why it is none."""
    if isinstance(line, TableDamaged):
        return line
    if not line.strip():
        return None
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        return TableDamaged(f"{name}: line {number} is no JSON ({error}). Put one object on every line.")
    if not isinstance(values, dict):
        return TableDamaged(f"{name}: line {number} is no JSON object. Put one object on every line.")
    return Row(number, {column: value for column, value in values.items() if value is not None and value != ""})
