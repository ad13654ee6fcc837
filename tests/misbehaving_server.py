"""A web server on this machine that gives pictures, and misbehaves in whatever way a path asks for."""

import contextlib
import gzip
import http.server
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

PIECE = b"\0" * 8192
BOMB = gzip.compress(bytes(10_000_000))  # once: a slow machine would keep whoever asks waiting
DRIP = 0.02
PATIENCE = 300.0
"""Seconds between single bytes."""


class MisbehavingServer(http.server.ThreadingHTTPServer):
    """Serves `pictures` by the last part of a path; the first part says how. Remembers what it was asked for.

    `requests` are paths with the headers (names in lower case); `most_at_once` the requests that were answered at the
    same time; `sent` the bytes of bodies.
    """

    daemon_threads = True

    def __init__(self, pictures: dict[str, bytes], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.pictures = pictures
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.answered: list[int] = []
        self.connections = self.sent = self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.three = threading.Event()

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def url(self, path: str) -> str:
        return f"http://{self.authority}/{path}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def wait_for(self, requests: int) -> None:
        """Wait until so many requests have come: a client that gave up may be told before the server has seen it."""
        deadline = time.monotonic() + PATIENCE
        while len(self.requests) < requests and time.monotonic() < deadline:
            time.sleep(0.01)

    def forget(self) -> None:
        self.requests.clear()
        self.answered.clear()
        self.connections = self.sent = self.most_at_once = 0

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # whom it treats so badly goes away


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: MisbehavingServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's own word
        pass

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_GET(self) -> None:
        server, path = self.server, self.path.lstrip("/")
        with server.lock:
            server.requests.append((path, {name.lower(): value for name, value in self.headers.items()}))
            self.tries = server.paths().count(path)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            if server.at_once >= 3:
                server.three.set()
        kind, _, self.rest = path.partition("/")
        behaviour: Callable[[], None] = getattr(self, kind.replace("-", "_"))
        try:
            behaviour()
        finally:
            with server.lock:
                server.at_once -= 1

    # Good manners

    def good(self) -> None:
        self.answer(200, self.picture)

    def three_at_once(self) -> None:
        """Answer when three have been asked for at once, and leave a fourth some time to come."""
        self.server.three.wait(PATIENCE)
        time.sleep(0.03)
        self.good()

    def tagged(self) -> None:
        tag = f'"{hash(self.picture)}"'
        self.conditional({"ETag": tag}, self.headers.get("If-None-Match") == tag)

    def dated(self) -> None:
        date = formatdate(len(self.picture), usegmt=True)
        self.conditional({"Last-Modified": date}, self.headers.get("If-Modified-Since") == date)

    def badly_tagged(self) -> None:
        self.answer(200, self.picture, {"ETag": "no quotes", "Last-Modified": "yesterday"})

    def retagged(self) -> None:
        self.answer(200, self.picture, {"ETag": f'"{self.tries}"'})

    def typed(self) -> None:
        kind, _, self.rest = self.rest.partition("=")
        self.answer(200, self.picture, {"Content-Type": kind.replace("+", "/")})

    def chunked(self) -> None:
        self.answer(200, b"", {"Transfer-Encoding": "chunked"}, length=None)
        for start in range(0, len(self.picture), 100):
            piece = self.picture[start : start + 100]
            self.body(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.body(b"0\r\n\r\n")

    def until_the_end(self) -> None:
        self.answer(200, self.picture, {"Connection": "close"}, length=None)
        self.close_connection = True

    def once(self) -> None:
        """Misbehave at first: `once/503/red.png`."""
        first, _, self.rest = self.rest.partition("/")
        if self.tries > 1:
            self.good()
        elif first.isdigit():
            self.answer(int(first), b"later")
        else:
            getattr(self, first)()

    def rest_a_second(self) -> None:
        if self.tries > 1:
            self.good()
        else:
            self.answer(429, b"later", {"Retry-After": "1"})

    # Refusals and detours

    def status(self) -> None:
        self.answer(int(self.rest.partition("/")[0]), b"<p>sorry</p>")

    def rest_an_hour(self) -> None:
        self.answer(503, b"later", {"Retry-After": "3600"})

    def rest_until_a_date(self) -> None:
        self.answer(503, b"later", {"Retry-After": formatdate(time.time() + 3600, usegmt=True)})

    def to(self) -> None:
        self.answer(302, b"there", {"Location": self.rest})

    def loop(self) -> None:
        self.answer(301, b"there", {"Location": f"/loop/{self.rest}x"})

    def unasked(self) -> None:
        self.answer(304, b"")

    # What is no picture

    def html(self) -> None:
        self.answer(200, b"<form>Log in</form>", {"Content-Type": "text/html; charset=utf-8"})

    def as_text(self) -> None:
        self.answer(200, self.picture, {"Content-Type": "text/plain; charset=utf-8"})

    def with_key(self) -> None:
        is_known = self.headers.get("X-Key") == "open sesame" and self.headers.get("User-Agent") == "a shop"
        self.answer(200 if is_known else 403, self.picture if is_known else b"")

    def text(self) -> None:
        self.answer(200, b"no picture")

    def empty(self) -> None:
        self.answer(200, b"")

    def bomb(self) -> None:
        self.answer(200, BOMB, {"Content-Encoding": "gzip"})

    # Sizes

    def announced_large(self) -> None:
        self.answer(200, b"", length=2**40)

    def endless(self) -> None:
        self.answer(200, b"", {"Connection": "close"}, length=None)
        while True:
            self.body(PIECE)

    def endless_chunks(self) -> None:
        self.answer(200, b"", {"Transfer-Encoding": "chunked"}, length=None)
        while True:
            self.body(f"{len(PIECE):x}\r\n".encode() + PIECE + b"\r\n")

    def one_endless_chunk(self) -> None:
        self.answer(200, b"", {"Transfer-Encoding": "chunked"}, length=None)
        self.body(b"ffffffffffff\r\n")
        while True:
            self.body(PIECE)

    def endless_chunk_head(self) -> None:
        self.answer(200, b"", {"Transfer-Encoding": "chunked"}, length=None)
        while True:
            self.body(b"0" * len(PIECE))

    def short(self) -> None:
        self.answer(200, self.picture, length=len(self.picture) + 100)
        self.close_connection = True

    def longer(self) -> None:
        self.answer(200, self.picture + b"HTTP/1.1 200 OK\r\n\r\n", length=len(self.picture))

    # Time

    def silent(self) -> None:
        """Say nothing; hang up when released."""
        self.server.released.wait(PATIENCE)
        self.close_connection = True

    def silent_body(self) -> None:
        self.answer(200, self.picture[:50], length=len(self.picture))
        self.server.released.wait(PATIENCE)

    def drip(self) -> None:
        self.answer(200, b"", length=len(self.picture))
        for byte in self.picture:
            self.body(bytes([byte]))
            time.sleep(DRIP)

    def drip_until_the_end(self) -> None:
        self.answer(200, b"", {"Connection": "close"}, length=None)
        for byte in self.picture:
            self.body(bytes([byte]))
            time.sleep(DRIP)

    def drip_head(self) -> None:
        self.body(b"HTTP/1.1 200 OK\r\n")
        while True:
            self.body(b"X-A: b\r\n")
            time.sleep(DRIP)

    def go_on(self) -> None:
        while True:
            self.body(b"HTTP/1.1 100 Continue\r\n\r\n")
            time.sleep(DRIP)

    # Broken connections

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def hang_up(self) -> None:
        self.close_connection = True

    def garbage(self) -> None:
        self.body(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        self.close_connection = True

    def many_heads(self) -> None:
        self.body(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000 + b"\r\n")
        self.close_connection = True

    def long_head(self) -> None:
        self.body(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 2**18 + b"\r\n\r\n")
        self.close_connection = True

    # Means

    @property
    def picture(self) -> bytes:
        return self.server.pictures[self.rest.rpartition("/")[2].partition("?")[0]]

    def conditional(self, validator: dict[str, str], is_same: bool) -> None:
        self.answer(304 if is_same else 200, b"" if is_same else self.picture, validator)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, length: int | None = -1) -> None:
        self.server.answered.append(status)
        self.send_response(status)
        for name, value in {"Content-Type": "image/png", **(headers or {})}.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length == -1 else length))
        self.end_headers()
        self.body(body)

    def body(self, data: bytes) -> None:
        self.wfile.write(data)
        with self.server.lock:
            self.server.sent += len(data)


@contextmanager
def misbehaving_server(
    pictures: dict[str, bytes], certificate: Path | None = None, port: int = 0
) -> Iterator[MisbehavingServer]:
    """Run a server, over TLS where there is a file with a certificate and its key."""
    with MisbehavingServer(pictures, port) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


@contextmanager
def port_without_answer() -> Iterator[int]:
    """Give a port at which connections are neither taken nor refused."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # more than the queue of the listener holds
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
