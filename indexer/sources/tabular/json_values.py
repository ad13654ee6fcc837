"""JSON values one after another, of an array or without one, read in pieces: no array is held whole."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from indexer.sources.bounded_lines import LONGEST_LINE
from indexer.sources.errors import TableDamaged
from indexer.sources.tabular.text import as_utf8

_AT_ONCE = 2**16
_BLANKS = " \t\r\n"
_NAME = r'"(?!(?:id|image)")[^"\\]{1,100}"\s*:\s*'
_PLAIN = r'(?:"[^"\\]{0,1000}"|-?[0-9.eE+-]{1,40}|true|false|null)'
_IN_AN_OBJECT = re.compile(rf"(?:\{{\s*(?:{_NAME}{_PLAIN}\s*,\s*){{0,50}}{_NAME}){{1,3}}(?=\[\s*\{{)", re.IGNORECASE)
"""How a file begins that has its items in a member of an object, or of one in that, `{"page": 1, "products": [{`."""


def is_array(file: BinaryIO, name: str, encoding: str = "") -> bool:
    """Tell whether a file begins as an array does."""
    text = _Text(file, name, encoding)
    text.skip()
    return text.next() == "["


def json_values(file: BinaryIO, name: str, encoding: str = "") -> Iterator[tuple[int, Any]]:
    """Yield the line on which each value begins, and the value: those of an array, also one in an object
    (`{"products": [...]}`), else all there are.

    No value may be longer than a line. Raises TableDamaged for what is no JSON, and for what stands behind an array.
    """
    text = _Text(file, name, encoding)
    text.skip()
    is_within = (match := _IN_AN_OBJECT.match(text.held)) is not None
    if match is not None:
        text.drop(match.end())
    in_array = text.next() == "["
    if in_array:
        text.drop(1)
    is_first = True
    while True:
        text.skip()
        following = text.next()
        if in_array and following == "]":
            break
        if not in_array and not following:
            return
        if in_array and not is_first:
            text.expect(",")
            if text.next() == "]":  # as after the last item of many a script
                break
        yield text.line, text.value()
        is_first = False
    text.drop(1)
    text.skip()
    if not is_within and text.next():
        raise TableDamaged(f"{name}: line {text.line} goes on after the end of the array. Put all items into one.")


class _Text:
    """The text of a file of which some is held: what comes next stands at the beginning of `held`."""

    def __init__(self, file: BinaryIO, name: str, encoding: str) -> None:
        self._file = as_utf8(file, name, encoding)
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._json = json.JSONDecoder()
        self._text = ""
        self._place = 0
        self._is_done = False
        self.line = 1
        self._more()

    @property
    def held(self) -> str:
        return self._text[self._place :]

    def next(self) -> str:
        """Return the next character, empty at the end."""
        while self._place == len(self._text) and not self._is_done:
            self._more()
        return self._text[self._place : self._place + 1]

    def drop(self, count: int) -> None:
        """Go on behind so many characters of what is held."""
        self.line += self._text.count("\n", self._place, self._place + count)
        self._place += count

    def skip(self) -> None:
        """Go on behind blanks."""
        while (following := self.next()) and following in _BLANKS:
            rest = len(self._text) - len(self._text[self._place :].lstrip(_BLANKS)) - self._place
            self.drop(rest)

    def expect(self, sign: str) -> None:
        if self.next() != sign:
            raise self._damaged(f"{sign!r} is missing")
        self.drop(1)
        self.skip()

    def value(self) -> Any:
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._place)
            except (ValueError, RecursionError) as error:
                if self._is_done or len(self._text) - self._place > LONGEST_LINE or isinstance(error, RecursionError):
                    reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                    raise self._damaged(reason) from error
                self._more()
            else:
                self.drop(end - self._place)
                return value

    def _more(self) -> None:
        data = self._file.read(_AT_ONCE)
        self._is_done = not data
        try:
            self._text = self._text[self._place :] + self._decoder.decode(data, final=self._is_done)
        except UnicodeDecodeError as error:
            raise TableDamaged(
                f"{self._name} is not UTF-8 (byte {error.object[error.start]:#04x} after line {self.line}). Save the "
                "table as UTF-8, or say what it is: --encoding cp1252."
            ) from error
        self._place = 0

    def _damaged(self, reason: str) -> TableDamaged:
        return TableDamaged(f"{self._name}: line {self.line} is no JSON ({reason}). Check what stands there.")
