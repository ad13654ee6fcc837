"""Pages of other sites: which may ask from a browser (CORS), and which hosts and addresses the server goes by."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from search_api.access.errors import InvalidOrigin

ANY = "*"

_HOST = r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
_ORIGIN = re.compile(rf"https?://{_HOST}(?::[1-9][0-9]{{0,4}})?")
_TRUSTED = re.compile(rf"\.?{_HOST}")
_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")

_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS = "Authorization, X-API-Key, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-Id"
_ANSWER_HEADERS = (
    "ETag, Lookalike-Generation, Lookalike-Model, Lookalike-State, Location, Retry-After, Server-Timing, X-Request-Id"
)
_PREFLIGHT_SECONDS = 7200  # the longest that Chromium keeps one


class Origins:
    """The origins whose pages may ask, like `https://shop.example`, or `*` for any. Raises InvalidOrigin."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._allowed = frozenset(origin.lower().rstrip("/") for origin in allowed)
        for origin in self._allowed - {ANY}:
            if not _ORIGIN.fullmatch(origin):
                raise InvalidOrigin(f"{origin!r} is no origin. Write it like https://shop.example, or * for any.")

    def fields(self, origin: str) -> list[tuple[str, str]]:
        """Return the header fields that let a page of an origin read an answer; without an origin, none but Vary."""
        if ANY in self._allowed:
            return [("Access-Control-Allow-Origin", ANY), ("Access-Control-Expose-Headers", _ANSWER_HEADERS)]
        vary = [("Vary", "Origin")]
        if origin.lower() not in self._allowed:
            return vary
        return [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", _ANSWER_HEADERS), *vary]

    def preflight_fields(self, origin: str) -> list[tuple[str, str]]:
        """Return the header fields that tell a browser what a page of an origin may send."""
        fields = self.fields(origin)
        if fields[0][0] == "Vary":
            return fields
        return [
            *fields,
            ("Access-Control-Allow-Methods", _METHODS),
            ("Access-Control-Allow-Headers", _REQUEST_HEADERS),
            ("Access-Control-Max-Age", str(_PREFLIGHT_SECONDS)),
        ]


def checked_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    """Return names of hosts, `.shop.example` with all below it, as they are compared. Raises InvalidOrigin."""
    lowered = tuple(host.lower() for host in hosts)
    for host in lowered:
        if not _TRUSTED.fullmatch(host):
            raise InvalidOrigin(
                f"{host!r} is no host. Write it like shop.example, or .shop.example with all below it, without a port."
            )
    return lowered


def checked_public_url(url: str) -> str:
    """Return an address like `https://shop.example/vs` without a slash at its end. Raises InvalidOrigin."""
    parts = urlsplit(url)
    origin, path = f"{parts.scheme}://{parts.netloc}".lower(), parts.path.rstrip("/")
    if not _ORIGIN.fullmatch(origin) or not _PATH.fullmatch(path) or parts.query or parts.fragment:
        raise InvalidOrigin(
            "The public address is none that clients could use. Write it like https://shop.example/vs, without a name, "
            "a password or a question mark in it."
        )
    return origin + path
