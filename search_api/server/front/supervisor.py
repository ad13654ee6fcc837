"""Keeps the wanted number of workers: starts them, replaces those that die, and exchanges all of them on a reload."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from search_api.server.frames import Hello, HelloReader
from search_api.server.front.front import Front
from search_api.server.front.lanes import Channel, LaneName, WorkerHandle
from search_api.server.workers import fork_server
from search_api.server.workers.fork_server import ForkServer, Prepare
from search_api.server.workers.worker import UNEXPECTED

log = logging.getLogger(__name__)

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
"""Seconds until a worker that could not start is tried again; doubled each time."""

MOST_DEATHS = 5
"""Workers in a row that may die while they start."""

_END_SECONDS = 3.0


class Supervisor:
    """The workers of one server.

    `lanes` names the lane of each of a worker's threads but the first, which is for control; the last is the main
    thread's. `on_ready` is called once, when the first worker serves; `on_failed` with a sentence when none does and
    none can be started.
    """

    def __init__(
        self,
        front: Front,
        prepare: Prepare,
        forks: ForkServer,
        workers: int,
        lanes: list[LaneName],
        on_ready: Callable[[], None],
        on_failed: Callable[[str], None],
    ) -> None:
        self._front = front
        self._prepare = prepare
        self._forks = forks
        self._wanted = workers
        self._lanes = [LaneName.CONTROL, *lanes]
        self._on_ready = on_ready
        self._on_failed = on_failed
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers: dict[int, WorkerHandle] = {}
        self._number = 0
        self._epoch = self._last_epoch = 0  # that serves, or is to; that was prepared last
        self._next_epoch: int | None = None  # that is being loaded
        self._reload_again = False
        self._is_ready = False
        self._is_stopping = False
        self._deaths = 0
        self._delay = FIRST_DELAY
        self._told: str | None = None

    def start(self) -> None:
        """Start the workers, once the fork server says that it is prepared; it has been told to."""
        self._loop.add_reader(self._forks.control, self._hear)

    def reload(self) -> None:
        """Read catalogue and model anew and exchange the workers, without refusing a request.

        When that can't be read, or a worker can't start with it, the old ones go on and the log says why.
        """
        if self._next_epoch is not None:
            self._reload_again = True
        elif self._is_ready:
            self._last_epoch += 1
            self._next_epoch = self._last_epoch
            self._tell(fork_server.command(fork_server.PREPARE, self._next_epoch, self._epoch))

    def kill_the_stuck(self) -> None:
        """Kill workers that have had a request for too long; they are replaced like any that die."""
        now = monotonic()
        for worker in list(self._workers.values()):
            worker.kill_if_stuck(now, self._front.limits.work)

    def stop(self) -> None:
        """End all workers, and wait for them a moment."""
        self._is_stopping = True
        workers = list(self._workers.values())
        for worker in workers:
            worker.retire()
            worker.close()
        self._loop.remove_reader(self._forks.control)
        self._forks.control.close()

    def wait_for_end(self) -> None:
        """Wait until all processes have ended; after a few seconds kill them. The event loop must have ended."""
        latest = monotonic() + _END_SECONDS
        while monotonic() < latest:
            if self._reap():
                return
            time.sleep(0.01)
        for pid in (*(worker.pid for worker in self._workers.values() if worker.pid), self._forks.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self._forks.pid, 0)

    # --- the fork server ---

    def _hear(self) -> None:
        try:
            message = self._forks.control.recv(fork_server.LONGEST_REPLY)
        except OSError:
            message = b""
        if not message:
            self._replace_fork_server()
            return
        epoch, failure = fork_server.reply(message)
        if epoch == self._next_epoch:
            if failure is not None:
                self._give_up_reload(failure)
            else:
                self._spawn_all(epoch)
        elif failure is not None:
            self._fail(failure)
        elif epoch == self._epoch:
            self._spawn(epoch)  # the others once it serves, so that it need not share the processors with them

    def _replace_fork_server(self) -> None:
        """Fork the fork server anew: workers go on; the new one reads what there is now."""
        self._loop.remove_reader(self._forks.control)
        self._forks.control.close()
        self._reap()
        if not self._is_ready:
            self._fail(UNEXPECTED)
            return
        log.error("The process that starts workers has died; another takes its place.")
        self._forks = fork_server.start(self._prepare)
        self._loop.add_reader(self._forks.control, self._hear)
        self._next_epoch = None
        self.reload()

    def _reap(self) -> bool:
        try:
            return os.waitpid(self._forks.pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True

    def _tell(self, message: bytes, descriptors: list[int] | None = None) -> None:
        with suppress(OSError):  # its death is heard of in `_hear`
            socket.send_fds(self._forks.control, [message], descriptors or [])

    # --- workers ---

    def _spawn_all(self, epoch: int) -> None:
        for _ in range(self._wanted):
            self._spawn(epoch)

    def _spawn(self, epoch: int) -> None:
        self._number += 1
        worker = WorkerHandle(self._number, epoch, self._greeted, self._lost)
        self._workers[worker.number] = worker
        task = self._loop.create_task(self._connect(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, worker: WorkerHandle) -> None:
        pairs = [socket.socketpair() for _ in self._lanes]
        for lane, (ours, _) in zip(self._lanes, pairs, strict=True):
            ours.setblocking(False)
            hello = HelloReader() if not worker.channels else None
            channel = Channel(worker, self._front.lanes[lane], hello)
            worker.channels.append(channel)
            await self._loop.create_connection(lambda channel=channel: channel, sock=ours)  # type: ignore[misc]
        self._tell(
            fork_server.command(fork_server.SPAWN, worker.epoch),
            [theirs.fileno() for _, theirs in pairs],
        )
        for _, theirs in pairs:
            theirs.close()

    def _greeted(self, worker: WorkerHandle, hello: Hello) -> None:
        if hello.failure is not None:
            worker.failure = hello.failure
            return
        self._deaths = 0
        if worker.epoch == self._epoch:
            self._delay, self._told = FIRST_DELAY, None
            self._serve(worker, hello)
        elif worker.epoch == self._next_epoch:
            worker.hello = hello
            fresh = [one for one in self._workers.values() if one.epoch == self._next_epoch and one.hello is not None]
            if len(fresh) == self._wanted:
                self._switch_to(fresh)
        else:
            worker.close()

    def _serve(self, worker: WorkerHandle, hello: Hello) -> None:
        self._front.learn(hello)
        self._front.metrics.workers += 1
        worker.serve(monotonic())
        if not self._is_ready:
            self._is_ready = True
            self._on_ready()
            for _ in range(self._wanted - 1):
                self._spawn(self._epoch)

    def _switch_to(self, fresh: list[WorkerHandle]) -> None:
        assert self._next_epoch is not None
        old = [worker for worker in self._workers.values() if worker.epoch == self._epoch]
        self._epoch, self._next_epoch = self._next_epoch, None
        for worker in fresh:
            assert worker.hello is not None
            self._serve(worker, worker.hello)
        for worker in old:
            if worker.is_serving:
                self._front.metrics.workers -= 1
            worker.retire()
        self._front.metrics.reloads += 1
        if self._reload_again:
            self._reload_again = False
            self.reload()

    def _give_up_reload(self, sentence: str) -> None:
        epoch, self._next_epoch = self._next_epoch, None
        self._reload_again = False
        self._front.metrics.failed_reloads += 1
        log.error("Nothing new was loaded, the server goes on with what it had: %s", sentence)
        for worker in [worker for worker in self._workers.values() if worker.epoch == epoch]:
            worker.close()

    def _lost(self, worker: WorkerHandle) -> None:
        """A process is gone: replace it, unless it was to go."""
        del self._workers[worker.number]
        if self._is_stopping:
            return
        if worker.epoch == self._next_epoch:
            self._give_up_reload(worker.failure or UNEXPECTED)
        if worker.epoch != self._epoch:
            return
        if worker.was_serving:
            self._front.metrics.workers -= 1
            self._front.metrics.restarts += 1
            log.warning("A worker (process %d) has died; another takes its place.", worker.pid)
            self._spawn(self._epoch)
            return
        self._deaths += worker.failure is None
        others = [one for one in self._workers.values() if one.epoch == self._epoch and one.failure is None]
        if worker.failure is None and self._deaths < MOST_DEATHS:
            self._spawn(self._epoch)
        elif not others:
            self._fail(worker.failure or UNEXPECTED)
        else:
            sentence = worker.failure or UNEXPECTED
            if self._is_ready and sentence != self._told:
                log.error("A worker can't be replaced: %s", sentence)
                self._told = sentence
            self._loop.call_later(self._delay, self._spawn_missing)
            self._delay = min(2 * self._delay, LONGEST_DELAY)

    def _spawn_missing(self) -> None:
        if not self._is_stopping and sum(w.epoch == self._epoch for w in self._workers.values()) < self._wanted:
            self._spawn(self._epoch)

    def _fail(self, sentence: str) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._on_failed(sentence)
