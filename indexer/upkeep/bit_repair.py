"""Repairing a single flipped bit by trying each: a checksum of 128 bits proves the right one."""

import struct
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from indexer.database.row_checksums import Value, encoded, hashed, row_checksum

MOST_HASHED = 20 * 10**9
"""Bytes that are hashed in all before no more rows are tried: well under a minute."""

_BITS_OF_AN_INTEGER = 16  # those of an item are of its picture's sides


class BitRepair:
    """Repairs rows in which one bit is flipped, until `most_hashed` bytes have been hashed for it."""

    def __init__(self, most_hashed: int = MOST_HASHED) -> None:
        self._left = most_hashed

    def repaired(self, values: Sequence[Value], digest: bytes) -> tuple[Value, ...] | None:
        """Return the values that a row was written with; None when more than one bit is flipped."""
        differing = int.from_bytes(row_checksum(values)) ^ int.from_bytes(digest)
        if differing.bit_count() == 1:
            return tuple(values)  # the digest itself
        parts = [encoded(value) for value in values]
        size = sum(map(len, parts))
        cost = 4 * size * size  # a try for each bit, hashing what lies behind it: half of all
        if cost > self._left:
            return None
        self._left -= cost
        for place, value in enumerate(values):
            before, after = b"".join(parts[:place]), b"".join(parts[place + 1 :])
            head = parts[place][: len(parts[place]) - len(value)] if isinstance(value, bytes) else b""
            if isinstance(value, bytes):
                candidate: Value = unflipped(hashed(before + head), value, after, digest)
            else:
                tries = (
                    other for other in _others(value) if hashed(before + encoded(other) + after).digest() == digest
                )
                candidate = next(tries, None)
            if candidate is not None:
                return (*values[:place], candidate, *values[place + 1 :])
        return None


def unflipped(state: blake2b, value: bytes, after: bytes, digest: bytes) -> bytes | None:
    """Return `value` with the one bit flipped that gives `digest`; None when no bit does.

    `state` is a hash that has read what comes before `value`; `after` is what comes behind it.
    """
    rest = memoryview(value + after)
    for place, byte in enumerate(value):
        for bit in range(8):
            tried = state.copy()
            tried.update(bytes((byte ^ 1 << bit,)))
            tried.update(rest[place + 1 :])
            if tried.digest() == digest:
                return value[:place] + bytes((byte ^ 1 << bit,)) + value[place + 1 :]
        state.update(rest[place : place + 1])
    return None


def _others(value: Value) -> Iterator[Value]:
    if isinstance(value, int):
        yield from (value ^ 1 << bit for bit in range(_BITS_OF_AN_INTEGER))
    elif isinstance(value, float):
        packed = int.from_bytes(struct.pack("<d", value))
        yield from (struct.unpack("<d", (packed ^ 1 << bit).to_bytes(8))[0] for bit in range(64))
