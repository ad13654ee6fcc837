r"""Rows of text in which quotes may be quotes, or inches: between tabs, and where CSV is no sound CSV.

Programs differ: Excel quotes cells as in CSV, most others write a delimiter between values and nothing else, some a
backslash before quotes. A cell counts as quoted when it is so wholly, with each quote inside doubled or behind a
backslash; every other is what is written.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from indexer.sources.bounded_lines import LONGEST_LINE
from indexer.sources.errors import TableDamaged

_MOST_LINES = 200
"""Lines that one row is looked for in."""


class LooseRows:
    """The cells of each row; a quoted cell may go on for some lines. An empty line is a row without a cell.

    `columns` is how many the table has; 0: as many as the first row has cells. What reading a line raises comes where
    that line's row would, and the rows behind it can be read after it.
    """

    def __init__(self, lines: Iterator[str], delimiter: str = "\t", columns: int = 0) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._columns = columns
        self._ahead: list[str] = []
        self._trouble: TableDamaged | None = None

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        line = (self._ahead.pop(0) if self._ahead else self._following()).rstrip("\r\n")
        plain = line.split(self._delimiter) if line else []
        cells = self._quoted(line) if '"' in line else plain
        self._columns = self._columns or len(cells)
        return cells

    def _following(self) -> str:
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble
        return next(self._lines)

    def _quoted(self, line: str) -> list[str]:
        """Return the cells of a line with quotes, and of those that follow where a cell goes on in them.

        It does when that ends in a row of as many columns as the first has, and none of the lines is such a row itself.
        """
        alone = _cells(line, self._delimiter)
        has_all = len(alone) == self._columns or not self._columns
        if not (is_open(alone[-1]) if has_all else any(map(is_open, alone))):
            return alone
        joined, used = line, 0
        while used < _MOST_LINES and len(joined) < LONGEST_LINE:
            if used == len(self._ahead) and not self._looks_ahead():
                break
            following = self._ahead[used].rstrip("\r\n")
            used += 1
            if following.count(self._delimiter) + 1 == self._columns > 1:
                break
            joined = f"{joined}\n{following}"
            cells = _cells(joined, self._delimiter)
            if (len(cells) == self._columns or not self._columns) and not any(
                "\n" in cell and is_open(cell) for cell in cells
            ):
                del self._ahead[:used]
                return cells
        return alone

    def _looks_ahead(self) -> bool:
        """Read one line more; False where there is none, or none that can be read."""
        if self._trouble is not None:
            return False
        try:
            self._ahead.append(next(self._lines))
        except StopIteration:
            return False
        except TableDamaged as error:
            self._trouble = error
            return False
        return True


def is_open(cell: str) -> bool:
    """Tell whether a cell that is taken as it is written begins with a quote that nothing closes."""
    return cell.lstrip(" ").startswith('"') and cell.count('"') % 2 == 1


@lru_cache(maxsize=8)
def _cell(delimiter: str) -> re.Pattern[str]:
    end = rf"[ ]*(?={re.escape(delimiter)}|\Z)"
    return re.compile(
        rf'[ ]*"((?:[^"]|"")*)"{end}|[ ]*"((?:[^"\\]|\\.|"")*)"{end}|([^{re.escape(delimiter)}]*)', re.DOTALL
    )


def _cells(text: str, delimiter: str) -> list[str]:
    cells: list[str] = []
    pattern = _cell(delimiter)
    place = 0
    while True:
        match = pattern.match(text, place)
        if match is None:
            return cells
        doubled, escaped, plain = match.groups()
        if doubled is not None:
            cells.append(doubled.replace('""', '"'))
        elif escaped is not None:
            cells.append(escaped.replace('\\"', '"').replace('""', '"'))
        else:
            cells.append(plain)
        place = match.end() + 1
        if match.end() >= len(text):
            return cells
