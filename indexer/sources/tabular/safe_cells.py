"""Text in CSV that a spreadsheet would take for a formula, `=cmd|...`, and run, kept from it by an apostrophe.

Spreadsheets take that for the sign of text. Reading takes off just what writing has put there, so that text comes back
as it was.
"""

import re

_APOSTROPHE = "'"
_IS_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def safe_cell(text: str) -> str:
    """Return text as no spreadsheet runs it."""
    return _APOSTROPHE + text if _IS_FORMULA.match(text) else text


def plain_cell(cell: str) -> str:
    """Return the text of which a safe cell was made; any other cell as it is."""
    return cell[1:] if cell.startswith(_APOSTROPHE) and _IS_FORMULA.match(cell, 1) else cell
