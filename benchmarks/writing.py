"""Writing over HTTP: many items with pictures, against `lookalike index` on the same; single ones beside readers."""

import http.client
import json
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import models
from benchmarks.harness.gallery import png_file
from benchmarks.harness.load import underway
from benchmarks.harness.measuring import (
    BenchmarkFailed,
    Comparison,
    Figure,
    Say,
    Section,
    in_turns,
    more,
    seconds,
)
from benchmarks.harness.processes import Server, serving
from benchmarks.harness.queries import get, search
from indexer.catalogue.local import LocalCatalogue
from indexer.pipeline import indexing
from indexer.sources.folder import Folder
from models.datasets import fashion_mnist
from models.embedder import Embedder

SHARE_OF_INDEXING = 0.7
"""What the project promises of items a second, of those of `lookalike index`."""

OVER_HTTP, INDEX = "NDJSON over two connections", "lookalike index"

_CONNECTIONS, _LINES, _WARM = 2, 400, 64
_MOST_BYTES = 2 << 20
_READERS = 8
_TILES, _PHOTOGRAPHS, _SINGLE = 10_000, 400, 1_000
_QUICK_TILES, _QUICK_PHOTOGRAPHS, _QUICK_SINGLE = 2_000, 200, 100
_TIMEOUT_SECONDS = 120.0


def run(say: Say, quick: bool, photos: Path | None = None) -> Section:
    """Write the test images as PNG files, and photographs, into an empty catalogue each round, both ways; then upsert
    and delete single items while readers ask, and read each back over another connection.
    """
    folder = photos or fashion_mnist.locate().parent / "clothing-photos"
    if not folder.is_dir():
        raise BenchmarkFailed(f"There are no photographs in {folder}. Name a folder of them with --photos.")
    images = fashion_mnist.load("test").images[: _QUICK_TILES if quick else _TILES]
    paths = sorted(folder.rglob("*.jpg"))
    wanted = _QUICK_PHOTOGRAPHS if quick else _PHOTOGRAPHS
    some = [path.read_bytes() for path in paths[:: max(1, len(paths) // wanted)][:wanted]]
    tiles = [png_file(image) for image in images]
    return compare(say, tiles, some, _QUICK_SINGLE if quick else _SINGLE, rounds=1 if quick else 3)


def compare(say: Say, tiles: Sequence[bytes], photographs: Sequence[bytes], singles: int, rounds: int) -> Section:
    """Measure it with these pictures' files, and so many single upserts and deletions."""
    comparisons: list[Comparison] = []
    with TemporaryDirectory(prefix="lookalike-benchmark-") as name:
        place = Path(name)
        new_directory = (place / f"catalogue-{number}" for number in count()).__next__
        for kind, pictures, model in (("tiles", tiles, None), ("photographs", photographs, models.PHOTOGRAPHS)):
            say(f"writing {len(pictures):,} {kind}")
            files = _saved(pictures, place / kind)
            embedder = models.load() if model is None else models.load(model)
            ways = {
                OVER_HTTP: partial(_posted, pictures, embedder, new_directory),
                INDEX: partial(_indexed, files, embedder, new_directory),
            }
            taken = in_turns(ways, rounds, say)
            rates = {way: [len(pictures) / took for took in each] for way, each in taken.items()}
            comparisons.append(more(f"write {kind}", "/s", rates[OVER_HTTP], INDEX, rates[INDEX]))
        say("single items beside readers")
        beside = _beside_readers(tiles, models.load(), new_directory(), singles)
    return Section(
        name="writing",
        title=f"{len(tiles):,} tiles, {len(photographs):,} photographs, {beside.written:,} single writes",
        comparisons=tuple(comparisons),
        figures=(
            *(
                Figure(f"{one.name}, of lookalike index", one.ratio.value, SHARE_OF_INDEXING, at_least=True)
                for one in comparisons
            ),
            Figure("readers' answers that were not 200", beside.failed, 0, at_least=False),
            Figure("stale answers", beside.stale, 0, at_least=False),
        ),
        notes=(
            f"Beside {_READERS} readers, who got {beside.read:,.0f} answers a second, an upsert with a picture took "
            f"{beside.upsert_ms:.1f} ms and a deletion {beside.delete_ms:.1f} ms (median, durable).",
        ),
    )


class _Beside:
    """What came of single writes beside readers."""

    def __init__(self) -> None:
        self.written = self.stale = self.failed = 0
        self.read = self.upsert_ms = self.delete_ms = 0.0


def _beside_readers(pictures: Sequence[bytes], embedder: Embedder, directory: Path, writes: int) -> _Beside:
    beside = _Beside()
    upserts: list[float] = []
    deletions: list[float] = []
    with _served(embedder, directory) as server, _Client(server) as writer, _Client(server) as other:
        writer.post({f"item-{number}": picture for number, picture in enumerate(pictures[:500])})
        asked = [get(server, "/v1/items/item-7/similar?k=12"), search(server, "/v1/search", pictures[3], 12)]
        with underway(server, asked, _READERS) as load:
            for number in range(writes):
                path = f"/v1/items/new-{number}"
                sent = json.dumps({"image": b64encode(pictures[-number - 1]).decode(), "attributes": {"n": number}})
                took, made = writer.timed("PUT", path, sent.encode())
                upserts.append(took)
                beside.stale += other.ask("GET", path).get("version") != made["version"]
                deletions.append(writer.timed("DELETE", path)[0])
                beside.stale += "version" in other.ask("GET", path)
            result = load.end()
    beside.written, beside.failed, beside.read = writes, result.failed, result.rate
    beside.upsert_ms, beside.delete_ms = (float(np.median(some)) * 1000 for some in (upserts, deletions))
    return beside


class _Client:
    """One connection to a server."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection(server.host, server.port, timeout=_TIMEOUT_SECONDS)

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> dict[str, Any]:
        """Return the answer's JSON object, an empty one where there is none. Raises BenchmarkFailed for a 5xx."""
        data = self._exchange(method, path, body, kind)
        answer: dict[str, Any] = json.loads(data) if data else {}
        return answer

    def timed(self, method: str, path: str, body: bytes | None = None) -> tuple[float, dict[str, Any]]:
        """Return how long an answer took, and its JSON object."""
        started = time.perf_counter()
        answer = self.ask(method, path, body)
        return time.perf_counter() - started, answer

    def post(self, pictures: dict[str, bytes]) -> None:
        """Write items, a line each. Raises BenchmarkFailed unless all are created."""
        lines = [
            json.dumps({"id": id_, "attributes": {}, "image": b64encode(data).decode()})
            for id_, data in pictures.items()
        ]
        told = self._exchange("POST", "/v1/items", "\n".join(lines).encode(), "application/x-ndjson").splitlines()
        if len(told) != len(lines) or not all(b'"created"' in line for line in told):
            raise BenchmarkFailed(f"Some items were not created: {told[-1].decode()}")

    def _exchange(self, method: str, path: str, body: bytes | None, kind: str) -> bytes:
        self._connection.request(method, path, body, {"Content-Type": kind})
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status >= http.client.INTERNAL_SERVER_ERROR:
            raise BenchmarkFailed(f"{method} {path} was answered with {answer.status}: {data.decode()}")
        return data

    def __enter__(self) -> "_Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _served(embedder: Embedder, directory: Path) -> Any:
    """Serve an empty catalogue of a model."""
    card = embedder.card
    LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes).close()
    return serving([sys.executable, "-m", "lookalike", "serve", "--catalogue", str(directory), "--port", "0"])


def _posted(pictures: Sequence[bytes], embedder: Embedder, new_directory: Callable[[], Path]) -> float:
    """Return the seconds in which a server has written all, that has written some before."""
    chunks = _chunks(pictures)
    with _served(embedder, new_directory()) as server, ThreadPoolExecutor(_CONNECTIONS) as pool:

        def post(numbers: range, prefix: str = "item") -> None:
            with _Client(server) as client:
                client.post({f"{prefix}-{number}": pictures[number] for number in numbers})

        list(pool.map(lambda part: post(range(min(_WARM, len(pictures))), part), ("warm-a", "warm-b")))
        return seconds(lambda: list(pool.map(post, chunks)))


def _chunks(pictures: Sequence[bytes]) -> list[range]:
    """Return which pictures go into each request."""
    chunks: list[range] = []
    start = size = 0
    for number, picture in enumerate(pictures):
        if number - start == _LINES or size + len(picture) > _MOST_BYTES:
            chunks.append(range(start, number))
            start, size = number, 0
        size += len(picture)
    return [*chunks, range(start, len(pictures))]


def _indexed(folder: Path, embedder: Embedder, new_directory: Callable[[], Path]) -> float:
    """Return the seconds in which a folder is indexed, published and all."""
    card = embedder.card
    with closing(LocalCatalogue.create(new_directory(), card.fingerprint, card.dim, card.classes)) as catalogue:
        return seconds(lambda: indexing.index(Folder(folder), embedder, catalogue))


def _saved(pictures: Sequence[bytes], folder: Path) -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        ending = "png" if picture.startswith(b"\x89PNG") else "jpg"
        (folder / f"{number:05}.{ending}").write_bytes(picture)
    return folder
