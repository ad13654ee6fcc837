"""Parquet tables, where pyarrow is installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.sources.errors import ColumnUnusable, ParquetUnavailable, TableDamaged
from indexer.sources.table_rows import UNCHANGED, Row
from indexer.sources.tabular.headings import IMAGE, head_of
from indexer.sources.tabular.opened import open_table
from indexer.sources.tabular.plain_values import flattened

_PANDAS_INDEX = "__index_level_"
_ROWS_AT_ONCE = 1024
_BYTES_AT_ONCE = 2**24
_READ_AT_ONCE = 2**20


class ParquetRows:
    """The rows of a Parquet file; null and not-a-number are missing, dates become strings, decimals numbers.

    A list stays one, without the members that are missing; a struct becomes a column for each of its fields; `image`
    may be bytes, or a struct that has them as `bytes`. Raises ParquetUnavailable, TableDamaged, ColumnUnusable.
    """

    is_text = False
    delimiter = ""

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
        with open_table(path, seekable=True) as file:
            schema = self._file(file).schema_arrow
        head = head_of(["" if name.startswith(_PANDAS_INDEX) else name for name in schema.names], path)
        self.columns, self.unnamed, self.notes = head.names, head.unnamed, head.notes
        for name, column in zip(self.columns, schema, strict=True):
            if self._plain_type(column.type, holds_bytes=name == IMAGE) is None:
                raise ColumnUnusable(
                    f"{path}: the column {name!r} holds {column.type}, which no attribute can be. Leave it out."
                )

    def __iter__(self) -> Iterator[Row]:
        with open_table(self.path, seekable=True) as file:
            for number, values in enumerate(self._values(self._file(file)), 1):
                yield Row(number, flattened(dict(zip(self.columns, values, strict=True)), UNCHANGED))

    def _file(self, file: Any) -> Any:
        try:
            return self._arrow.parquet.ParquetFile(file, pre_buffer=False, buffer_size=_READ_AT_ONCE)
        except self._damages as error:
            raise self._damaged(error) from error

    def _values(self, table: Any) -> Iterator[tuple[Any, ...]]:
        try:
            for group in range(table.num_row_groups):
                rows = self._rows_at_once(table.metadata.row_group(group))
                for batch in table.iter_batches(rows, row_groups=[group], use_threads=False):
                    plain = [
                        column.cast(self._plain_type(column.type, name == IMAGE)).to_pylist()
                        for name, column in zip(self.columns, batch.columns, strict=True)
                    ]
                    yield from zip(*plain, strict=True)
        except self._damages as error:
            raise self._damaged(error) from error

    def _rows_at_once(self, group: Any) -> int:
        """Return so many rows of a group that they take no more than _BYTES_AT_ONCE when they are read.

        A value of a column with a dictionary may be as large as all that the file has of that column, and each row may
        have it; else the values of all rows are there.
        """
        size = 1.0
        for number in range(group.num_columns):
            column = group.column(number)
            has_dictionary = any("DICTIONARY" in encoding for encoding in column.encodings)
            size += column.total_uncompressed_size / (1 if has_dictionary else max(group.num_rows, 1))
        return int(max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE // max(size, 1.0))))

    def _damaged(self, error: Exception) -> TableDamaged:
        reason = str(error).partition("\n")[0].rstrip(".")
        return TableDamaged(f"{self.path} is no sound Parquet file ({reason}). Write it again.")

    def _plain_type(self, kind: Any, holds_bytes: bool = False) -> Any:
        """Return the type as which a column's values are taken, or None when they can't be attributes."""
        types = self._arrow.types
        if types.is_dictionary(kind):
            return self._plain_type(kind.value_type, holds_bytes)
        if types.is_decimal(kind) or types.is_floating(kind):
            return self._arrow.float64()
        if any(tells(kind) for tells in (types.is_date, types.is_timestamp, types.is_time, types.is_large_string)):
            return self._arrow.string()
        if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
            member = self._plain_type(kind.value_type)
            return None if member is None else self._arrow.list_(member)
        if types.is_struct(kind):
            fields = [(field.name, self._plain_type(field.type, holds_bytes)) for field in kind]
            return None if any(plain is None for _, plain in fields) else self._arrow.struct(fields)
        if holds_bytes and (types.is_binary(kind) or types.is_large_binary(kind)):
            return self._arrow.large_binary()
        tells = (types.is_string, types.is_integer, types.is_boolean, types.is_null)
        return kind if any(is_plain(kind) for is_plain in tells) else None
