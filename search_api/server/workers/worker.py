"""A worker process: threads that each take a request from the front, ask the application, and send its answer back."""

import io
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from models.errors import LookalikeError
from search_api.server.frames import Hello, RequestHead, answer_frame, hello_frame, read_request
from search_api.server.limits import DEFAULT_MAX_BODY
from search_api.server.workers.process_name import set_process_name
from search_api.server.workers.wsgi import Application, answer_of

log = logging.getLogger(__name__)

UNEXPECTED = "The server stopped because of an unexpected error. The log above tells which."

_CHANGING = (b"Lookalike-State:", b"Lookalike-Generation:", b"ETag:", b"Server-Timing:")
"""Header fields of an answer that a later one would have others of."""

_SWITCH_SECONDS = 0.001
"""After which a thread lets another of the same process have its turn: a fifth of Python's own."""


def work(make_application: Callable[[], Application], channels: Sequence[socket.socket]) -> None:
    """Serve until the front closes the channels.

    The first channel is the one over which the worker says that it is ready, or why it can't be; the last is served by
    the main thread, since what the application has made for the thread that started it is used there.
    """
    from models.allocator import give_back_large_blocks

    set_process_name("lookalike work")
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    sys.setswitchinterval(_SWITCH_SECONDS)
    give_back_large_blocks()
    application = None
    try:
        application = make_application()
        hello = _hello(application)
    except LookalikeError as error:
        hello = Hello(os.getpid(), str(error), 0, None)
    except Exception:
        log.exception("A worker could not start")
        hello = Hello(os.getpid(), UNEXPECTED, 0, None)
    with suppress(OSError):  # the front may be gone
        channels[0].sendall(hello_frame(hello))
    if application is None:
        return
    threads = [threading.Thread(target=_serve, args=(channel, application), daemon=True) for channel in channels[:-1]]
    for thread in threads:
        thread.start()
    _serve(channels[-1], application)
    for thread in threads:
        thread.join()


def _hello(application: Application) -> Hello:
    health = answer_of(
        application, RequestHead("", "GET", b"/healthz", "", "http", "127.0.0.1", "localhost", 80, "HTTP/1.1", []), b""
    )
    # Kept for as long as the worker lives, so it must not tell what changes.
    lines = [line for line in health.head.splitlines(keepends=True) if not line.startswith(_CHANGING)]
    config = getattr(application, "config", {})
    max_body = config.get("MAX_CONTENT_LENGTH") or DEFAULT_MAX_BODY
    return Hello(os.getpid(), None, max_body, (b"".join(lines), health.body) if health.facts.status == 200 else None)


def _serve(channel: socket.socket, application: Application) -> None:
    stream = io.BufferedReader(socket.SocketIO(channel, "r"), 65536)
    try:
        while (request := read_request(stream)) is not None:
            channel.sendall(answer_frame(answer_of(application, *request)))
            del request
    except OSError:
        pass  # the front is gone
    finally:
        channel.close()
