"""Checksums that rows carry of themselves: SQLite notices damage to its own structure, none to what it keeps in it."""

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeAlias

Value: TypeAlias = str | bytes | int | float | None

SIZE = 16
"""Bytes of a checksum: enough against chance, which flips bits; it is no defence against forgers."""

SEAL = (
    "digest(fingerprint, dim, classes, revision,"
    " (SELECT seq FROM sqlite_sequence WHERE name = 'items'),"
    " (SELECT seq FROM sqlite_sequence WHERE name = 'tombstones'))"
)
"""SQL: the checksum of the table `catalogue`'s only row, and of the numbers that were given out last."""


def row_checksum(values: Sequence[Value]) -> bytes:
    """Return the BLAKE2b digest of the values of a row, in their order: SIZE bytes. SQL calls it `digest`.

    Each value goes in with its kind and length, so that no two rows are encoded alike; text counts as its UTF-8 bytes.
    """
    return hashed(b"".join(map(encoded, values))).digest()


def values_of_item(columns: Sequence[Value], vector: bytes, picture: bytes) -> tuple[Value, ...]:
    """Return the values that an item's checksum is of: its row of ROW_COLUMNS, its vector and its picture.

    Colours and fingerprint, the last two columns, are among them where there is either: before format 3 there was none.
    """
    known = columns if any(value is not None for value in columns[-2:]) else columns[:-2]
    return (*known, vector, picture)


def item_checksum(columns: Sequence[Value], vector: bytes, picture: bytes) -> bytes:
    """Return the checksum of an item: SIZE bytes."""
    return row_checksum(values_of_item(columns, vector, picture))


def encoded(value: Value) -> bytes:
    """Return a value as checksums read it: kind, length, content."""
    match value:
        case None:
            kind, content = b"n", b""
        case int():
            kind, content = b"i", str(value).encode()
        case float():
            kind, content = b"f", struct.pack("<d", value)
        case str():
            kind, content = b"b", value.encode()
        case _:
            kind, content = b"b", bytes(value)
    return kind + len(content).to_bytes(8, "little") + content


def hashed(content: bytes) -> blake2b:
    """Return a hash that has read so much, to go on from."""
    return blake2b(content, digest_size=SIZE)
