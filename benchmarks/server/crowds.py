"""Crowds of clients that keep a server waiting, each crowd in a process of its own."""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

from benchmarks.harness.measuring import BenchmarkFailed
from benchmarks.harness.processes import Server
from benchmarks.harness.queries import HEAD_END

LARGE_ANSWER = "/static/site.css"
"""Large for what it costs the server: what a client does not read must fill all buffers on the way to it."""

_TRICKLE_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_ASSEMBLE_SECONDS = 120.0
_SMALLEST_WINDOW = 4096
_PIPELINED = 400


class Kind(Enum):
    """What a client does that keeps a server waiting."""

    SLOW_BODY = "slow bodies"
    """Sends the head of a search, and a byte of its picture every second."""
    HALF_HEADER = "half headers"
    """Sends half a head, and nothing more."""
    SLOW_READER = "slow readers"
    """Asks for many large answers, and reads none."""
    LINGERING_CLOSE = "lingering closes"
    """Asks for the connection to be closed, reads the answer, and keeps its own side open."""
    UPLOAD = "uploads of 20 MP"
    """Sends one large picture after another, as fast as they are answered."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many clients of a kind; those that upload send the picture."""

    kind: Kind
    clients: int
    picture: bytes = b""

    def __str__(self) -> str:
        return f"{self.clients} {self.kind.value}"


class Assembled:
    """A crowd that is at work."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def uploads(self) -> Mapping[str, int]:
        """Return how many uploads have been answered so far, by status."""
        self._pipe.send("uploads")
        counted: Mapping[str, int] = self._pipe.recv()
        return counted


@contextmanager
def assembled(crowd: Crowd, server: Server) -> Iterator[Assembled]:
    """Let a crowd keep a server busy in the block, which begins when every client has sent what it sends first.

    Clients that the server cuts off come back after a second. Raises BenchmarkFailed when they can't connect.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_attend, args=(crowd, server, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(_ASSEMBLE_SECONDS):
            raise BenchmarkFailed(f"{crowd} could not connect to {server.host}:{server.port}.")
        ours.recv()
        yield Assembled(ours)
    finally:
        process.terminate()
        process.join()
        ours.close()


def _attend(crowd: Crowd, server: Server, pipe: Pipe) -> None:
    asyncio.run(_attend_until_hung_up(crowd, server, pipe))


async def _attend_until_hung_up(crowd: Crowd, server: Server, pipe: Pipe) -> None:
    uploads: Counter[str] = Counter()
    clients = [_Client(crowd, server, uploads) for _ in range(crowd.clients)]
    attending = [asyncio.create_task(client.attend()) for client in clients]
    for client in clients:
        await client.begun.wait()
    pipe.send("assembled")
    hung_up = asyncio.Event()

    def asked() -> None:
        try:
            pipe.recv()
            pipe.send(dict(uploads))
        except (EOFError, OSError):
            hung_up.set()

    asyncio.get_running_loop().add_reader(pipe.fileno(), asked)
    await hung_up.wait()
    for task in attending:
        task.cancel()


class _Client:
    def __init__(self, crowd: Crowd, server: Server, uploads: Counter[str]) -> None:
        self._crowd, self._server, self._uploads = crowd, server, uploads
        self.begun = asyncio.Event()

    async def attend(self) -> None:
        act = {
            Kind.SLOW_BODY: self._slow_body,
            Kind.HALF_HEADER: self._half_header,
            Kind.SLOW_READER: self._slow_reader,
            Kind.LINGERING_CLOSE: self._lingering_close,
            Kind.UPLOAD: self._upload,
        }[self._crowd.kind]
        while True:
            try:
                await act()
            except (OSError, asyncio.IncompleteReadError):
                self._uploads["cut off"] += self._crowd.kind is Kind.UPLOAD
            self.begun.set()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _slow_body(self) -> None:
        reader, writer = await self._connect(_post(1_000_000))
        while not reader.at_eof():
            await asyncio.sleep(_TRICKLE_SECONDS)
            writer.write(b"\x89")
            await writer.drain()
        writer.close()

    async def _half_header(self) -> None:
        reader, writer = await self._connect(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: ")
        await reader.read()
        writer.close()

    async def _slow_reader(self) -> None:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALLEST_WINDOW)
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        with connection:
            await loop.sock_connect(connection, (self._server.host, self._server.port))
            await loop.sock_sendall(connection, f"GET {LARGE_ANSWER} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * _PIPELINED)
            self.begun.set()
            while True:  # ends with an error when the server resets the connection
                await asyncio.sleep(_TRICKLE_SECONDS)
                await loop.sock_sendall(connection, b"\r\n")

    async def _lingering_close(self) -> None:
        reader, writer = await self._connect(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await reader.read()
        await asyncio.Event().wait()
        writer.close()

    async def _upload(self) -> None:
        reader, writer = await self._connect(_post(len(self._crowd.picture)) + self._crowd.picture)
        try:
            while True:
                head = (await reader.readuntil(HEAD_END)).lower()
                await reader.readexactly(int(head.partition(b"\r\ncontent-length: ")[2].partition(b"\r")[0]))
                status = head[9:12].decode()
                self._uploads[status] += 1
                if status != "200":
                    await asyncio.sleep(_RETRY_SECONDS)
                if b"\r\nconnection: close\r\n" in head:
                    return
                writer.write(_post(len(self._crowd.picture)) + self._crowd.picture)
                await writer.drain()
        finally:
            writer.close()

    async def _connect(self, first: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self._server.host, self._server.port)
        writer.write(first)
        self.begun.set()
        await writer.drain()
        return reader, writer


def _post(length: int) -> bytes:
    head = f"POST /v1/search?k=5 HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {length}\r\n\r\n"
    return head.encode()
