"""Calling a WSGI application (PEP 3333) with a whole request, for a whole answer."""

import io
import logging
import re
import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from search_api.http.kept_answers import ROUTE
from search_api.http.writes import TRIED_BEFORE
from search_api.server.frames import Answer, AnswerFacts, RequestHead
from search_api.server.refusals import FATAL

log = logging.getLogger(__name__)

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

_STEP = re.compile(r"\s*([\w-]+)\s*;[^,]*?dur=([0-9.]+)")


def environ_of(head: RequestHead, body: bytes) -> dict[str, Any]:
    """Return the environment of a request.

    RAW_URI is its path and query as they were sent, without the prefix, which is SCRIPT_NAME. Fields with an underscore
    in their name are left out, since they would pass for others.
    """
    path, _, query = head.target.partition(b"?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": head.prefix,
        "PATH_INFO": (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "RAW_URI": head.target.decode("latin-1"),
        "SERVER_NAME": head.host,
        "SERVER_PORT": str(head.port),
        "SERVER_PROTOCOL": head.version,
        "REMOTE_ADDR": head.client,
        "HTTP_X_REQUEST_ID": head.request_id,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": head.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        TRIED_BEFORE: head.tried_before,
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in head.headers:
        if name == b"content-type":
            environ["CONTENT_TYPE"] = value.decode("latin-1")
        elif b"_" not in name and name not in {b"content-length", b"transfer-encoding", b"x-request-id"}:
            key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
            text = value.decode("latin-1")
            if key in environ:
                text = f"{environ[key]}{'; ' if name == b'cookie' else ','}{text}"
            environ[key] = text
    return environ


def answer_of(application: Application, head: RequestHead, body: bytes) -> Answer:
    """Call the application; what it raises is logged and answered with 500."""
    environ = environ_of(head, body)
    started: list[tuple[str, list[tuple[str, str]], Any]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:  # noqa: ARG001
        route = environ.get(ROUTE)
        if route is None:  # Flask takes the request away at its end
            route = getattr(getattr(environ.get("werkzeug.request"), "url_rule", None), "rule", None)
        started[:] = [(status, headers, route)]
        return written.append

    try:
        pieces = application(environ, start_response)
        try:
            written.extend(pieces)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
        status, headers, route = started[0]
    except Exception:
        log.exception("The application failed to answer %s %s", head.method, environ["PATH_INFO"])
        return FATAL
    return _answer(status, headers, written[0] if len(written) == 1 else b"".join(written), head.method, route)


def _answer(status: str, headers: list[tuple[str, str]], body: bytes, method: str, route: str | None) -> Answer:
    code = int(status[:3])
    lines = [f"HTTP/1.1 {status}\r\n"]
    model = state = None
    steps: tuple[tuple[str, float], ...] = ()
    has_length = False
    for name, value in headers:
        key = name.lower()
        if key in {"connection", "date", "transfer-encoding", "keep-alive"}:
            continue
        if key == "lookalike-model":
            model = value
        elif key == "lookalike-state":
            state = value
        elif key == "server-timing":
            steps = tuple((step, float(taken)) for step, taken in _STEP.findall(value))
        elif key == "content-length":
            has_length = True
        lines.append(f"{name}: {value}\r\n")
    if not has_length and code >= HTTPStatus.OK and code not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
        lines.append(f"Content-Length: {len(body)}\r\n")
    if method == "HEAD":
        body = b""
    facts = AnswerFacts(code, route, model, state, steps)
    return Answer(facts, "".join(lines).encode("latin-1"), body)
