"""CSV and TSV tables, and the numbers in them."""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from indexer.filters import LARGEST_INTEGER
from indexer.sources.bounded_lines import LONGEST_LINE, bounded_lines
from indexer.sources.errors import ColumnUnusable, SourceEmpty, TableDamaged
from indexer.sources.table_rows import ID, IMAGE, Row, open_table

DELIMITERS = {".csv": ",;\t", ".tsv": "\t", ".tab": "\t"}
"""What may stand between values, by the file's suffix; the first that yields the columns `id` and `image` does."""

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_LONGEST_NUMBER = 40


class CsvRows:
    """The rows of a CSV or TSV file (RFC 4180) with a head; values are strings without the blanks around them.

    Empty values are missing.
    """

    is_text = True

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_table(path) as file:
            lines = _Lines(bounded_lines(file, str(path)))
            first = next(lines, "")
        if not first.strip():
            raise SourceEmpty(f"{path} is empty. Its first line names the columns: id, image, and any others.")
        try:
            names = {delimiter: _cells(first, delimiter) for delimiter in DELIMITERS[path.suffix.lower()]}
        except csv.Error as error:
            raise TableDamaged(f"{path}: the first line names no columns ({error}). Is it a table?") from error
        complete = (delimiter for delimiter, cells in names.items() if {ID, IMAGE} <= set(cells))
        self._delimiter = next(complete, next(iter(names)))
        self.columns = tuple(names[self._delimiter])
        for column in self.columns:
            count = self.columns.count(column)
            if count > 1 or not column:
                what = f"{count} columns {column!r}" if column else "a column without a name"
                raise ColumnUnusable(f"{path} has {what}. Give each a name of its own in the first line.")

    def __iter__(self) -> Iterator[Row]:
        with open_table(self.path) as file:
            lines = _Lines(bounded_lines(file, str(self.path)))
            number = 0
            try:
                rows = csv.reader(lines, delimiter=self._delimiter, skipinitialspace=True, strict=True)
                for number, cells in enumerate(rows, 1):
                    lines.held = 0
                    if number > 1 and cells:
                        yield self._row(number, cells)
            except csv.Error as error:
                raise TableDamaged(
                    f"{self.path}: row {number + 1} is no sound CSV ({error}). Check its quotes."
                ) from error

    def _row(self, number: int, cells: list[str]) -> Row:
        if len(cells) != len(self.columns):
            raise TableDamaged(
                f"{self.path}: row {number} has {len(cells)} values for {len(self.columns)} columns. Quote values that "
                "hold the delimiter."
            )
        named = zip(self.columns, map(str.strip, cells), strict=True)
        return Row(number, {name: value for name, value in named if value})


class _Lines:
    """Lines for a CSV reader, which may join several to a row: `held` counts the characters since it was set to 0."""

    def __init__(self, lines: Iterable[tuple[int, str | TableDamaged]]) -> None:
        self._lines = iter(lines)
        self.held = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number, line = next(self._lines)
        if isinstance(line, TableDamaged):
            raise line
        self.held += len(line)
        if self.held > LONGEST_LINE:
            raise csv.Error(f"it goes on past line {number} without an end")
        return line


def number_in(text: str) -> int | float | None:
    """Return the number that a value is, or None. Leading zeros make no number: they are part of a code."""
    if len(text) > _LONGEST_NUMBER or not (match := _NUMBER.fullmatch(text)):
        return None
    number = float(text) if match[2] or match[3] else int(text)
    return number if abs(number) <= LARGEST_INTEGER else None


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the names in a head; a head that is not sound has those that it seems to have."""
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]
