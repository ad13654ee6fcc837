"""Excel workbooks, where openpyxl is installed."""

import datetime
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from indexer.sources.errors import SourceEmpty, TableDamaged, XlsxUnavailable
from indexer.sources.table_rows import Row
from indexer.sources.tabular.headings import SEARCHED, has_all, head_of
from indexer.sources.tabular.opened import open_table

SUFFIXES = (".xlsx", ".xlsm")

_LARGEST_TEXTS = 2**26
_TEXTS = "sharedStrings"
_WORKBOOK = "xl/workbook.xml"
_IS_DAMAGED = (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, IndexError, ParseError, EOFError)


class XlsxRows:
    """The rows of a workbook's sheet: the first with the columns `id` and `image`, else the first of all.

    Numbers are what the cells hold, formulas what they came to when the workbook was saved, dates become strings. Text
    is read as that of CSV is. Raises XlsxUnavailable, TableDamaged, SourceEmpty, ColumnUnusable.
    """

    is_text = True
    delimiter = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            import openpyxl
        except ModuleNotFoundError as error:
            raise XlsxUnavailable(
                f"Reading {path} needs openpyxl, which is not installed: pip install 'lookalike[xlsx]'"
            ) from error
        self._load: Any = openpyxl.load_workbook
        with self._opened() as book:
            self._sheet, self._head_row, cells = self._found_head(book)
            others = [name for name in book.sheetnames if name != self._sheet]
        while cells and not cells[-1].strip():
            cells.pop()
        head = head_of(cells, path)
        self.columns, self.unnamed, self.notes = head.names, head.unnamed, head.notes
        if self._head_row > 1:
            self.notes = (f"The head is row {self._head_row}; what stands above it is passed over.", *self.notes)
        if others:
            names = ", ".join(map(repr, others))
            self.notes = (f"The sheet {self._sheet!r} is read; others are not: {names}.", *self.notes)

    def __iter__(self) -> Iterator[Row]:
        with self._opened() as book:
            rows = book[self._sheet].iter_rows(values_only=True)
            for number, cells in enumerate(rows, 1):
                if number <= self._head_row:
                    continue
                values = {name: _plain(cell) for name, cell in zip(self.columns, cells, strict=False)}
                values = {name: value for name, value in values.items() if value is not None and value != ""}
                if values:
                    yield Row(number, values)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            with open_table(self.path, seekable=True) as file:
                with zipfile.ZipFile(file) as parts:
                    texts = sum(part.file_size for part in parts.infolist() if _TEXTS in part.filename)
                    parts.getinfo(_WORKBOOK)
                if texts > _LARGEST_TEXTS:
                    raise TableDamaged(
                        f"{self.path} holds {texts >> 20} MiB of text; at most {_LARGEST_TEXTS >> 20} MiB are read of "
                        "a workbook. Save it as CSV UTF-8, which has no limit."
                    )
                with closing(self._load(file, read_only=True, data_only=True, keep_links=False)) as book:
                    yield book
        except _IS_DAMAGED as error:
            raise TableDamaged(
                f"{self.path} is no sound Excel workbook ({type(error).__name__}: {error}). Save it again, or as CSV "
                "UTF-8."
            ) from error

    def _found_head(self, book: Any) -> tuple[str, int, list[str]]:
        instead: tuple[str, int, list[str]] | None = None
        for sheet in book.worksheets:
            for number, cells in enumerate(islice(sheet.iter_rows(values_only=True), SEARCHED), 1):
                texts = ["" if cell is None else str(cell) for cell in cells]
                if has_all(texts):
                    return sheet.title, number, texts
                if instead is None and any(text.strip() for text in texts):
                    instead = sheet.title, number, texts
        if instead is None:
            raise SourceEmpty(f"{self.path} is empty. Its first row names the columns: id, image, and any others.")
        return instead


def _plain(cell: Any) -> Any:
    """Return what a cell holds as an attribute can."""
    match cell:
        case str():
            return cell.strip()
        case float():
            return int(cell) if cell.is_integer() and abs(cell) < 2**53 else cell
        case datetime.datetime() if cell.time() == datetime.time():
            return cell.date().isoformat()
        case datetime.date() | datetime.time():
            return cell.isoformat(" ") if isinstance(cell, datetime.datetime) else cell.isoformat()
        case datetime.timedelta():
            return str(cell)
    return cell
