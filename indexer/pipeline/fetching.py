"""Fetching the pictures of a batch from the web, a few at once, and preparing each as soon as it is there.

A thread that has fetched a picture waits until it is prepared before it fetches the next: so no more pictures are held
in memory than there are threads, and the web is asked for no more than can be worked through.
"""

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from indexer.content_key import ContentKey, picture_checksum
from indexer.pipeline.plan import Change, Plan, change_between
from indexer.pipeline.worker_main import Prepared, ReadPicture
from indexer.sources.errors import AddressFailed
from indexer.sources.items import EncodedPicture
from indexer.sources.web.access import Limits, WebPicture
from models.errors import LookalikeError

if TYPE_CHECKING:
    from indexer.sources.web.fetcher import Fetcher

Resolved: TypeAlias = tuple[Plan, Prepared | None]
"""A plan whose change is known, and what its picture has become where it is new."""


class Fetching:
    """Threads that fetch, started when first needed; `prepare` is what they have new pictures prepared by.

    They are left behind when they are closed while they wait for the network: what they did is not wanted any more.
    `begin` and `close` are for one thread.
    """

    def __init__(self, prepare: Callable[[EncodedPicture], Prepared] | None = None) -> None:
        self._prepare = prepare
        self._fetcher: Fetcher | None = None
        self._waiting: SimpleQueue[tuple[Plan, WebPicture, Future[Resolved]] | None] = SimpleQueue()
        self._pending: set[Future[Resolved]] = set()
        self._threads: list[threading.Thread] = []

    def begin(self, plan: Plan) -> Future[Resolved]:
        """Let the picture of an unseen item be fetched, and return at once.

        The result raises LookalikeError: what `Fetcher.fetch` and `prepare` raise.
        """
        picture = plan.item.picture
        if not isinstance(picture, WebPicture):
            raise TypeError("Only pictures at web addresses are fetched.")
        if self._fetcher is None:
            self._start(picture.access.limits)
        future: Future[Resolved] = Future()
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        self._waiting.put((plan, picture, future))
        return future

    def close(self) -> None:
        """End the threads; what they have not done is dropped."""
        for future in list(self._pending):
            if not future.cancel():
                with suppress(InvalidStateError):
                    future.set_exception(CancelledError())
        for _ in self._threads:
            self._waiting.put(None)
        if self._fetcher is not None:
            self._fetcher.close()

    def __enter__(self) -> "Fetching":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, limits: Limits) -> None:
        # Here and not in the threads: what several import for the first time at once, each may get in part.
        from indexer.sources.web.fetcher import Fetcher

        self._fetcher = Fetcher(limits)
        for number in range(limits.at_once):
            # No executor, whose threads are waited for when the interpreter ends, however long a server is silent.
            thread = threading.Thread(target=self._work, args=(self._fetcher,), name=f"fetch-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _work(self, fetcher: "Fetcher") -> None:
        while task := self._waiting.get():
            plan, picture, future = task
            if not future.set_running_or_notify_cancel():
                continue
            with suppress(InvalidStateError):  # closed meanwhile
                try:
                    future.set_result(self._resolved(plan, picture, fetcher))
                except (LookalikeError, CancelledError) as error:
                    future.set_exception(error)
                except Exception as error:
                    future.set_exception(
                        AddressFailed(
                            f"{picture.address.told} could not be fetched ({type(error).__name__}: {error}). Save the "
                            "picture and name its file, or leave it out."
                        )
                    )

    def _resolved(self, plan: Plan, picture: WebPicture, fetcher: "Fetcher") -> Resolved:
        known = plan.known or ContentKey("")
        fetched = fetcher.fetch(picture, known.validator)
        checksum = known.picture if fetched.data is None else picture_checksum(fetched.data)
        content_key = ContentKey.of(checksum, plan.item.attributes, fetched.validator)
        resolved = replace(plan, change=change_between(plan.known, content_key), content_key=content_key)
        if self._prepare is None or fetched.data is None or resolved.change not in {Change.NEW, Change.NEW_PICTURE}:
            return resolved, None
        return resolved, self._prepare(ReadPicture(fetched.data, checksum))
