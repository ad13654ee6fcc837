"""What the server counts, for Prometheus.

The front sees every answer of every worker, so its counts are those of the whole server. It counts in plain
dictionaries, in less than a microsecond an answer, and makes Prometheus's families of them when they are asked for.
"""

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from search_api.server.frames import Answer, AnswerFacts
from search_api.server.front.lanes import Lane, LaneName
from search_api.server.front.request import Request

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histograms' buckets, in seconds."""

_NO_ROUTE = "none"


class _Histogram:
    __slots__ = ("buckets", "sum")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds

    def cumulated(self) -> list[tuple[str, float]]:
        return list(zip([*map(str, BOUNDS), "+Inf"], accumulate(self.buckets), strict=True))


class Metrics:
    """Counts of one server."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, int], int] = {}
        self._seconds: dict[str, _Histogram] = {}
        self._steps: dict[str, _Histogram] = {}
        self.workers = 0
        self.restarts = 0
        self.reloads = 0
        self.failed_reloads = 0

    def count(self, request: Request, answer: Answer, now: float) -> None:
        """Count an answer that was sent at a time of `time.monotonic`."""
        facts = answer.facts
        route = facts.route or _NO_ROUTE
        key = (route, facts.status)
        self._requests[key] = self._requests.get(key, 0) + 1
        _of(self._seconds, route).observe(now - request.started)
        for step, milliseconds in facts.steps:
            _of(self._steps, step).observe(milliseconds / 1000)

    def exposition(self, lanes: Mapping[LaneName, Lane], connections: int, body_bytes: int, ready: Answer) -> Answer:
        """Return the answer to a scrape, with the state that the server has at this moment.

        `body_bytes` are those of the bodies in hand; `ready` is a worker's answer to /readyz, which tells what is
        served.
        """
        registry = CollectorRegistry(auto_describe=False)
        families = [*self._counted(), *_state(lanes, connections, body_bytes), *_served(ready)]
        registry.register(_Once(families))
        body = generate_latest(registry)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE_LATEST}\r\nContent-Length: {len(body)}\r\n"
        head += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        return Answer(AnswerFacts(200, "/metrics", None, None, ()), head.encode(), body)

    def _counted(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "lookalike_requests", "Answers, by route and status.", labels=("route", "status")
        )
        for (route, status), number in self._requests.items():
            requests.add_metric((route, str(status)), number)
        yield requests
        for name, text, label, histograms in (
            ("lookalike_request_seconds", "From a request's first byte to its answer.", "route", self._seconds),
            ("lookalike_step_seconds", "Time of the steps of an answer.", "step", self._steps),
        ):
            family = HistogramMetricFamily(name, text, labels=(label,))
            for value, histogram in histograms.items():
                family.add_metric((value,), histogram.cumulated(), histogram.sum)
            yield family
        yield GaugeMetricFamily("lookalike_workers", "Workers that answer.", self.workers)
        yield CounterMetricFamily("lookalike_worker_restarts", "Workers that died and were replaced.", self.restarts)
        yield CounterMetricFamily("lookalike_reloads", "Reloads that succeeded.", self.reloads)
        yield CounterMetricFamily("lookalike_failed_reloads", "Reloads that failed.", self.failed_reloads)


class _Once(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def _of(histograms: dict[str, _Histogram], key: str) -> _Histogram:
    histogram = histograms.get(key)
    if histogram is None:
        histogram = histograms[key] = _Histogram()
    return histogram


def _state(lanes: Mapping[LaneName, Lane], connections: int, body_bytes: int) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("lookalike_lane_waiting", "Requests that wait for a worker.", labels=("lane",))
    busy = GaugeMetricFamily("lookalike_lane_busy", "Requests that workers have in hand.", labels=("lane",))
    for name, lane in lanes.items():
        waiting.add_metric((name,), len(lane.waiting))
        busy.add_metric((name,), lane.busy)
    yield waiting
    yield busy
    yield GaugeMetricFamily("lookalike_connections", "Open connections.", connections)
    yield GaugeMetricFamily("lookalike_body_bytes", "Bytes of bodies in hand.", body_bytes)


def _served(ready: Answer) -> Iterator[Metric]:
    """Yield what is served, as a worker's /readyz tells it; nothing where it can't."""
    try:
        facts = json.loads(ready.body)
    except ValueError:
        facts = {}
    yield GaugeMetricFamily("lookalike_ready", "Whether questions are answered.", ready.facts.status == 200)
    if isinstance(facts.get("items"), int):
        yield GaugeMetricFamily("lookalike_items", "Items of the catalogue.", facts["items"])
    if isinstance(facts.get("generation"), int):
        yield GaugeMetricFamily("lookalike_generation", "Generation of the catalogue's index.", facts["generation"])
    served = {name: str(facts[name]) for name in ("model", "state") if facts.get(name) is not None}
    yield InfoMetricFamily("lookalike_served", "The model, and the catalogue's state.", served)
    for name in ("newer_catalogue", "newer_model"):
        if isinstance(facts.get(name), bool):
            yield GaugeMetricFamily(f"lookalike_{name}", f"Whether a {name.replace('_', ' ')} waits.", facts[name])
