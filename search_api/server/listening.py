"""The socket that listens."""

import errno
import socket

from models.errors import LookalikeError
from search_api.errors import AddressInUse, AddressNotAllowed, InvalidAddress

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
BACKLOG = 1024

SEND_BUFFER = 256 * 1024
"""Bytes of answers that the system takes for a client that does not read yet; left to itself it takes megabytes."""


def listen(host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """Return a socket that is bound to the address, IPv4 before IPv6 where a name has both.

    With `reuse_port` other servers of the same user that do so too may listen on the same port, and the system deals
    out connections among them. Raises AddressInUse, AddressNotAllowed, InvalidAddress.
    """
    if not 0 <= port <= 65535:
        raise InvalidAddress(f"{port} is not a port. Choose one between 1 and 65535, or 0 for any that is free.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise InvalidAddress(f"{host!r} is not an address of this machine. Try 127.0.0.1.") from None
    family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # of the connections, too
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refusal(error, host, port) from None
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address of a listening socket as a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _refusal(error: OSError, host: str, port: int) -> LookalikeError:
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(f"Port {port} of {host} is in use by another program. Stop it, or choose another port.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return AddressNotAllowed(f"You may not listen on port {port}. Choose one of 1024 or more with --port.")
    return InvalidAddress(f"{host} can't be listened on ({error.strerror}). Try 127.0.0.1.")
