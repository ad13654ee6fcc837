"""When a request is sent again, and after how long. Nothing here waits or sends."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

AGAIN = frozenset({429, 503})
UNDER_WAY = "request-under-way"
"""The code of a 409 to the repeat of a write whose first sending is still being carried out."""

_RANDOM = random.SystemRandom()
_NO_ANSWER = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)
"""A read that takes longer than the timeout is not repeated: a server that is slow would have twice the work."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is sent at most, and the seconds in between.

    The nth wait is half of `shortest` times 2**n to all of it, at most `longest`. Where the server says itself how long
    to wait, that is waited; where it says more than `patience`, its refusal is raised at once.
    """

    attempts: int = 4
    shortest: float = 0.25
    longest: float = 8.0
    patience: float = 60.0

    def after_answer(self, response: httpx.Response, sent: int) -> float | None:
        """Return after how many seconds to send again what was answered so; None where it is not to be sent again.

        `sent` is how often it has been sent.
        """
        if sent >= self.attempts or not _is_passing(response):
            return None
        told = retry_after(response)
        if told is None:
            return self._backoff(sent)
        return told if told <= self.patience else None

    def after_error(self, error: httpx.RequestError, sent: int) -> float | None:
        """Return the same of a request that was not answered."""
        return self._backoff(sent) if sent < self.attempts and isinstance(error, _NO_ANSWER) else None

    def _backoff(self, sent: int) -> float:
        return min(self.longest, self.shortest * 2.0 ** (sent - 1)) * _RANDOM.uniform(0.5, 1)


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that an answer says to wait, as a number or a date (RFC 9110); None where it does not."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _is_passing(response: httpx.Response) -> bool:
    return response.status_code in AGAIN or (response.status_code == 409 and UNDER_WAY in response.text)
