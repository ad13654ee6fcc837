"""Pictures that requests name by their addresses: fetched by a few threads, so that every wait for them has an end."""

import logging
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from math import inf
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from indexer.sources.errors import AddressFailed, AddressRefused, AddressTooSlow
from indexer.sources.web.access import Limits, WebAccess, WebPicture
from models.errors import LookalikeError, PictureTooLarge
from models.pictures.decoding import MAX_BYTES
from search_api.access.image_hosts import SETTING, ImageHosts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from indexer.sources.web.addresses import Address
    from indexer.sources.web.fetcher import Fetcher

log = logging.getLogger(__name__)

SECONDS = 10.0
"""Within which all pictures that one request names must have come."""

LIMITS = Limits(
    connecting=4, silence=8, request=SECONDS, tries=2, back_off=0.1, longest_rest=0, give_up_after=inf, at_once=8
)
"""A host that wants to be left alone is not waited for, and one that fails is asked again by the next request."""

OF_ONE_REQUEST = 4
"""Pictures that are fetched for a request at the same time, so that there are threads for another's, too."""


class AddressedPictures:
    """Fetches pictures from hosts that are allowed. Safe to use from several threads.

    Whoever waits is told after `seconds` that it took too long, whatever the thread that fetches waits for still: to
    resolve a name can take longer than any limit. Threads are started when first needed, and left behind at the end.
    """

    def __init__(self, hosts: ImageHosts | None = None, seconds: float = SECONDS, limits: Limits = LIMITS) -> None:
        self._access = WebAccess(ImageHosts() if hosts is None else hosts, limits)
        self.seconds = seconds
        self._fetcher: Fetcher | None = None
        self._waiting: SimpleQueue[tuple[WebPicture, Future[bytes]] | None] = SimpleQueue()
        self._starting = threading.Lock()

    def fetched(self, addresses: "Iterable[Address]") -> "dict[Address, bytes | LookalikeError]":
        """Return the pictures at addresses, each fetched once; in place of one that can't be had, why.

        Together they may have as many bytes as one upload. The errors are those of `picture`.
        """
        latest = monotonic() + self.seconds
        wanted = deque(dict.fromkeys(addresses))
        begun: dict[Future[bytes], Address] = {}
        found: dict[Address, bytes | LookalikeError] = {}
        size = 0
        while wanted or begun:
            while wanted and len(begun) < OF_ONE_REQUEST:
                address = wanted.popleft()
                begun[self.begin(address)] = address
            done, _ = wait(begun, max(latest - monotonic(), 0), FIRST_COMPLETED)
            if not done:
                break
            for future in done:
                address = begun.pop(future)
                try:
                    data = self.end(address, future, latest)
                    size += len(data)
                    if size > MAX_BYTES:
                        raise PictureTooLarge("The pictures of this request are too large together. Ask for fewer.")
                    found[address] = data
                except LookalikeError as error:
                    found[address] = error
        for future, address in begun.items():
            future.cancel()
            found[address] = self._too_slow(address)
        late = AddressTooSlow("Other pictures of this request took too long. Ask for fewer at a time.")
        return found | dict.fromkeys(wanted, late)

    def picture(self, address: "Address") -> bytes:
        """Return the picture at an address.

        Raises AddressRefused, AddressUnreachable, AddressTooSlow, AddressFailed, AddressHoldsNoPicture, PictureMissing
        or PictureTooLarge.
        """
        return self.end(address, self.begin(address), monotonic() + self.seconds)

    def begin(self, address: "Address") -> "Future[bytes]":
        """Let a picture be fetched, and return at once; an address that is refused is told by `end`."""
        future: Future[bytes] = Future()
        try:
            self._access.hosts.check(address)
        except AddressRefused as error:
            future.set_exception(error)
            return future
        with self._starting:
            if self._fetcher is None:
                self._fetcher = self._start()
        self._waiting.put((WebPicture(address, self._access), future))
        return future

    def end(self, address: "Address", future: "Future[bytes]", latest: float) -> bytes:
        """Return a picture that was begun, at a moment of `time.monotonic` at the latest. Raises as `picture` does."""
        try:
            return future.result(max(latest - monotonic(), 0))
        except (TimeoutError, CancelledError):
            future.cancel()
            raise self._too_slow(address) from None

    def close(self) -> None:
        """End the threads; what they have not done is dropped."""
        with self._starting:
            fetcher, self._fetcher = self._fetcher, None
        if fetcher is not None:
            for _ in range(self._access.limits.at_once):
                self._waiting.put(None)
            fetcher.close()

    def _too_slow(self, address: "Address") -> AddressTooSlow:
        return AddressTooSlow(
            f"{address.told} did not give its picture within {self.seconds:g} seconds. Try again, or send the picture "
            "itself."
        )

    def _start(self) -> "Fetcher":
        # Here and not in the threads: what several import for the first time at once, each may get in part.
        from indexer.sources.web.fetcher import Fetcher

        fetcher = Fetcher(self._access.limits)
        for number in range(self._access.limits.at_once):
            threading.Thread(target=self._work, args=(fetcher,), name=f"address-{number}", daemon=True).start()
        return fetcher

    def _work(self, fetcher: "Fetcher") -> None:
        while task := self._waiting.get():
            picture, future = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(fetcher.fetch(picture).data or b"")
            except (
                AddressRefused
            ):  # after it was allowed: a redirect, or what the name leads to, of which is told no more
                future.set_exception(_astray(picture.address))
            except (LookalikeError, CancelledError) as error:
                future.set_exception(error)
            except Exception as error:
                log.exception("%s could not be fetched", picture.address.told)
                future.set_exception(
                    AddressFailed(f"{picture.address.told} can't be fetched ({type(error).__name__}).")
                )


def _astray(address: "Address") -> AddressRefused:
    return AddressRefused(
        f"{address.told} leads to where no pictures are fetched from: to a host that {SETTING} does not name, or to an "
        "IP address that is not public. Send the picture itself."
    )
