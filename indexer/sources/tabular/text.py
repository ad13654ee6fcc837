r"""Text from bytes: which encoding they are in, which line ends they have; from here on all is UTF-8 and `\n`."""

import codecs
import io
from typing import TYPE_CHECKING, BinaryIO, cast

from indexer.sources.errors import TableDamaged

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8 * 2, "utf-8"),  # two programs, each of which wrote its own
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOOKED_AT = 2**12
_AT_ONCE = 2**16
_ZEROS = 0.2
"""The share of every second byte that is zero in UTF-16, in which a table has at least its delimiters of ASCII."""


def as_utf8(file: BinaryIO, name: str, encoding: str = "") -> BinaryIO:
    r"""Return a file of which lines can be read as UTF-8, each ending in `\n`, without a byte order mark.

    UTF-16, as Excel's "Unicode text" is, and UTF-32 are told by their mark or by where zero bytes lie; lines that end
    in `\r` alone by there being no `\n`. `encoding` is what text is in that is neither of these nor UTF-8. Reading
    raises TableDamaged for what is not sound in its encoding, but UTF-8.
    """
    beginning = _available(file, _LOOKED_AT)
    mark, marked = next((found for found in _BYTE_ORDER_MARKS if beginning.startswith(found[0])), (b"", ""))
    encoding = marked or encoding or _without_a_mark(beginning)
    text = beginning.decode(encoding, errors="replace")
    ends_in_return = "\r" in text.rstrip("\r") and "\n" not in text
    rest = _Joined(beginning[len(mark) :], file)
    if encoding == "utf-8" and not ends_in_return:
        return io.BufferedReader(rest, _AT_ONCE)
    return io.BufferedReader(_Transcoded(rest, encoding, name, ends_in_return), _AT_ONCE)


def _available(file: BinaryIO, count: int) -> bytes:
    """Return up to so many bytes, of a pipe what it has by now, without waiting for more."""
    read: Callable[[int], bytes] = getattr(file, "read1", file.read)
    return read(count)


def _without_a_mark(beginning: bytes) -> str:
    """Return the encoding of text that has no mark. UTF-16 has zeros beside what is of ASCII, in every second byte."""
    even, odd = beginning[::2].count(0), beginning[1::2].count(0)
    needed = max(2, _ZEROS * len(beginning) / 2)
    if odd >= needed and even < odd / 10:
        return "utf-16-le"
    if even >= needed and odd < even / 10:
        return "utf-16-be"
    return "utf-8"


class _Joined(io.RawIOBase):
    """Bytes that were read already, and then the file that they are of. Closing it leaves that open."""

    def __init__(self, beginning: bytes, file: BinaryIO) -> None:
        self._beginning = beginning
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        room = memoryview(buffer).cast("B")
        data = self._beginning[: len(room)] or _available(self._file, len(room))
        self._beginning = self._beginning[len(room) :]
        room[: len(data)] = data
        return len(data)


class _Transcoded(io.RawIOBase):
    r"""The same text as UTF-8, `\r` becoming `\n` where that alone ends lines."""

    def __init__(self, raw: io.RawIOBase, encoding: str, name: str, ends_in_return: bool) -> None:
        self._raw = raw
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogateescape" if encoding == "utf-8" else "strict")
        self._name = name
        self._ends_in_return = ends_in_return
        self._ready = b""
        self._is_done = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        while not self._ready and not self._is_done:
            data = cast("bytes", self._raw.read(_AT_ONCE))
            self._is_done = not data
            self._ready = self._recoded(data)
        room = memoryview(buffer).cast("B")
        data, self._ready = self._ready[: len(room)], self._ready[len(room) :]
        room[: len(data)] = data
        return len(data)

    def _recoded(self, data: bytes) -> bytes:
        try:
            text = self._decoder.decode(data, final=self._is_done)
        except UnicodeDecodeError as error:
            raise TableDamaged(
                f"{self._name} is no sound {self._encoding.upper()} ({error.reason}). Save the table as UTF-8."
            ) from error
        if self._ends_in_return:
            text = text.replace("\r", "\n")
        return text.encode(errors="surrogateescape" if self._encoding == "utf-8" else "replace")
