"""Fetching pictures at web addresses: through redirects, politely, and again where that can help."""

import threading
from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from random import SystemRandom

from indexer.sources.errors import AddressFailed, AddressTooSlow, PictureMissing
from indexer.sources.web.access import Limits, WebPicture
from indexer.sources.web.addresses import Address
from indexer.sources.web.host_backoff import HostBackoff
from indexer.sources.web.http_client import Connections, Reply, Retryable
from indexer.sources.web.validators import condition, validator_of

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRIED_AGAIN = frozenset({429, 502, 503, 504})
_GONE = frozenset({404, 410})
_NOT_FOR_US = frozenset({401, 403, 407, 451})
_CHANCE = SystemRandom()


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """The bytes of a picture, None where it is the one that is known; and the validator to know it by, or empty."""

    data: bytes | None
    validator: str


class Fetcher:
    """Fetches pictures for any number of threads, each with connections of its own; all share one back-off per host."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._backoff = HostBackoff(limits)
        self._local = threading.local()
        self._connections: list[Connections] = []
        self._is_closed = threading.Event()

    def fetch(self, picture: WebPicture, validator: str = "") -> Fetched:
        """Fetch a picture, or learn that it is still the one of a validator.

        Tries again, each time after a longer while, when a server can't be reached, breaks off, or answers 429, 502,
        503 or 504; for as long as such a server asks, nothing else is fetched from its host.

        Raises AddressRefused, AddressUnreachable, AddressTooSlow, AddressFailed, AddressHoldsNoPicture, PictureMissing
        or PictureTooLarge; CancelledError when it is closed meanwhile.
        """
        limits = self._limits
        for number in range(1, limits.tries):
            try:
                return self._followed(picture, validator)
            except Retryable:
                self._pause(limits.back_off * 2 ** (number - 1) * _CHANCE.uniform(0.5, 1.5))
        try:
            return self._followed(picture, validator)
        except Retryable as failure:
            raise failure.error from failure

    def close(self) -> None:
        """Close all connections, and let whoever waits stop waiting."""
        self._is_closed.set()
        for connections in list(self._connections):
            connections.close()

    def _followed(self, picture: WebPicture, validator: str) -> Fetched:
        """Ask once, and go wherever the answer leads that is allowed."""
        address = picture.address
        for _ in range(self._limits.redirects + 1):
            picture.access.hosts.check(address)
            self._pause(self._backoff.rest(address))
            asked = condition(address, validator)
            headers = {**picture.access.headers.of(address), **asked}
            reply = self._asked(address, headers, may_be_private=picture.access.hosts.may_be_private(address))
            if reply.status in _REDIRECTS and (location := reply.headers.get("location")):
                address = address.joined(location)
                continue
            if reply.status == HTTPStatus.OK:
                return Fetched(reply.data, validator_of(address, reply.headers))
            if reply.status == HTTPStatus.NOT_MODIFIED and asked:
                return Fetched(None, validator)
            raise _refusal(address, reply)
        raise AddressFailed(
            f"{picture.address.told} leads on more than {self._limits.redirects} times. Give the last address."
        )

    def _asked(self, address: Address, headers: dict[str, str], *, may_be_private: bool) -> Reply:
        try:
            reply = self._own_connections().ask(address, headers, may_be_private=may_be_private)
        except (Retryable, AddressTooSlow):
            self._backoff.failed(address)
            raise
        if reply.status not in _TRIED_AGAIN:
            self._backoff.answered(address)
            return reply
        self._backoff.failed(address, _retry_after(reply))
        raise Retryable(
            AddressFailed(
                f"{address.told} is answered {reply.status} again and again: its server is overloaded or down. Try "
                "again later."
            )
        )

    def _own_connections(self) -> Connections:
        own: Connections | None = getattr(self._local, "connections", None)
        if own is None:
            own = self._local.connections = Connections(self._limits)
            self._connections.append(own)
        return own

    def _pause(self, seconds: float) -> None:
        if self._is_closed.wait(seconds):
            raise CancelledError


def _refusal(address: Address, reply: Reply) -> AddressFailed | PictureMissing:
    if reply.status in _GONE:
        return PictureMissing(
            f"There is nothing at {address.told} ({reply.status}). Put the picture there, or correct the address."
        )
    if reply.status in _NOT_FOR_US:
        return AddressFailed(
            f"{address.told} is not open to everyone ({reply.status}). Open it, or give the picture itself; what "
            "its server wants to see, `lookalike index` sends by --header and --user-agent."
        )
    return AddressFailed(
        f"{address.told} is answered {reply.status}, without a picture. Look at it in a browser, and correct the "
        "address or its server."
    )


def _retry_after(reply: Reply) -> float:
    """Return the seconds for which a server wants to be left alone (RFC 9110, 10.2.3), 0 where it doesn't say."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0)
