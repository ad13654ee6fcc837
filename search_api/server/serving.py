"""The HTTP server: a front that owns all connections, and workers behind it that answer.

The process that calls `serve` becomes the front. What is heavy is imported in others only.
"""

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from search_api.errors import ServerFailed
from search_api.server.limits import DEFAULTS, Limits
from search_api.server.listening import BACKLOG, DEFAULT_HOST, DEFAULT_PORT, listen, url_of
from search_api.server.workers import fork_server
from search_api.server.workers.fork_server import ForkServer, Prepare

if TYPE_CHECKING:
    from search_api.server.front.access_log import AccessLog
    from search_api.server.front.front import Front
    from search_api.server.front.proxies import Proxies
    from search_api.server.front.supervisor import Supervisor

DEFAULT_THREADS = 2
MOST_THREADS = 128
PICTURE_THREADS = 1
"""Of a worker. A picture being decoded can take hundreds of megabytes, and occupies a core."""

_RESERVED_FILES = 256


def default_workers() -> int:
    """Return how many workers there are where nobody says: 2, or 1 on a single core."""
    return min(2, len(os.sched_getaffinity(0)))


def serve(
    prepare: Prepare,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    threads: int = DEFAULT_THREADS,
    workers: int | None = None,
    on_ready: Callable[[str], None] | None = None,
    reuse_port: bool = False,
    prefix: str = "",
    trusted_proxies: Sequence[str] = (),
    access_log: str | None = None,
    limits: Limits = DEFAULTS,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests being answered and return.

    `prepare` is called in a process of its own, at the start and at every SIGHUP. It imports and reads what the
    application needs, without starting a thread, and returns a function that makes the application, which is called
    in each worker: FAISS, SQLite and the model's runtime must not be used before. Each worker has so many `threads`
    for what needs no picture decoded, one for pictures, and one that tells whether it is ready. Port 0 takes a free
    one. `on_ready` is given the address, like `http://127.0.0.1:8000`, once requests are answered.

    `prefix` is the path under which clients see the application, with or without which a proxy may pass requests on;
    headers of proxies are believed from `trusted_proxies`, addresses or networks. `access_log` names a file, or `-`.

    A worker that dies is replaced, and what it was answering goes to another. When none is left and none can start,
    because `prepare` or what it returns raises a LookalikeError, the server stops and ServerFailed is raised with that
    error's sentence. Raises AddressInUse, AddressNotAllowed or InvalidAddress when it can't listen, LogNotWritable,
    InvalidPrefix, and ValueError for less than one thread or worker, or more than 128 threads.
    """
    workers = default_workers() if workers is None else workers
    if workers < 1 or not 1 <= threads <= MOST_THREADS:
        raise ValueError(f"threads and workers must be at least 1, and threads at most {MOST_THREADS}")
    listener = listen(host, port, reuse_port=reuse_port)
    forks = fork_server.start(prepare)
    forks.control.send(fork_server.command(fork_server.PREPARE, 0))

    # While the other process imports what is heavy:
    import uvloop

    from search_api.server.front.access_log import AccessLog
    from search_api.server.front.proxies import Proxies

    log = None if access_log is None else AccessLog(access_log)
    server = _Server(
        prepare, forks, listener, workers, threads, on_ready, limits, Proxies(trusted_proxies, prefix), log
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.run())
    server.wait_for_end()
    if log is not None:
        log.close()
    if server.failure is not None:
        raise ServerFailed(server.failure)


class _Server:
    """One run of the server: from its first worker to its end."""

    def __init__(
        self,
        prepare: Prepare,
        forks: ForkServer,
        listener: socket.socket,
        workers: int,
        threads: int,
        on_ready: Callable[[str], None] | None,
        limits: Limits,
        proxies: "Proxies",
        access_log: "AccessLog | None",
    ) -> None:
        self.failure: str | None = None
        self._prepare = prepare
        self._forks = forks
        self._listener = listener
        self._workers = workers
        self._threads = threads
        self._tell_ready = on_ready
        self._limits = limits
        self._proxies = proxies
        self._access_log = access_log
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self._stop_now = asyncio.Event()
        self._has_terminal = _terminal_is_there()
        self._supervisor: Supervisor

    async def run(self) -> None:
        """Run until told to stop."""
        from search_api.server.front.front import Front
        from search_api.server.front.lanes import LaneName
        from search_api.server.front.supervisor import Supervisor

        loop = asyncio.get_running_loop()
        front = Front(_within_open_files(self._limits), self._proxies, self._access_log)
        front.address = self._listener.getsockname()[:2]
        lanes = [*[LaneName.QUICK] * self._threads, *[LaneName.PICTURE] * PICTURE_THREADS]
        self._supervisor = Supervisor(
            front, self._prepare, self._forks, self._workers, lanes, self._ready.set, self._fail
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
        """Wait for the other processes."""
        self._supervisor.wait_for_end()

    def _end(self) -> None:
        """Let requests end; the second time don't wait."""
        (self._stop_now if self._stop.is_set() else self._stop).set()

    def _hang_up(self) -> None:
        """Reload; but where the terminal is gone that the server was started from, it ends with it."""
        if self._has_terminal and not _terminal_is_there():
            self._stop.set()
            return
        if self._access_log is not None:
            self._access_log.reopen()
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
    from dataclasses import replace

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
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


async def _first(*events: asyncio.Event) -> None:
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def _take_what_waits(loop: asyncio.AbstractEventLoop, front: "Front", listener: socket.socket) -> None:
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
