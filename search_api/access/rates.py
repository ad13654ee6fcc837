"""How much each may ask: so many requests in a time, and some at once."""

import ipaddress
import math
import re
from dataclasses import dataclass
from functools import lru_cache

from search_api.access.errors import InvalidRate

MOST_KNOWN = 65_536
"""Askers that are kept count of; past that those are forgotten first who have not asked for longest."""

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(rf"([1-9][0-9]{{0,8}})\s*/\s*({'|'.join(_UNITS)})")
_NETWORK = 64  # bits of an IPv6 address that one customer of a provider has to themselves


@dataclass(frozen=True, slots=True)
class Rate:
    """`number` requests in so many seconds: as many at once, and from then on one after each part of the time."""

    number: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.number}/{next(name for name, seconds in _UNITS.items() if seconds == self.seconds)}"


def rate_of(text: str) -> Rate:
    """Read a rate like `100/minute`. Raises InvalidRate."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise InvalidRate(f"{text!r} is no limit. Write it like 100/minute: a number, and {', '.join(_UNITS)}.")
    return Rate(int(match[1]), _UNITS[match[2]])


class RateCounter:
    """Counts what each has asked (GCRA, as ATM networks police a cell rate: one number for each who asks)."""

    def __init__(self, most_known: int = MOST_KNOWN) -> None:
        self._most_known = most_known
        self._paid_until: dict[str, float] = {}  # whoever asked last comes last

    def wait(self, who: str, rate: Rate, now: float) -> int:
        """Count a request at a time in seconds; return 0, or, without counting it, the whole seconds to wait first."""
        interval = rate.seconds / rate.number
        paid_until = max(self._paid_until.pop(who, now), now)
        if len(self._paid_until) >= self._most_known:
            del self._paid_until[next(iter(self._paid_until))]
        late = paid_until + interval - rate.seconds - now
        is_refused = late > interval * 1e-6  # sums of intervals are not exact
        self._paid_until[who] = paid_until if is_refused else paid_until + interval
        return max(1, math.ceil(late)) if is_refused else 0


@lru_cache(4096)
def network_of(client: str) -> str:
    """Return what a client is counted as: its address, of IPv6 the network of 64 bits."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _NETWORK), strict=False))
