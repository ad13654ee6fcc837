"""Rows of text between tabs, in which quotes may be quotes, or inches.

Programs differ: Excel quotes cells as in CSV, most others write a tab between values and nothing else. A cell counts as
quoted when it is so wholly, with each quote inside doubled; every other is what is written.
"""

import re
from collections.abc import Iterator

from indexer.sources.bounded_lines import LONGEST_LINE

_MOST_LINES = 200
"""Lines that one row is looked for in."""

_CELL = re.compile(r'[ ]*"((?:[^"]|"")*)"[ ]*(?=\t|\Z)|([^\t]*)')


def tab_rows(lines: Iterator[str]) -> Iterator[list[str]]:
    """Yield the cells of each row; a quoted cell may go on for some lines. An empty line is a row without a cell."""
    ahead: list[str] = []
    columns = 0
    while (line := ahead.pop(0) if ahead else next(lines, None)) is not None:
        line = line.rstrip("\r\n")
        cells = _quoted(line, lines, ahead, columns) if '"' in line else line.split("\t") if line else []
        columns = columns or len(cells)
        yield cells


def _quoted(line: str, lines: Iterator[str], ahead: list[str], columns: int) -> list[str]:
    """Return the cells of a line with quotes, and of those that follow where a cell goes on in them.

    It does when that ends in a row of as many columns as the first has, and none of the lines is such a row itself.
    """
    alone = _cells(line)
    if not _is_open(alone[-1]):
        return alone
    joined, used = line, 0
    while used < _MOST_LINES and len(joined) < LONGEST_LINE:
        if used == len(ahead):
            following = next(lines, None)
            if following is None:
                break
            ahead.append(following)
        following = ahead[used].rstrip("\r\n")
        used += 1
        if following.count("\t") + 1 == columns > 1:
            break
        joined = f"{joined}\n{following}"
        cells = _cells(joined)
        if (len(cells) == columns or not columns) and not any("\n" in cell and _is_open(cell) for cell in cells):
            del ahead[:used]
            return cells
    return alone


def _is_open(cell: str) -> bool:
    """Tell whether a cell that is taken as it is written begins with a quote that nothing closes."""
    return cell.lstrip(" ").startswith('"') and cell.count('"') % 2 == 1


def _cells(text: str) -> list[str]:
    cells: list[str] = []
    place = 0
    while True:
        match = _CELL.match(text, place)
        if match is None:
            return cells
        quoted, plain = match.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        place = match.end() + 1
        if match.end() >= len(text):
            return cells
