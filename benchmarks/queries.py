"""Queries over HTTP: the same form, byte for byte, to both servers."""

import http.client
import json
import time
from types import TracebackType
from typing import Any

from benchmarks.measuring import BenchmarkFailed
from benchmarks.processes import Server

_BOUNDARY = "fashion-mnist-boundary"
_FORM_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"


def form(picture: bytes, k: int) -> bytes:
    """Return the body of a form with a PNG file named image and a field k."""
    return b"".join(
        (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="k"\r\n\r\n{k}\r\n'.encode(),
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="query.png"\r\n'.encode(),
            b"Content-Type: image/png\r\n\r\n",
            picture,
            f"\r\n--{_BOUNDARY}--\r\n".encode(),
        )
    )


def message(server: Server, path: str, body: bytes) -> bytes:
    """Return a whole HTTP request that posts a form."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nContent-Type: {_FORM_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client:
    """One connection to a server, kept alive as long as the server keeps it."""

    def __init__(self, server: Server, path: str) -> None:
        self._connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        self._path = path

    def ask(self, body: bytes) -> dict[str, Any]:
        """Post a form and return the answer. Raises BenchmarkFailed unless the status is 200."""
        answer: dict[str, Any] = json.loads(self._exchange("POST", self._path, body))
        return answer

    def seconds(self, body: bytes) -> float:
        """Return how long it takes to post a form and read the whole answer."""
        started = time.perf_counter()
        self._exchange("POST", self._path, body)
        return time.perf_counter() - started

    def get(self, path: str) -> bytes:
        """Return what is at a path. Raises BenchmarkFailed unless the status is 200."""
        return self._exchange("GET", path, None)

    def _exchange(self, method: str, path: str, body: bytes | None) -> bytes:
        try:
            self._connection.request(method, path, body, {} if body is None else {"Content-Type": _FORM_TYPE})
            response = self._connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise BenchmarkFailed(f"{method} {path} was not answered: {error!r}.") from error
        if response.status != 200:
            raise BenchmarkFailed(f"{method} {path} was answered with {response.status}: {data[:500]!r}")
        return data

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
