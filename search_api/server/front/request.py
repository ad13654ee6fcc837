"""A request on its way through the server."""

from typing import TYPE_CHECKING

from search_api.server.frames import Answer, RequestHead

if TYPE_CHECKING:
    from collections.abc import Callable

_WRITING = {"PUT", "PATCH", "DELETE"}
_MANY_ITEMS = b"/v1/items"


class Request:
    """A whole request, or one that is being received.

    `head` is None until all header fields have arrived. `attempts` counts the workers that it was given to. Times are
    those of `time.monotonic`. `local` is an answer that needs no worker.
    """

    __slots__ = (
        "_on_answer",
        "attempts",
        "body",
        "body_length",
        "closes",
        "content_type",
        "head",
        "is_http_1_0",
        "is_settled",
        "local",
        "path",
        "queued_at",
        "sent_at",
        "started",
    )

    def __init__(self, on_answer: "Callable[[Request, Answer], None]", started: float) -> None:
        self._on_answer = on_answer
        self.started = started
        self.head: RequestHead | None = None
        self.path = b""
        self.content_type = b""
        self.body: list[bytes] = []
        self.body_length = 0
        self.local: Answer | None = None
        self.closes = False
        self.is_http_1_0 = False
        self.is_settled = False
        self.attempts = 0
        self.queued_at = self.sent_at = started

    @property
    def writes(self) -> bool:
        """Whether it is to change the catalogue, as far as its head tells."""
        head = self.head
        return head is not None and (head.method in _WRITING or (head.method == "POST" and self.path == _MANY_ITEMS))

    def settle(self, answer: Answer) -> None:
        """Give the request its answer, once; nothing happens when it has one or nobody waits for it."""
        if not self.is_settled:
            self.is_settled = True
            self._on_answer(self, answer)

    def abandon(self) -> None:
        """Nobody waits for the answer any more."""
        self.is_settled = True
        self.body.clear()
