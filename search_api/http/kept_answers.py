"""Answers that are kept for those who ask the same again, for as long as the catalogue stays in the same state.

A shop asks for the items like one of its products whenever somebody looks at that: the same question, until something
is written.
"""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from models.errors import LookalikeError

if TYPE_CHECKING:
    from search_api.engine import Engine

KEEP = "lookalike.keep"
"""Set in a request's environment where its answer depends on the address and the state alone: that state's version."""

ROUTE = "lookalike.route"
"""Set in a request's environment where it is answered without routing: the rule that it was routed by before."""

KEEPER = "lookalike.keeper"
"""The key, in `app.extensions`, of what keeps its answers."""

MOST_BYTES = 8 * 1024 * 1024
"""Of all bodies that are kept; past that all are let go."""

_LONGEST_KEY = 1024
_OF_BODIES = {"Content-Type", "Content-Length", "Content-Encoding"}


class _Kept(NamedTuple):
    version: str
    route: str | None
    status: str
    headers: list[tuple[str, str]]
    body: bytes
    etag: str


class KeptAnswers:
    """WSGI middleware that gives an answer again while the latest state is the one that it was made from.

    An answer is the same to the byte, but for how long its steps took, which is told only of those that were made anew.
    Who has it already, and names it, is told so.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]], engine: "Callable[[], Engine]") -> None:
        self._application = application
        self._engine = engine
        self._kept: dict[tuple[str, ...], _Kept] = {}
        self._bytes = 0
        self._changing = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer again, or pass the request on and keep what it says may be kept."""
        if environ["REQUEST_METHOD"] != "GET":
            return self._application(environ, start_response)
        key = (
            environ.get("SCRIPT_NAME", ""),
            environ.get("RAW_URI", ""),
            environ["PATH_INFO"],
            environ.get("QUERY_STRING", ""),
            environ.get("HTTP_ACCEPT_ENCODING", ""),
        )
        kept = self._kept.get(key)
        if kept is not None and kept.version == self._latest_version():
            environ[ROUTE] = kept.route
            if (known := environ.get("HTTP_IF_NONE_MATCH")) and _has_already(known, kept.etag):
                start_response("304 NOT MODIFIED", [field for field in kept.headers if field[0] not in _OF_BODIES])
                return []
            start_response(kept.status, list(kept.headers))
            return [kept.body]
        started: list[tuple[str, list[tuple[str, str]], str | None]] = []

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            rule = getattr(environ.get("werkzeug.request"), "url_rule", None)  # Flask takes the request away at its end
            started[:] = [(status, headers, None if rule is None else rule.rule)]
            return start_response(status, headers, *error)

        pieces = self._application(environ, start)
        version = environ.get(KEEP)
        if version is None or not started or not started[0][0].startswith("200") or sum(map(len, key)) > _LONGEST_KEY:
            return pieces
        try:
            body = b"".join(pieces)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
        status, headers, route = started[0]
        kept_headers = [(name, value) for name, value in headers if name != "Server-Timing"]
        self._keep(key, _Kept(version, route, status, kept_headers, body, dict(headers).get("ETag", "")))
        return [body]

    def _latest_version(self) -> str | None:
        try:
            with self._engine().reading() as state:
                return state.reading.version
        except LookalikeError:  # to be told by who answers
            return None

    def _keep(self, key: tuple[str, ...], answer: _Kept) -> None:
        with self._changing:
            before = self._kept.pop(key, None)
            self._bytes += len(answer.body) - (0 if before is None else len(before.body))
            if self._bytes > MOST_BYTES:
                self._kept.clear()
                self._bytes = len(answer.body)
            self._kept[key] = answer


def _has_already(known: str, etag: str) -> bool:
    from search_api.http.transfer import has_already  # with Flask, which the process that forks workers does without

    return has_already(known, etag)
