"""What the C library does with memory that is freed, where it can be told (glibc)."""

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""The parameters' numbers in glibc's malloc.h."""

LARGE_BLOCK = 2**20
LARGEST_KEPT_BLOCK = 2**25
"""Bytes; glibc takes no larger threshold."""
KEPT = 2**26
"""Bytes that a process keeps at most at the end of its heap."""


def give_back_large_blocks(size: int = LARGE_BLOCK) -> None:
    """Have blocks of so many bytes returned to the system as soon as they are freed: for a process that lives long.

    The library would raise its own threshold to 32 MB after the first large picture, and keep those of every thread:
    half a gigabyte after a few pictures of 25 megapixels, where this leaves a tenth.
    """
    _set(_M_MMAP_THRESHOLD, size)


def keep_freed_memory() -> None:
    """Have freed memory kept for what is asked for next: for a process that does the same over and over.

    The library would return all of it after each picture, and the system clear it page by page for the next one: a
    fifteenth of a worker's time.
    """
    _set(_M_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK)
    _set(_M_TRIM_THRESHOLD, KEPT)


def _set(parameter: int, value: int) -> None:
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(parameter, value)
