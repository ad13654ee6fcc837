"""Parquet tables, where pyarrow is installed."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.sources.errors import ColumnUnusable, ParquetUnavailable, TableDamaged
from indexer.sources.table_rows import Row, open_table

_ROWS_AT_ONCE = 1024


class ParquetRows:
    """The rows of a Parquet file; null and not-a-number are missing, dates become strings, decimals numbers.

    A list stays one, without the members that are missing. Raises ParquetUnavailable, TableDamaged, ColumnUnusable.
    """

    is_text = False

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError as error:
            raise ParquetUnavailable(
                f"Reading {path} needs pyarrow, which is not installed: pip install 'lookalike[parquet]'"
            ) from error
        self.path = path
        self._arrow: Any = pyarrow
        # To Arrow, much that is damaged is an OSError; names and texts are decoded by Python.
        self._damages = (pyarrow.ArrowException, OSError, UnicodeDecodeError, OverflowError)
        with open_table(path) as file:
            schema = self._file(file).schema_arrow
        self.columns = tuple(schema.names)
        for column in schema:
            if self._plain_type(column.type) is None:
                raise ColumnUnusable(
                    f"{path}: the column {column.name!r} holds {column.type}, which no attribute can be. Leave it out."
                )

    def __iter__(self) -> Iterator[Row]:
        with open_table(self.path) as file:
            for number, values in enumerate(self._values(self._file(file)), 1):
                named = zip(self.columns, map(_whole, values), strict=True)
                yield Row(number, {name: value for name, value in named if not _is_missing(value)})

    def _file(self, file: Any) -> Any:
        try:
            return self._arrow.parquet.ParquetFile(file)
        except self._damages as error:
            raise self._damaged(error) from error

    def _values(self, table: Any) -> Iterator[tuple[Any, ...]]:
        try:
            for batch in table.iter_batches(_ROWS_AT_ONCE, use_threads=False):
                plain = [column.cast(self._plain_type(column.type)).to_pylist() for column in batch.columns]
                yield from zip(*plain, strict=True)
        except self._damages as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> TableDamaged:
        reason = str(error).partition("\n")[0].rstrip(".")
        return TableDamaged(f"{self.path} is no sound Parquet file ({reason}). Write it again.")

    def _plain_type(self, kind: Any) -> Any:
        """Return the type as which a column's values are taken, or None when they can't be attributes."""
        types = self._arrow.types
        if types.is_dictionary(kind):
            return self._plain_type(kind.value_type)
        if types.is_decimal(kind) or types.is_floating(kind):
            return self._arrow.float64()
        if types.is_date(kind) or types.is_timestamp(kind) or types.is_time(kind) or types.is_large_string(kind):
            return self._arrow.string()
        if types.is_list(kind) or types.is_large_list(kind):
            member = self._plain_type(kind.value_type)
            return None if member is None or types.is_list(member) else self._arrow.list_(member)
        tells = (types.is_string, types.is_integer, types.is_boolean, types.is_null)
        return kind if any(is_plain(kind) for is_plain in tells) else None


def _whole(value: Any) -> Any:
    """Return a list without the members that are missing, any other value as it is."""
    return [member for member in value if not _is_missing(member)] if isinstance(value, list) else value


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))
