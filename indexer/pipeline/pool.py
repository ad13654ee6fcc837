"""Worker processes that prepare pictures in parallel, and what is done when one of them dies or hangs."""

import multiprocessing
import os
import signal
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing import resource_tracker
from queue import Empty, SimpleQueue
from threading import Condition, Lock, Thread
from types import TracebackType
from typing import TypeAlias

from indexer.errors import PictureFailed, PictureTooSlow, WorkersLost
from indexer.pipeline.worker_main import Prepared, ReadPicture, work
from indexer.sources.items import EncodedPicture
from models.errors import LookalikeError
from models.preprocessing import Preprocessing

DECODING_SECONDS = 30.0
"""How long a picture may take from its bytes to what is embedded: most take milliseconds."""

_LOST = (
    "Worker processes can't be started, or are ended at once: memory or processes may be short. What was indexed is "
    "safe; free some, or use fewer with --workers 1, and run the same command again."
)
_MOST_HELD = 64 << 20  # bytes of pictures that were read and are not prepared yet
_ATTEMPTS = 2
_END_SECONDS = 10.0


class _Died(Exception):
    """A worker process has ended by itself; `slow` says that it ran into its time limit."""

    def __init__(self, slow: bool = False) -> None:
        super().__init__()
        self.slow = slow


_Task: TypeAlias = tuple[EncodedPicture, Future[Prepared]]


class Workers:
    """Processes that prepare pictures, started as they are needed, each by itself (spawn) and none forked.

    Each has one picture at a time, so a process that dies, or works for more than `decoding_seconds` on a picture and
    is ended, takes nothing else with it. Another takes its place. The picture is tried once more after a death, since
    the system may end any process when memory is short, and fails then.

    `preprocessing` is that of the model that will embed them. Any thread may ask for pictures, and for results.
    """

    def __init__(
        self, preprocessing: Preprocessing, count: int | None = None, decoding_seconds: float = DECODING_SECONDS
    ) -> None:
        self._preprocessing = preprocessing
        self._count = count or os.cpu_count() or 1
        self._seconds = decoding_seconds
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._drivers: list[_Driver] = []
        self._beginning = Lock()
        self._room = Condition()
        self._held = 0
        self._is_closed = False

    def begin(self, picture: EncodedPicture) -> Future[Prepared]:
        """Let a picture be prepared, and return at once; one that was read waits while many such are held already.

        The result raises LookalikeError: WorkersLost, or what `prepare` raises; CancelledError when the workers were
        closed. Raises WorkersLost.
        """
        future: Future[Prepared] = Future()
        if isinstance(picture, ReadPicture):
            self._hold(len(picture.data), future)
        with self._beginning:
            if self._is_closed:
                future.cancel()
                return future
            if len(self._drivers) < self._count:
                driver = _Driver(self._tasks, self._preprocessing, self._seconds)
                try:
                    driver.start()
                except RuntimeError as error:  # no thread is to be had
                    raise WorkersLost(_LOST) from error
                self._drivers.append(driver)
            self._tasks.put((picture, future))
        return future

    def prepared(self, picture: EncodedPicture) -> Prepared:
        """Return what a picture has become, as soon as it has. Raises as `begin` and its result do."""
        return self.begin(picture).result()

    def close(self) -> None:
        """End the processes, whatever they do; what is not done is dropped, and whoever waits for it is told so."""
        with self._beginning:
            self._is_closed = True
        with self._room:
            self._room.notify_all()
        with suppress(Empty):
            while task := self._tasks.get_nowait():
                task[1].cancel()
        for driver in self._drivers:
            driver.end()
        for _ in self._drivers:
            self._tasks.put(None)
        for driver in self._drivers:
            driver.join()

    def _hold(self, size: int, future: Future[Prepared]) -> None:
        """Wait until so many bytes more may be held, and count them until the future is done."""
        with self._room:
            self._room.wait_for(lambda: self._is_closed or not self._held or self._held + size <= _MOST_HELD)
            self._held += size

        def release(_: Future[Prepared]) -> None:
            with self._room:
                self._held -= size
                self._room.notify_all()

        future.add_done_callback(release)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Driver(Thread):
    """A thread that gives one process after another a picture, and waits for it."""

    def __init__(self, tasks: "SimpleQueue[_Task | None]", preprocessing: Preprocessing, seconds: float) -> None:
        super().__init__(name="worker", daemon=True)
        self._tasks = tasks
        self._preprocessing = preprocessing
        self._seconds = seconds
        self._worker: _Worker | None = None
        self._ending = False

    def run(self) -> None:
        while task := self._tasks.get():
            picture, future = task
            try:
                future.set_result(self._prepared(picture))
            except _Died:
                future.cancel()
            except Exception as error:  # whatever it is, it is told to whoever waits for the picture
                future.set_exception(error)
            del task, picture, future  # a thread that waits for the next holds none
        if self._worker is not None:
            self._worker.end()

    def end(self) -> None:
        """End the process, whatever it does, and start none any more."""
        self._ending = True
        if (worker := self._worker) is not None:
            worker.kill()

    def _prepared(self, picture: EncodedPicture) -> Prepared:
        for _ in range(_ATTEMPTS):
            worker = self._living()
            try:
                return worker.prepared(picture)
            except _Died as death:
                self._worker = None
                if self._ending:
                    raise
                if death.slow:
                    raise PictureTooSlow(
                        f"The picture was given up after {self._seconds:g} seconds. Save it again, smaller, or leave "
                        "it out."
                    ) from death
        raise PictureFailed(
            "The process that worked on the picture died: its memory ran out, or a decoder failed. Save the picture "
            "again, smaller, or leave it out."
        )

    def _living(self) -> "_Worker":
        for _ in range(_ATTEMPTS):
            if self._worker is None and not self._ending:
                with suppress(_Died, OSError):
                    self._worker = _Worker(self._preprocessing, self._seconds)
            if self._ending:
                raise _Died
            if self._worker is not None:
                return self._worker
        raise WorkersLost(_LOST)


class _Worker:
    """A process that prepares one picture at a time. Raises _Died, here and in `prepared`, when it ends by itself."""

    _one_at_a_time = Lock()  # to start and end: `multiprocessing` also looks after the processes of other threads

    def __init__(self, preprocessing: Preprocessing, seconds: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, preprocessing, seconds), daemon=True)
        with self._one_at_a_time, theirs:
            # It inherits what this thread blocks, so it never hears of Ctrl-C: it is this process that ends it. The
            # tracker comes first, since starting that lets Ctrl-C through again.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            self._process.start()
        self._received()  # it is ready

    def prepared(self, picture: EncodedPicture) -> Prepared:
        """Return what a picture becomes. Raises what `preparing.prepare` raises."""
        with suppress(BrokenPipeError, ConnectionResetError):  # then there is nothing to receive either
            self._connection.send(picture)
        answer = self._received()
        if isinstance(answer, Prepared):
            return answer
        raise answer

    def kill(self) -> None:
        """End the process at once; any thread may."""
        self._process.kill()

    def end(self) -> None:
        """End the process, and let go of what belongs to it."""
        with self._one_at_a_time:
            self._process.kill()
            self._process.join(_END_SECONDS)
        self._connection.close()

    def _received(self) -> Prepared | LookalikeError:
        try:
            answer: Prepared | LookalikeError = self._connection.recv()
        except (EOFError, ConnectionResetError) as error:
            self.end()
            raise _Died(slow=self._process.exitcode == -signal.SIGALRM) from error
        return answer
