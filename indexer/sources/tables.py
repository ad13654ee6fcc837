"""Tables as sources of items: looked through wholly before the first item, then read again, row by row."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.sources.csv_rows import DELIMITERS, CsvRows, number_in
from indexer.sources.errors import (
    ColumnMissing,
    ColumnUnusable,
    DuplicateId,
    SourceChanged,
    SourceEmpty,
    SourceUnreadable,
)
from indexer.sources.items import Failure, SourceItem
from indexer.sources.json_rows import JsonRows
from indexer.sources.parquet_rows import ParquetRows
from indexer.sources.table_rows import ID, IMAGE, Row, TableRows, source_item
from indexer.sources.web.access import NO_ACCESS, WebAccess
from indexer.validation import name_error

FORMATS: Mapping[str, Callable[[Path], TableRows]] = {
    **dict.fromkeys(DELIMITERS, CsvRows),
    **dict.fromkeys((".jsonl", ".ndjson"), JsonRows),
    **dict.fromkeys((".parquet", ".pq"), ParquetRows),
}
"""How the rows of a table are read, by the suffix of its file."""


class Table:
    """The items that a table describes, in its order; pictures by their paths relative to the table's folder, or at
    web addresses as far as `web` allows.

    The file is read through first, so that what is wrong with the table as a whole is known before an item is given:
    raises TableDamaged, ColumnMissing, ColumnUnusable, DuplicateId, SourceEmpty, SourceUnreadable or
    ParquetUnavailable. What is wrong with one row is that row's failure.

    Where values have no types (CSV), a column is of numbers when each of its values is one, else of text.
    """

    def __init__(self, path: Path, web: WebAccess = NO_ACCESS) -> None:
        self._signature = _signature(path)
        self._rows = FORMATS[path.suffix.lower()](path)
        self._folder = path.parent
        self._web = web
        self._survey = _survey(self._rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for a person on how the table was read."""
        if not self._rows.is_text:
            return ()
        attributes = [name for name in self._rows.columns if name not in {ID, IMAGE}]
        kinds = {
            "Numbers": [name for name in attributes if name in self._survey.numbers],
            "Text": [name for name in attributes if name not in self._survey.numbers],
        }
        return tuple(f"{kind}: {', '.join(names)}." for kind, names in kinds.items() if names)

    def __len__(self) -> int:
        return self._survey.count

    def __iter__(self) -> Iterator[SourceItem | Failure]:
        """Yield an item or a failure for each row. Raises SourceChanged when the file is no longer what it was."""
        for row in self._rows:
            yield source_item(self._typed(row), self._folder, self._web)
        if _signature(self._rows.path) != self._signature:
            raise SourceChanged(
                f"{self._rows.path} was changed while it was being indexed. Run the same command again."
            )

    def _typed(self, row: Row) -> Row:
        numbers = self._survey.numbers
        if not numbers:
            return row
        return Row(
            row.number,
            {name: number_in(value) if name in numbers else value for name, value in row.values.items()},
        )


@dataclass(frozen=True, slots=True)
class _Survey:
    """What a first reading tells: the number of rows, and the columns of text in which every value is a number."""

    count: int
    numbers: frozenset[str]


def _survey(rows: TableRows) -> _Survey:
    """Read a table through. Raises for whatever is wrong with it as a whole."""
    path, columns = rows.path, dict.fromkeys(rows.columns)
    _check_columns(path, columns, is_final=bool(columns))
    row_of: dict[str, int] = {}
    count = 0
    no_numbers = {ID, IMAGE}
    has_values: set[str] = set()
    for row in rows:
        count += 1
        columns.update(dict.fromkeys(row.values))
        if isinstance(row.id, str) and (first := row_of.setdefault(row.id, row.number)) != row.number:
            raise DuplicateId(f"{path}: rows {first} and {row.number} have the same id {row.id!r}. Give each its own.")
        if rows.is_text:
            has_values.update(row.values)
            no_numbers.update(
                name for name, value in row.values.items() if name not in no_numbers and number_in(value) is None
            )
    if not count:
        raise SourceEmpty(f"{path} has no rows. Give it one for each item.")
    _check_columns(path, columns, is_final=True)
    return _Survey(count, frozenset(has_values - no_numbers))


def _check_columns(path: Path, columns: Mapping[str, None], is_final: bool) -> None:
    for needed in (ID, IMAGE):
        if is_final and needed not in columns:
            found = ", ".join(map(repr, list(columns)[:20])) or "none"
            raise ColumnMissing(f"{path} has no column {needed!r}; its columns are: {found}. Rename or add it.")
    for column in columns:
        if column not in {ID, IMAGE} and (problem := name_error(column)):
            raise ColumnUnusable(f"{path}: {problem}")


def _signature(path: Path) -> tuple[int, int]:
    """Return what changes when a file does."""
    try:
        status = path.stat()
    except OSError as error:
        raise SourceUnreadable(f"{path} can't be read ({error.strerror or error}). Check it.") from error
    return status.st_size, status.st_mtime_ns
