"""The hosts that pictures may be fetched from when a request names them by their addresses."""

import re
from collections.abc import Iterable

from indexer.sources.errors import AddressRefused, InvalidHost
from indexer.sources.web.addresses import Address, AllowedHosts, shortened
from indexer.sources.web.resolving import is_public

SETTING = "--allow-image-host"

_BELOW = "*."
_PATTERN = re.compile(r"\*((?:\.[a-z0-9_-]{1,63}){2,})(?::([1-9][0-9]{0,4}))?", re.IGNORECASE | re.ASCII)


class ImageHosts(AllowedHosts):
    """Hosts as a server's operator names them, where anybody may have named the address.

    `shop.example` is that host at the usual ports, `shop.example:8080` at that one, `*.shop.example` all hosts
    below it. What is named exactly and with its port may be on a private network; whatever else leads there is refused.

    Raises InvalidHost.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        given = tuple(names)
        super().__init__(name for name in given if not name.startswith(_BELOW))
        self._below = tuple(_pattern(name) for name in given if name.startswith(_BELOW))
        for host, port in self._allowed:
            ip = Address("http", host, 80, "/").ip
            if port is None and ip is not None and not is_public(ip):
                raise InvalidHost(f"{host} is no public address. Name it with its port, {host}:8080, if it is meant.")

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._allowed or self._below)

    def allows(self, address: Address) -> bool:
        """Whether an address is at one of these hosts."""
        return super().allows(address) or any(
            address.host.endswith(name) and (address.has_usual_port if port is None else address.port == port)
            for name, port in self._below
        )

    def check(self, address: Address) -> None:
        """Raise AddressRefused unless an address is at one of these hosts."""
        if not self.allows(address):
            raise AddressRefused(
                f"{address.told} is at no host that this server fetches pictures from. Send the picture itself, or "
                f"have its operator allow the host with {SETTING} {address.authority}."
            )

    def may_be_private(self, address: Address) -> bool:
        """Whether an address that is allowed may lead to a private network: it is named exactly, with its port."""
        return (address.host, address.port) in self._allowed


def _pattern(name: str) -> tuple[str, int | None]:
    """Return what the names below a host end in, and their port. Raises InvalidHost."""
    match = _PATTERN.fullmatch(name)
    port = None if match is None or match[2] is None else int(match[2])
    if match is None or (port or 0) > 65535:
        raise InvalidHost(f"{shortened(name)!r} is no host. Write all hosts below one like *.images.shop.example.")
    AllowedHosts((match[1][1:],))  # says what else is wrong with it
    return match[1].lower(), port
