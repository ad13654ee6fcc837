"""How long each host is waited for and left alone, shared by all threads that ask it."""

import threading
import time
from dataclasses import dataclass

from indexer.sources.errors import AddressFailed, AddressUnreachable
from indexer.sources.web.access import Limits
from indexer.sources.web.addresses import Address

MOST_HOSTS = 4096
"""Hosts of which it is remembered that they failed."""


@dataclass(slots=True)
class _Host:
    resting_until: float = 0
    failing_since: float | None = None
    failed_at: float = 0


class HostBackoff:
    """When each host may be asked again, and since when it fails. Safe to use from several threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def rest(self, address: Address) -> float:
        """Return the seconds to wait before a host may be asked, 0 where it may be at once.

        Raises AddressFailed for a host that wants to be left alone longer than is waited for, and AddressUnreachable
        for one that has failed too long.
        """
        now = time.monotonic()
        with self._lock:
            host = self._hosts.get(address.authority, _Host())
            rest = host.resting_until - now
            failing = 0 if host.failing_since is None else host.failed_at - host.failing_since
        if failing > self._limits.give_up_after:
            raise AddressUnreachable(
                f"{address.told} was not asked for: {address.authority} has failed for {failing:.0f} seconds and is "
                "left alone until the end of this run. Try again when it is well."
            )
        if rest > self._limits.longest_rest:
            raise AddressFailed(
                f"{address.told} was not asked for: {address.authority} wants to be left alone for {rest:.0f} seconds. "
                "Try again after that."
            )
        return max(rest, 0)

    def answered(self, address: Address) -> None:
        """Note that a host is well."""
        with self._lock:
            if address.authority in self._hosts:
                self._hosts[address.authority].failing_since = None

    def failed(self, address: Address, rest: float = 0) -> None:
        """Note that a host failed once more, and for how many seconds it wants to be left alone."""
        now = time.monotonic()
        with self._lock:
            if len(self._hosts) >= MOST_HOSTS and address.authority not in self._hosts:
                del self._hosts[next(iter(self._hosts))]
            host = self._hosts.setdefault(address.authority, _Host())
            host.resting_until = max(host.resting_until, now + rest)
            host.failed_at = now
            if host.failing_since is None:
                host.failing_since = now
