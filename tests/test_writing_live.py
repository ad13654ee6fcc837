"""Writing to a server of two workers: found at once by both, kept through kills, and no reader pays for it."""

import itertools
import json
import os
import shutil
import signal
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import deadly_events as events
import pytest
from live_server import COMMAND, Answer, LiveServer, live_server, wait_until

from benchmarks.harness.load import Underway, underway
from benchmarks.harness.processes import Server
from benchmarks.harness.queries import get, search
from indexer.catalogue.local import LocalCatalogue
from indexer.pipeline import indexing
from indexer.sources.fashion_mnist import FashionMNIST
from indexer.upkeep.verification import verify
from models.datasets.fashion_mnist import Split
from models.pictures.png import encode_png
from models.runtime import LiteRTEmbedder

JSON = {"Content-Type": "application/json"}
PNG = {"Content-Type": "image/png"}
LINES = {"Content-Type": "application/x-ndjson"}

MORTAL = (
    """
import os, sys
sys.path.insert(0, "tests")
from deadly_events import Death, kill_this_process

class Ordered(Death):
    # Kills the worker that comes to the nth event of a kind once a file of that name asks for it.
    def __init__(self):
        super().__init__("", 0)
        self.seen = 0

    def see(self, kind):
        order = os.path.join(os.environ["ORDERS"], kind)
        try:
            with open(order) as file:
                nth = int(file.read())
        except FileNotFoundError:
            return
        self.seen += 1
        if self.seen >= nth:
            try:
                os.rename(order, order + " done")
            except FileNotFoundError:
                return
            kill_this_process()

ordered = Ordered()
ordered.watch_files()

from indexer.catalogue.local import LocalCatalogue
from search_api.http.writes.repeats import Repeats

def seen_after(kind, method):
    def watched(*arguments, **named):
        result = method(*arguments, **named)
        ordered.see(kind)
        return result
    return watched

LocalCatalogue.upsert = seen_after("upserted", LocalCatalogue.upsert)
LocalCatalogue.delete = seen_after("deleted", LocalCatalogue.delete)
Repeats.answer = seen_after("kept", Repeats.answer)
"""
    + COMMAND
)

UPSERTED, DELETED, KEPT = "upserted", "deleted", "kept"
"""It is durable, and not answered; and its answer is kept for who repeats it."""

KILLS = [
    *((UPSERTED, nth) for nth in range(1, 6)),
    *((DELETED, nth) for nth in (1, 2)),
    (KEPT, 1),
    *((events.WAL_WRITE, nth) for nth in (1, 2, 4, 7, 12, 18)),
    *((events.WAL_SYNC, nth) for nth in (1, 2, 4)),
]


@pytest.fixture
def directory(small_catalogue: Path, tmp_path: Path) -> Path:
    """A copy of the small catalogue, to write to."""
    return Path(shutil.copytree(small_catalogue, tmp_path / "catalogue"))


@pytest.fixture(scope="module")
def tiles(test_split: Split) -> list[bytes]:
    """PNG files of tiles that are not in the small catalogue."""
    return [encode_png(image) for image in test_split.images[2000:2400]]


@contextmanager
def writable(directory: Path, tmp_path: Path) -> Iterator[tuple[LiveServer, Path]]:
    """Serve a catalogue with two workers that die when they are ordered to, by a file in the folder given."""
    orders = tmp_path / "orders"
    orders.mkdir()
    environment = {**os.environ, "ORDERS": str(orders)}
    options = ("--catalogue", directory, "--workers", "2")
    with live_server(tmp_path / "log", *options, command=MORTAL, environment=environment) as server:
        wait_until(lambda: len(server.workers()) == 2)
        yield server, orders


@contextmanager
def readers(server: LiveServer, png: bytes) -> Iterator[Underway]:
    """Ask for an item, what is similar and a picture over 4 connections while the block lasts."""
    at = Server(server.process.pid, "127.0.0.1", server.port, 0.0)
    asked = [
        get(at, "/v1/items/test-00007/similar?k=5"),
        search(at, "/v1/search", png, 5),
        get(at, "/v1/items?limit=5"),
    ]
    with underway(at, asked, 4) as load:
        yield load


def put(server: LiveServer, id_: str, image: bytes | None, attributes: dict[str, Any], **headers: str) -> Answer:
    sent = {"attributes": attributes} | ({} if image is None else {"image": b64encode(image).decode()})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.ask("PUT", f"/v1/items/{id_}", json.dumps(sent).encode(), {**JSON, **named})


def post(server: LiveServer, lines: list[dict[str, Any]], **headers: str) -> list[dict[str, Any]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = server.ask(
        "POST", "/v1/items", b"\n".join(json.dumps(line).encode() for line in lines), {**LINES, **named}
    )
    assert answer.status == 200, answer
    return [json.loads(line) for line in answer.body.splitlines()]


def everywhere(server: LiveServer, ask: Callable[[], Answer]) -> list[Answer]:
    """Ask the same over several connections at once, so that both workers answer."""
    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(lambda _: ask(), range(6)))


def test_what_is_written_is_found_by_every_worker_at_once(directory: Path, tmp_path: Path, tiles: list[bytes]) -> None:
    with writable(directory, tmp_path) as (server, _), readers(server, tiles[-1]) as load:
        for number, tile in enumerate(tiles[:8]):
            made = put(server, f"new-{number}", tile, {"number": number})
            assert made.status == 201
            for answer in everywhere(server, lambda number=number: server.get(f"/v1/items/new-{number}")):
                assert (answer.status, answer.json["version"]) == (200, made.json["version"])
            for answer in everywhere(server, lambda tile=tile: server.ask("POST", "/v1/search?k=1", tile, PNG)):
                assert answer.json["hits"][0]["item"]["id"] == f"new-{number}"
            changed = put(server, f"new-{number}", None, {"number": -number - 1})
            for answer in everywhere(server, lambda number=number: server.get(f"/v1/items/new-{number}")):
                assert answer.json["attributes"] == {"number": -number - 1}, changed
            if number % 2:
                assert server.ask("DELETE", f"/v1/items/new-{number}").status == 204
                for answer in everywhere(server, lambda number=number: server.get(f"/v1/items/new-{number}/similar")):
                    assert answer.status == 404
                for answer in everywhere(server, lambda tile=tile: server.ask("POST", "/v1/search?k=1", tile, PNG)):
                    assert answer.json["hits"][0]["item"]["id"] != f"new-{number}"
        result = load.end()
    assert result.failures == {}


class Client:
    """Writes one thing after another, and keeps what is acknowledged: attributes by id, None where it is gone."""

    def __init__(self, server: LiveServer, tiles: list[bytes]) -> None:
        self._server = server
        self._tiles = itertools.cycle(tiles)
        self._count = itertools.count()
        self.kept: dict[str, dict[str, Any] | None] = {}

    def write(self) -> None:
        """Write what comes next; every kind of writing has its turn. It must succeed whatever is killed meanwhile."""
        n = next(self._count)
        id_, before = f"item-{n // 5}", f"item-{n // 5 - 1}"
        attributes: dict[str, Any] = {"n": n}
        match n % 5:
            case 0:
                answer = put(self._server, id_, next(self._tiles), attributes, If_None_Match="*")
            case 1:
                version = self._server.get(f"/v1/items/{id_}").json["version"]
                answer = put(self._server, id_, None, attributes, If_Match=f'"{version}"')
            case 2:
                patch = json.dumps({"attributes": {"patched": n}}).encode()
                key = {"Idempotency-Key": f"key-{n}"}
                attributes = {**(self.kept[id_] or {}), "patched": n}
                answer = self._server.ask("PATCH", f"/v1/items/{id_}", patch, {**JSON, **key})
            case 3:
                if n > 5:
                    assert self._server.ask("DELETE", f"/v1/items/{before}").status == 204
                    self.kept[before] = None
                return
            case _:
                lines = [
                    {"id": f"{id_}-{m}", "attributes": attributes, "image": b64encode(next(self._tiles)).decode()}
                    for m in range(5)
                ]
                told = post(self._server, [*lines, {"id": f"{before}-0", "delete": True}])
                assert {line["status"] for line in told[:5]} <= {"created", "unchanged"}, told
                self.kept |= {f"{id_}-{m}": attributes for m in range(5)} | {f"{before}-0": None}
                return
        assert answer.status in {200, 201}, answer
        assert answer.json["attributes"] == attributes
        assert answer.json["version"] == self._server.get(f"/v1/items/{id_}").json["version"]
        self.kept[id_] = attributes

    def check(self, directory: Path) -> None:
        """Hold the catalogue to what was acknowledged."""
        with LocalCatalogue.open(directory) as catalogue:
            there = set(catalogue.ids())
            for id_, attributes in self.kept.items():
                assert (id_ in there) == (attributes is not None), id_
                if attributes is not None:
                    assert catalogue.get([id_])[0].attributes == attributes


def test_kills_in_the_middle_of_writing_lose_nothing(directory: Path, tmp_path: Path, tiles: list[bytes]) -> None:
    with writable(directory, tmp_path) as (server, orders), readers(server, tiles[-1]) as load:
        client = Client(server, tiles)
        for kind, nth in KILLS:
            before = set(server.workers())
            (orders / "draft").write_text(str(nth))
            (orders / "draft").rename(orders / kind)
            while (orders / kind).exists():
                client.write()
            wait_until(lambda before=before: set(server.workers()) - before and len(server.workers()) == 2)
        result = load.end()
        assert result.failures == {}, server.said()
        for pid in [server.process.pid, *server.workers()]:
            os.kill(pid, signal.SIGKILL)
        server.process.wait()
        said = server.said()
    client.check(directory)
    assert verify(directory).is_sound
    assert said.count("has died; another takes its place") >= len(KILLS)
    assert "Traceback" not in said


def test_two_that_write_one_version_to_two_workers_do_not_both_win(
    directory: Path, tmp_path: Path, tiles: list[bytes]
) -> None:
    with writable(directory, tmp_path) as (server, _):
        for turn in range(5):
            version = server.get("/v1/items/test-00007").json["version"]

            def write(number: int, turn: int = turn, version: str = version) -> int:
                answer = put(server, "test-00007", tiles[number], {"turn": turn, "by": number}, If_Match=f'"{version}"')
                return answer.status

            with ThreadPoolExecutor(4) as pool:
                assert sorted(pool.map(write, range(4))) == [200, 412, 412, 412]
        answers = everywhere(server, lambda: put(server, "once", tiles[0], {}, Idempotency_Key="same"))
        assert {answer.status for answer in answers} <= {201, 409}
        again = put(server, "once", tiles[0], {}, Idempotency_Key="same")
        assert (again.status, again.headers["idempotency-replayed"]) == (201, "true")


def test_serving_and_indexing_write_at_once(
    directory: Path, tmp_path: Path, tiles: list[bytes], embedder: LiteRTEmbedder, test_split: Split
) -> None:
    with writable(directory, tmp_path) as (server, _), readers(server, tiles[-1]) as load:
        client = Client(server, tiles)
        source = FashionMNIST(Split(test_split.images[:1500], test_split.labels[:1500]), "test")
        with LocalCatalogue.open(directory, embedder.card.fingerprint) as catalogue, ThreadPoolExecutor(1) as pool:
            run = pool.submit(indexing.index, source, embedder, catalogue)
            while not run.done():
                client.write()
            assert (run.result().added, run.result().failed) == (1200, 0)
            for _ in range(10):
                client.write()
        assert load.end().failures == {}
        assert server.get("/readyz").json["items"] == 1500 + sum(one is not None for one in client.kept.values())
    client.check(directory)


def test_who_reads_does_not_wait_for_who_writes(directory: Path, tmp_path: Path, tiles: list[bytes]) -> None:
    with writable(directory, tmp_path) as (server, _), ThreadPoolExecutor(8) as pool:
        with closing(apsw.Connection(str(directory / "catalogue.sqlite"))) as other:
            other.execute("BEGIN IMMEDIATE")
            begun = [pool.submit(put, server, f"new-{number}", tiles[number], {}) for number in range(8)]
            for answer in (
                *everywhere(server, lambda: server.get("/v1/items/test-00007/similar")),
                *everywhere(server, lambda: server.ask("POST", "/v1/search", tiles[0], PNG)),
            ):
                assert answer.status == 200
            assert not any(one.done() for one in begun)
            other.execute("ROLLBACK")
        assert [one.result().status for one in begun] == [201] * 8


def test_a_body_that_is_too_large_is_told_what_to_do(directory: Path, tmp_path: Path) -> None:
    with writable(directory, tmp_path) as (server, _):
        answer = server.ask("POST", "/v1/items", bytes(21 << 20), LINES)
        assert (answer.status, answer.json["code"]) == (413, "content-too-large")
        assert "several" in answer.json["detail"]
