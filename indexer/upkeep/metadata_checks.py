"""What a catalogue's database says of itself, beside its items, held against the digests that it carries."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any, TypeAlias

import apsw

from indexer.database.row_checksums import row_checksum
from indexer.database.rows import Rows, tombstones_after
from indexer.upkeep.row_checks import UNREADABLE
from indexer.vectors import index_file
from indexer.vectors.index_file import Pointer

_SELF = (
    "SELECT CAST(fingerprint AS BLOB), dim, CAST(classes AS BLOB), revision,"
    " (SELECT seq FROM sqlite_sequence WHERE name = 'items'),"
    " (SELECT seq FROM sqlite_sequence WHERE name = 'tombstones'), digest FROM catalogue"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Which model a catalogue is of: its fingerprint, the length of its vectors, its classes."""

    fingerprint: str
    dim: int
    classes: tuple[str, ...]


AskIdentity: TypeAlias = Callable[[], Identity]


def identity_of(connection: apsw.Connection, ask: AskIdentity | None) -> tuple[Identity | None, bool]:
    """Return which model the catalogue is of, None when that can't be known; and whether its record of it is sound.

    When it is not, `ask` gives a model: that one it is if the digest says so, or if the damage lies elsewhere.
    """
    try:
        row: tuple[Any, ...] | None = connection.execute(_SELF).fetchone()
    except UNREADABLE:
        row = None
    if row is None:
        return None, False
    *values, digest = row
    if row_checksum(values) == digest:
        return Identity(values[0].decode(), values[1], tuple(json.loads(values[2]))), True
    if ask is None:
        return None, False
    asked = ask()
    said = (asked.fingerprint.encode(), asked.dim, json.dumps(list(asked.classes)).encode())
    is_it = said == tuple(values[:3]) or row_checksum((*said, *values[3:])) == digest
    return asked if is_it else None, False


def problems(connection: apsw.Connection, attribute_names: frozenset[str]) -> Iterator[str]:
    """Yield what is wrong with the tables beside the items, given the names of the attributes that items have."""
    for name, check in (
        ("which index file is the published one", _generations_are_sound),
        ("which rows have died since", _tombstones_are_sound),
        ("the names of attributes", lambda connection: _names_are_sound(connection, attribute_names)),
    ):
        try:
            is_sound = check(connection)
        except (*UNREADABLE, TypeError):
            is_sound = False
        if not is_sound:
            yield f"what it says of {name} is damaged"


def sound_pointer(connection: apsw.Connection) -> Pointer | None:
    """Return the published generation; None when there is none, or when what is said of it is damaged."""
    try:
        return index_file.published(connection) if _generations_are_sound(connection) else None
    except UNREADABLE:
        return None


def removed_since(connection: apsw.Connection, pointer: Pointer) -> Rows | None:
    """Return the rows that were removed since a generation was built; None when that can't be read."""
    try:
        return tombstones_after(connection, pointer.last_tombstone)[0]
    except (*UNREADABLE, TypeError, OverflowError):
        return None


def _generations_are_sound(connection: apsw.Connection) -> bool:
    pointer = index_file.published(connection)
    digests = connection.execute("SELECT digest FROM generations").fetchall()
    return digests == ([] if pointer is None else [(row_checksum(astuple(pointer)),)])


def _tombstones_are_sound(connection: apsw.Connection) -> bool:
    pointer = index_file.published(connection)
    last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'tombstones'").get or 0
    found = connection.execute("SELECT number, row, digest FROM tombstones ORDER BY number").fetchall()
    numbers: Sequence[Any] = [number for number, _, _ in found]
    first = pointer.last_tombstone + 1 if pointer else 1
    is_complete = len(numbers) == last - first + 1 and numbers == list(range(first, last + 1))
    return is_complete and all(row_checksum((row,)) == digest for _, row, digest in found)


def _names_are_sound(connection: apsw.Connection, used: frozenset[str]) -> bool:
    found = connection.execute("SELECT name, digest FROM attribute_names").fetchall()
    return used <= {name for name, _ in found} and all(row_checksum((name,)) == digest for name, digest in found)
