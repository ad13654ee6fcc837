"""Tables of text with a delimiter between values: CSV, TSV and the like."""

import csv
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from indexer.sources.bounded_lines import LONGEST_LINE, bounded_lines
from indexer.sources.errors import SourceEmpty, TableDamaged
from indexer.sources.table_rows import Row
from indexer.sources.tabular.amounts import number_in
from indexer.sources.tabular.headings import SEARCHED, has_all, head_of
from indexer.sources.tabular.opened import format_suffix, open_table
from indexer.sources.tabular.safe_cells import plain_cell
from indexer.sources.tabular.tab_rows import tab_rows

DELIMITERS = {".csv": ",;\t|", ".tsv": "\t,;|", ".tab": "\t,;|", ".txt": "\t,;|"}
"""What may stand between values, by the file's suffix; the first that yields the columns `id` and `image` does."""

_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SEPARATOR = "sep="
_BLANK = " \t\r\n,;|"

__all__ = ["DELIMITERS", "CsvRows", "number_in"]


class CsvRows:
    """The rows of a text file (RFC 4180) with a head; values are strings without the blanks around them.

    Empty values are missing, and so are rows of nothing else. Rows above the head are passed over. Between tabs, quotes
    that quote no whole value are part of it.
    """

    is_text = True

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_table(path) as file:
            first = _first_lines(_Lines(bounded_lines(file, str(path))))
        if not any(line.strip(_BLANK) for line in first):
            raise SourceEmpty(f"{path} is empty. Its first line names the columns: id, image, and any others.")
        self.delimiter, self._head_row, cells = _found_head(first, path)
        head = head_of(cells, path)
        self.columns, self.unnamed = head.names, head.unnamed
        self.notes = head.notes
        if self.delimiter != DELIMITERS[format_suffix(path)][0]:
            self.notes = (f"Values are divided by {_NAMES.get(self.delimiter, repr(self.delimiter))}.", *self.notes)
        if self._head_row > 1 + any(line.lower().startswith(_SEPARATOR) for line in first[:1]):
            self.notes = (f"The head is row {self._head_row}; what stands above it is passed over.", *self.notes)

    def __iter__(self) -> Iterator[Row]:
        with open_table(self.path) as file:
            lines = _Lines(bounded_lines(file, str(self.path)))
            number = 0
            try:
                for number, cells in enumerate(_rows(lines, self.delimiter, strict=True), 1):
                    lines.held = 0
                    if number > self._head_row and any(cells):
                        row = self._row(number, cells)
                        if row.values:
                            yield row
            except csv.Error as error:
                raise TableDamaged(
                    f"{self.path}: row {number + 1} is no sound CSV ({error}). Check its quotes."
                ) from error

    def _row(self, number: int, cells: list[str]) -> Row:
        count = len(self.columns)
        if len(cells) != count:
            if len(cells) < count or any(cell.strip() for cell in cells[count:]):
                if not any(cell.strip() for cell in cells):
                    return Row(number, {})
                raise TableDamaged(
                    f"{self.path}: row {number} has {len(cells)} values for {count} columns. Quote values that hold "
                    "the delimiter."
                )
            del cells[count:]
        named = zip(self.columns, map(str.strip, cells), strict=True)
        return Row(number, {name: value if value[0] != "'" else plain_cell(value) for name, value in named if value})


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


def _first_lines(lines: _Lines) -> list[str]:
    """Return the lines among which the head is; those before anything that is no text."""
    first: list[str] = []
    try:
        for line in islice(lines, 2 * SEARCHED):
            lines.held = 0
            first.append(line)
    except TableDamaged:
        if not any(line.strip() for line in first):
            raise
    return first


def _rows(lines: Iterator[str], delimiter: str, strict: bool) -> Iterator[list[str]]:
    """Yield rows as lists of cells; the line by which Excel is told the delimiter is a row without any."""
    first = next(lines, "")
    if first[: len(_SEPARATOR)].lower() == _SEPARATOR:
        yield []
    elif first:
        lines = chain([first], lines)
    if delimiter == "\t":
        yield from tab_rows(lines)
    else:
        yield from csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=strict)


def _found_head(first: list[str], path: Path) -> tuple[str, int, list[str]]:
    """Return the delimiter, the number of the head's row, and its cells; where none has `id` and `image`, the first
    row that is not blank, by the delimiter that finds most in it.
    """
    candidates = DELIMITERS[format_suffix(path)]
    if first[0][: len(_SEPARATOR)].lower() == _SEPARATOR:
        candidates = first[0][len(_SEPARATOR) :].strip(" \"'\r\n")[:1] or "\t"
    instead: tuple[str, int, list[str]] | None = None
    trouble: csv.Error | None = None
    for delimiter in candidates:
        try:
            for number, cells in enumerate(islice(_rows(iter(first), delimiter, strict=False), SEARCHED), 1):
                if has_all(cells):
                    return delimiter, number, cells
                if any(cell.strip() for cell in cells) and (
                    instead is None or (instead[0] != delimiter and len(cells) > len(instead[2]))
                ):
                    instead = delimiter, number, cells
        except csv.Error as error:
            trouble = error
    if instead is None or (trouble is not None and len(instead[2]) == 1):
        raise TableDamaged(f"{path}: the first line names no columns ({trouble}). Is it a table?") from trouble
    return instead
