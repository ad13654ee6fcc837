"""Lines of text from files that may be anything: bounded in length, decoded, and free of NUL bytes."""

from collections.abc import Iterator
from typing import BinaryIO

from indexer.sources.errors import TableDamaged
from indexer.sources.tabular.text import as_utf8

LONGEST_LINE = 2**20
"""Bytes that a line may have."""


def bounded_lines(file: BinaryIO, name: str, encoding: str = "") -> Iterator[tuple[int, str | TableDamaged]]:
    """Yield the number of each line, from 1, and its text with its end; or why it can't be taken, and go on.

    However long a line is, no more than LONGEST_LINE bytes of it are held. UTF-8 or UTF-16, or what
    `encoding` says of text that is neither.
    """
    number = 0
    file = as_utf8(file, name, encoding)
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            yield (
                number,
                TableDamaged(
                    f"{name}: line {number} is longer than {LONGEST_LINE >> 20} MiB. This is no table of items, or its "
                    "line ends are missing."
                ),
            )
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST_LINE)
        elif b"\0" in line:
            yield (
                number,
                TableDamaged(
                    f"{name}: line {number} holds NUL bytes; this is no text, or not UTF-8. Save the table as UTF-8."
                ),
            )
        else:
            yield number, _decoded(line, number, name)


def _decoded(line: bytes, number: int, name: str) -> str | TableDamaged:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        return TableDamaged(
            f"{name}: line {number} is not UTF-8 (byte {line[error.start]:#04x}). Save the table as UTF-8, or say "
            "what it is: --encoding cp1252."
        )
