"""What of the web a source may use: the hosts, the limits, and the pictures there."""

from dataclasses import dataclass, field

from indexer.sources.web.addresses import Address, AllowedHosts
from indexer.sources.web.headers import RequestHeaders
from models.pictures.decoding import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, how long, how often and how much at once; times in seconds."""

    max_bytes: int = MAX_BYTES
    connecting: float = 10
    """For one connection, and for TLS on it."""
    silence: float = 20
    """Without a byte."""
    request: float = 60
    """From the request to the last byte of its answer, however steadily they come."""
    redirects: int = 3
    tries: int = 4
    back_off: float = 1
    """Before the second try, doubled for each further one, and half as much more or less by chance."""
    longest_rest: float = 60
    """That a server may ask for (`Retry-After`) and is waited for."""
    give_up_after: float = 300
    """With a host that fails and fails: when it does so longer, it is left alone until the end of the run."""
    at_once: int = 6
    """Connections, the number that browsers open to one host."""


@dataclass(frozen=True, slots=True, eq=False)
class WebAccess:
    """The hosts that pictures may be fetched from, none unless they are named, the limits, and what they are sent."""

    hosts: AllowedHosts = field(default_factory=AllowedHosts)
    limits: Limits = field(default_factory=Limits)
    headers: RequestHeaders = field(default_factory=RequestHeaders)


NO_ACCESS = WebAccess()


@dataclass(frozen=True, slots=True, eq=False)
class WebPicture:
    """A picture at a web address that is allowed; where it leads to is held to the same access."""

    address: Address
    access: WebAccess


def web_picture(reference: str, access: WebAccess) -> WebPicture:
    """Return the picture at a web address. Raises AddressRefused."""
    address = Address.parse(reference)
    access.hosts.check(address)
    return WebPicture(address, access)
