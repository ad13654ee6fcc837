"""Checksums that rows carry of themselves: SQLite notices damage to its own structure, none to what it keeps in it."""

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, TypeAlias

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


def own_checksum(columns: Sequence[Value], digest: Value) -> bytes:
    """Return the checksum of an item's row alone, of ROW_COLUMNS and the item's checksum: SIZE bytes.

    It is asked for whenever an item is read, so it takes a microsecond. Raises TypeError, AttributeError or ValueError
    for values that are not of the columns' types.
    """
    # No f-string of what may be bytes by damage: joining refuses that.
    row, id_, label, probability, attributes, content, media_type, width, height, colours, fingerprint = columns
    texts: tuple[Any, ...] = (id_, label, attributes, content, media_type, colours or "")
    hashes: tuple[Any, ...] = (fingerprint or b"", digest)
    numbers = f"{row!r} {probability!r} {width!r} {height!r} {colours is None} {fingerprint is None}"
    return blake2b("\0".join((numbers, *texts)).encode() + b"".join(hashes), digest_size=SIZE).digest()


def blob_checksum(row: int, blob: bytes) -> bytes:
    """Return the checksum of a vector or a picture in its row: SIZE bytes."""
    return blake2b(blob, digest_size=SIZE, salt=row.to_bytes(8, "little")).digest()


def encoded(value: Value) -> bytes:
    """Return a value as checksums read it: kind, length, content."""
    if isinstance(value, str):
        kind, content = b"b", value.encode()
    elif isinstance(value, bytes):
        kind, content = b"b", value
    elif isinstance(value, int):
        kind, content = b"i", str(value).encode()
    elif isinstance(value, float):
        kind, content = b"f", struct.pack("<d", value)
    else:
        kind, content = b"n", b""
    return kind + len(content).to_bytes(8, "little") + content


def hashed(content: bytes) -> blake2b:
    """Return a hash that has read so much, to go on from."""
    return blake2b(content, digest_size=SIZE)
