"""Request headers that a host wants before it gives its pictures, sent to that host alone."""

import re
from collections.abc import Iterable, Mapping

from indexer.sources.errors import InvalidHeader
from indexer.sources.web.addresses import Address, AllowedHosts

_HEADER = re.compile(r"(?P<host>\S+?):[ \t]+(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(?P<value>.*)")
_VALUE = re.compile(r"[\x20-\x7e\x80-\xff]*")
_OURS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "range", "te", "upgrade"}
    | {"if-none-match", "if-modified-since"}
)
"""Headers on which it depends that answers are understood."""

USER_AGENT = "User-Agent"


class RequestHeaders:
    """Headers by host, from lines like `cdn.example.com: Authorization: Bearer 123`; `user_agent` goes to all hosts.

    A host with a port is meant at that port alone. Raises InvalidHeader, and InvalidHost for what is no host.
    """

    def __init__(self, lines: Iterable[str] = (), user_agent: str | None = None) -> None:
        self._general = {} if user_agent is None else {USER_AGENT: _value(user_agent)}
        self._special: list[tuple[str, AllowedHosts, dict[str, str]]] = []
        for line in lines:
            match = _HEADER.fullmatch(line.strip())
            if match is None:
                raise InvalidHeader(
                    "A header is written with its host, like 'cdn.example.com: Authorization: Bearer 123'; one of "
                    f"{len(line)} characters is not."
                )
            if match["name"].lower() in _OURS:
                raise InvalidHeader(f"The header {match['name']} is set by Lookalike itself. Leave it out.")
            self._special.append(
                (match["host"], AllowedHosts([match["host"]]), {match["name"]: _value(match["value"])})
            )

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that have headers of their own."""
        return tuple(host for host, _, _ in self._special)

    def of(self, address: Address) -> Mapping[str, str]:
        """Return the headers that an address is asked with besides the usual ones."""
        headers = dict(self._general)
        for _, host, special in self._special:
            if host.allows(address):
                headers |= special
        return headers


def _value(text: str) -> str:
    if not _VALUE.fullmatch(text):
        raise InvalidHeader(f"A header's value of {len(text)} characters holds some that no header has. Correct it.")
    return text
