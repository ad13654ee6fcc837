"""The columns of one catalogue, read when they are first asked for and brought up to date with what is written."""

import threading
from pathlib import Path
from typing import TypeAlias

import apsw
import numpy as np

from indexer.columns.column_files import Generation, kept
from indexer.columns.segment import Segment, read_segment
from indexer.conditions import AllOf, AnyOf, Condition, IdIn, Not
from indexer.database import rows
from indexer.database.rows import Rows

_SMALL = 512
"""Rows up to which segments are put together at once."""

_STATES_KEPT = 8

Segments: TypeAlias = tuple[Segment, ...]
"""What holds between them all rows of a state, in the order of their numbers; and maybe some removed before."""


class Columns:
    """What filters ask of the items of one catalogue. Safe to use from any thread.

    Like the index of vectors it is a cache, and what it was read from is proven: SQLite's tables hold the truth. It is
    made of segments, each at most half as long as the one before: a write makes a short one, and now and then several
    are read anew as one, so that a row is read a few times in its life, and most writes cost what they wrote.
    """

    def __init__(self, directory: Path | None = None) -> None:
        """Begin with none; in a directory, with those that are kept there beside the index file in use."""
        self._directory = directory
        self._turn = threading.Lock()
        self._states: dict[int, Segments] = {}
        """By revision. Several, for who reads an earlier one still; they have most segments in common."""

    def rows_where(
        self, connection: apsw.Connection, revision: int, generation: Generation | None, condition: Condition
    ) -> Rows:
        """Return the rows that a filter allows in the state of a read transaction, ascending.

        Some of them may have been removed before. Raises apsw.CorruptError where an item is not as it was written.
        """
        if not self._states and self._turn.locked():  # somebody reads them at this moment, which takes a while
            return rows.rows_where(connection, condition)
        by_id = {one: rows.rows_of(connection, one.ids) for one in _ids_in(condition)}
        segments = self.segments(connection, revision, generation)
        found = [segment.rows[segment.meeting(condition, by_id)] for segment in segments]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def segments(self, connection: apsw.Connection, revision: int, generation: Generation | None) -> Segments:
        """Return the segments of the state of a read transaction, in which an index file is the published one.

        Raises as `rows_where` does.
        """
        with self._turn:
            segments = self._states.get(revision)
            if segments is None:
                before = max((one for one in self._states if one < revision), default=None)
                segments = _advanced(self._kept(generation) if before is None else self._states[before], connection)
                self._states[revision] = segments
                if len(self._states) > _STATES_KEPT:
                    del self._states[min(self._states)]
            return segments

    @property
    def are_read(self) -> bool:
        """Whether they have been asked for."""
        return bool(self._states)

    def _kept(self, generation: Generation | None) -> Segments:
        return () if self._directory is None or generation is None else kept(self._directory, generation) or ()


def lacks(segments: Segments, name: str, *, of_text: bool) -> bool:
    """Tell whether no row has text, or a number, as an attribute."""
    columns = [column for segment in segments if (column := segment.attributes.get(name)) is not None]
    return not any(column.texts if of_text else column.numbers for column in columns)


def _advanced(before: Segments, connection: apsw.Connection) -> Segments:
    segments = list(before)
    last = rows.last_row_ever(connection)
    first = segments[-1].last + 1 if segments else 1
    if last < first:
        return before
    while segments and (last - segments[-1].first < _SMALL or 2 * (last - first + 1) > len(segments[-1])):
        first = segments.pop().first
    return (*segments, read_segment(connection, first, last))


def _ids_in(condition: Condition) -> set[IdIn]:
    match condition:
        case IdIn():
            return {condition}
        case Not(inner):
            return _ids_in(inner)
        case AllOf(parts) | AnyOf(parts):
            return set[IdIn]().union(*map(_ids_in, parts))
        case _:
            return set()
