"""Tables of text with a delimiter between values: CSV, TSV and the like."""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, count, islice
from pathlib import Path

from indexer.sources.bounded_lines import LONGEST_LINE, bounded_lines
from indexer.sources.errors import SourceEmpty, TableDamaged
from indexer.sources.table_rows import UNCHANGED, Row
from indexer.sources.tabular.amounts import number_in
from indexer.sources.tabular.encodings import encoding_of
from indexer.sources.tabular.encodings import told as encoding_told
from indexer.sources.tabular.headings import IMAGE, SEARCHED, has_all, head_of
from indexer.sources.tabular.loose_rows import LooseRows, is_open
from indexer.sources.tabular.opened import format_suffix, open_table
from indexer.sources.tabular.safe_cells import plain_cell

_TAB = "\t"
DELIMITERS = {".csv": ",;\t|", ".tsv": "\t,;|", ".tab": "\t,;|", ".txt": "\t,;|"}
"""What may stand between values, by the file's suffix; the first that yields the columns `id` and `image` does."""

_RARE = "^~:\u00a6\u00a7\uff0c\uff1b\x01\x1e\x1f"
"""What stands between values of few programs: tried where none of the others yields these columns."""

_NAMES = {",": "commas", ";": "semicolons", _TAB: "tabs", "|": "vertical bars"}
_SEPARATOR = "sep="
_BLANK = " \t\r\n,;|"
_COMMENT = "#"
_NOTHING = " \t\x1a"
"""Of what a row without values is made; DOS ended files with 0x1a."""

_FIELD = "field larger"
_LONE_RETURN = re.compile(r"(?<=\r)(?!\n|\Z)")

__all__ = ["DELIMITERS", "CsvRows", "number_in"]


@dataclass(frozen=True, slots=True)
class _Style:
    """How a file is written: what divides values and quotes them; `is_wrapped`: each row is one quoted value again."""

    delimiter: str
    quote: str = '"'
    is_wrapped: bool = False

    @property
    def is_rare(self) -> bool:
        return self.quote != '"' or self.is_wrapped


class CsvRows:
    """The rows of a text file (RFC 4180) with a head; values are strings without the blanks around them.

    Empty values are missing, and so are rows of nothing else, and those behind a row's last value. Rows above the head
    are passed over. Between tabs, and where a file is no sound CSV, quotes that quote no whole value are part of it.
    `encoding` is what the text is in where it is no UTF-8; empty: what explains it.
    """

    is_text = True

    def __init__(self, path: Path, encoding: str = "") -> None:
        self.path = path
        self._encoding = encoding or encoding_of(path)
        with open_table(path) as file:
            first = _first_lines(_Lines(bounded_lines(file, str(path), self._encoding)))
        if not any(line.strip(_BLANK) for line in first):
            raise SourceEmpty(f"{path} is empty. Its first line names the columns: id, image, and any others.")
        self._style, self._head_row, cells = _found_head(first, path)
        self.delimiter = self._style.delimiter
        head = head_of(cells, path)
        self.columns, self.unnamed = head.names, head.unnamed
        told = list(head.notes)
        if self.delimiter != DELIMITERS[format_suffix(path)][0]:
            told.insert(0, f"Values are divided by {_NAMES.get(self.delimiter, repr(self.delimiter))}.")
        if self._head_row > 1 + any(line.lower().startswith(_SEPARATOR) for line in first[:1]):
            told.insert(0, f"The head is row {self._head_row}; what stands above it is passed over.")
        if self._encoding and not encoding:
            told.insert(0, encoding_told(self._encoding))
        self._told = tuple(told)
        self._counts = _Counts()

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on how the file was taken; what is counted is known once all rows have been read."""
        return (*self._told, *self._counts.told)

    def __iter__(self) -> Iterator[Row]:
        counts = _Counts()
        total = 0
        with open_table(self.path) as file:
            lines = _Lines(bounded_lines(file, str(self.path), self._encoding))
            for number, cells in enumerate(self._cells(lines, counts), 1):
                if isinstance(cells, str):
                    yield Row(number, {}, cells)
                elif number > self._head_row and any(cells):
                    row = self._row(number, cells, counts)
                    if row.values or row.problem:
                        total += 1
                        yield row
        if counts.short > total / 2:
            raise TableDamaged(f"{counts.shortness} Most rows have fewer values than columns: check what divides them.")
        self._counts = counts

    def _cells(self, lines: "_Lines", counts: "_Counts") -> Iterator[list[str] | str]:
        """Yield the cells of each row, or why it can't be read; from the first that is no sound CSV on, its quotes are
        taken as they stand. Raises TableDamaged where a cell has no end.
        """
        rows = _rows(lines, self._style, strict=True)
        is_loose = self.delimiter == _TAB
        problem = ""
        for number in count(1):
            try:
                cells = next(rows)
            except StopIteration:
                return
            except TableDamaged as error:
                if lines.taken and not is_loose:
                    raise
                yield str(error)
                continue
            except csv.Error as error:
                problem = f"{self.path}: row {number} is no sound CSV ({error}). Check its quotes."
                if is_loose or lines.held > LONGEST_LINE or _FIELD in str(error) or self._style.is_rare:
                    raise TableDamaged(problem) from error
                is_loose = True
                counts.loose_from = number
                rows = LooseRows(chain(list(lines.taken), lines), self.delimiter, len(self.columns))
                cells = next(rows)
            if problem and any(map(is_open, cells)):
                raise TableDamaged(problem)
            lines.begin()
            yield cells

    def _row(self, number: int, cells: list[str], counts: "_Counts") -> Row:
        wanted = len(self.columns)
        if len(cells) != wanted:
            if not any(cell.strip(_NOTHING) for cell in cells):
                return Row(number, {})
            if len(cells) < wanted and self._is_comment(cells):
                counts.comments += 1
                return Row(number, {})
            if len(cells) < wanted:
                if any(name not in self.unnamed for name in self.columns[len(cells) :]):
                    counts.add_short(f"{self.path}: row {number} has {len(cells)} values for {wanted} columns.", number)
            elif any(cell.strip() for cell in cells[wanted:]):
                return Row(
                    number,
                    {},
                    f"{self.path}: row {number} has {len(cells)} values for {wanted} columns. Quote values that hold "
                    "the delimiter.",
                )
            del cells[wanted:]
        named = zip(self.columns, map(str.strip, cells), strict=False)
        values = {name: value if value[0] != "'" else plain_cell(value) for name, value in named if value}
        if counts.loose_from and any('"' in values.get(name, "") for name in UNCHANGED):
            return Row(
                number, {}, f"{self.path}: row {number} is no sound CSV (a quote in its id or picture). Check it."
            )
        return Row(number, values)

    def _is_comment(self, cells: list[str]) -> bool:
        place = self.columns.index(IMAGE) if IMAGE in self.columns else len(cells)
        return cells[0].lstrip().startswith(_COMMENT) and not any(cell.strip() for cell in cells[place : place + 1])


@dataclass(slots=True)
class _Counts:
    """What a whole reading found that is not as CSV is."""

    loose_from: int = 0
    short: int = 0
    first_short: int = 0
    shortness: str = ""
    comments: int = 0

    def add_short(self, told: str, number: int) -> None:
        self.short += 1
        self.first_short = self.first_short or number
        self.shortness = self.shortness or told

    @property
    def told(self) -> Iterator[str]:
        if self.loose_from:
            yield f"From row {self.loose_from} on, quotes that quote no whole value are taken as part of it."
        if self.short:
            rows = "1 row has" if self.short == 1 else f"{self.short} rows have"
            yield f"{rows} fewer values than columns, first row {self.first_short}: the last columns have none there."
        if self.comments:
            yield f"Lines that begin with '#', passed over: {self.comments}."


class _Lines:
    r"""Lines for a CSV reader, which may join several to a row: those `taken` since a row began, `held` characters.

    A `\r` alone ends a line as well; within quotes it is a part of the value, as the reader joins such lines.
    """

    def __init__(self, lines: Iterable[tuple[int, str | TableDamaged]]) -> None:
        self._lines = iter(lines)
        self._parts: deque[str] = deque()
        self.held = 0
        self.taken: list[str] = []

    def begin(self) -> None:
        """Forget the lines before: a row begins."""
        self.held = 0
        self.taken.clear()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._parts:
            line = self._parts.popleft()
        else:
            number, whole = next(self._lines)
            if isinstance(whole, TableDamaged):
                raise whole
            line = whole
            if "\r" in whole and len(parts := _LONE_RETURN.split(whole.replace("\r\r\n", "\r\n"))) > 1:
                line, *rest = parts
                self._parts.extend(rest)
            if self.held + len(line) > LONGEST_LINE:
                self.held += len(line)
                raise csv.Error(f"it goes on past line {number} without an end")
        self.held += len(line)
        self.taken.append(line)
        return line


def _first_lines(lines: _Lines) -> list[str]:
    """Return the lines among which the head is; those before anything that is no text."""
    first: list[str] = []
    try:
        for line in islice(lines, 2 * SEARCHED):
            lines.begin()
            first.append(line)
    except TableDamaged:
        if not any(line.strip() for line in first):
            raise
    return first


def _rows(lines: Iterator[str], style: _Style, strict: bool) -> Iterator[list[str]]:
    """Return rows as lists of cells; the line by which Excel is told the delimiter is a row without any.

    What reading raises can be caught, and reading goes on behind it.
    """
    first = next(lines, "")
    if first[: len(_SEPARATOR)].lower() == _SEPARATOR:
        return chain([[]], _reader(lines, style, strict))
    return _reader(chain([first], lines) if first else lines, style, strict)


def _reader(lines: Iterator[str], style: _Style, strict: bool) -> Iterator[list[str]]:
    if style.delimiter == _TAB and not style.is_rare:
        return LooseRows(lines)
    rows = csv.reader(
        lines, delimiter=style.delimiter, quotechar=style.quote, skipinitialspace=style.delimiter != _TAB, strict=strict
    )
    return map(partial(_unwrapped, delimiter=style.delimiter), rows) if style.is_wrapped else rows


def _unwrapped(cells: list[str], delimiter: str) -> list[str]:
    """Return the cells of the row that is the only cell of one."""
    return next(csv.reader(cells[0].splitlines(keepends=True), delimiter=delimiter), []) if len(cells) == 1 else cells


def _found_head(first: list[str], path: Path) -> tuple[_Style, int, list[str]]:
    """Return how the file is written, the number of the head's row, and its cells; where none has `id` and `image`, the
    first row that is not blank, by the delimiter that finds most in it.
    """
    candidates = DELIMITERS[format_suffix(path)]
    rare = [_Style(delimiter) for delimiter in _RARE]
    rare += [style for delimiter in candidates for style in (_Style(delimiter, "'"), _Style(delimiter, '"', True))]
    if first[0][: len(_SEPARATOR)].lower() == _SEPARATOR:
        candidates, rare = first[0][len(_SEPARATOR) :].strip(" \"'\r\n")[:1] or _TAB, []
    instead: tuple[_Style, int, list[str]] | None = None
    trouble: csv.Error | None = None
    for style in chain(map(_Style, candidates), rare):
        try:
            for number, cells in enumerate(islice(_rows(iter(first), style, strict=False), SEARCHED), 1):
                if has_all(cells):
                    return style, number, cells
                if (
                    style not in rare
                    and any(cell.strip() for cell in cells)
                    and (instead is None or (instead[0] != style and len(cells) > len(instead[2])))
                ):
                    instead = style, number, cells
        except csv.Error as error:
            trouble = error
    if instead is None or (trouble is not None and len(instead[2]) == 1):
        raise TableDamaged(f"{path}: the first line names no columns ({trouble}). Is it a table?") from trouble
    return instead
