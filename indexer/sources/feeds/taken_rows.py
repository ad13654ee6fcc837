"""The rows of a table with its columns taken for what they are: as a person says, or as an export is known to mean."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from indexer.sources.errors import ColumnMissing
from indexer.sources.feeds.known import Feed, recognised
from indexer.sources.feeds.pictures import pictures_in
from indexer.sources.table_rows import Row, TableRows
from indexer.sources.tabular.headings import IMAGE

_SHOWN = 20


@dataclass(slots=True)
class _Counts:
    """What a whole reading left out."""

    joined: int = 0
    parts: int = 0
    more: int = 0
    with_more: int = 0

    def add(self, more: int) -> None:
        self.more += more
        self.with_more += more > 0


class TakenRows:
    """The rows of a table, its columns called by what they mean, an item's rows made one and its pictures the first.

    `meant` maps our names to headings. Where it says nothing of `image`, exports are recognised by their headings.
    Raises ColumnMissing for a heading that is not there.
    """

    def __init__(self, rows: TableRows, meant: Mapping[str, str]) -> None:
        self._rows = rows
        headings = rows.columns or tuple(dict.fromkeys(name for row in islice(rows, 1) for name in row.values))
        self._feed = None if IMAGE in meant else recognised(headings)
        meanings = {ours: _heading(theirs, headings, rows) for ours, theirs in meant.items()}
        taken = _taken_by(self._feed, headings) | meanings
        self._names = _names(taken, headings)
        self._instead = _instead(self._feed, taken, headings)
        self.columns = tuple(self._names.get(name, name) for name in rows.columns)
        self.unnamed = frozenset(self._names.get(name, name) for name in rows.unnamed)
        self._told = _told(self._feed, taken)
        self._counts = _Counts()

    @property
    def path(self) -> Path:
        return self._rows.path

    @property
    def is_text(self) -> bool:
        return self._rows.is_text

    @property
    def delimiter(self) -> str:
        return self._rows.delimiter

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on how the file was taken; what is counted is known once all rows have been read."""
        notes = [*self._rows.notes, *self._told]
        counts = self._counts
        if counts.joined:
            notes.append(f"Further rows of an item, which has the values of its first: {counts.joined}.")
        if counts.parts:
            notes.append(f"Variations without a picture of their own, left out: {counts.parts}.")
        if counts.more:
            notes.append(
                f"Further pictures, left out as an item has its first: {counts.more}, in items: {counts.with_more}."
            )
        return tuple(notes)

    def __iter__(self) -> Iterator[Row]:
        counts = _Counts()
        held: Row | None = None
        extra = 0
        for row, more in map(self._row, self._wanted(counts)):
            if held is not None and self._is_further(row, held):
                counts.joined += 1
                if IMAGE in row.values and IMAGE in held.values:
                    extra += 1 + more
                elif IMAGE in row.values:
                    held, extra = Row(held.number, {**held.values, IMAGE: row.values[IMAGE]}), extra + more
                continue
            if held is not None:
                counts.add(extra)
                yield held
            held, extra = row, more
        if held is not None:
            counts.add(extra)
            yield held
        self._counts = counts

    def _is_further(self, row: Row, held: Row) -> bool:
        """Tell whether a row is one more of the item before; an export has these one after another."""
        return self._feed is not None and self._feed.repeats_id and row.id is not None and row.id == held.id

    def _wanted(self, counts: _Counts) -> Iterator[Row]:
        """Yield the rows, but for parts of items that have no picture of their own."""
        part = None if self._feed is None else self._feed.part
        for row in self._rows:
            if part is not None and _is_part(row, part) and not self._has_picture(row):
                counts.parts += 1
            else:
                yield row

    def _row(self, row: Row) -> tuple[Row, int]:
        """Return a row in our names with the first of its pictures, and how many more it has."""
        if row.problem:
            return row, 0
        values: dict[str, Any] = {}
        extra = 0
        for heading, value in row.values.items():
            if self._feed is not None and heading.casefold() in self._feed.more_pictures:
                extra += len(pictures_in(value))
            else:
                values[self._names.get(heading, heading)] = value
        for ours, others in self._instead.items():
            said = next((row.values[other] for other in others if row.values.get(other)), None)
            if said is not None and not str(values.get(ours) or "").strip():
                values[ours] = said
        if IMAGE in values and (pictures := pictures_in(values[IMAGE])):
            extra += len(pictures) - 1
            values[IMAGE] = pictures[0]
        return Row(row.number, values), extra

    def _has_picture(self, row: Row) -> bool:
        return any(self._names.get(name, name) == IMAGE for name in row.values)


def _is_part(row: Row, part: tuple[str, str]) -> bool:
    column, value = part
    return any(name.casefold() == column and str(cell).casefold() == value for name, cell in row.values.items())


def _taken_by(feed: Feed | None, headings: tuple[str, ...]) -> dict[str, str]:
    if feed is None:
        return {}
    spelt = {heading.casefold(): heading for heading in reversed(headings)}
    found = {
        ours: next((spelt[name] for name in names if name in spelt), None) for ours, names in feed.meanings.items()
    }
    return {ours: heading for ours, heading in found.items() if heading is not None}


def _instead(feed: Feed | None, taken: Mapping[str, str], headings: tuple[str, ...]) -> dict[str, list[str]]:
    """Return by our names the headings that hold for a row that leaves out the one that is taken."""
    if feed is None:
        return {}
    spelt = {heading.casefold(): heading for heading in reversed(headings)}
    found = {
        ours: [spelt[name] for name in names if name in spelt and spelt[name] != taken.get(ours)]
        for ours, names in feed.meanings.items()
    }
    return {ours: others for ours, others in found.items() if others}


def _heading(wanted: str, headings: tuple[str, ...], rows: TableRows) -> str:
    """Return a heading as the table spells it. Raises ColumnMissing."""
    if wanted in headings:
        return wanted
    alike = [heading for heading in headings if heading.casefold() == wanted.strip().casefold()]
    if len(alike) == 1:
        return alike[0]
    near = difflib.get_close_matches(wanted, headings, 1)
    hint = f" Is {near[0]!r} meant?" if near else ""
    found = ", ".join(map(repr, headings[:_SHOWN])) or "none"
    raise ColumnMissing(f"{rows.path} has no column {wanted!r}, which --column names.{hint} Its columns are: {found}.")


def _names(taken: Mapping[str, str], headings: tuple[str, ...]) -> dict[str, str]:
    """Return what headings are called; one that has a name of ours and is not meant by it is told apart."""
    names = {heading: ours for ours, heading in taken.items()}
    for ours, heading in taken.items():
        if ours != heading and ours in headings and ours not in names:
            names[ours] = f"{ours} (as written)"
    return names


def _told(feed: Feed | None, taken: Mapping[str, str]) -> tuple[str, ...]:
    if not taken:
        return ()
    said = ", ".join(f"{ours} is {heading!r}" for ours, heading in taken.items())
    return (f"Taken for {feed.name}: {said}." if feed else f"As --column says, {said}.",)
