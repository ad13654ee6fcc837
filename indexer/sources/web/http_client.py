"""One request to a web server and its answer, within limits of time and size whatever the server does."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from indexer.sources.errors import AddressFailed, AddressHoldsNoPicture, AddressTooSlow, AddressUnreachable
from indexer.sources.web.access import Limits
from indexer.sources.web.addresses import Address, shortened
from indexer.sources.web.resolving import ips_of
from models.errors import LookalikeError, PictureTooLarge
from models.pictures.decoding import is_picture

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

_HEADERS = {
    "User-Agent": "lookalike (it indexes the pictures of a product catalogue)",
    "Accept": "image/*",
    "Accept-Encoding": "identity",  # a picture is compressed already, and a bomb is not taken apart
}
_CHUNK = 1 << 16
_HEAD = 64

MOST_OPEN = 8
"""Connections that a thread keeps open: the one that it opened first makes room."""

_UNTOLD_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream"})


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer: `headers` by their names in lower case; `data` is empty unless `status` is 200."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Retryable(Exception):
    """A failure that another try may cure; `error` is what to raise when none does."""

    def __init__(self, error: LookalikeError) -> None:
        super().__init__(str(error))
        self.error = error


class Connections:
    """The connections that one thread keeps open, by scheme, host and port.

    Each leads to an IP address that was checked before. Proxies that the environment names are not used: they would
    resolve names by themselves, unchecked. No cookie is kept, and nobody's password is sent.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[tuple[str, str, int], HTTPConnection] = {}

    def ask(self, address: Address, headers: Mapping[str, str], *, may_be_private: bool = False) -> Reply:
        """Get what is at an address that is allowed, asking with these headers besides the usual ones.

        A host's name may lead to an IP address that is not public only where it `may_be_private`.

        Raises Retryable when nothing is heard, or not all; AddressRefused for a host that is not public,
        AddressUnreachable for one whose certificate is not trusted; AddressTooSlow, PictureTooLarge,
        AddressHoldsNoPicture by the type that is declared, and AddressFailed for what is encoded.
        """
        headers = {"Host": address.authority, **_HEADERS, **headers}
        seconds = self._limits.request
        is_reusable = False
        try:
            connection = self._connected(address, may_be_private)
            with _cut_off(connection, seconds) as is_cut:
                try:
                    connection.request(
                        "GET", address.target, headers=headers, preload_content=False, decode_content=False
                    )
                    reply = self._read(connection.getresponse(), address)
                except (HTTPError, http.client.HTTPException, OSError) as error:
                    if is_cut.is_set():
                        raise _too_slow(address, seconds) from error
                    raise Retryable(_unheard(address, f"{type(error).__name__}: {error}")) from error
            if is_cut.is_set():  # what ends there may look whole
                raise _too_slow(address, seconds)
            is_reusable = reply.status in {HTTPStatus.OK, HTTPStatus.NOT_MODIFIED}
            return reply
        finally:
            if not is_reusable:
                self._drop(address)

    def close(self) -> None:
        """Close all connections; whoever waits for bytes on one stops waiting."""
        for connection in list(self._open.values()):
            _cut(connection.sock)
            connection.close()

    def _connected(self, address: Address, may_be_private: bool) -> HTTPConnection:
        connection = self._open.get(_key(address))
        if connection is not None and connection.is_connected:
            return connection
        self._drop(address)
        try:
            ips = ips_of(address, may_be_private=may_be_private)
        except OSError as error:
            raise Retryable(_unheard(address, f"the name can't be resolved, {error.strerror or error}")) from error
        problem: Exception | None = None
        for ip in ips:
            connection = self._connection(address, ip)
            try:
                connection.connect()
            except ssl.SSLCertVerificationError as error:
                raise AddressUnreachable(
                    f"{address.told} is not fetched: the certificate of its server is not to be trusted "
                    f"({error.verify_message}). Have it put right, or trust its issuer on this machine."
                ) from error
            except (HTTPError, OSError) as error:
                problem = error
                continue
            connection.timeout = self._limits.silence
            while len(self._open) >= MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
            self._open[_key(address)] = connection
            return connection
        raise Retryable(_unheard(address, f"no connection, {problem}")) from problem

    def _connection(self, address: Address, ip: str) -> HTTPConnection:
        if address.scheme == "http":
            return HTTPConnection(ip, address.port, timeout=self._limits.connecting)
        return HTTPSConnection(
            ip,
            address.port,
            timeout=self._limits.connecting,
            ssl_context=self._tls,
            server_hostname=address.host,
        )

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _drop(self, address: Address) -> None:
        connection = self._open.pop(_key(address), None)
        if connection is not None:
            connection.close()

    def _read(self, response: "BaseHTTPResponse", address: Address) -> Reply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status == HTTPStatus.NOT_MODIFIED:
            response.read()
        if response.status != HTTPStatus.OK:
            response.close()
            return Reply(response.status, headers, b"")
        try:
            _check_encoding(address, headers)
            most = self._limits.max_bytes
            announced = headers.get("content-length", "")
            if announced.isdecimal() and int(announced[:20]) > most:
                raise _too_large(address, most)
            data = bytearray(response.read(_HEAD))
            if not is_picture(data):  # some servers call pictures text
                _check_kind(address, headers)
            while chunk := response.read(min(_CHUNK, most + 1 - len(data))):
                data += chunk
                if len(data) > most:
                    raise _too_large(address, most)
        except LookalikeError:
            response.close()
            raise
        return Reply(response.status, headers, bytes(data))


def _check_kind(address: Address, headers: Mapping[str, str]) -> None:
    """Raise unless an answer declares itself a picture, or something untold, as it is."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not kind.startswith("image/") and kind not in _UNTOLD_TYPES:
        raise AddressHoldsNoPicture(
            f"{address.told} gives {shortened(kind)}, no picture: is it a page that shows the picture, or asks to log "
            "in? Give the address of the picture itself."
        )


def _check_encoding(address: Address, headers: Mapping[str, str]) -> None:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise AddressFailed(
            f"{address.told} sends the picture compressed ({shortened(encoding)}) though that was not asked for. Have "
            "its server send pictures as they are."
        )


def _too_large(address: Address, most: int) -> PictureTooLarge:
    return PictureTooLarge(
        f"{address.told} gives more than the {most / 2**20:g} MiB that are accepted. Put a smaller picture there."
    )


def _too_slow(address: Address, seconds: float) -> AddressTooSlow:
    return AddressTooSlow(
        f"{address.told} did not give its picture within {seconds:g} seconds. Try again when its server is quicker."
    )


def _unheard(address: Address, reason: str) -> AddressUnreachable:
    return AddressUnreachable(
        f"{address.told} can't be fetched ({shortened(reason)}). Check the address and the network, and try again."
    )


def _key(address: Address) -> tuple[str, str, int]:
    return address.scheme, address.host, address.port


@contextmanager
def _cut_off(connection: HTTPConnection, seconds: float) -> Iterator[threading.Event]:
    """Cut a connection in so many seconds unless the block ends before; give what tells whether it was.

    A socket's own limit of time is for one read, of which a server that drips its headers byte by byte has thousands.
    """
    sock, is_cut = connection.sock, threading.Event()

    def cut() -> None:
        is_cut.set()
        _cut(sock)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield is_cut
    finally:
        timer.cancel()


def _cut(sock: socket.socket | None) -> None:
    with suppress(OSError):
        if sock is not None:
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # also of TLS the bare connection: it waits for nobody
