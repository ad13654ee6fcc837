"""Lanes: requests wait in them for a worker's thread, and each kind has threads of its own."""

import asyncio
import logging
import os
import signal
from collections import deque
from contextlib import suppress
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, cast

from search_api.server.frames import AnswerReader, Hello, HelloReader, request_frame
from search_api.server.front.request import Request
from search_api.server.refusals import BUSY, FATAL

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""Workers that may die over a request until it is taken for the cause: of two, other requests may have been that."""

_JOINED_UP_TO = 64 * 1024
"""Bytes of a body that are copied to be sent with their head in one go."""


class LaneName(StrEnum):
    """`quick` is for all that needs no picture decoded, `control` for whether the server is ready, `write` for all that
    changes the catalogue: who reads, with a picture or without, never waits behind it. `sizes` is for pictures that are
    made smaller, `web` for all that waits for another server to give a picture.
    """

    CONTROL = "control"
    QUICK = "quick"
    PICTURE = "picture"
    WRITE = "write"
    SIZES = "sizes"
    WEB = "web"


class Lane:
    """Requests of a kind in the order in which they came, and the channels that are free for them.

    At most `most_waiting` wait, for at most `seconds` each.
    """

    def __init__(self, most_waiting: int, seconds: float) -> None:
        self._most_waiting = most_waiting
        self._seconds = seconds
        self.free: list[Channel] = []
        self.waiting: deque[Request] = deque()
        self.busy = 0

    def take(self, request: Request, now: float) -> None:
        """Hand a request to a worker, let it wait for one, or refuse it."""
        request.queued_at = now
        if self.free:
            self._least_busy().send(request, now)
        elif len(self.waiting) < self._most_waiting:
            self.waiting.append(request)
        else:
            request.settle(BUSY)

    def take_back(self, request: Request, now: float) -> None:
        """Let a request whose worker died go first, unless it has cost too many workers."""
        if request.is_settled:
            return
        if request.attempts >= MOST_ATTEMPTS:
            log.error("%d workers died over one request for %s", request.attempts, request.path.decode("latin-1"))
            request.settle(FATAL)
        elif self.free:
            self._least_busy().send(request, now)
        else:
            self.waiting.appendleft(request)

    def release(self, channel: "Channel", now: float) -> None:
        """Give a channel that has become free its next request."""
        while self.waiting:
            request = self.waiting.popleft()
            if not request.is_settled:
                channel.send(request, now)
                return
        self.free.append(channel)

    def refuse_the_late(self, now: float) -> None:
        """Refuse what has waited too long."""
        while self.waiting and (self.waiting[0].is_settled or self.waiting[0].queued_at + self._seconds < now):
            self.waiting.popleft().settle(BUSY)

    def _least_busy(self) -> "Channel":
        free = self.free
        if len(free) == 1:
            return free.pop()
        return free.pop(min(range(len(free)), key=lambda place: free[place].worker.busy))


class Channel(asyncio.Protocol):
    """The connection to one thread of a worker: one request, then its answer."""

    def __init__(self, worker: "WorkerHandle", lane: Lane, hello: HelloReader | None = None) -> None:
        self.worker = worker
        self.lane = lane
        self.request: Request | None = None
        self._hello = hello
        self._reader = AnswerReader()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, which sends at once what the socket takes."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own are not registered as such
        self._transport.set_write_buffer_limits(0)

    def send(self, request: Request, now: float) -> None:
        """Give the worker a request."""
        assert self._transport is not None
        assert request.head is not None
        self.request = request
        self.worker.busy += 1
        self.lane.busy += 1
        request.attempts += 1
        request.sent_at = now
        head = request.head if request.attempts == 1 else request.head._replace(tried_before=True)
        frame = request_frame(head, request.body_length)
        if not request.body:
            self._transport.write(frame)
        elif request.body_length <= _JOINED_UP_TO:
            self._transport.write(b"".join((frame, *request.body)))
        else:
            self._transport.writelines((frame, *request.body))

    def data_received(self, data: bytes) -> None:
        """Take in what the worker says; pass a whole answer on."""
        if self._hello is not None:
            if (hello := self._hello.feed(data)) is not None:
                self._hello = None
                self.worker.greet(hello)
            return
        answer = self._reader.feed(data)
        if answer is None:
            return
        request = self._done()
        if self.worker.is_serving:
            self.lane.release(self, monotonic())  # first, so that the worker goes on meanwhile
        elif not self.worker.busy:
            self.worker.close()
        if request is not None:
            request.settle(answer)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The worker is gone: what it had goes to another."""
        request = self._done()
        self.worker.lose()
        if request is not None:
            self.lane.take_back(request, monotonic())

    def close(self) -> None:
        """End the worker's thread once it has no request."""
        if self._transport is not None:
            self._transport.close()

    def _done(self) -> Request | None:
        request, self.request = self.request, None
        if request is not None:
            self.worker.busy -= 1
            self.lane.busy -= 1
        return request


class WorkerHandle:
    """A worker process as the front sees it: its channels, and whether it is serving."""

    def __init__(
        self,
        number: int,
        epoch: int,
        on_hello: "Callable[[WorkerHandle, Hello], None]",
        on_lost: "Callable[[WorkerHandle], None]",
    ) -> None:
        self.number = number
        self.epoch = epoch
        self.channels: list[Channel] = []
        self.busy = 0
        self.pid = 0
        self.is_serving = False
        self.was_serving = False
        self.is_lost = False
        self.hello: Hello | None = None
        self.failure: str | None = None
        self._on_hello = on_hello
        self._on_lost = on_lost

    def greet(self, hello: Hello) -> None:
        """The worker has started, or says why it can't."""
        self.pid = hello.pid
        self._on_hello(self, hello)

    def serve(self, now: float) -> None:
        """Let the lanes use the worker."""
        self.is_serving = self.was_serving = True
        for channel in self.channels:
            channel.lane.release(channel, now)

    def retire(self) -> None:
        """Take the worker out of the lanes; it ends when it has answered what it has."""
        self.is_serving = False
        for channel in self.channels:
            with suppress(ValueError):
                channel.lane.free.remove(channel)
        if not self.busy:
            self.close()

    def close(self) -> None:
        """Close all channels, which ends the process."""
        for channel in self.channels:
            channel.close()

    def lose(self) -> None:
        """The process is gone, or on its way."""
        if not self.is_lost:
            self.is_lost = True
            self.retire()
            self._on_lost(self)

    def kill_if_stuck(self, now: float, work: float) -> None:
        """Kill the process when it has had one of its requests for longer than `work` seconds, which is refused then.

        What writes may take twice as long: it may be many items.
        """
        for channel in self.channels:
            request = channel.request
            if request is not None and request.sent_at < now - work * (2 if request.writes else 1):
                log.error("A worker took too long over %s; it is replaced.", request.path.decode("latin-1"))
                request.settle(FATAL)
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
                return
