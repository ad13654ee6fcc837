"""A connection of a client: HTTP/1.1 in, whole requests out, and their answers in the order of the requests."""

import asyncio
import socket
import struct
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from search_api.server import refusals
from search_api.server.frames import Answer, Headers, RequestHead
from search_api.server.front.heads import path_of, read_fields, without_prefix
from search_api.server.front.proxies import Proxies
from search_api.server.front.request import Request
from search_api.server.limits import Limits

if TYPE_CHECKING:
    from itertools import count

_JOINED_UP_TO = 64 * 1024
"""Bytes of a body that are copied to be sent with their head in one go."""

_MOST_PIPELINED = 8
"""Whole requests that wait on a connection behind the one being answered; what comes beyond is not parsed yet."""

_HEAD_SLICE, _BODY_SLICE = 1024, 16 * 1024
"""Bytes that are parsed at once where requests begin, and inside a body."""

_FOREVER = float("inf")
_SMALL_CHUNK = 64
_CHUNKS_FREE = 4096
"""A body may have so many chunks of any size; further ones must hold 64 bytes on average."""

_RESET = struct.pack("ii", 1, 0)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Host(Protocol):
    """What a connection needs of the server that it belongs to."""

    limits: Limits
    proxies: Proxies
    max_body: int
    bytes_waiting: int
    is_stopping: bool
    date: bytes
    address: tuple[str, int]
    id_prefix: str
    id_numbers: "count[int]"
    connections: "dict[Connection, None]"

    def admit(self, connection: "Connection") -> None:
        """Count a new connection in."""

    def release(self, connection: "Connection") -> None:
        """Count a connection out."""

    def dispatch(self, request: Request) -> None:
        """Have a whole request answered."""

    def note(self, request: Request, answer: Answer, sent: int) -> None:
        """Count and log an answer of which so many bytes were sent."""


class Connection(asyncio.Protocol):
    """One client. Every state that it can be in has a deadline, which the server looks at (`check`)."""

    __slots__ = (
        "_answering",
        "_chunks",
        "_discarded",
        "_discards",
        "_fields",
        "_half_closed",
        "_head_bytes",
        "_headers",
        "_host",
        "_is_paused",
        "_is_pumping",
        "_is_trusted",
        "_loop",
        "_parser",
        "_peer",
        "_pending",
        "_receiving",
        "_refusal",
        "_transport",
        "_unparsed",
        "_url",
        "_write_paused",
        "deadline",
    )

    def __init__(self, host: Host, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._pending: deque[Request] = deque()  # whole, behind the one that is being answered
        self._answering: Request | None = None
        self._receiving: Request | None = None
        self._refusal: Answer | None = None
        self._discards = False
        self._discarded = 0
        self._head_bytes = 0
        self._half_closed = False
        self._is_paused = False
        self._is_pumping = False
        self._unparsed = b""
        self._write_paused = False
        self.deadline = _FOREVER

    # --- what the event loop calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own are not registered as such
        self._transport.set_write_buffer_limits(0)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        self._is_trusted = self._host.proxies.are_trusted(self._peer)
        self.deadline = monotonic() + self._host.limits.idle
        self._host.admit(self)

    def data_received(self, data: bytes) -> None:
        """Take in what the client sends."""
        if self._discards:
            self._discarded += len(data)
            if self._discarded > 2 * self._host.max_body:
                self._transport.abort()
            return
        self._unparsed = self._unparsed + data if self._unparsed else data
        self._parse()
        self._pump()

    def _parse(self) -> None:
        """Parse what has come, a slice at a time, until some requests wait: one client must not take all the turns."""
        while self._unparsed and not self._discards and len(self._pending) < _MOST_PIPELINED:
            before = self._receiving
            size = _HEAD_SLICE if before is None or before.head is None else _BODY_SLICE
            data, self._unparsed = self._unparsed[:size], self._unparsed[size:]
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade:
                # Nothing but HTTP/1.1 is spoken here, so the request is answered, or refused, as any other.
                self._discards = self._refusal is None
            except httptools.HttpParserError:
                self._refusal = self._refusal or refusals.BAD_REQUEST
            if self._discards and self._refusal is not None and self._answering is None and not self._pending:
                break  # the last answer has been sent
            receiving = self._receiving
            if receiving is not None and receiving.head is None and self._refusal is None:
                self._head_bytes = self._head_bytes + len(data) if receiving is before else len(data)
                if self._head_bytes > self._host.limits.head + self._host.limits.request_line:
                    too_long = len(self._url) > self._host.limits.request_line
                    self._refusal = refusals.URI_TOO_LONG if too_long else refusals.HEADERS_TOO_LARGE
            if self._refusal is not None:
                self._refuse()
        if self._discards:
            self._unparsed = b""

    def _parse_on(self) -> None:
        """Go on with what was held back while requests waited."""
        if not self._transport.is_closing():
            self._parse()
            self._pump()

    def eof_received(self) -> bool:
        """Go on answering a client that only stops sending; one that stops in the middle of a request is gone."""
        self._half_closed = True
        return self._answering is not None or self._write_paused or bool(self._unparsed)

    def pause_writing(self) -> None:
        """The client does not take what is sent as fast as it comes."""
        self._write_paused = True
        self.deadline = monotonic() + self._host.limits.send

    def resume_writing(self) -> None:
        """The client has taken all."""
        self._write_paused = False
        limits = self._host.limits
        if self._half_closed and self._answering is None and not self._pending and not self._unparsed:
            self._transport.close()
            return
        self.deadline = monotonic() + (limits.linger if self._discards else limits.idle)
        self._pump()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Give up what nobody waits for any more."""
        self.deadline = _FOREVER
        self._discards = True
        for request in (self._receiving, self._answering, *self._pending):
            if request is not None:
                self._host.bytes_waiting -= request.body_length
                request.abandon()
        self._receiving = self._answering = None
        self._pending.clear()
        self._unparsed = b""
        self._host.release(self)

    # --- what the parser calls ---

    def on_message_begin(self) -> None:
        """Begin a request, unless the last one has been answered."""
        if self._discards:
            return
        now = monotonic()
        self._receiving = Request(self._answered, now)
        self._headers: Headers = []
        self._url = b""
        self._fields = 0
        self._chunks = 0
        self._head_bytes = 0
        if self._answering is None:
            self.deadline = now + self._host.limits.receive

    def on_url(self, url: bytes) -> None:
        """Take in a piece of the request's target."""
        if self._receiving is None:
            return
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header field, or one behind a chunked body, which nothing here needs."""
        if self._receiving is None:
            return
        self._fields += len(name) + len(value) + 4
        if self._receiving.head is None:
            self._headers.append((name.lower(), value))
        elif self._fields > self._host.limits.head:
            self._refusal = self._refusal or refusals.HEADERS_TOO_LARGE

    def on_headers_complete(self) -> None:
        """Look at the head, and refuse what need not be received."""
        request = self._receiving
        if request is None or self._refusal is not None:
            return
        self._refusal = self._read_head(request)

    def on_chunk_header(self) -> None:
        """Count a chunk: a body of single bytes would cost far more than it is worth."""
        self._chunks += 1
        request = self._receiving
        if request is not None and self._chunks > _CHUNKS_FREE + request.body_length // _SMALL_CHUNK:
            self._refusal = self._refusal or refusals.BAD_REQUEST

    def on_body(self, body: bytes) -> None:
        """Take in a piece of the body."""
        request, host = self._receiving, self._host
        if request is None or self._refusal is not None:
            return
        request.body.append(body)
        request.body_length += len(body)
        host.bytes_waiting += len(body)
        if request.body_length > host.max_body:
            self._refusal = self._too_large()
        elif host.bytes_waiting > host.limits.bytes_waiting // (2 if request.writes else 1):
            self._refusal = refusals.BUSY  # who writes leaves room for those who read

    def on_message_complete(self) -> None:
        """Have the whole request answered."""
        request = self._receiving
        if request is None or self._refusal is not None:
            return
        self._receiving = None
        request.closes = self._parser.should_upgrade() or not self._parser.should_keep_alive()
        if self._answering is None and not self._pending and not self._write_paused:
            self._begin(request)
        else:
            self._pending.append(request)

    # --- deadlines and the server's end ---

    def check(self, now: float) -> None:
        """Cut the client off when its time is over."""
        if now < self.deadline:
            return
        if self._receiving is not None and self._answering is None and not self._discards:
            self._refusal = refusals.TOO_LATE
            self._refuse()
            self._pump()
        elif self._write_paused:
            self.abort()
        else:
            self._transport.close()

    def finish(self) -> None:
        """The server stops: close the connection unless a request is under way."""
        if self._answering is None and self._receiving is None and not self._write_paused:
            self._transport.close()

    @property
    def is_idle(self) -> bool:
        """Whether no whole request has been received that is still to be answered."""
        return self._answering is None

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken."""
        return self._transport.get_write_buffer_size() if self._write_paused else 0

    def abort(self) -> None:
        """Cut the client off, with a reset where the system would go on for minutes offering what was not taken."""
        with suppress(OSError, AttributeError):
            if self._write_paused:
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def _read_head(self, request: Request) -> Answer | None:
        """Complete the request's head; return a refusal when it is not one that is answered."""
        host, headers, target = self._host, self._headers, self._url
        limits = host.limits
        if len(target) > limits.request_line:
            return refusals.URI_TOO_LONG
        if len(headers) > limits.fields or self._fields > limits.head:
            return refusals.HEADERS_TOO_LARGE
        version = self._parser.get_http_version()
        fields = read_fields(headers, version)
        if isinstance(fields, Answer):
            return fields
        method = self._parser.get_method().decode("ascii")
        try:
            target = path_of(target, method)
        except ValueError:
            return refusals.BAD_REQUEST
        client, scheme, prefix = self._peer, "http", host.proxies.prefix
        if self._is_trusted:
            client, scheme, prefix, told_host = host.proxies.origin(self._peer, headers)
            if told_host is not None:
                headers = [(b"host", told_host), *(field for field in headers if field[0] != b"host")]
        target = without_prefix(target, prefix)
        request_id = fields.request_id or f"{host.id_prefix}{next(host.id_numbers):x}"
        request.path = target.partition(b"?")[0]
        request.content_type = fields.content_type
        request.is_http_1_0 = version != "1.1"
        request.head = RequestHead(
            request_id, method, target, prefix, scheme, client, *host.address, f"HTTP/{version}", headers
        )
        if fields.is_encoded:
            return refusals.ENCODED
        if fields.length is not None and fields.length > host.max_body:
            return self._too_large()
        if fields.expects_continue and (fields.is_chunked or fields.length):
            self._transport.write(_CONTINUE)
        return None

    def _too_large(self) -> Answer:
        kind = b"" if self._receiving is None else self._receiving.content_type
        if kind.startswith(b"application/x-ndjson"):
            return refusals.LINES_TOO_LARGE
        is_picture = kind.startswith((b"image/", b"application/octet-stream"))
        return refusals.PICTURE_TOO_LARGE if is_picture else refusals.CONTENT_TOO_LARGE

    # --- answering ---

    def _refuse(self) -> None:
        """Let a refusal be the last answer on this connection, and read nothing more."""
        request = self._receiving or Request(self._answered, monotonic())
        self._receiving = None
        self._host.bytes_waiting -= request.body_length
        request.body.clear()
        request.body_length = 0
        request.local = self._refusal
        request.closes = True
        self._discards = True
        self._pending.append(request)

    def _begin(self, request: Request) -> None:
        self._answering = request
        self.deadline = _FOREVER
        self._host.dispatch(request)

    def _pump(self) -> None:
        """Answer what waits, one after the other, while the client takes the answers."""
        if self._is_pumping:  # an answer that needed no worker
            return
        self._is_pumping = True
        while self._pending and self._answering is None and not self._write_paused:
            request = self._pending.popleft()
            if request.local is None:
                self._begin(request)
            else:
                self._answering = request
                request.settle(request.local)
        self._is_pumping = False
        if self._unparsed and len(self._pending) < _MOST_PIPELINED and not self._write_paused:
            self._loop.call_soon(self._parse_on)
        has_enough = bool(self._pending or self._unparsed)
        if has_enough != self._is_paused and not self._transport.is_closing():
            self._is_paused = has_enough and not self._discards
            if self._is_paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _answered(self, request: Request, answer: Answer) -> None:
        """Send the answer to the request whose turn it is."""
        host, transport = self._host, self._transport
        self._answering = None
        host.bytes_waiting -= request.body_length
        request.body_length = 0
        request.body.clear()
        closes = request.closes or host.is_stopping
        head, body = request.head, answer.body
        if closes:
            connection = b"Connection: close\r\n"
        else:
            connection = b"Connection: keep-alive\r\n" if request.is_http_1_0 else b""
        identity = b"" if head is None else b"X-Request-Id: " + head.request_id.encode() + b"\r\n"
        if head is not None and head.method == "HEAD":
            body = b""
        lines = b"".join((answer.head, host.date, identity, connection, b"\r\n"))
        self.deadline = monotonic() + host.limits.idle
        if len(body) <= _JOINED_UP_TO:
            transport.write(lines + body)
        else:
            transport.writelines((lines, body))
        host.note(request, answer, len(body))
        if closes:
            self._close_after_answer()
        elif self._pending or self._unparsed:
            self._pump()
        elif self._half_closed and not self._write_paused:
            transport.close()

    def _close_after_answer(self) -> None:
        """Let the client read the answer: reset at once, what it is still sending would make the system drop it."""
        self._discards = True
        for request in self._pending:
            self._host.bytes_waiting -= request.body_length
        self._pending.clear()
        if self._half_closed:
            if not self._write_paused:
                self._transport.close()
            return
        if not self._write_paused:
            self.deadline = monotonic() + self._host.limits.linger
        with suppress(OSError, RuntimeError):
            self._transport.write_eof()
