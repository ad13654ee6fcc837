"""Strips by likes against similar items, and a batch of pictures against one picture after another, both over HTTP."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.harness.gallery import Gallery, K, build
from benchmarks.harness.measuring import BenchmarkFailed, Figure, Say, Section, in_turns, more
from benchmarks.harness.processes import Server, serving
from benchmarks.harness.queries import Client, get

MOST_TIMES_SIMILAR = 2.0
"""What the project promises of a strip by five likes and two dislikes, in times of one question for similar items."""

MOST_OF_SINGLES = 0.35
"""What it promises of a batch of 64 pictures, in times of 64 single questions one after another."""

BATCH = 64
LIKES, DISLIKES = 5, 2

_CALLS = 100
_SAME = 0.95


def run(say: Say, quick: bool) -> Section:
    """Measure `lookalike serve` over the 10,000 test images, each kind of question over one connection."""
    with TemporaryDirectory(prefix="lookalike-benchmark-") as directory:
        gallery = build(Path(directory), say)
        with serving(gallery.serve_command) as server, Client(server) as client:
            return compare(gallery, server, client, say, quick)


def compare(gallery: Gallery, server: Server, client: Client, say: Say, quick: bool) -> Section:
    """Measure a server of the gallery's items, each answer over the connection that the client keeps."""
    ids = np.load(gallery.arrays)["ids"].tolist()
    strips = [
        _strip(server, ids, start) for start in range(0, min(len(ids), 1000) - LIKES - DISLIKES, LIKES + DISLIKES)
    ]
    similar = [get(server, f"/v1/items/{id_}/similar?k={K}") for id_ in ids]
    pictures = gallery.pictures[:BATCH]
    together = post(server, "/v1/batch", {"questions": [{"search": _search(picture)} for picture in pictures]})
    singles = [post(server, f"/v1/search?k={K}", picture) for picture in pictures]
    say("checking that both ways give the same hits")
    _check(client.ask(together)["answers"], [client.ask(single) for single in singles])
    kinds = float(np.mean([len(client.ask(strip)["modes"]) for strip in strips[:50]]))
    strips_asked, similar_asked = cycle(strips), cycle(similar)  # an answer that was kept would cost nothing
    rounds = 2 if quick else 12
    calls = 20 if quick else _CALLS
    strip_rounds = in_turns(
        {
            "a strip": partial(_milliseconds, client, strips_asked, calls),
            "similar": partial(_milliseconds, client, similar_asked, calls),
        },
        rounds,
        lambda text: say(f"a strip, {text}"),
    )
    batch_rounds = in_turns(
        {
            "together": lambda: 1000 * client.seconds(together),
            "singly": lambda: 1000 * sum(client.seconds(single) for single in singles),
        },
        rounds,
        lambda text: say(f"a batch, {text}"),
    )
    strip = more(
        f"{LIKES} likes, {DISLIKES} dislikes",
        "ms",
        strip_rounds["a strip"],
        "similar items",
        strip_rounds["similar"],
        "times the time",
    )
    batch = more(
        f"{BATCH} pictures together", "ms", batch_rounds["together"], "singly", batch_rounds["singly"], "of the time"
    )
    return Section(
        name="recommending",
        title=f"strips and batches through HTTP, {gallery.items:,} items",
        comparisons=(strip, batch),
        figures=(
            Figure("a strip, times one for similar items", strip.ratio.value, MOST_TIMES_SIMILAR, at_least=False),
            Figure("a batch, of single questions", batch.ratio.value, MOST_OF_SINGLES, at_least=False),
        ),
        notes=(f"The likes are taken as they come: {kinds:.1f} modes a strip.",),
    )


def post(server: Server, path: str, body: Any) -> bytes:
    """Return a whole HTTP request that posts bytes as a picture, anything else as JSON."""
    kind = "image/png" if isinstance(body, bytes) else "application/json"
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


def _strip(server: Server, ids: Sequence[str], start: int) -> bytes:
    likes, dislikes = ids[start : start + LIKES], ids[start + LIKES : start + LIKES + DISLIKES]
    return post(server, "/v1/recommend", {"likes": likes, "dislikes": dislikes, "limit": K})


def _search(picture: bytes) -> Mapping[str, Any]:
    return {"image": base64.b64encode(picture).decode(), "k": K}


def _check(together: Sequence[Mapping[str, Any]], singly: Sequence[Mapping[str, Any]]) -> None:
    shares = [len(_ids(one["answer"]) & _ids(other)) / K for one, other in zip(together, singly, strict=True)]
    if np.mean(shares) < _SAME:
        raise BenchmarkFailed(f"Pictures sent together share {np.mean(shares):.0%} of the hits of those sent singly.")


def _ids(answer: Mapping[str, Any]) -> set[str]:
    return {hit["item"]["id"] for hit in answer["hits"]}


def _milliseconds(client: Client, requests: Iterator[bytes], calls: int) -> float:
    return 1000 * float(np.median([client.seconds(next(requests)) for _ in range(calls)]))
