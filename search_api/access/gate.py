"""Which requests may be answered: what they need, and whether the key that comes along allows it.

It stands before the application in every worker, and before what the front answers by itself.
"""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from search_api.access.errors import ForeignWrite, KeyRequired, NotToBeExposed, ScopeMissing, UnknownKey
from search_api.access.keyring import Keyring
from search_api.access.keys import Key, Scope

ASKING = frozenset({"/v1/search", "/v1/similar", "/v1/recommend", "/v1/batch", "/v1/moderate", "/search"})
"""Where POST asks a question. Anywhere else whatever is not GET, HEAD or OPTIONS is a write."""

HEALTH = frozenset({"/healthz", "/readyz"})
METRICS = "/metrics"

_FOR_ALL = HEALTH | {"/v1/openapi.json"}
_STATIC = "/static/"
FORWARDED = frozenset({"x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via"})
"""Header fields by which proxies tell that a request is not their own."""

_FORWARDED = tuple(f"HTTP_{name.upper().replace('-', '_')}" for name in FORWARDED)
_BEARER = "bearer "


class Asked(NamedTuple):
    """What of a request decides whether it may be answered. `path` is without the prefix."""

    method: str
    path: str
    authorization: str = ""
    api_key: str = ""
    host: str = ""
    origin: str = ""
    is_forwarded: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> "Asked":
        """Return that of a request's WSGI environment."""
        return cls(
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"],
            environ.get("HTTP_AUTHORIZATION", ""),
            environ.get("HTTP_X_API_KEY", ""),
            environ.get("HTTP_HOST", ""),
            environ.get("HTTP_ORIGIN", ""),
            any(name in environ for name in _FORWARDED),
        )

    def secret(self) -> str | None:
        """Return the key that comes along; None where none does. Raises UnknownKey where two do."""
        told = {self.api_key.strip()}
        if self.authorization[: len(_BEARER)].lower() == _BEARER:
            told.add(self.authorization[len(_BEARER) :].strip())
        told.discard("")
        if len(told) > 1:
            raise UnknownKey("Authorization and X-API-Key hold different keys. Send one of them.")
        return told.pop() if told else None


def scope_needed(method: str, path: str) -> Scope | None:
    """Return what a request needs; None for what anybody may ask of any server."""
    if method in {"OPTIONS", "TRACE"}:  # the latter gets 405 from whoever is asked
        return None
    if method in {"GET", "HEAD"}:
        return None if path in _FOR_ALL or path.startswith(_STATIC) else Scope.READ
    return Scope.READ if method == "POST" and path in ASKING else Scope.WRITE


def is_loopback(host: str) -> bool:
    """Whether a host, as one writes it, is this machine for those on it and for nobody else."""
    host = host.strip().strip("[]").lower()
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Gate:
    """Lets pass what may be answered.

    With keys, every question needs one that allows it; with `public_read`, only writes do, and the metrics. Without
    either, which is for a server that listens on its own machine alone, nothing needs one.
    """

    def __init__(self, keyring: Keyring | None = None, *, public_read: bool = False) -> None:
        self._keyring = keyring
        self._public_read = public_read
        self._is_open = keyring is None and not public_read

    @property
    def has_keys(self) -> bool:
        """Whether there is a file of keys."""
        return self._keyring is not None

    @property
    def is_private(self) -> bool:
        """Whether an answer is for those with a key alone."""
        return self._keyring is not None and not self._public_read

    @property
    def summary(self) -> str:
        """A sentence that says who may ask. Raises KeysUnreadable."""
        if self._keyring is None:
            return "Anybody may ask, nobody may write." if self._public_read else "Programs on this machine may do all."
        keys = ", ".join(f"{key.name} ({'+'.join(key.scopes)})" for key in self._keyring.present())
        who = "Anybody may ask, and write with a key" if self._public_read else "Asking and writing need a key"
        return f"{who}: {keys or 'there is none'}."

    def is_open_for(self, method: str, path: str) -> bool:
        """Whether a request may be answered whoever asks, so that there is nothing to check."""
        needed = scope_needed(method, path)
        return needed is None or (needed is Scope.READ and self._is_open)

    def needs_key(self, method: str, path: str) -> bool:
        """Whether a request needs a key, whoever asks."""
        needed = scope_needed(method, path)
        return not self._is_open and (needed is Scope.WRITE or (needed is Scope.READ and not self._public_read))

    def check(self, asked: Asked) -> None:
        """Let a request pass, or raise why not: KeyRequired, UnknownKey, ScopeMissing, ForeignWrite, KeysUnreadable."""
        needed = scope_needed(asked.method, asked.path)
        if needed is None:
            return
        if self._is_open:
            if needed is Scope.WRITE:
                _check_local(asked)
            return
        secret = asked.secret()
        if secret is not None and self._keyring is not None:
            key = self._keyring.key_of(secret)
            if key is None:
                raise UnknownKey("The server does not know this key, or no longer. Ask its operator for one.")
            if not key.allows(needed):
                raise ScopeMissing(f"This needs a key with the scope {needed}, which yours has not.")
            return
        if needed is Scope.WRITE or asked.path == METRICS or not self._public_read:
            raise KeyRequired(_without_key(needed, has_keys=self._keyring is not None))

    def key_in(self, asked: Asked) -> Key | None:
        """Return the key that comes along, None where none does that is known. Raises KeysUnreadable."""
        if self._keyring is None:
            return None
        try:
            secret = asked.secret()
        except UnknownKey:
            return None
        return None if secret is None else self._keyring.key_of(secret)


def gate_for(host: str, keys: Path | None, *, public_read: bool) -> Gate:
    """Return the gate of a server that listens on a host. Raises NotToBeExposed where others could ask and write
    anything; KeysUnreadable.
    """
    if keys is None and not public_read and not is_loopback(host):
        raise NotToBeExposed(
            f"Others can reach {host}, and nothing says who may ask. Make a key (lookalike keys create NAME --keys "
            "keys.json) and serve with --keys keys.json; add --public-read, or give it alone, to answer anybody's "
            "questions; or listen on 127.0.0.1."
        )
    return Gate(None if keys is None else Keyring(keys), public_read=public_read)


def _check_local(asked: Asked) -> None:
    """Raise ForeignWrite for a write that a page of another site, or a proxy, may have brought here."""
    host = asked.host.lower()
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    is_own = not asked.origin or asked.origin.lower().partition("://")[2] == host
    if asked.is_forwarded or not is_own or not (not host or is_loopback(name)):
        raise ForeignWrite(
            "Without keys only programs on the server's own machine may write. Its operator can make one with "
            "lookalike keys create NAME --scope write --keys keys.json and serve with --keys keys.json."
        )


def _without_key(needed: Scope, *, has_keys: bool) -> str:
    if not has_keys:
        return "This needs a key, and the server has none. Its operator can make some, and serve with --keys."
    return f"This needs a key with the scope {needed}, sent as Authorization: Bearer KEY or as X-API-Key: KEY."
