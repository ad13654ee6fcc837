"""What the server counts, for Prometheus.

The front sees every answer of every worker, so its counts are those of the whole server. It counts in plain
dictionaries, in less than a microsecond an answer; `exposition` makes Prometheus's families of them when asked for.
"""

from bisect import bisect_left
from itertools import accumulate

from search_api.server.frames import Answer
from search_api.server.front.request import Request

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histograms' buckets, in seconds."""

NO_ROUTE = "none"


class Histogram:
    """How many observations fell into each bucket, and their sum in seconds."""

    __slots__ = ("buckets", "sum")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count an observation."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds

    def cumulated(self) -> list[tuple[str, float]]:
        """Return the upper bound of each bucket with the number of observations up to it."""
        return list(zip([*map(str, BOUNDS), "+Inf"], accumulate(self.buckets), strict=True))


class Metrics:
    """Counts of one server."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        self.seconds: dict[str, Histogram] = {}
        self.steps: dict[str, Histogram] = {}
        self.workers = 0
        self.restarts = 0
        self.reloads = 0
        self.failed_reloads = 0

    def count(self, request: Request, answer: Answer, now: float) -> None:
        """Count an answer that was sent at a time of `time.monotonic`."""
        facts = answer.facts
        route = facts.route or NO_ROUTE
        key = (route, facts.status)
        self.requests[key] = self.requests.get(key, 0) + 1
        _of(self.seconds, route).observe(now - request.started)
        for step, milliseconds in facts.steps:
            _of(self.steps, step).observe(milliseconds / 1000)


def _of(histograms: dict[str, Histogram], key: str) -> Histogram:
    histogram = histograms.get(key)
    if histogram is None:
        histogram = histograms[key] = Histogram()
    return histogram
