"""Worker processes that prepare pictures in parallel, and what is done when one of them dies."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

from indexer.errors import PictureFailed, WorkersLost
from indexer.preparing import PREPROCESSING, Prepared, begin_worker, prepare, ready
from indexer.sources.items import EncodedPicture

_LOST = (
    "Worker processes can't be started, or are ended at once: memory or processes may be short. What was indexed is "
    "safe; free some, or use fewer with --workers 1, and run the same command again."
)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A picture that is being prepared; one without a future is left for `Workers.result` to do."""

    picture: EncodedPicture
    future: Future[Prepared] | None


class Workers:
    """A pool of processes, started when first needed, each by itself (spawn) and none forked.

    When a process dies, the pool takes all that it was working on and waiting for with it. Each of these pictures is
    then prepared again by a process on its own, so that only one that kills its process fails.

    `preprocessing` is what the model's card names; ValueError is raised when the workers do another. Any thread may
    ask for pictures, and for results.
    """

    def __init__(self, preprocessing: str, count: int | None = None) -> None:
        if preprocessing != PREPROCESSING:
            raise ValueError(f"Workers do the preprocessing {PREPROCESSING!r}, not {preprocessing!r}.")
        self._count = count or os.cpu_count() or 1
        self._pool: ProcessPoolExecutor | None = None
        self._single: ProcessPoolExecutor | None = None
        self._beginning, self._alone = threading.Lock(), threading.Lock()

    def begin(self, picture: EncodedPicture) -> Task:
        """Let a picture be prepared, and return at once. Raises WorkersLost."""
        with self._beginning:
            if self._pool is None:
                self._pool = _pool_of(self._count)
            try:
                with _starting():
                    return Task(picture, self._pool.submit(prepare, picture))
            except BrokenProcessPool:
                self._pool = None  # a new one for the next picture
                return Task(picture, None)

    def result(self, task: Task) -> Prepared:
        """Return what a task's picture has become. Raises LookalikeError: WorkersLost, or what `prepare` raises."""
        try:
            if task.future is not None:
                return task.future.result()
        except BrokenProcessPool:
            pass
        with self._alone:
            return self._prepared_alone(task.picture)

    def prepared(self, picture: EncodedPicture) -> Prepared:
        """Return what a picture has become, as soon as it has. Raises as `begin` and `result` do."""
        return self.result(self.begin(picture))

    def close(self) -> None:
        """End the processes; what they have not begun is dropped."""
        for pool in (self._pool, self._single):
            if pool is not None:
                pool.shutdown(cancel_futures=True)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepared_alone(self, picture: EncodedPicture) -> Prepared:
        try:
            if self._single is None:
                self._single = _pool_of(1)
                with _starting():
                    self._single.submit(ready).result()
        except BrokenProcessPool as error:
            raise WorkersLost(_LOST) from error
        try:
            return self._single.submit(prepare, picture).result()
        except BrokenProcessPool as error:
            self._single = None
            raise PictureFailed(
                "The process that worked on the picture died: its memory ran out, or a decoder failed. Save the "
                "picture again, smaller, or leave it out."
            ) from error


def _pool_of(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=begin_worker)


@contextmanager
def _starting() -> Iterator[None]:
    """Let processes that are started inside never hear of Ctrl-C: it is this process that ends them.

    Raises WorkersLost when none can be started.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    except OSError as error:
        raise WorkersLost(_LOST) from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
