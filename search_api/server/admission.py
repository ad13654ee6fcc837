"""What the front refuses before a worker hears of it: more than may be asked, writes and metrics without a key."""

import logging
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from models.errors import LookalikeError
from search_api.access.errors import ForeignWrite, KeyRequired, KeysUnreadable, ScopeMissing, UnknownKey
from search_api.access.gate import FORWARDED, METRICS, Asked, Gate
from search_api.access.origins import Origins
from search_api.access.rates import Rate, RateCounter, network_of
from search_api.server.frames import Answer, RequestHead
from search_api.server.front.pictures import is_sized_picture
from search_api.server.refusals import refusal, refusal_page

log = logging.getLogger(__name__)

_STATUSES = {
    KeyRequired: HTTPStatus.UNAUTHORIZED,
    UnknownKey: HTTPStatus.UNAUTHORIZED,
    ScopeMissing: HTTPStatus.FORBIDDEN,
    ForeignWrite: HTTPStatus.FORBIDDEN,
}
_EXTRA = {
    HTTPStatus.UNAUTHORIZED: [("WWW-Authenticate", 'Bearer realm="lookalike"')],
    HTTPStatus.SERVICE_UNAVAILABLE: [("Retry-After", "5")],
}
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_API = b"/v1/"
_TOLD = frozenset({b"authorization", b"x-api-key", b"host", b"origin"})
_FORWARDED = frozenset(name.encode() for name in FORWARDED)


class Admission:
    """Counts for all workers, since it sees all requests.

    `limit` holds for each key that has none of its own, and for each client, by its address, without one. Of the gate's
    refusals it makes those that spare a worker a body; the others are the application's, which has pages for people.
    """

    def __init__(self, gate: Gate | None = None, limit: Rate | None = None, origins: Origins | None = None) -> None:
        self._gate = gate
        self._limit = limit
        self._origins = origins
        self._counter = RateCounter()

    @property
    def counts(self) -> bool:
        """Whether anybody may have a limit."""
        return self._limit is not None or (self._gate is not None and self._gate.has_keys)

    def of_metrics(self, head: RequestHead) -> Answer | None:
        """Return the refusal of a request for the metrics, None where it may be answered."""
        return None if self._gate is None else self._of_gate(self._gate, _asked(head, METRICS))

    def of_any(self, head: RequestHead, path: bytes, now: float) -> Answer | None:
        """Count a request at a time in seconds; return its refusal where it is one too many, or may not write."""
        gate = self._gate
        refused = self._of_limit(head, path, now)
        if refused is None and gate is not None and head.method not in _READING and path.startswith(_API):
            return self._of_gate(gate, _asked(head, unquote_to_bytes(path).decode("latin-1")))
        return refused

    def _of_limit(self, head: RequestHead, path: bytes, now: float) -> Answer | None:
        gate = self._gate
        if not self.counts or not _is_counted(head.method, path):
            return None
        asked = _asked(head, path.decode("latin-1"))
        try:
            key = None if gate is None else gate.key_in(asked)
        except KeysUnreadable:
            key = None
        limit = self._limit if key is None or key.limit is None else key.limit
        if limit is None:
            return None
        who = f"client {network_of(head.client)}" if key is None else f"key {key.id}"
        seconds = self._counter.wait(who, limit, now)
        if not seconds:
            return None
        if not path.startswith(_API) and _prefers_page(head):
            text = f"Many pages were opened in a short time. Wait {_in_words(seconds)}, and then load this one again."
            return refusal_page(HTTPStatus.TOO_MANY_REQUESTS, "One moment, please", text, f"Retry-After: {seconds}\r\n")
        whose = "by an address without a key" if key is None else "with this key"
        detail = f"No more than {limit} may be asked {whose}. Ask again in {seconds} s."
        return self._refusal(
            HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", detail, asked, ("Retry-After", str(seconds))
        )

    def _of_gate(self, gate: Gate, asked: Asked) -> Answer | None:
        try:
            gate.check(asked)
        except LookalikeError as error:
            status = _STATUSES.get(type(error), HTTPStatus.SERVICE_UNAVAILABLE)
            is_ours = status is HTTPStatus.SERVICE_UNAVAILABLE
            if is_ours:  # the sentence, which names a file, is for the operator
                log.error("A request met a known failure: %s", error)
            detail = "The server can't tell keys apart at the moment. Try again later." if is_ours else str(error)
            return self._refusal(status, error.code, detail, asked, *_EXTRA.get(status, ()))
        return None

    def _refusal(self, status: HTTPStatus, code: str, detail: str, asked: Asked, *fields: tuple[str, str]) -> Answer:
        """Return a refusal that a page of an allowed origin may read."""
        cross_origin = [] if self._origins is None else self._origins.fields(asked.origin)
        return refusal(
            status, code, detail, "".join(f"{name}: {value}\r\n" for name, value in (*fields, *cross_origin))
        )


def _asked(head: RequestHead, path: str) -> Asked:
    told: dict[bytes, str] = {}
    is_forwarded = False
    for name, value in head.headers:
        if name in _TOLD:
            text = value.decode("latin-1")
            told[name] = f"{told[name]},{text}" if name in told else text
        elif name in _FORWARDED:
            is_forwarded = True
    return Asked(
        head.method,
        path,
        told.get(b"authorization", ""),
        told.get(b"x-api-key", ""),
        told.get(b"host", ""),
        told.get(b"origin", ""),
        is_forwarded,
    )


def _prefers_page(head: RequestHead) -> bool:
    """Whether a client would rather have HTML than JSON, as browsers do."""
    weights = {b"text/html": 0.0, b"application/json": 0.0, b"application/problem+json": 0.0}
    for name, value in head.headers:
        if name == b"accept":
            for part in value.lower().split(b","):
                kind, *parameters = (one.strip() for one in part.split(b";"))
                given = [one[2:] for one in parameters if one.startswith(b"q=")]
                if kind in weights:
                    weights[kind] = _number(given[0]) if given else 1.0
    html = weights.pop(b"text/html")
    return html > max(weights.values())


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _in_words(seconds: int) -> str:
    """Return a time to wait as a person says it, not shorter than it is."""
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds > length:
            return f"{-(-seconds // length)} {unit}s"
    return "a second" if seconds == 1 else f"{seconds} seconds"


def _is_counted(method: str, path: bytes) -> bool:
    """Whether a request counts: a page shows dozens of pictures, and a preflight is not the page's choice."""
    if method not in {"GET", "HEAD"}:
        return method != "OPTIONS"
    return not path.startswith(b"/static/") and not path.endswith(b"/image") and not is_sized_picture(path)
