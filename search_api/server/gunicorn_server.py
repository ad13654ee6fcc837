"""The HTTP server: gunicorn in this process, its workers forked before anything heavy is loaded."""

import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.errors import HaltServer  # type: ignore[import-untyped]

from models.errors import LookalikeError
from search_api.errors import AddressInUse, AddressNotAllowed, InvalidAddress, ServerFailed
from search_api.server.gunicorn_worker import Worker

if TYPE_CHECKING:
    from flask import Flask

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
DEFAULT_THREADS = 8
BACKLOG = 512

SETTINGS: Mapping[str, Any] = {
    "worker_class": Worker,
    "preload_app": False,
    "control_socket_disable": True,
    "loglevel": "warning",
    "accesslog": None,
    "timeout": 60,  # seconds without a sign of life until a worker is replaced
    "graceful_timeout": 30,  # seconds that requests being answered may take to end
    "keepalive": 15,  # seconds that an idle connection is kept; it occupies no thread
    "worker_connections": 500,
    "limit_request_line": 8190,
    "limit_request_fields": 64,
    "forwarded_allow_ips": "",  # nothing here reads forwarded headers, so nobody is trusted to send them
    "forwarder_headers": "",
    "proc_name": "lookalike",
}


def serve(
    make_app: "Callable[[], Flask]",
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    threads: int = DEFAULT_THREADS,
    workers: int = 1,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests being answered and return.

    `make_app` is called in every worker process, after the fork: FAISS, SQLite and the model's runtime must
    not be loaded before. Port 0 takes a free one. `on_ready` is given the address, like
    `http://127.0.0.1:8000`, once requests are answered; it runs in a worker process, once for the whole
    server.

    A worker that crashes is replaced. When one can't start, because `make_app` raises a LookalikeError, the
    server stops and ServerFailed is raised with that error's sentence. Raises AddressInUse, AddressNotAllowed
    or InvalidAddress when it can't listen, and ValueError for less than one thread or worker.
    """
    if threads < 1 or workers < 1:
        raise ValueError("threads and workers must be at least 1")
    listener = listen(host, port)
    address = url_of(listener)
    news = _News()

    def tell_ready(_worker: object) -> None:
        if news.first_ready() and on_ready is not None:
            on_ready(address)

    def check_failure(_master: object, _worker: object) -> None:
        if failure := news.failure():
            raise HaltServer(failure, 0)

    settings = {
        **SETTINGS,
        "bind": f"fd://{listener.detach()}",
        "threads": threads,
        "workers": workers,
        "post_worker_init": tell_ready,
        "child_exit": check_failure,
    }
    parent = os.getpid()
    status: object = 0
    try:
        _Master(_Server(make_app, settings, news)).run()
    except HaltServer as stop:
        status = stop.exit_status
    except SystemExit as stop:
        if os.getpid() != parent:  # a worker leaves the way that it was forked
            raise
        status = stop.code
    failure = news.failure()
    news.close()
    if failure is not None:
        raise ServerFailed(failure)
    if status:
        raise ServerFailed("The server stopped because of an unexpected error. The log above tells which.")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the address, IPv4 before IPv6 where a name has both.

    Raises AddressInUse, AddressNotAllowed, InvalidAddress.
    """
    if not 0 <= port <= 65535:
        raise InvalidAddress(f"{port} is not a port. Choose one between 1 and 65535, or 0 for any that is free.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise InvalidAddress(f"{host!r} is not an address of this machine. Try 127.0.0.1.") from None
    family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refusal(error, host, port) from None
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address of a listening socket as a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _refusal(error: OSError, host: str, port: int) -> LookalikeError:
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(f"Port {port} of {host} is in use by another program. Stop it, or choose another port.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return AddressNotAllowed(f"You may not listen on port {port}. Choose one of 1024 or more with --port.")
    return InvalidAddress(f"{host} can't be listened on ({error.strerror}). Try 127.0.0.1.")


class _Master(Arbiter):  # type: ignore[misc]
    """Gunicorn's parent process, with the signals of a program that a person starts in a terminal."""

    def init_signals(self) -> None:
        hangup_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        super().init_signals()
        if hangup_ignored:  # nohup
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def handle_int(self) -> None:
        """Ctrl-C lets requests end, like SIGTERM; a second one does not wait."""
        raise StopIteration

    def handle_hup(self) -> None:
        """The terminal is gone: stop, where gunicorn would reload and go on holding the port."""
        raise StopIteration


class _Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn's settings, and the application that every worker makes for itself."""

    def __init__(self, make_app: "Callable[[], Flask]", settings: Mapping[str, Any], news: "_News") -> None:
        self._make_app = make_app
        self._settings = settings
        self._news = news
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> "Flask":
        try:
            return self._make_app()
        except LookalikeError as error:
            self._news.fail(str(error))
            sys.exit(0)  # any other status and gunicorn adds lines of its own to the one that matters


class _News:
    """What workers tell their parent, through pipes that the fork shares.

    One pipe holds a single byte: the worker that takes it is the first that is ready. The other brings the
    sentence of a worker that can't start.
    """

    def __init__(self) -> None:
        self._ready, token = os.pipe()
        os.write(token, b"1")
        os.close(token)
        self._failures, self._failed = os.pipe()
        os.set_blocking(self._failures, False)
        self._failure: str | None = None

    def first_ready(self) -> bool:
        """Return True in one worker only, the first that asks."""
        return os.read(self._ready, 1) != b""

    def fail(self, sentence: str) -> None:
        """Tell the parent why this worker can't start."""
        os.write(self._failed, sentence.encode(errors="replace")[:4000] + b"\0")

    def failure(self) -> str | None:
        """Return the first sentence that a worker told, or None."""
        if self._failure is None:
            with suppress(BlockingIOError):
                self._failure = os.read(self._failures, 65536).split(b"\0")[0].decode(errors="replace")
        return self._failure

    def close(self) -> None:
        """Close the pipes."""
        for end in (self._ready, self._failures, self._failed):
            os.close(end)
