"""What the front refuses before a worker hears of it: more than a key or a client may ask, and the metrics."""

from http import HTTPStatus

from models.errors import LookalikeError
from search_api.access.errors import KeyRequired, KeysUnreadable, ScopeMissing, UnknownKey
from search_api.access.gate import METRICS, Asked, Gate
from search_api.access.origins import Origins
from search_api.access.rates import Rate, RateCounter, network_of
from search_api.server.frames import Answer, RequestHead
from search_api.server.refusals import refusal

_STATUSES = {
    KeyRequired: HTTPStatus.UNAUTHORIZED,
    UnknownKey: HTTPStatus.UNAUTHORIZED,
    ScopeMissing: HTTPStatus.FORBIDDEN,
}
_CHALLENGE = 'WWW-Authenticate: Bearer realm="lookalike"\r\n'
_FIELDS = frozenset({b"authorization", b"x-api-key", b"host", b"origin"})


class Admission:
    """Counts for all workers, since it sees all requests.

    `limit` holds for each key that has none of its own, and for each client, by its address, without one.
    """

    def __init__(self, gate: Gate | None = None, limit: Rate | None = None, origins: Origins | None = None) -> None:
        self._gate = Gate() if gate is None else gate
        self._limit = limit
        self._origins = origins
        self._counter = RateCounter()

    def of_metrics(self, head: RequestHead) -> Answer | None:
        """Return the refusal of a request for the metrics, None where it may be answered."""
        try:
            self._gate.check(_asked(head, METRICS))
        except LookalikeError as error:
            status = _STATUSES.get(type(error), HTTPStatus.SERVICE_UNAVAILABLE)
            if status is HTTPStatus.SERVICE_UNAVAILABLE:  # the sentence is for the operator alone, as in the log
                return refusal(
                    status, error.code, "The server can't tell keys apart at the moment.", "Retry-After: 5\r\n"
                )
            challenge = _CHALLENGE if status is HTTPStatus.UNAUTHORIZED else ""
            return refusal(status, error.code, str(error), challenge)
        return None

    def of_any(self, head: RequestHead, path: bytes, now: float) -> Answer | None:
        """Count a request at a time in seconds; return its refusal where that is more than may be asked."""
        if (self._limit is None and not self._gate.has_keys) or not _is_counted(head.method, path):
            return None
        asked = _asked(head)
        try:
            key = self._gate.key_in(asked)
        except KeysUnreadable:
            key = None
        limit = self._limit if key is None or key.limit is None else key.limit
        if limit is None:
            return None
        who = f"client {network_of(head.client)}" if key is None else f"key {key.id}"
        seconds = self._counter.wait(who, limit, now)
        if not seconds:
            return None
        fields = [] if self._origins is None or not path.startswith(b"/v1/") else self._origins.fields(asked.origin)
        lines = "".join(f"{name}: {value}\r\n" for name, value in (("Retry-After", str(seconds)), *fields))
        return refusal(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too-many-requests",
            f"No more than {limit} may be asked {'by an address' if key is None else 'with this key'}. "
            f"Ask again in {seconds} s.",
            lines,
        )


def _asked(head: RequestHead, path: str = "") -> Asked:
    told: dict[bytes, str] = {}
    for name, value in head.headers:
        if name in _FIELDS:
            text = value.decode("latin-1")
            told[name] = f"{told[name]},{text}" if name in told else text
    return Asked(
        head.method,
        path,
        told.get(b"authorization", ""),
        told.get(b"x-api-key", ""),
        told.get(b"host", ""),
        told.get(b"origin", ""),
    )


def _is_counted(method: str, path: bytes) -> bool:
    """Whether a request counts: a page shows dozens of pictures, and a preflight is not the page's choice."""
    if method not in {"GET", "HEAD"}:
        return method != "OPTIONS"
    return not path.startswith(b"/static/") and not path.endswith(b"/image")
