"""How much the server holds, and how long it waits."""

from dataclasses import dataclass

MIB = 1024 * 1024

DEFAULT_MAX_BODY = 32 * MIB
"""Bytes of a body for an application that names no limit of its own."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in bytes.

    A request must arrive whole within `receive`, from its first byte to its last, and an answer be taken within `send`.
    """

    receive: float = 30.0
    send: float = 30.0
    idle: float = 15.0
    """How long a connection is kept on which nothing is asked."""
    linger: float = 5.0
    """How long what a client goes on sending after its last answer is thrown away, so that it gets to read that."""
    queue: float = 30.0
    """How long a request waits for a worker before it is refused."""
    work: float = 60.0
    """How long a worker may take for one request before it is taken for stuck and replaced; twice that to write."""
    farewell: float = 1.0
    """How long a server that stops waits for further requests on idle connections, to answer that it closes them: a
    connection that is closed just when its client asks looks like a failure."""
    stop: float = 30.0
    """How long requests may take to end once the server is told to stop."""

    request_line: int = 16_384
    """An id of 1,000 characters, percent-encoded, has up to 12,000."""
    fields: int = 100
    head: int = 32 * 1024
    """Of all header fields of a request together."""
    connections: int = 4096
    bytes_waiting: int = 256 * MIB
    """Of all bodies together that are being received or wait for their answer; from half of it on, none to be written
    is received.
    """
    bytes_unsent: int = 256 * MIB
    """Of all answers together that clients have not taken yet."""
    quick_waiting: int = 1024
    """Requests without a picture that may wait for a worker."""
    pictures_waiting: int = 128


DEFAULTS = Limits()
