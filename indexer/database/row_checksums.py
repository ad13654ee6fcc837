"""Digests that rows carry of themselves: SQLite notices damage to its own structure, none to what it keeps in it."""

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeAlias

Value: TypeAlias = str | bytes | int | float | None

SIZE = 16
"""Bytes of a digest: enough against chance, which flips bits; forgers are not what it is for."""

SEAL = (
    "digest(fingerprint, dim, classes, revision,"
    " (SELECT seq FROM sqlite_sequence WHERE name = 'items'),"
    " (SELECT seq FROM sqlite_sequence WHERE name = 'tombstones'))"
)
"""SQL: the digest of the table `catalogue`'s only row, and of the numbers that were given out last."""


def digest(*values: Value) -> bytes:
    """Return the digest of the values of a row, in their order; text is the same as its UTF-8 bytes."""
    return digest_of(values)


def digest_of(values: Sequence[Value]) -> bytes:
    """Return the BLAKE2b digest of values, each with its kind and length, so that no two rows are spelt alike."""
    return hashed(b"".join(map(spelt, values))).digest()


def spelt(value: Value) -> bytes:
    """Return a value as digests read it: kind, length, content."""
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
    """Return the state of a digest that has read so much."""
    return blake2b(content, digest_size=SIZE)
