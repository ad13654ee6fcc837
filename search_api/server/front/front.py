"""The front: every connection, the lanes that their requests go through, and what it answers by itself."""

import asyncio
import os
import time
from email.utils import formatdate
from importlib import import_module
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any

from search_api.server import refusals
from search_api.server.admission import Admission
from search_api.server.frames import Answer, AnswerFacts, Hello
from search_api.server.front.connection import Connection
from search_api.server.front.lanes import Lane, LaneName
from search_api.server.front.metrics import Metrics
from search_api.server.front.pictures import is_sized_picture, may_hold_picture, names_address
from search_api.server.front.proxies import Proxies
from search_api.server.front.request import Request
from search_api.server.limits import DEFAULT_MAX_BODY, Limits

if TYPE_CHECKING:
    from search_api.server.front.access_log import AccessLog

SWEEP_SECONDS = 0.25
"""How often deadlines are looked at."""

EXPOSITION = "search_api.server.front.exposition"


class Front:
    """Takes requests from connections and has them answered."""

    def __init__(
        self,
        limits: Limits,
        proxies: Proxies,
        access_log: "AccessLog | None",
        admission: Admission,
        *,
        fetches: bool = False,
    ) -> None:
        self.limits = limits
        self.proxies = proxies
        self.max_body = DEFAULT_MAX_BODY
        self.bytes_waiting = 0
        self.is_stopping = False
        self.address = ("", 0)
        self.date = b""
        self.id_prefix = f"{os.urandom(6).hex()}-"
        self.id_numbers = count(1)
        self.connections: dict[Connection, None] = {}
        self.lanes = {
            LaneName.CONTROL: Lane(limits.quick_waiting, limits.queue),
            LaneName.QUICK: Lane(limits.quick_waiting, limits.queue),
            LaneName.PICTURE: Lane(limits.pictures_waiting, limits.queue),
            LaneName.WRITE: Lane(limits.pictures_waiting, limits.queue),
            LaneName.SIZES: Lane(limits.quick_waiting, limits.queue),
        }
        if fetches:
            self.lanes[LaneName.WEB] = Lane(limits.pictures_waiting, limits.queue)
        self.metrics = Metrics()
        self._control = self.lanes[LaneName.CONTROL]
        self._quick = self.lanes[LaneName.QUICK]
        self._picture = self.lanes[LaneName.PICTURE]
        self._write = self.lanes[LaneName.WRITE]
        self._sizes = self.lanes[LaneName.SIZES]
        self._web = self.lanes.get(LaneName.WEB)
        self._access_log = access_log
        self._admission = admission
        self._loop = asyncio.get_running_loop()
        self._health: Answer | None = None
        self._drained = asyncio.Event()
        self._date_second = 0
        self.sweep()

    def new_connection(self) -> Connection:
        """Return the protocol of a connection that is being accepted."""
        return Connection(self, self._loop)

    def learn(self, hello: Hello) -> None:
        """Take over what a new worker tells of the application."""
        self.max_body = hello.max_body
        if hello.health is not None:
            self._health = Answer(AnswerFacts(200, "/healthz", None, None, ()), *hello.health)

    def admit(self, connection: Connection) -> None:
        """Count a connection in. Where there are too many, the one that has been idle longest makes room."""
        connections = self.connections
        if len(connections) >= self.limits.connections:
            for other in connections:
                if other.is_idle:
                    other.abort()
                    del connections[other]
                    break
            else:
                connection.abort()
                return
        connections[connection] = None

    def release(self, connection: Connection) -> None:
        """Count a connection out."""
        self.connections.pop(connection, None)
        if self.is_stopping and not self.connections:
            self._drained.set()

    def dispatch(self, request: Request) -> None:
        """Have a whole request answered: here, or by a worker in the lane for its kind."""
        head, path = request.head, request.path
        assert head is not None
        method = head.method
        if path == b"/healthz" and self._health is not None and method in {"GET", "HEAD"}:
            request.settle(self._health)
        elif path == b"/metrics":
            self._answer_metrics(request)
        elif path == b"/readyz":
            self._control.take(request, monotonic())
        elif (refused := self._admission.of_any(head, path, monotonic())) is not None:
            request.settle(refused)
        elif self._web is not None and names_address(request):
            self._web.take(request, monotonic())
        elif request.writes:
            self._write.take(request, monotonic())
        elif is_sized_picture(path):
            self._sizes.take(request, monotonic())
        elif may_hold_picture(request):
            self._picture.take(request, monotonic())
        else:
            self._quick.take(request, monotonic())

    def note(self, request: Request, answer: Answer, sent: int) -> None:
        """Count and log an answer."""
        now = monotonic()
        self.metrics.count(request, answer, now)
        if self._access_log is not None:
            self._access_log.write(request, answer, sent, now)

    def sweep(self) -> None:
        """Cut off clients whose time is over, and refuse requests that have waited too long."""
        now = monotonic()
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            self.date = f"Date: {formatdate(second, usegmt=True)}\r\n".encode()
        unsent = 0
        for connection in list(self.connections):
            connection.check(now)
            unsent += connection.unsent
            if unsent > self.limits.bytes_unsent:
                connection.abort()
        for lane in self.lanes.values():
            lane.refuse_the_late(now)
        self._loop.call_later(SWEEP_SECONDS, self.sweep)

    def begin_to_stop(self) -> None:
        """Let the next answer of each connection be its last."""
        self.is_stopping = True

    def close_idle(self) -> None:
        """Close connections without a request under way."""
        for connection in list(self.connections):
            connection.finish()

    async def drained(self) -> None:
        """Wait until no connection is left, after `begin_to_stop`."""
        if self.connections:
            await self._drained.wait()

    def _answer_metrics(self, request: Request) -> None:
        """Ask a worker what is served, and meanwhile import what the answer needs where it does not hold others up."""
        head = request.head
        assert head is not None
        if head.method not in {"GET", "HEAD"}:
            request.settle(refusals.METHOD_NOT_ALLOWED)
            return
        if (refused := self._admission.of_metrics(head)) is not None:
            request.settle(refused)
            return
        imported = self._loop.run_in_executor(None, import_module, EXPOSITION)

        def answer(_: Request, ready: Answer) -> None:
            def expose(done: "asyncio.Future[Any]") -> None:
                request.settle(
                    done.result().exposition(self.metrics, self.lanes, len(self.connections), self.bytes_waiting, ready)
                )

            imported.add_done_callback(expose)

        now = monotonic()
        question = Request(answer, now)
        question.head = head._replace(method="GET", target=b"/readyz", headers=[])
        question.path = b"/readyz"
        self._control.take(question, now)
