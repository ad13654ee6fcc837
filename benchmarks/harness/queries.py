"""Queries over HTTP: the same form, byte for byte, to both servers, by a client that does next to nothing itself."""

import json
import socket
import time
from types import TracebackType
from typing import Any

from benchmarks.harness.measuring import BenchmarkFailed
from benchmarks.harness.processes import Server

HEAD_END = b"\r\n\r\n"

_BOUNDARY = "fashion-mnist-boundary"
_TIMEOUT_SECONDS = 60.0


def search(server: Server, path: str, picture: bytes, k: int) -> bytes:
    """Return a whole HTTP request that posts a form with a PNG file named image and a field k."""
    body = b"".join(
        (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="k"\r\n\r\n{k}\r\n'.encode(),
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="query.png"\r\n'.encode(),
            b"Content-Type: image/png\r\n\r\n",
            picture,
            f"\r\n--{_BOUNDARY}--\r\n".encode(),
        )
    )
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(server: Server, path: str) -> bytes:
    """Return a whole HTTP request that asks for what is at a path."""
    return f"GET {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n\r\n".encode()


class AnswerHead:
    """What must be known of an answer's head to read the rest. Raises BenchmarkFailed unless the status is 200."""

    __slots__ = ("closes", "length")

    def __init__(self, head: bytes) -> None:
        fields = head.lower() + b"\r\n"
        status, _, _ = fields.partition(b"\r\n")
        if status[9:12] != b"200":
            raise BenchmarkFailed(f"A request was answered with {status.decode(errors='replace')!r}.")
        before, _, after = fields.partition(b"\r\ncontent-length: ")
        if not after:
            raise BenchmarkFailed(f"An answer does not tell its length: {before.decode(errors='replace')!r}.")
        self.length = int(after[: after.index(b"\r")])
        self.closes = b"\r\nconnection: close\r\n" in fields


class Client:
    """One connection to a server, kept alive as long as the server keeps it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._socket: socket.socket | None = None

    def ask(self, request: bytes) -> dict[str, Any]:
        """Send a request and return the JSON answer. Raises BenchmarkFailed unless its status is 200."""
        answer: dict[str, Any] = json.loads(self._exchange(request))
        return answer

    def seconds(self, request: bytes) -> float:
        """Return how long it takes to send a request and receive the whole answer, a new connection included."""
        started = time.perf_counter()
        self._exchange(request)
        return time.perf_counter() - started

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, request: bytes) -> bytes:
        try:
            if self._socket is None:
                address = self._server.host, self._server.port
                self._socket = socket.create_connection(address, timeout=_TIMEOUT_SECONDS)
            self._socket.sendall(request)
            received = b""
            while HEAD_END not in received:
                received += self._receive(self._socket)
            head, _, body = received.partition(HEAD_END)
            answer = AnswerHead(head)
            while len(body) < answer.length:
                body += self._receive(self._socket)
        except OSError as error:
            raise BenchmarkFailed(f"{self._server.host}:{self._server.port} did not answer: {error!r}.") from error
        if answer.closes:
            self.close()
        return body

    def _receive(self, connection: socket.socket) -> bytes:
        if received := connection.recv(1 << 16):
            return received
        raise ConnectionResetError("the connection was closed within an answer")

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
