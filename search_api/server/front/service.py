"""One run of the server in the front: from its first worker to its end."""

import asyncio
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import uvloop

from models.allocator import give_back_large_blocks
from search_api.errors import LogNotWritable, ServerFailed
from search_api.server.admission import Admission
from search_api.server.front.access_log import AccessLog
from search_api.server.front.front import Front
from search_api.server.front.lanes import LaneName
from search_api.server.front.proxies import Proxies
from search_api.server.front.supervisor import Supervisor
from search_api.server.limits import Limits
from search_api.server.listening import BACKLOG, url_of
from search_api.server.workers.fork_server import ForkServer, Prepare

log = logging.getLogger(__name__)

PICTURE_THREADS = 1
"""Of a worker. A picture being decoded can take hundreds of megabytes, and occupies a core."""

WEB_THREADS = 2
"""Of a worker that fetches pictures. Each waits for other servers most of the time, and embeds what has come."""

_RESERVED_FILES = 256

_PIECE = 128 * 1024
"""Bytes of the larger pieces in which bodies arrive: when all is answered, they must not stay with the front."""


def worker_lanes(threads: int, *, fetches: bool) -> list[LaneName]:
    """Return the lanes of a worker's threads, but that of the one for control; the last is the main thread's."""
    return [
        *[LaneName.QUICK] * threads,
        LaneName.SIZES,
        LaneName.WRITE,
        *[LaneName.WEB] * (WEB_THREADS if fetches else 0),
        *[LaneName.PICTURE] * PICTURE_THREADS,
    ]


def run(service: "Service") -> None:
    """Run the server until it is told to stop. Raises ServerFailed."""
    give_back_large_blocks(_PIECE)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(service.run())
    service.wait_for_end()
    if service.failure is not None:
        raise ServerFailed(service.failure)


class Service:
    """The front, its workers, the listening socket, and the signals that a server obeys."""

    def __init__(
        self,
        prepare: Prepare,
        forks: ForkServer,
        listener: socket.socket,
        workers: int,
        lanes: list[LaneName],
        on_ready: Callable[[str], None] | None,
        limits: Limits,
        proxies: Proxies,
        access_log: AccessLog | None,
        admission: Admission,
    ) -> None:
        self.failure: str | None = None
        self._prepare = prepare
        self._forks = forks
        self._listener = listener
        self._workers = workers
        self._lanes = lanes
        self._tell_ready = on_ready
        self._limits = limits
        self._proxies = proxies
        self._access_log = access_log
        self._admission = admission
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._stop_now = asyncio.Event()
        self._has_terminal = _terminal_is_there()
        self._supervisor: Supervisor

    async def run(self) -> None:
        """Run until told to stop."""
        loop = asyncio.get_running_loop()
        limits, fetches = _within_open_files(self._limits), LaneName.WEB in self._lanes
        front = Front(limits, self._proxies, self._access_log, self._admission, fetches=fetches)
        front.address = self._listener.getsockname()[:2]
        self._supervisor = Supervisor(
            front, self._prepare, self._forks, self._workers, self._lanes, self._ready.set, self._fail
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        self._supervisor.start()
        await _first(self._ready, self._stop)
        if self._stop.is_set():
            self._listener.close()
            self._supervisor.stop()
            return
        if self._access_log is not None:
            self._access_log.start()
        address = url_of(self._listener)
        kept = self._listener.dup()
        server = await loop.create_server(front.new_connection, sock=self._listener, backlog=BACKLOG)
        if self._tell_ready is not None:
            self._tell_ready(address)
        watch = loop.create_task(self._watch())
        await self._stop.wait()
        server.close()
        await _take_what_waits(loop, front, kept)
        front.begin_to_stop()
        if self.failure is None:
            loop.call_later(self._limits.farewell, front.close_idle)
            deadline = loop.create_task(asyncio.sleep(self._limits.stop))
            drained = loop.create_task(front.drained())
            at_once = loop.create_task(self._stop_now.wait())
            await asyncio.wait({deadline, drained, at_once}, return_when=asyncio.FIRST_COMPLETED)
            for task in (deadline, drained, at_once):
                task.cancel()
        watch.cancel()
        for connection in list(front.connections):
            connection.abort()
        self._supervisor.stop()
        await asyncio.sleep(0)

    def wait_for_end(self) -> None:
        """Wait for the other processes, and for the access log to be written."""
        self._supervisor.wait_for_end()
        if self._access_log is not None:
            self._access_log.close()

    def _end(self) -> None:
        """Let requests end; the second time don't wait."""
        (self._stop_now if self._stop.is_set() else self._stop).set()

    def _hang_up(self) -> None:
        """Reload; but where the terminal is gone that the server was started from, it ends with it."""
        if self._has_terminal and not _terminal_is_there():
            self._stop.set()
            return
        if self._access_log is not None:
            try:
                self._access_log.reopen()
            except LogNotWritable as error:
                log.error("%s", error)
        self._supervisor.reload()

    def _fail(self, sentence: str) -> None:
        self.failure = sentence
        self._stop.set()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._supervisor.kill_the_stuck()


def _within_open_files(limits: Limits) -> Limits:
    """Raise the number of files that the process may have open as far as allowed; fit the connections into it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections + _RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return replace(limits, connections=max(1, min(limits.connections, soft - _RESERVED_FILES)))
    return limits


def _terminal_is_there() -> bool:
    """Return whether the process has a terminal that has not been closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


async def _first(*events: asyncio.Event) -> None:
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def _take_what_waits(loop: asyncio.AbstractEventLoop, front: Front, listener: socket.socket) -> None:
    """Accept what has come to the listening socket before it is closed: the system would reset it."""
    accepted = []
    listener.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            accepted.append(listener.accept()[0])
    listener.close()
    for connection in accepted:
        connection.setblocking(False)
        with suppress(OSError):
            await loop.connect_accepted_socket(front.new_connection, connection)
