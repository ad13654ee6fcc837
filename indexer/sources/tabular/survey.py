"""The first reading of a table: how many rows it has, what its columns hold, and what is wrong with it as a whole."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from indexer.sources.errors import ColumnMissing, ColumnUnusable, DuplicateId, SourceEmpty, TableDamaged
from indexer.sources.table_rows import UNCHANGED, Row, TableRows
from indexer.sources.tabular.columns import ColumnReading, Tally, decided
from indexer.sources.tabular.headings import ID, MOST_COLUMNS
from indexer.validation import name_error

_AFTER_DECIMAL_POINT = ".0"
_SEMICOLON = ";"


@dataclass(frozen=True, slots=True)
class Survey:
    """What a first reading tells: the number of rows, and each column but `id` and `image`.

    `whole_ids` tells that every id is text like `12.0`, as pandas leaves whole numbers in a column with gaps.
    """

    count: int
    columns: Mapping[str, ColumnReading]
    whole_ids: bool
    notes: tuple[str, ...] = ()

    def typed(self, row: Row) -> Row:
        """Return a row with its values as what they are."""
        if row.problem:
            return row
        values: dict[str, Any] = {}
        for name, value in row.values.items():
            if name in UNCHANGED:
                is_short = name == ID and self.whole_ids
                values[name] = value.removesuffix(_AFTER_DECIMAL_POINT) if is_short else value
            else:
                values.update(self.columns[name].values(value))
        return Row(row.number, values)


def surveyed(rows: TableRows) -> Survey:
    """Read a table through. Raises for whatever is wrong with it as a whole."""
    path = rows.path
    tallies = {name: Tally(name, not rows.is_text) for name in rows.columns}
    _check_columns(path, tallies, is_final=bool(tallies))
    ids = array("q")
    count = 0
    whole_ids = True
    spoilt = ""
    damaged = 0
    problem = ""
    for row in rows:
        count += 1
        if row.problem:
            damaged += 1
            problem = problem or row.problem
        for name, value in row.values.items():
            tally = tallies.get(name)
            if tally is None:
                tally = tallies[name] = Tally(name, not rows.is_text)
                _check_columns(path, {name: tally}, is_final=False)
                if len(tallies) > MOST_COLUMNS:
                    raise ColumnUnusable(f"{path} has more than {MOST_COLUMNS} columns. Is it a table of items?")
            if name not in UNCHANGED:
                tally.add(value)
            else:
                tally.count += 1
        id_ = row.id
        if isinstance(id_, str):
            ids.append(hash(id_))
            whole_ids = whole_ids and isinstance(row.values[ID], str) and _is_whole(id_)
            spoilt = spoilt or (id_ if _is_spoilt(id_) else "")
    if damaged * 2 >= count > 0:
        raise TableDamaged(problem)
    if not count:
        raise SourceEmpty(f"{path} has no rows. Give it one for each item.")
    _check_columns(path, tallies, is_final=True)
    _check_twins(path, rows, ids, spoilt)
    whole_ids = whole_ids and bool(ids)
    notes = []
    if whole_ids:
        notes.append("Ids are whole numbers: the '.0' at their ends is left out.")
    if spoilt:
        notes.append(f"Ids like {spoilt!r} look as if a spreadsheet had shortened long numbers: compare them.")
    attributes = {name: tally for name, tally in tallies.items() if name not in UNCHANGED}
    columns = decided(attributes, commas_likely=rows.delimiter == _SEMICOLON)
    return Survey(count, _without_index(columns, attributes, rows), whole_ids, tuple(notes))


def _without_index(
    columns: Mapping[str, ColumnReading], tallies: Mapping[str, Tally], rows: TableRows
) -> dict[str, ColumnReading]:
    """Return the columns, those without a heading left out that are empty, or number the rows as pandas does."""
    kept: dict[str, ColumnReading] = {}
    for name, column in columns.items():
        tally = tallies[name]
        if not rows.is_text and not tally.count:
            continue  # nothing, or an object whose members are columns of their own
        if name in rows.unnamed and not tally.count:
            kept[name] = ColumnReading(
                name, "nothing, and has no heading", notes=("It is left out.",), is_left_out=True
            )
        elif name in rows.unnamed and tally.whole == tally.count and (name == rows.columns[0] or not rows.is_text):
            note = "It has no heading, and is left out as the index that pandas writes."
            kept[name] = ColumnReading(name, column.kind, column.samples, notes=(note,), is_left_out=True)
        elif name in rows.unnamed:
            note = "It has no heading, and is called by its place."
            kept[name] = replace(column, notes=(*column.notes, note))
        else:
            kept[name] = column
    return kept


def _check_twins(path: Path, rows: Iterable[Row], ids: "array[int]", spoilt: str) -> None:
    """Raise DuplicateId where two rows have one id. Hashes are compared first: ids may be long, and many."""
    hashes = np.frombuffer(ids, dtype=np.int64) if ids else np.empty(0, dtype=np.int64)
    values, counts = np.unique(hashes, return_counts=True)
    suspect = set(values[counts > 1].tolist())
    row_of: dict[str, int] = {}
    for row in rows if suspect else ():
        if not isinstance(row.id, str) or hash(row.id) not in suspect:
            continue
        if (first := row_of.setdefault(row.id, row.number)) != row.number:
            advice = (
                f" Ids like {spoilt!r} were shortened by a spreadsheet. Format the column as text, "
                "and export the table again."
            )
            raise DuplicateId(
                f"{path}: rows {first} and {row.number} have the same id {row.id!r}. Give each its own."
                + (advice if spoilt else "")
            )


def _is_whole(id_: str) -> bool:
    return id_.endswith(_AFTER_DECIMAL_POINT) and id_[: -len(_AFTER_DECIMAL_POINT)].isdecimal()


def _is_spoilt(id_: str) -> bool:
    """Tell whether an id looks as Excel writes long numbers: `4.05E+12`."""
    mantissa, exponential, exponent = id_.upper().replace(",", ".").partition("E+")
    return bool(exponential) and exponent.isdecimal() and mantissa.replace(".", "", 1).isdecimal()


def _check_columns(path: Path, columns: Mapping[str, Tally], is_final: bool) -> None:
    for needed in sorted(UNCHANGED):
        if is_final and needed not in columns:
            found = ", ".join(repr(name[:60]) for name in list(columns)[:20]) or "none"
            raise ColumnMissing(
                f"{path} has no column {needed!r}; its columns are: {found}. Rename or add it, or say which one it is: "
                f"--column {needed}=HEADING."
            )
    for column in columns:
        if column not in UNCHANGED and (problem := name_error(column)):
            raise ColumnUnusable(f"{path}: {problem}")
