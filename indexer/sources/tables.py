"""Tables as sources of items: looked through wholly before the first item, then read again, row by row."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from indexer.sources.csv_rows import DELIMITERS, CsvRows
from indexer.sources.errors import EncodingUnknown, SourceChanged
from indexer.sources.feeds.taken_rows import TakenRows
from indexer.sources.feeds.xml_rows import XmlRows
from indexer.sources.files.places import PicturePlaces
from indexer.sources.items import Failure, SourceItem
from indexer.sources.json_rows import JSON, JsonRows
from indexer.sources.parquet_rows import ParquetRows
from indexer.sources.source_options import AS_IT_IS, SourceOptions
from indexer.sources.table_rows import TableRows, source_item
from indexer.sources.tabular.opened import format_suffix, signature_of
from indexer.sources.tabular.survey import surveyed
from indexer.sources.tabular.xlsx_rows import SUFFIXES as WORKBOOKS
from indexer.sources.tabular.xlsx_rows import XlsxRows
from indexer.sources.web.access import NO_ACCESS, WebAccess

TEXTS: Mapping[str, Callable[[Path, str], TableRows]] = {
    **dict.fromkeys(DELIMITERS, CsvRows),
    **dict.fromkeys((JSON, ".jsonl", ".ndjson"), JsonRows),
}
"""How the rows of text are read, of which a person may say the encoding."""

FORMATS: Mapping[str, Callable[[Path], TableRows]] = {
    **dict.fromkeys(DELIMITERS, CsvRows),
    **dict.fromkeys((JSON, ".jsonl", ".ndjson"), JsonRows),
    **dict.fromkeys((".parquet", ".pq"), ParquetRows),
    **dict.fromkeys(WORKBOOKS, XlsxRows),
    ".xml": XmlRows,
}
"""How the rows of a table are read, by the suffix of its file; any may be packed by gzip, with `.gz` behind that."""


class Table:
    """The items that a table describes, in its order; pictures by their paths relative to the table's folder, or at
    web addresses as far as `web` allows.

    The file is read through first, so that what is wrong with the table as a whole is known before an item is given:
    raises TableDamaged, ColumnMissing, ColumnUnusable, DuplicateId, SourceEmpty, SourceUnreadable, ParquetUnavailable
    or XlsxUnavailable. What is wrong with one row is that row's failure.

    Where values have no types (CSV), a column is of numbers when its values are, in one way of writing them, else of
    text (`indexer.sources.tabular.columns`).
    """

    def __init__(self, path: Path, web: WebAccess = NO_ACCESS, options: SourceOptions = AS_IT_IS) -> None:
        self.options = options
        self._signature = signature_of(path)
        self._rows = TakenRows(_rows(path, options.encoding), options.columns)
        self._places = PicturePlaces(options.images_dir or path.parent, web, follow_links_out=options.follow_links_out)
        self._survey = surveyed(self._rows)

    @property
    def path(self) -> Path:
        """The table's file."""
        return self._rows.path

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for a person on how the table was read: what is not as it is written there."""
        notes = [*self._rows.notes, *self._survey.notes]
        columns = self._survey.columns.values()
        notes += [" ".join((f"{column.name}:", *column.notes)) for column in columns if column.notes]
        if self._rows.is_text:
            kinds = {
                "Numbers": [column.name for column in columns if column.convention is not None],
                "Text": [
                    column.name
                    for column in columns
                    if column.convention is None and not column.is_left_out and not column.is_truth
                ],
                "True or false": [column.name for column in columns if column.is_truth],
            }
            notes += [f"{kind}: {', '.join(names)}." for kind, names in kinds.items() if names]
        return tuple(notes)

    @property
    def columns_told(self) -> tuple[str, ...]:
        """A line for a person on each column: what it holds, some of its values, and what was made of them."""
        notes = (*self._rows.notes, *self._survey.notes)
        return (*notes, *(column.told for column in self._survey.columns.values()))

    def __len__(self) -> int:
        return self._survey.count

    def __iter__(self) -> Iterator[SourceItem | Failure]:
        """Yield an item or a failure for each row. Raises SourceChanged when the file is no longer what it was."""
        for row in self._rows:
            yield source_item(self._survey.typed(row), self._places)
        if signature_of(self._rows.path) != self._signature:
            raise SourceChanged(
                f"{self._rows.path} was changed while it was being indexed. Run the same command again."
            )


def _rows(path: Path, encoding: str) -> TableRows:
    """Return the rows of a file. Raises EncodingUnknown for an encoding that is none, or of no text."""
    suffix = format_suffix(path)
    if not encoding:
        return FORMATS[suffix](path)
    if suffix not in TEXTS:
        raise EncodingUnknown(f"{path} is no text: it has no encoding that --encoding could say. Leave that out.")
    try:
        "".encode(encoding)
    except (LookupError, ValueError) as error:
        raise EncodingUnknown(
            f"{encoding!r} is no encoding of text. Choose one that Python knows, like cp1252, cp1250, gb18030 or cp932."
        ) from error
    return TEXTS[suffix](path, encoding)
