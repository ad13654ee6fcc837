"""Gunicorn's threaded worker, made patient only up to a limit."""

import errno
import json
import selectors
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.http.errors import (  # type: ignore[import-untyped]
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

RECEIVE_SECONDS = 30.0
"""Within which a request must have arrived, headers and body."""
SEND_SECONDS = 30.0
"""Within which each part of an answer must have been taken."""


class BoundedSocket(socket.socket):
    """A connection whose reads share one deadline.

    Gunicorn's threads read and write without a limit of time, so as many slow clients as there are threads
    could keep everybody else out. What comes too late looks like a connection that the client has reset.
    """

    _deadline = 0.0

    @classmethod
    def adopt(cls, connection: socket.socket) -> "BoundedSocket":
        """Return the connection as a bounded one; the given object no longer owns it."""
        return cls(connection.family, connection.type, connection.proto, fileno=connection.detach())

    def start(self, seconds: float) -> None:
        """Begin a request: all of it must arrive within so many seconds from now."""
        self._deadline = time.monotonic() + seconds

    def recv(self, *args: Any) -> bytes:
        """Receive like `socket.recv`. Raises ConnectionResetError after the deadline."""
        left = self._deadline - time.monotonic()
        if left > 0:
            self.settimeout(left)
            with suppress(TimeoutError):
                return super().recv(*args)
        raise ConnectionResetError(errno.ECONNRESET, "The request did not arrive in time")

    def sendall(self, *args: Any) -> None:
        """Send like `socket.sendall`. Raises ConnectionResetError when the client does not read."""
        self.settimeout(SEND_SECONDS)
        try:
            super().sendall(*args)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "The answer was not read in time") from None


class Worker(ThreadWorker):  # type: ignore[misc]
    """Gunicorn's threaded worker with deadlines, and with problems (RFC 9457) for what is not HTTP."""

    def init_process(self) -> None:
        """Begin the process's life."""
        from models.allocator import give_back_large_blocks  # in the worker, so that the parent stays small

        give_back_large_blocks()
        super().init_process()

    def init_signals(self) -> None:
        """Leave Ctrl-C, which a terminal sends to every process, to the parent, which lets requests end."""
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections or not; when stopping, refuse them at once instead of leaving them in the queue."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()

    def enqueue_req(self, conn: Any) -> None:
        """Let a new connection wait for its first byte where it occupies no thread."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: Any) -> Any:
        """Handle one request, which must arrive within `RECEIVE_SECONDS`."""
        if not isinstance(conn.sock, BoundedSocket):
            conn.sock = BoundedSocket.adopt(conn.sock)
        conn.sock.start(RECEIVE_SECONDS)
        return super().handle(conn)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer a request that could not be read; leave any other error to gunicorn."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        status, title = 400, "Bad Request"
        if isinstance(exc, LimitRequestLine):
            status, title = 414, "URI Too Long"
        elif isinstance(exc, LimitRequestHeaders):
            status, title = 431, "Request Header Fields Too Large"
        code = title.lower().replace(" ", "-")
        problem = {
            "type": f"urn:lookalike:problem:{code}",
            "title": title,
            "status": status,
            "detail": "The request is not HTTP as this server reads it.",
            "code": code,
        }
        body = json.dumps(problem)
        head = (
            f"HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        )
        with suppress(OSError):
            client.sendall((head + body).encode())
