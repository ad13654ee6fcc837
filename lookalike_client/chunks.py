"""Changes of many items as lines of JSON, in chunks that one request may hold."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lookalike_client.errors import error_of
from lookalike_client.options import Json, PictureSource, picture_fields
from lookalike_client.records import Written

MOST_BYTES = 20 * 1024 * 1024 - 1
"""Bytes of a chunk: the server takes fewer than 20 MiB."""

MOST_LINES = 1000
"""Lines of a chunk: results come soon, and one that can't be sent costs few others."""

NO_TIME = "no-time-left"
"""The code of lines that the server has not begun within the 40 seconds that it gives to a request."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an item is to be: with a picture, added or replaced; without, its attributes are; or it is taken out."""

    id: str
    attributes: Json | None = None
    image: PictureSource | None = None
    delete: bool = False

    def line(self) -> bytes:
        """Return it as a line. Raises OSError, and TypeError and ValueError for attributes that JSON can't hold."""
        fields: dict[str, object] = {"id": self.id}
        if self.attributes is not None:
            fields["attributes"] = self.attributes
        if self.image is not None:
            fields |= picture_fields(self.image)
        if self.delete:
            fields["delete"] = True
        return json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines by their numbers from 1 among all that are written."""

    lines: Mapping[int, bytes]

    def settled(self, results: Sequence[Written]) -> "tuple[Sequence[Written], Chunk | None]":
        """Return which results stand, and what is to be sent again since the server had no time left for it.

        Where it had none for any line, all results stand.
        """
        late = {one.line for one in results if one.problem is not None and one.problem.code == NO_TIME}
        if not late or len(late) == len(results):
            return results, None
        again = Chunk({number: line for number, line in self.lines.items() if number in late})
        return [one for one in results if one.line not in late], again


class Chunks:
    """Gathers changes; each that is added may make a chunk full, and the last is had with `rest`."""

    def __init__(self, most_bytes: int = MOST_BYTES, most_lines: int = MOST_LINES) -> None:
        self._most_bytes = most_bytes
        self._most_lines = most_lines
        self._lines: dict[int, bytes] = {}
        self._bytes = 0
        self._seen = 0

    def add(self, change: Change) -> Iterator[Chunk | Written]:
        """Add a change, and return what is to be sent before the next. One that no request holds has failed at once."""
        line = change.line()
        if self._bytes + len(line) > self._most_bytes or len(self._lines) == self._most_lines:
            yield from self.rest()
        self._seen += 1
        if len(line) > self._most_bytes:
            detail = f"A line of {len(line):,} bytes is more than a request holds. Write this item with put."
            problem = error_of(413, {"code": "content-too-large", "detail": detail})
            yield Written(self._seen, change.id, "failed", None, problem)
        else:
            self._lines[self._seen] = line
            self._bytes += len(line)

    def rest(self) -> Iterator[Chunk]:
        """Return what has been gathered, and begin anew."""
        if self._lines:
            yield Chunk(self._lines)
        self._lines, self._bytes = {}, 0
