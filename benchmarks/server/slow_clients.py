"""How long others wait for a server that is beset by slow clients, against the server of an earlier commit."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from benchmarks.harness.measuring import Comparison, Figure, Measured, Say, Section, in_turns
from benchmarks.harness.queries import get
from benchmarks.server.crowds import Crowd, Kind, assembled
from benchmarks.server.probes import Waits, probe
from benchmarks.server.sides import ITEMS, Side, both_sides
from models.datasets import fashion_mnist

HEALTH, SIMILAR = "/healthz", "/v1/items/test-00042/similar?k=12"

HEALTH_MILLISECONDS, SIMILAR_MILLISECONDS = 50.0, 100.0
"""What the project promises: the longest wait for /healthz, and the 99th percentile for `similar` beside uploads."""

UPLOAD_SIZE = (5000, 4000)
EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class _Beset:
    waits: Waits
    uploads: Mapping[str, int]


def run(say: Say, quick: bool, against_checkout: Path | None = None) -> Section:
    """Ask both servers, each started anew for every crowd, 20 times a second while the crowd is there."""
    seconds, rounds = (2.0, 1) if quick else (10.0, 2)
    uploads = Crowd(Kind.UPLOAD, 24, _large_picture())
    trials = [
        *((Crowd(kind, 300), HEALTH) for kind in (Kind.SLOW_BODY, Kind.HALF_HEADER, Kind.SLOW_READER)),
        (Crowd(Kind.LINGERING_CLOSE, 100), HEALTH),
        (uploads, HEALTH),
        (uploads, SIMILAR),
    ]
    comparisons: list[Comparison] = []
    figures: list[Figure] = []
    notes: list[str] = []
    with both_sides(against_checkout, say) as sides:
        both = sides.ours, sides.theirs
        for crowd, path in trials:
            what = f"{path} beside {crowd}"
            beset = in_turns(
                {side.name: partial(_beside, crowd, side, path, seconds) for side in both},
                rounds,
                partial(_say_which, say, what),
            )
            ours, theirs = ([one.waits for one in beset[side.name]] for side in both)
            share, name = (1.0, "longest") if path == HEALTH else (0.99, "99th percentile")
            comparisons.append(_compared(f"{what}: {name}", share, ours, sides.theirs.name, theirs))
            most = HEALTH_MILLISECONDS if path == HEALTH else SIMILAR_MILLISECONDS
            figures += [
                Figure(f"{what}: {name}", comparisons[-1].ours.value, most, at_least=False, unit="ms"),
                Figure(f"{what}: unanswered", sum(one.unanswered for one in ours), 0, at_least=False),
            ]
            notes.append(f"{what}: unanswered {_unanswered(ours)}; {sides.theirs.name} {_unanswered(theirs)}.")
            if crowd.kind is Kind.UPLOAD:
                notes += [f"Answers to uploads meanwhile, {side.name}: {_uploads(beset[side.name])}." for side in both]
    return Section(
        name="slow_clients",
        title=f"how long others wait for an answer over a new connection, {ITEMS:,} items",
        comparisons=tuple(comparisons),
        figures=tuple(figures),
        notes=tuple(notes),
    )


def _say_which(say: Say, what: str, round_: str) -> None:
    say(f"{what}, {round_}")


def _beside(crowd: Crowd, side: Side, path: str, seconds: float) -> _Beset:
    with side.serving() as server, assembled(crowd, server) as crowding:
        waits = probe(server, get(server, path), EVERY_SECONDS, seconds)
        return _Beset(waits, crowding.uploads())


def _compared(name: str, share: float, ours: list[Waits], against: str, theirs: list[Waits]) -> Comparison:
    """Compare a quantile of all rounds together."""
    our_wait, their_wait = _together(ours).quantile(share), _together(theirs).quantile(share)
    ratio = Measured(their_wait / our_wait)
    return Comparison(name, "ms", Measured(our_wait), against, Measured(their_wait), ratio, "times the speed")


def _together(rounds: list[Waits]) -> Waits:
    milliseconds = [wait for waits in rounds for wait in waits.milliseconds]
    return Waits(tuple(milliseconds), sum(waits.unanswered for waits in rounds))


def _unanswered(rounds: list[Waits]) -> str:
    waits = _together(rounds)
    return f"{waits.unanswered} of {len(waits.milliseconds) + waits.unanswered}"


def _uploads(rounds: list[_Beset]) -> str:
    statuses = sorted({status for one in rounds for status in one.uploads})
    return ", ".join(f"{sum(one.uploads.get(status, 0) for one in rounds)} {status}" for status in statuses) or "none"


def _large_picture() -> bytes:
    """Return a PNG file of 20 megapixels: of all formats the one that takes a server longest, for its bytes."""
    image = Image.fromarray(255 - fashion_mnist.load("test").images[0])
    file = io.BytesIO()
    image.convert("RGB").resize(UPLOAD_SIZE, Image.Resampling.BICUBIC).save(file, "PNG", compress_level=1)
    return file.getvalue()
