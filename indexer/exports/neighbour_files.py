"""Tables of neighbours as files: Parquet, CSV or JSON Lines, as the name asks for, and whole or not there at all."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from indexer.catalogue.neighbours import Neighbourhoods, Neighbours
from indexer.errors import ExportFormatUnknown, ExportNotWritable
from indexer.sources.errors import ParquetUnavailable
from indexer.sources.tabular.safe_cells import safe_cell
from models.files import written_whole
from models.progress import Progress

COLUMNS = ("id", "rank", "similar_id", "score")


class _Writer(Protocol):
    """Writes a table into an open file, block by block; ended by `close`, which leaves the file open."""

    def __init__(self, file: BinaryIO) -> None: ...

    def write(self, block: Neighbours) -> None: ...

    def close(self) -> None: ...


def write_neighbours(neighbourhoods: Neighbourhoods, path: Path, progress: Progress | None = None) -> int:
    """Write a table with the columns id, rank, similar_id and score, and return its number of rows.

    The name ends in .parquet (string, int32, string, float32), .csv (a header, UTF-8; ids that a
    spreadsheet would take for formulas behind an apostrophe) or .jsonl (an object a line);
    a score is written with as many digits as float32 needs. The file gets its name when it is whole and durable:
    whatever interrupts this leaves what was there before. `progress(done, total)` counts the items searched for.

    Raises ExportFormatUnknown and ParquetUnavailable before anything is done, ExportNotWritable.
    """
    kind = _writer_for(path)
    rows = done = 0
    if progress is not None:
        progress(0, len(neighbourhoods))
    with _opened(path) as file, closing(kind(file)) as writer:
        for block in neighbourhoods:
            writer.write(block)
            rows += len(block.rank)
            done += block.items
            if progress is not None:
                progress(done, len(neighbourhoods))
    return rows


def require_format(path: Path) -> None:
    """Raise what `write_neighbours` would raise for this name: ExportFormatUnknown, ParquetUnavailable."""
    _writer_for(path)


def _writer_for(path: Path) -> type[_Writer]:
    kind = _WRITERS.get(path.suffix.lower())
    if kind is None:
        raise ExportFormatUnknown(f"{path} names no format: let its name end in {', '.join(_WRITERS)}.")
    if kind is _Parquet:
        try:
            import pyarrow.parquet  # noqa: F401
        except ModuleNotFoundError as error:
            raise ParquetUnavailable(
                f"Writing {path} needs pyarrow, which is not installed: pip install 'lookalike[parquet]'"
            ) from error
    return kind


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Give a file that gets this name when the block has ended well. Raises ExportNotWritable."""
    try:
        with written_whole(path) as draft, draft.open("wb") as file:
            yield file
    except OSError as error:
        reason = error.strerror or error
        raise ExportNotWritable(f"{path} can't be written ({reason}). Make room, or name another file.") from error


class _Csv:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._write_rows([COLUMNS])

    def write(self, block: Neighbours) -> None:
        ids, similar_ids = map(safe_cell, block.id), map(safe_cell, block.similar_id)
        self._write_rows(zip(ids, block.rank, similar_ids, map(str, block.score), strict=True))

    def close(self) -> None: ...

    def _write_rows(self, rows: Iterable[Iterable[Any]]) -> None:
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows(rows)
        self._file.write(lines.getvalue().encode())


class _JsonLines:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, block: Neighbours) -> None:
        shortest = (float(str(score)) for score in block.score)
        rows = zip(block.id, block.rank, block.similar_id, shortest, strict=True)
        lines = (json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
        self._file.write("".join(lines).encode())

    def close(self) -> None: ...


class _Parquet:
    def __init__(self, file: BinaryIO) -> None:
        import pyarrow
        import pyarrow.parquet

        self._arrow: Any = pyarrow
        types = (pyarrow.string(), pyarrow.int32(), pyarrow.string(), pyarrow.float32())
        self._schema: Any = pyarrow.schema(list(zip(COLUMNS, types, strict=True)))
        self._writer: Any = pyarrow.parquet.ParquetWriter(file, self._schema)

    def write(self, block: Neighbours) -> None:
        columns = [block.id, block.rank, block.similar_id, block.score]
        self._writer.write_table(self._arrow.table(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


_WRITERS: dict[str, type[_Writer]] = {".parquet": _Parquet, ".csv": _Csv, ".jsonl": _JsonLines}
