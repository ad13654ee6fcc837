"""What the front and its workers say to each other: length-prefixed frames over a stream socket.

Both ends are one program of one version, so headers travel as `marshal` writes them, which takes a microsecond.
"""

import marshal
import struct
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

Headers = list[tuple[bytes, bytes]]

_REQUEST = struct.Struct("<II")
_ANSWER = struct.Struct("<III")


class RequestHead(NamedTuple):
    """A request without its body.

    `target` is the raw path and query without the prefix, `prefix` the raw path under which the application is seen
    from outside, `host` and `port` the address that listens; `headers` have lower-case names. `tried_before` tells that
    a worker died over it, which may have carried it out.
    """

    request_id: str
    method: str
    target: bytes
    prefix: str
    scheme: str
    client: str
    host: str
    port: int
    version: str
    headers: Headers
    tried_before: bool = False


class AnswerFacts(NamedTuple):
    """What the front counts and logs of an answer; `steps` are names and milliseconds."""

    status: int
    route: str | None
    model: str | None
    state: str | None
    steps: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `head` holds the status line and the header fields, each line with its CRLF."""

    facts: AnswerFacts
    head: bytes
    body: bytes


def request_frame(head: RequestHead, body_length: int) -> bytes:
    """Return the frame of a request; so many bytes of its body must follow."""
    packed = marshal.dumps(tuple(head))
    return _REQUEST.pack(len(packed), body_length) + packed


def read_request(stream: BinaryIO) -> tuple[RequestHead, bytes] | None:
    """Read the next request with its body; None where the stream ends."""
    prefix = stream.read(_REQUEST.size)
    if len(prefix) < _REQUEST.size:
        return None
    head_length, body_length = _REQUEST.unpack(prefix)
    packed, body = stream.read(head_length), stream.read(body_length) if body_length else b""
    if len(packed) < head_length or len(body) < body_length:
        return None
    return RequestHead(*marshal.loads(packed)), body  # noqa: S302 (of our own front)


def answer_frame(answer: Answer) -> bytes:
    """Return the frame of an answer."""
    facts = marshal.dumps(tuple(answer.facts))
    return b"".join((_ANSWER.pack(len(facts), len(answer.head), len(answer.body)), facts, answer.head, answer.body))


class AnswerReader:
    """Puts an answer together from the pieces in which it arrives; there is never more than one under way."""

    __slots__ = ("_pieces", "_received", "_wanted")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._received = 0
        self._wanted = 0

    def feed(self, data: bytes) -> Answer | None:
        """Take in a piece; return the answer when it is whole."""
        if self._pieces:
            self._pieces.append(data)
            self._received += len(data)
            if self._received < self._wanted:
                return None
            data = b"".join(self._pieces)
        if len(data) < _ANSWER.size:
            self._wait(data, _ANSWER.size)
            return None
        facts_length, head_length, body_length = _ANSWER.unpack_from(data)
        head_at = _ANSWER.size + facts_length
        body_at = head_at + head_length
        if len(data) < body_at + body_length:
            self._wait(data, body_at + body_length)
            return None
        self._pieces.clear()
        facts = AnswerFacts(*marshal.loads(data[_ANSWER.size : head_at]))  # noqa: S302 (of our own worker)
        return Answer(facts, data[head_at:body_at], data[body_at:])

    def _wait(self, data: bytes, wanted: int) -> None:
        self._pieces, self._received, self._wanted = [data], len(data), wanted


class Hello(NamedTuple):
    """What a worker says first: why it can't start, or what the front must know of the application.

    `max_body` are bytes, `health` is the answer to /healthz.
    """

    pid: int
    failure: str | None
    max_body: int
    health: tuple[bytes, bytes] | None


_LENGTH = struct.Struct("<I")


def hello_frame(hello: Hello) -> bytes:
    """Return the frame of what a worker says first."""
    packed = marshal.dumps(tuple(hello))
    return _LENGTH.pack(len(packed)) + packed


class HelloReader:
    """Puts together what a worker says first."""

    def __init__(self) -> None:
        self._received = b""

    def feed(self, data: bytes) -> Hello | None:
        """Take in a piece; return what was said when it is whole."""
        self._received += data
        if len(self._received) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._received)
        if len(self._received) < _LENGTH.size + length:
            return None
        return Hello(*marshal.loads(self._received[_LENGTH.size :]))  # noqa: S302 (of our own worker)
