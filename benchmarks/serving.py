"""One small picture through HTTP: how long an answer takes, and how many there are a second."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks import load
from benchmarks.gallery import OBVIOUS, OBVIOUS_PATH, OUR_PATH, OURS, Gallery, K, build
from benchmarks.measuring import (
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
from benchmarks.processes import Server, serving
from benchmarks.queries import Client, form, message

TIMES_FASTER = 30
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
    forms = [form(picture, K) for picture in gallery.pictures]
    say("checking that both give the same hits")
    agreement = _agreement(ours, theirs, forms[:_WARM_UP])
    turns = cycle(forms)
    queries = in_turns(
        {
            OURS: partial(_latencies, ours, OUR_PATH, turns, _OUR_QUERIES),
            OBVIOUS: partial(_latencies, theirs, OBVIOUS_PATH, turns, _THEIR_QUERIES),
        },
        2 if quick else 12,
        lambda text: say(f"one query at a time, {text}"),
    )
    rates = in_turns(
        {
            OURS: _rate_of(ours, OUR_PATH, forms, 1 if quick else 3),
            OBVIOUS: _rate_of(theirs, OBVIOUS_PATH, forms, 2 if quick else 6),
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
        notes=(f"Both ways agree on {agreement:.1%} of the hits.",),
    )


def _agreement(ours: Server, theirs: Server, forms: Sequence[bytes]) -> float:
    """Return the share of hits that the two servers have in common; they are warm afterwards."""
    common = 0
    with Client(ours, OUR_PATH) as our_client, Client(theirs, OBVIOUS_PATH) as their_client:
        for body in forms:
            our_ids = {hit["item"]["id"] for hit in our_client.ask(body)["hits"]}
            common += len(our_ids & {hit["id"] for hit in their_client.ask(body)["hits"]})
    share = common / (K * len(forms))
    if share < _SAME_HITS:
        raise BenchmarkFailed(f"The two servers agree on only {share:.0%} of the hits, so their times don't compare.")
    return share


def _latencies(server: Server, path: str, forms: Iterator[bytes], queries: int) -> list[float]:
    """Return the milliseconds of so many queries, one after another, over a connection that is open already."""
    with Client(server, path) as client:
        client.ask(next(forms))
        return [client.seconds(body) * 1000 for body in islice(forms, queries)]


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


def _rate_of(server: Server, path: str, forms: Sequence[bytes], seconds: float) -> Callable[[], float]:
    messages = [message(server, path, body) for body in forms]
    return lambda: load.generate(server.host, server.port, messages, seconds).rate
