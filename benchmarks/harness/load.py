"""A small load generator: connections that each send the next request when an answer is whole.

It runs in a process of its own and shares the cores with the server, so it does little for a request: one send, one
wait, one receive, and a look at the answer's first bytes.
"""

import itertools
import os
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

from benchmarks.harness.measuring import BenchmarkFailed
from benchmarks.harness.processes import Server
from benchmarks.harness.queries import HEAD_END, AnswerHead

CONNECTIONS = 16

_PATIENCE_SECONDS = 60.0
"""How long a request may wait for its whole answer before it counts as failed."""

_REFUSED_PAUSE_SECONDS = 0.01
_GLANCE_SECONDS = 0.05
_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True)
class Load:
    """What became of requests that were sent over a time; `failures` counts those without a whole 200 by reason.

    `longest_gap` is the most seconds in which no answer came, the beginning and the end of the time included.
    """

    answered: int
    seconds: float
    failures: Mapping[str, int]
    longest_gap: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds

    @property
    def failed(self) -> int:
        """How many requests had no whole answer with 200."""
        return sum(self.failures.values())


def generate(server: Server, requests: Sequence[bytes], seconds: float, connections: int = CONNECTIONS) -> Load:
    """Send whole HTTP requests in turn over so many connections, from a process of its own.

    Counting begins after a tenth of the time. Raises BenchmarkFailed when an answer is not 200 or does not come.
    """
    with underway(server, requests, connections, settling=seconds / 10) as running:
        running.wait(seconds)
        load = running.end()
    if load.failures:
        raise BenchmarkFailed(f"{_name(server)} failed {load.failed} of its requests: {dict(load.failures)}.")
    if load.answered == 0:
        raise BenchmarkFailed(f"{_name(server)} answered nothing within {seconds:.0f} s.")
    return load


class Underway:
    """A load that goes on in another process until it is ended."""

    def __init__(self, server: Server, pipe: Pipe) -> None:
        self._server, self._pipe = server, pipe

    def wait(self, seconds: float) -> None:
        """Let the load go on for a time. Raises BenchmarkFailed when it can't."""
        if self._pipe.poll(seconds):
            self._hear()

    def so_far(self) -> Load:
        """Return what has become of the load since it settled."""
        return self._told("so far")

    def end(self) -> Load:
        """End the load and return what became of it."""
        return self._told("end")

    def _told(self, question: str) -> Load:
        self._pipe.send(question)
        load = self._hear()
        if load is None:
            raise BenchmarkFailed(f"The load on {_name(self._server)} had not settled.")
        return load

    def settle(self, seconds: float) -> None:
        """Wait until the load says that it has begun. Raises BenchmarkFailed when it does not in time."""
        if not self._pipe.poll(seconds):
            raise BenchmarkFailed(f"{_name(self._server)} answered nothing within {seconds:.0f} s.")
        self._hear()

    def _hear(self) -> Load | None:
        try:
            heard: Load | str | None = self._pipe.recv()
        except EOFError:
            raise BenchmarkFailed(f"The load on {_name(self._server)} ended by itself.") from None
        if isinstance(heard, str):
            raise BenchmarkFailed(heard)
        return heard


@contextmanager
def underway(
    server: Server, requests: Sequence[bytes], connections: int = CONNECTIONS, settling: float = 0.0
) -> Iterator[Underway]:
    """Keep a server at work in the block, which begins when the first answer and the time for settling have passed."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(server, requests, connections, settling, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        running = Underway(server, ours)
        running.settle(_PATIENCE_SECONDS + settling)
        yield running
    finally:
        process.terminate()
        process.join()
        ours.close()


def _name(server: Server) -> str:
    return f"{server.host}:{server.port}"


@dataclass(slots=True)
class _Tally:
    answered: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    last: float = field(default_factory=time.perf_counter)
    gap: float = 0.0

    def answer(self, now: float) -> None:
        self.answered += 1
        self.gap = max(self.gap, now - self.last)
        self.last = now


class _Connection:
    """One connection, and the answer that it waits for."""

    __slots__ = ("_length", "_received", "_socket", "address", "closes", "deadline")

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self._socket: socket.socket | None = None
        self._received = b""
        self._length = -1
        self.closes = False
        self.deadline = 0.0

    def send(self, request: bytes, selector: selectors.BaseSelector) -> None:
        """Send a request, over a new connection where the server has closed the old one. Raises OSError."""
        if self._socket is not None and (self.closes or self._was_closed(self._socket)):
            self.drop(selector)
        if self._socket is None:
            self._socket = socket.create_connection(self.address, timeout=_PATIENCE_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setblocking(True)
            selector.register(self._socket, selectors.EVENT_READ, self)
        self._received, self._length, self.closes = b"", -1, False
        self.deadline = time.perf_counter() + _PATIENCE_SECONDS
        self._socket.sendall(request)

    def receive(self) -> bool:
        """Take what has come; return whether the answer is whole. Raises OSError, and BenchmarkFailed if not 200."""
        assert self._socket is not None
        piece = self._socket.recv(_AT_ONCE)
        if not piece:
            raise ConnectionResetError("closed within an answer" if self._received else "closed without an answer")
        self._received = self._received + piece if self._received else piece
        if self._length < 0:
            end = self._received.find(HEAD_END)
            if end < 0:
                return False
            head = AnswerHead(self._received[:end])
            self._length, self.closes = end + len(HEAD_END) + head.length, head.closes
        return len(self._received) >= self._length

    def drop(self, selector: selectors.BaseSelector) -> None:
        """Close the connection."""
        if self._socket is not None:
            selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    @staticmethod
    def _was_closed(connection: socket.socket) -> bool:
        """Whether a server closed a connection on which nothing was asked."""
        try:
            return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True


class _Work:
    """Keeps the connections busy, and keeps count."""

    def __init__(self, server: Server, requests: Sequence[bytes], connections: int, pipe: Pipe) -> None:
        self._name = _name(server)
        self._turns = itertools.cycle(requests)
        self._pipe = pipe
        self._selector = selectors.DefaultSelector()
        self._every = [_Connection((server.host, server.port)) for _ in range(connections)]
        self._idle = list(self._every)
        self._tally = _Tally()

    def run(self, settling: float) -> None:
        """Say when an answer has come and the time has passed, count from then on, and tell the count when asked to."""
        parent, settled_at, glance_at = os.getppid(), time.perf_counter() + settling, 0.0
        started: float | None = None
        while os.getppid() == parent:
            idle, self._idle = self._idle, []
            for connection in idle:
                self._send(connection)
            for key, _ in self._selector.select(_REFUSED_PAUSE_SECONDS if self._idle else _GLANCE_SECONDS):
                self._receive(key.data)
            now = time.perf_counter()
            if now < glance_at:
                continue
            glance_at = now + _GLANCE_SECONDS
            self._give_up_on_the_late(now)
            if started is None and now >= settled_at and (self._tally.answered or self._tally.failures):
                if self._tally.failures:
                    self._pipe.send(f"{self._name} failed from the start: {dict(self._tally.failures)}.")
                    return
                self._tally, started = _Tally(), time.perf_counter()
                self._pipe.send(None)
            if started is not None and self._pipe.poll():
                ended = time.perf_counter()
                gap = max(self._tally.gap, ended - self._tally.last)
                is_last = self._pipe.recv() == "end"
                self._pipe.send(Load(self._tally.answered, ended - started, dict(self._tally.failures), gap))
                if is_last:
                    return

    def _send(self, connection: _Connection) -> None:
        try:
            connection.send(next(self._turns), self._selector)
        except OSError as error:
            self._fail(connection, f"could not be sent: {error}")

    def _receive(self, connection: _Connection) -> None:
        try:
            if not connection.receive():
                return
        except (BenchmarkFailed, OSError) as error:
            self._fail(connection, str(error))
        else:
            self._tally.answer(time.perf_counter())
            self._send(connection)

    def _give_up_on_the_late(self, now: float) -> None:
        for connection in self._every:
            if now > connection.deadline and connection not in self._idle:
                self._fail(connection, f"no answer within {_PATIENCE_SECONDS:.0f} s")

    def _fail(self, connection: _Connection, reason: str) -> None:
        self._tally.failures[reason] += 1
        connection.drop(self._selector)
        self._idle.append(connection)


def _work(server: Server, requests: Sequence[bytes], connections: int, settling: float, pipe: Pipe) -> None:
    _Work(server, requests, connections, pipe).run(settling)
