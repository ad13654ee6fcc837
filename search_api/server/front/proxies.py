"""What proxies in front of the server tell of the client, believed only from those that are named."""

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple

from search_api.errors import InvalidAddress, InvalidPrefix
from search_api.server.frames import Headers

PREFIX = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*")
_HOST = re.compile(rb"[A-Za-z0-9.:_\[\]-]{1,255}")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Origin(NamedTuple):
    """Where a request comes from, and under which address the client sees the application."""

    client: str
    scheme: str
    prefix: str
    host: bytes | None
    """What the client has asked for, where a proxy tells it."""


def checked_prefix(prefix: str) -> str:
    """Return a prefix like `/vs` without a slash at its end. Raises InvalidPrefix."""
    prefix = prefix.rstrip("/")
    if not PREFIX.fullmatch(prefix):
        raise InvalidPrefix(f"{prefix!r} is no prefix of paths. Write it like /shop/search, without spaces or %.")
    return prefix


class Proxies:
    """The networks whose X-Forwarded headers are believed, and the prefix where none tells one.

    Raises InvalidAddress for what is no network, InvalidPrefix for what is no prefix.
    """

    def __init__(self, trusted: Sequence[str] = (), prefix: str = "") -> None:
        self.prefix = checked_prefix(prefix)
        self._networks: list[Network] = []
        for network in trusted:
            try:
                self._networks.append(ipaddress.ip_network(network, strict=False))
            except ValueError:
                raise InvalidAddress(
                    f"{network!r} is no address or network of proxies. Write it like 10.0.0.0/8 or 127.0.0.1."
                ) from None

    def are_trusted(self, address: str) -> bool:
        """Return whether an address is a proxy's that is believed."""
        if not self._networks:
            return False
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(ip, "ipv4_mapped", None)
        return any(one in network for network in self._networks for one in (ip, mapped) if one is not None)

    def origin(self, peer: str, headers: Headers) -> Origin:
        """Return the origin that a trusted proxy tells.

        Of the addresses in X-Forwarded-For it is the last that is not a trusted proxy's own: those before it may be
        made up. Values that are none are passed over.
        """
        values: dict[bytes, bytes] = {}
        for name, value in headers:
            if name.startswith(b"x-forwarded-"):
                values[name] = values[name] + b"," + value if name in values else value
        client = peer
        for hop in reversed(values.get(b"x-forwarded-for", b"").decode("latin-1").split(",")):
            try:
                client = str(ipaddress.ip_address(hop.strip()))
            except ValueError:
                break
            if not self.are_trusted(client):
                break
        scheme = _last(values.get(b"x-forwarded-proto"))
        prefix = _last(values.get(b"x-forwarded-prefix")).decode("latin-1").rstrip("/")
        host = _last(values.get(b"x-forwarded-host"))
        return Origin(
            client,
            "https" if scheme.lower() == b"https" else "http",
            prefix if prefix and PREFIX.fullmatch(prefix) else self.prefix,
            host if _HOST.fullmatch(host) else None,
        )


def _last(value: bytes | None) -> bytes:
    """Return the last of the values in a list: the one that the nearest proxy added."""
    return b"" if value is None else value.rpartition(b",")[2].strip()
