"""From a host's name to the IP addresses that are connected to, none of them private."""

import ipaddress
import socket

from indexer.sources.errors import AddressRefused
from indexer.sources.web.addresses import IP, Address

MOST_IPS = 4
"""IP addresses of one name that are tried."""

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: how a network of IPv6 alone writes an IPv4 address


def ips_of(address: Address, *, may_be_private: bool = False) -> list[str]:
    """Return the IP addresses to connect to for an address that is allowed, in the order to try them.

    A name is resolved once, here, and whoever connects does so to what this returns: a name that leads elsewhere the
    next time gains nothing by it. All that it leads to must be public, unless it `may_be_private`. An IP address is
    given as it is, since it was allowed by being named.

    Raises AddressRefused, and OSError when the name can't be resolved.
    """
    if address.ip is not None:
        return [address.host]
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    ips = list(dict.fromkeys(str(place[0]) for *_, place in found))
    for ip in ips:
        if not may_be_private and ("%" in ip or not is_public(ipaddress.ip_address(ip))):
            raise AddressRefused(
                f"{address.told!r} is refused: {address.host} leads to {ip}, which is no public address. If this "
                "server of your own is meant, use that address in the table and name it with --allow-host."
            )
    return ips[:MOST_IPS]


def is_public(ip: IP) -> bool:
    """Tell whether an IP address is one host on the public internet, by IANA's registries.

    Private, shared (CGNAT), loopback, link-local, multicast, documentation and reserved ones are not, nor are IPv6
    addresses that hold an IPv4 one (mapped, 6to4, Teredo), NAT64 of a public one aside.
    """
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast
    if ip in _NAT64:
        return is_public(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return ip in _GLOBAL_UNICAST and ip.is_global and ip.sixtofour is None and ip.teredo is None
