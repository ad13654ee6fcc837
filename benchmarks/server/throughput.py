"""How many requests a second the server answers, against the server of an earlier commit."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.harness import load
from benchmarks.harness.gallery import OUR_PATH, K
from benchmarks.harness.measuring import Comparison, Figure, Say, Section, in_turns, more
from benchmarks.harness.processes import Server
from benchmarks.harness.queries import get, search
from benchmarks.server.sides import ITEMS, Sides, both_sides

FEW, MANY = 8, 64
"""Connections."""

PICTURES_TIMES, SIMILAR_TIMES, MANY_OF_FEW = 3.0, 5.5, 0.9
"""What the project promises: times as many picture searches, as many `similar`, and what 64 connections may cost."""


def run(say: Say, quick: bool, against_checkout: Path | None = None) -> Section:
    """Measure picture searches with 8 and 64 connections and `GET similar` with 8, both servers at their defaults."""
    rounds, seconds = (1, 1.0) if quick else (6, 3.0)
    with both_sides(against_checkout, say) as sides, sides.ours.serving() as ours, sides.theirs.serving() as theirs:
        ours_name, theirs_name = sides.ours.name, sides.theirs.name

        def compared(what: str, requests: Callable[[Server, Sides], list[bytes]], connections: int) -> Comparison:
            measured = in_turns(
                {
                    name: partial(_rate, server, requests(server, sides), seconds, connections)
                    for name, server in ((ours_name, ours), (theirs_name, theirs))
                },
                rounds,
                lambda text: say(f"{what}, {connections} connections, {text}"),
            )
            name = f"{what} a second, {connections} connections"
            return more(name, "/s", measured[ours_name], theirs_name, measured[theirs_name])

        few = compared("picture searches", picture_requests, FEW)
        many = compared("picture searches", picture_requests, MANY)
        similar = compared("similar", similar_requests, FEW)
    return Section(
        name="throughput",
        title=f"requests a second, k = {K}, {ITEMS:,} items, load generator on the same cores",
        comparisons=(few, many, similar),
        figures=(
            Figure("picture searches, times as many", few.ratio.value, PICTURES_TIMES, at_least=True),
            Figure(f"{MANY} connections, of {FEW}", many.ours.value / few.ours.value, MANY_OF_FEW, at_least=True),
            Figure("similar, times as many", similar.ratio.value, SIMILAR_TIMES, at_least=True),
        ),
    )


def picture_requests(server: Server, sides: Sides) -> list[bytes]:
    """Return whole requests that post a picture each."""
    return [search(server, OUR_PATH, picture, K) for picture in sides.pictures]


def similar_requests(server: Server, sides: Sides) -> list[bytes]:
    """Return whole requests for what is similar to an item each."""
    step = ITEMS // len(sides.pictures)
    return [get(server, f"/v1/items/test-{number:05d}/similar?k={K}") for number in range(0, ITEMS, step)]


def _rate(server: Server, requests: list[bytes], seconds: float, connections: int) -> float:
    return load.generate(server, requests, seconds, connections).rate
