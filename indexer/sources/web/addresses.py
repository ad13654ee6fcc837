"""Web addresses in one form each, and the hosts that pictures may be fetched from."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote, urljoin, urlsplit

from indexer.sources.errors import AddressRefused, InvalidHost

DEFAULT_PORTS = {"http": 80, "https": 443}

LONGEST_TOLD = 200
"""Characters of an address that a message shows."""

_HOST_AND_PORT = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*", re.ASCII)
_NUMBER_AT_THE_END = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_AS_IT_IS = "!#$%&'()*+,/:;=?@[]~"

IP: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Address:
    """A web address taken apart: what is connected to is what was checked, as nothing takes it apart again.

    `scheme` is http or https; `host` a name in lower case or an IP address; `target` path and query, percent-encoded.
    """

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Return the address that a text is. Raises AddressRefused for one that can't be fetched from."""
        told = shortened(text)
        if _UNPRINTABLE.search(text):
            raise AddressRefused(f"{told!r} holds characters that no address has. Correct it.")
        try:
            parts = urlsplit(text)
        except ValueError as error:
            raise AddressRefused(f"{told!r} is no web address ({error}). Correct it.") from error
        if parts.scheme not in DEFAULT_PORTS:
            raise AddressRefused(
                f"{told!r} begins with {parts.scheme or 'no scheme'}:. Pictures are fetched by http and https only."
            )
        if "@" in parts.netloc:
            raise AddressRefused(f"{told!r} carries a user name, which is never sent. Give the address without it.")
        host, port = _host_and_port(parts.netloc)
        if host is None or port == 0:
            raise AddressRefused(
                f"{told!r} names no host that can be asked. Correct it; a name with other letters than a to z is "
                "written in its ASCII form, which begins with xn--."
            )
        target = quote(parts.path or "/", safe=_AS_IT_IS) + (
            f"?{quote(parts.query, safe=_AS_IT_IS)}" * bool(parts.query)
        )
        return cls(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], target)

    def joined(self, location: str) -> "Address":
        """Return the address that a redirect from this one leads to. Raises AddressRefused."""
        try:
            return Address.parse(urljoin(str(self), location))
        except ValueError as error:
            raise AddressRefused(f"{self.told} leads to {shortened(location)!r}, which is no address.") from error

    @property
    def authority(self) -> str:
        """Host, and port unless it is the usual one: what `--allow-host` and the header `Host` take."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.has_usual_port else f"{host}:{self.port}"

    @property
    def authority_with_port(self) -> str:
        """Host and port, the usual one, too."""
        return f"{self.authority}:{self.port}" if self.has_usual_port else self.authority

    @property
    def has_usual_port(self) -> bool:
        return self.port == DEFAULT_PORTS[self.scheme]

    @property
    def ip(self) -> IP | None:
        """The host where it is an IP address, None where it is a name."""
        return _ip(self.host)

    @property
    def told(self) -> str:
        """The address as a message shows it."""
        return shortened(str(self))

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


class AllowedHosts:
    """The hosts that pictures may be fetched from, each exactly as it was named and none below it.

    `shop.example` allows the usual ports, `shop.example:8080` that one. An IP address among them, private or not, is
    allowed for it was named; a name that leads to a private one never is (`indexer.sources.web.resolving`).

    Raises InvalidHost.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._allowed: set[tuple[str, int | None]] = set()
        for name in names:
            host, port = _host_and_port(name)
            if host is None or port == 0:
                raise InvalidHost(
                    f"{shortened(name)!r} is no host. Name one alone and exactly, images.shop.example, or with a port, "
                    "images.shop.example:8080; other letters than a to z in their ASCII form, which begins with xn--."
                )
            self._allowed.add((host, port))

    def allows(self, address: Address) -> bool:
        """Whether an address is at one of these hosts."""
        if (address.host, address.port) in self._allowed:
            return True
        return address.has_usual_port and (address.host, None) in self._allowed

    def check(self, address: Address) -> None:
        """Raise AddressRefused unless an address is at one of these hosts."""
        if self.allows(address):
            return
        raise AddressRefused(
            f"{address.told!r} is a web address, and pictures are fetched only from hosts that were named. Add "
            f"--allow-host {address.authority} if this one is to be trusted."
        )

    def may_be_private(self, address: Address) -> bool:  # noqa: ARG002
        """Whether the name of an allowed host may lead to an IP address that is not public: none may."""
        return False


def shortened(text: str) -> str:
    """Return a text as a message shows it."""
    return text if len(text) <= LONGEST_TOLD else f"{text[:LONGEST_TOLD]}..."


def _host_and_port(text: str) -> tuple[str | None, int | None]:
    """Return a host in its one form and a port; None for a host that is none and for no port, 0 for a bad one."""
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None:
        return None, None
    port = None if match[2] is None else int(match[2])
    return _host(match[1].lower()), 0 if port is not None and port > 65535 else port


def _host(text: str) -> str | None:
    if text.startswith("["):
        ip = _ip(text[1:-1])
        return str(ip) if ip is not None and ip.version == 6 else None
    name = text.removesuffix(".")
    if ip := _ip(name):
        return str(ip)
    # What ends in a number and is no IP address would be taken for one by some: 127.1, 0x7f000001.
    if len(name) > 253 or not _NAME.fullmatch(name) or _NUMBER_AT_THE_END.fullmatch(name):
        return None
    return name


def _ip(text: str) -> IP | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
