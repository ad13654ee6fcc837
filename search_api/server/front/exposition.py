"""The counts as Prometheus reads them. A module of its own, because its library takes long to import."""

import json
from collections.abc import Iterator, Mapping

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
from search_api.server.front.metrics import Metrics


def exposition(
    metrics: Metrics, lanes: Mapping[LaneName, Lane], connections: int, body_bytes: int, ready: Answer
) -> Answer:
    """Return the answer to a scrape, with the state that the server has at this moment.

    `body_bytes` are those of the bodies in hand; `ready` is a worker's answer to /readyz, which tells what is
    served.
    """
    registry = CollectorRegistry(auto_describe=False)
    families = [*_counted(metrics), *_state(lanes, connections, body_bytes), *_served(ready)]
    registry.register(_Once(families))
    body = generate_latest(registry)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE_LATEST}\r\nContent-Length: {len(body)}\r\n"
    head += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    return Answer(AnswerFacts(200, "/metrics", None, None, ()), head.encode(), body)


def _counted(metrics: Metrics) -> Iterator[Metric]:
    requests = CounterMetricFamily("lookalike_requests", "Answers, by route and status.", labels=("route", "status"))
    for (route, status), number in metrics.requests.items():
        requests.add_metric((route, str(status)), number)
    yield requests
    for name, text, label, histograms in (
        ("lookalike_request_seconds", "From a request's first byte to its answer.", "route", metrics.seconds),
        ("lookalike_step_seconds", "Time of the steps of an answer.", "step", metrics.steps),
    ):
        family = HistogramMetricFamily(name, text, labels=(label,))
        for value, histogram in histograms.items():
            family.add_metric((value,), histogram.cumulated(), histogram.sum)
        yield family
    yield GaugeMetricFamily("lookalike_workers", "Workers that answer.", metrics.workers)
    yield CounterMetricFamily("lookalike_worker_restarts", "Workers that died and were replaced.", metrics.restarts)
    yield CounterMetricFamily("lookalike_reloads", "Reloads that succeeded.", metrics.reloads)
    yield CounterMetricFamily("lookalike_failed_reloads", "Reloads that failed.", metrics.failed_reloads)


class _Once(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


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
    if isinstance(facts.get("newer_catalogue"), bool):
        newer = facts["newer_catalogue"]
        yield GaugeMetricFamily("lookalike_newer_catalogue", "Whether a newer catalogue waits for a reload.", newer)
