"""One small picture through HTTP: how long an answer takes, and how many there are a second."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.harness import load
from benchmarks.harness.gallery import OBVIOUS, OBVIOUS_PATH, OUR_PATH, OURS, Gallery, K, build
from benchmarks.harness.measuring import (
    BenchmarkFailed,
    Comparison,
    Figure,
    Measured,
    Say,
    Section,
    in_turns,
    less,
    more,
)
from benchmarks.harness.processes import Server, serving
from benchmarks.harness.queries import Client, search

TIMES_FASTER = 35
"""What the project promises for one query."""

_OUR_QUERIES, _THEIR_QUERIES = 200, 40
"""Asked one after another in a round; ours take so little that fewer would measure the machine's mood."""

_WARM_UP = 20
_SAME_HITS = 0.95
"""Least share of hits in common: the two runtimes round differently, which may swap neighbours."""


def run(say: Say, quick: bool) -> Section:
    """Measure `lookalike serve` and the obvious server, both warm, with the same pictures over the same items."""
    with TemporaryDirectory(prefix="lookalike-benchmark-") as directory:
        gallery = build(Path(directory), say)
        with serving(gallery.serve_command) as ours, serving(gallery.obvious_command) as theirs:
            return _compare(gallery, ours, theirs, say, quick)


def _compare(gallery: Gallery, ours: Server, theirs: Server, say: Say, quick: bool) -> Section:
    our_requests = [search(ours, OUR_PATH, picture, K) for picture in gallery.pictures]
    their_requests = [search(theirs, OBVIOUS_PATH, picture, K) for picture in gallery.pictures]
    say("checking that both give the same hits")
    with Client(ours) as our_client, Client(theirs) as their_client:
        agreement = _agreement(map(our_client.ask, our_requests[:_WARM_UP]), map(their_client.ask, their_requests))
    queries = in_turns(
        {
            OURS: partial(_latencies, ours, cycle(our_requests), _OUR_QUERIES),
            OBVIOUS: partial(_latencies, theirs, cycle(their_requests), _THEIR_QUERIES),
        },
        2 if quick else 12,
        lambda text: say(f"one query at a time, {text}"),
    )
    rates = in_turns(
        {
            OURS: lambda: load.generate(ours, our_requests, 1 if quick else 3).rate,
            OBVIOUS: lambda: load.generate(theirs, their_requests, 2 if quick else 6).rate,
        },
        2 if quick else 6,
        lambda text: say(f"{load.CONNECTIONS} connections, {text}"),
    )
    medians = {name: [float(np.median(taken)) for taken in rounds] for name, rounds in queries.items()}
    median = less("one query, median", "ms", medians[OURS], OBVIOUS, medians[OBVIOUS])
    return Section(
        name="serving",
        title=f"one Fashion-MNIST picture through HTTP, k = {K}, {gallery.items:,} items",
        comparisons=(
            median,
            _slowest(queries[OURS], queries[OBVIOUS]),
            more(f"answers a second, {load.CONNECTIONS} connections", "/s", rates[OURS], OBVIOUS, rates[OBVIOUS]),
        ),
        figures=(Figure("one query, times faster", median.ratio.value, TIMES_FASTER, at_least=True),),
        notes=(
            f"Both ways agree on {agreement:.1%} of the hits.",
            "Flask's development server closes the connection after every answer; that of lookalike is kept alive.",
        ),
    )


def _agreement(ours: Iterable[Mapping[str, Any]], theirs: Iterable[Mapping[str, Any]]) -> float:
    """Return the share of hits that answers of the two servers have in common."""
    shares = []
    for our_answer, their_answer in zip(ours, theirs, strict=False):
        our_ids = {hit["item"]["id"] for hit in our_answer["hits"]}
        shares.append(len(our_ids & {hit["id"] for hit in their_answer["hits"]}) / K)
    share = float(np.mean(shares))
    if share < _SAME_HITS:
        raise BenchmarkFailed(f"The two servers agree on only {share:.0%} of the hits, so their times don't compare.")
    return share


def _latencies(server: Server, requests: Iterator[bytes], queries: int) -> list[float]:
    """Return the milliseconds of so many queries, one after another, over a connection that is open already."""
    with Client(server) as client:
        client.ask(next(requests))
        return [client.seconds(request) * 1000 for request in islice(requests, queries)]


def _slowest(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> Comparison:
    """Compare the 99th percentiles of all rounds together: one round is too few."""
    our_p99, their_p99 = (float(np.quantile(np.concatenate(rounds), 0.99)) for rounds in (ours, theirs))
    return Comparison(
        "one query, p99",
        "ms",
        Measured(our_p99),
        OBVIOUS,
        Measured(their_p99),
        Measured(their_p99 / our_p99),
        "times the speed",
    )
