"""What can go wrong between a client and the server, by name."""

from collections.abc import Mapping
from typing import Any, ClassVar


class ClientError(Exception):
    """Any error of this client. What is wrong with values that it is given are Python's TypeError and ValueError."""


class Unreachable(ClientError):
    """No whole answer came, after all retries; the cause is httpx's own error.

    Whether a request that writes was carried out is not known; asking for the item tells.
    """


class UnexpectedAnswer(ClientError):
    """What answered with success is no Lookalike server, or one of another version."""


class LookalikeHTTPError(ClientError):
    """The server refused: `status` of HTTP, `code` for programs, `detail`, a sentence for people.

    `retry_after` are the seconds after which the server says that asking again makes sense, None where it does not say.
    """

    by_code: ClassVar[dict[str, type["LookalikeHTTPError"]]]
    by_status: ClassVar[dict[int, type["LookalikeHTTPError"]]]

    def __init__(self, status: int, code: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after = retry_after


class Unauthorized(LookalikeHTTPError):
    """401: a key is needed, or this one is not known."""


class Forbidden(LookalikeHTTPError):
    """403: the key does not allow this."""


class NotFound(LookalikeHTTPError):
    """404: there is no such item."""


class StaleCursor(LookalikeHTTPError):
    """409: the catalogue has changed since the page before. Begin with the first page again."""


class VersionConflict(LookalikeHTTPError):
    """412: the item is not as it was to be."""


class RateLimited(LookalikeHTTPError):
    """429: too many requests with this key."""


class Unavailable(LookalikeHTTPError):
    """503: the server can't answer at the moment."""


LookalikeHTTPError.by_code = {"stale-cursor": StaleCursor}
LookalikeHTTPError.by_status = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    412: VersionConflict,
    429: RateLimited,
    503: Unavailable,
}


def error_of(status: int, problem: Mapping[str, Any], retry_after: float | None = None) -> LookalikeHTTPError:
    """Return the error that a problem (RFC 9457) tells of; of something else, such as a proxy's page, its status."""
    code = str(problem.get("code", f"http-{status}"))
    detail = str(problem.get("detail", "Something between here and the server answered, and not the server itself."))
    of_status = LookalikeHTTPError.by_status.get(status, LookalikeHTTPError)
    return LookalikeHTTPError.by_code.get(code, of_status)(status, code, detail, retry_after)
