"""`lookalike serve` as its users meet it: a process that is started, asked over sockets, watched, and told to end."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import processes

PATIENCE = 120.0
"""Seconds after which a test has waited in vain. Nothing that passes depends on it."""

# Tests that are started in the background inherit that some signals are ignored; a person's server does not.
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from lookalike import main
main()
"""

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Answer:
    """A whole answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class LiveServer:
    """A server that has said where it listens, and the file that its output goes to."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask over a new connection. Raises OSError and http.client.HTTPException where there is no whole answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for what is at a path."""
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def exchange(self, request: bytes) -> bytes:
        """Send bytes, close the sending side, and return all that comes back."""
        with self.connect() as connection:
            try:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass  # answered already, and cut off
            return received(connection)

    def said(self) -> str:
        """Return what the server has written so far."""
        return self.log.read_text(errors="replace")

    def workers(self) -> list[int]:
        """Return the processes that answer."""
        return processes.workers_of(processes.Server(self.process.pid, "127.0.0.1", self.port, 0.0))

    def tell(self, number: int) -> None:
        """Send the server a signal."""
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        self.tell(number)
        return self.process.wait(PATIENCE)


@contextmanager
def live_server(
    log: Path, *options: str | Path, port: int = 0, command: str = COMMAND, environment: Mapping[str, str] | None = None
) -> Iterator[LiveServer]:
    """Start a server with options until the block ends. What it writes goes into a file.

    Raises AssertionError with its output when it ends or is silent instead of saying where it listens.
    """
    arguments = [sys.executable, "-c", command, "serve", "--port", str(port), *map(str, options)]
    with log.open("wb") as file:
        process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd=ROOT, env=environment
        )
    try:
        server = LiveServer(process, 0, log)
        wait_until(lambda: process.poll() is not None or "http://" in server.said())
        assert process.poll() is None, server.said()
        yield LiveServer(
            process, int(server.said().partition("http://127.0.0.1:")[2].split()[0].partition("/")[0]), log
        )
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


def wait_until(true: Callable[[], object]) -> None:
    """Wait for an event, however long it takes within reason."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def received(connection: socket.socket) -> bytes:
    """Return all that comes until the other side closes or resets the connection."""
    pieces = []
    try:
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def answers_in(data: bytes) -> list[Answer]:
    """Return the answers that bytes consist of, interim ones left out. Raises ValueError when the last is not whole."""
    answers = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        if not end or not status.startswith("HTTP/1.1 "):
            raise ValueError(f"not an answer: {head[:200]!r}")
        code = int(status.split()[1])
        if code < 200:
            continue
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(data) < length:
            raise ValueError(f"{length} bytes were promised, {len(data)} came")
        answers.append(Answer(code, headers, data[:length]))
        data = data[length:]
    return answers


def assert_problem(answer: Answer, statuses: Sequence[int]) -> None:
    """Assert that an answer is a problem document, with one of these statuses and a sentence for a person."""
    assert answer.status in statuses, answer
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == answer.status
    assert problem["code"]
    assert problem["detail"].endswith((".", "!"))
