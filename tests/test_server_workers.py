"""Kills of workers, reloads and rolling restarts cost no request; and what the server tells of all its workers."""

import itertools
import json
import os
import re
import shutil
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from live_server import COMMAND, LiveServer, answers_in, live_server, received, wait_until

from benchmarks.harness.load import Underway, underway
from benchmarks.harness.processes import Server
from benchmarks.harness.queries import get, search
from indexer.catalogue.local import LocalCatalogue
from indexer.predictions import predicted_class
from indexer.records import Record
from indexer.upkeep.reindexing import reindex
from models import PRETRAINED
from models.runtime import LiteRTEmbedder

SIMILAR = "/v1/items/test-00007/similar?k=5"
PNG = {"Content-Type": "image/png"}


@pytest.fixture
def directory(small_catalogue: Path, tmp_path: Path) -> Path:
    """A copy of the small catalogue, to change."""
    return Path(shutil.copytree(small_catalogue, tmp_path / "catalogue"))


@pytest.fixture(scope="module")
def server(small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of two workers, which tests leave with two workers."""
    log = tmp_path_factory.mktemp("workers") / "log"
    with live_server(log, "--catalogue", small_catalogue, "--workers", "2") as one:
        wait_until(lambda: len(one.workers()) == 2)
        yield one


@contextmanager
def busy(server: LiveServer, png: bytes) -> Iterator[Underway]:
    """Ask for pictures and for what is similar over 6 connections while the block lasts."""
    at = Server(server.process.pid, "127.0.0.1", server.port, 0.0)
    requests = [search(at, "/v1/search", png, 5), get(at, SIMILAR), get(at, "/v1/items/test-00003")]
    with underway(at, requests, 6) as load:
        yield load


def kill_a_worker(server: LiveServer) -> None:
    """Kill one worker, and wait until there are two again that both answer."""
    wait_until(lambda: len(server.workers()) == 2)
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(set(server.workers()) - {before[0]}) == 2)
    wait_until(lambda: metrics(server)["lookalike_workers"] == 2)


def metrics(server: LiveServer) -> Mapping[str, float]:
    """Return the values of /metrics by name and labels."""
    lines = server.get("/metrics").body.decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def reload(server: LiveServer) -> None:
    """Tell the server to reload, and wait until it has."""
    before = metrics(server)["lookalike_reloads_total"]
    server.tell(signal.SIGHUP)
    wait_until(lambda: metrics(server)["lookalike_reloads_total"] == before + 1)


# --- workers that die ---


@contextmanager
def stopped(workers: list[int]) -> Iterator[None]:
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGCONT)


def test_requests_that_a_killed_worker_has_in_hand_are_answered_by_another(server: LiveServer, png: bytes) -> None:
    wait_until(lambda: len(server.workers()) == 2)
    killed, other = server.workers()
    pictures = b"POST /v1/search?k=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: image/png\r\n"
    pictures += b"Content-Length: %d\r\n\r\n" % len(png) + png
    similar = f"GET {SIMILAR} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    with ExitStack() as stack:
        with stopped([killed, other]):
            connections = [stack.enter_context(server.connect()) for _ in range(8)]
            for connection, request in zip(connections, itertools.cycle([pictures, similar]), strict=False):
                connection.sendall(request)
            busy_lanes = 'lookalike_lane_busy{lane="picture"}', 'lookalike_lane_busy{lane="quick"}'
            assert server.get("/healthz").status == 200  # read after all that came before it
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda: killed not in server.workers())
        for connection in connections:
            (answer,) = answers_in(received(connection))
            assert answer.status == 200, answer
    after = metrics(server)
    assert [after[lane] for lane in busy_lanes] == [0, 0]
    wait_until(lambda: len(server.workers()) == 2)


def test_workers_killed_one_after_the_other_lose_no_request(server: LiveServer, png: bytes) -> None:
    with busy(server, png) as load:
        for _ in range(6):
            kill_a_worker(server)
        result = load.end()
    assert result.failures == {}
    assert result.answered


def test_all_workers_killed_at_once_are_replaced(server: LiveServer, png: bytes) -> None:
    before = set(server.workers())
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(set(server.workers()) - before) == 2)
    assert server.ask("POST", "/v1/search", png, PNG).json["hits"]
    assert server.get("/readyz").json["status"] == "ready"


def test_workers_that_died_are_counted_and_told(server: LiveServer) -> None:
    before = metrics(server)["lookalike_worker_restarts_total"]
    kill_a_worker(server)
    assert metrics(server)["lookalike_worker_restarts_total"] == before + 1
    assert "has died; another takes its place" in server.said()
    assert "Traceback" not in server.said()


# --- newer catalogues and models ---


def models_of(server: LiveServer) -> set[str]:
    """Return the models that answers come from, over enough requests at once to meet every worker."""
    with ThreadPoolExecutor(8) as pool:
        return {answer.json["model"] for answer in pool.map(server.get, [SIMILAR] * 32)}


def test_after_a_reindexing_a_new_worker_has_the_old_catalogue_until_a_reload(
    directory: Path, tmp_path: Path, embedder: LiteRTEmbedder, other: LiteRTEmbedder, other_bundle: Path, png: bytes
) -> None:
    old, new = embedder.card.fingerprint, other.card.fingerprint
    bundle = Path(shutil.copytree(PRETRAINED, tmp_path / "bundle"))
    with live_server(tmp_path / "log", "--catalogue", directory, "--model", bundle, "--workers", "2") as one:
        assert one.get("/readyz").json["newer_catalogue"] is False
        answer = one.get(SIMILAR).json["hits"]
        reindex(directory, other)
        bundle.rename(tmp_path / "was")
        shutil.copytree(other_bundle, bundle)
        for _ in range(3):
            ready = one.get("/readyz")
            assert (ready.status, ready.json["model"], ready.json["newer_catalogue"]) == (200, old, True)
            assert models_of(one) == {old}
            assert one.get(SIMILAR).json["hits"] == answer
            assert one.ask("POST", "/v1/search", png, PNG).json["model"] == old
            kill_a_worker(one)
        with busy(one, png) as load:
            reload(one)
            result = load.end()
        assert result.failures == {}
        ready = one.get("/readyz")
        assert (ready.status, ready.json["model"], ready.json["newer_catalogue"]) == (200, new, False)
        assert models_of(one) == {new}
        kill_a_worker(one)
        assert models_of(one) == {new}
        assert "Traceback" not in one.said()


def test_a_swapped_model_that_does_not_fit_is_not_loaded(
    directory: Path, tmp_path: Path, embedder: LiteRTEmbedder, other_bundle: Path, png: bytes
) -> None:
    old = embedder.card.fingerprint
    bundle = Path(shutil.copytree(PRETRAINED, tmp_path / "bundle"))
    with live_server(tmp_path / "log", "--catalogue", directory, "--model", bundle, "--workers", "2") as one:
        bundle.rename(tmp_path / "was")
        shutil.copytree(other_bundle, bundle)  # the catalogue is still the old model's
        kill_a_worker(one)
        assert models_of(one) == {old}
        with busy(one, png) as load:
            one.tell(signal.SIGHUP)
            wait_until(lambda: metrics(one)["lookalike_failed_reloads_total"] == 1)
            result = load.end()
        assert result.failures == {}
        assert models_of(one) == {old}
        assert re.search(r"goes on with what it had: \S.*\.", one.said())
        kill_a_worker(one)
        assert models_of(one) == {old}
        assert "Traceback" not in one.said()


def test_a_bundle_and_a_catalogue_that_are_gone_are_missed_by_nobody_until_a_reload(
    directory: Path, tmp_path: Path, embedder: LiteRTEmbedder
) -> None:
    bundle = Path(shutil.copytree(PRETRAINED, tmp_path / "bundle"))
    with live_server(tmp_path / "log", "--catalogue", directory, "--model", bundle, "--workers", "2") as one:
        shutil.rmtree(bundle)
        kill_a_worker(one)
        assert models_of(one) == {embedder.card.fingerprint}
        one.tell(signal.SIGHUP)
        wait_until(lambda: metrics(one)["lookalike_failed_reloads_total"] == 1)
        assert models_of(one) == {embedder.card.fingerprint}


def test_reloads_lose_no_request(server: LiveServer, png: bytes) -> None:
    with busy(server, png) as load:
        for _ in range(4):
            before = set(server.workers())
            reload(server)
            wait_until(lambda before=before: len(server.workers()) == 2 and not before & set(server.workers()))
        result = load.end()
    assert result.failures == {}
    assert result.answered
    assert "Traceback" not in server.said()


def test_two_reloads_at_once_end_with_two_workers(server: LiveServer) -> None:
    before = set(server.workers())
    for _ in range(5):
        server.tell(signal.SIGHUP)
    wait_until(lambda: len(server.workers()) == 2 and not before & set(server.workers()))
    assert server.get(SIMILAR).status == 200


# --- rolling restarts ---


def test_servers_that_share_a_port_hand_over_without_a_failed_request(
    small_catalogue: Path, tmp_path: Path, png: bytes
) -> None:
    with ExitStack() as servers:

        def start(number: int, port: int) -> LiveServer:
            options = "--catalogue", small_catalogue, "--reuse-port", "--workers", "1"
            return servers.enter_context(live_server(tmp_path / f"log-{number}", *options, port=port))

        current = start(0, 0)
        load = servers.enter_context(busy(current, png))
        for number in range(1, 4):
            following = start(number, current.port)
            assert following.port == current.port
            assert current.end() == 0
            assert "Traceback" not in current.said()
            assert following.get(SIMILAR).status == 200
            current = following
        result = load.end()
        assert result.failures == {}
        assert result.answered


def test_a_port_is_shared_only_when_all_say_so(server: LiveServer, small_catalogue: Path, tmp_path: Path) -> None:
    second = live_server(tmp_path / "log", "--catalogue", small_catalogue, "--reuse-port", port=server.port)
    with pytest.raises(AssertionError, match=str(server.port)), second:
        pass


# --- behind a proxy ---

SLASHED = "coats/long 1%2F?#"
QUOTED = "coats%2Flong%201%252F%3F%23"


@pytest.fixture(scope="module")
def shop(small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue with an id that holds everything that means something in addresses."""
    directory = Path(shutil.copytree(small_catalogue, tmp_path_factory.mktemp("shop") / "catalogue"))
    with LocalCatalogue.open(directory) as catalogue:
        vector = catalogue.vectors(["test-00007"])[0]
        display = catalogue.display("test-00007")
        catalogue.upsert(
            [
                Record(SLASHED, predicted_class("Coat", 1.0), vector, display),
                Record("coats", predicted_class("Coat", 1.0), vector, display),
            ]
        )
        catalogue.publish()
    return directory


@pytest.fixture(scope="module")
def proxied(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server behind a proxy at this machine's address, under /vs."""
    log = tmp_path_factory.mktemp("proxied") / "log"
    options = "--prefix", "/vs", "--trusted-proxy", "127.0.0.1", "--access-log", log.with_name("access.log")
    with live_server(log, "--catalogue", shop, *options) as one:
        yield one


@pytest.fixture(scope="module")
def unproxied(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that trusts another proxy only."""
    log = tmp_path_factory.mktemp("unproxied") / "log"
    options = "--trusted-proxy", "192.0.2.0/24", "--access-log", "-"
    with live_server(log, "--catalogue", shop, *options) as one:
        yield one


@pytest.mark.parametrize("before", ["/vs", ""])
def test_ids_with_slashes_are_found_behind_a_prefix(proxied: LiveServer, before: str) -> None:
    found = proxied.get(f"{before}/v1/items/{QUOTED}")
    assert (found.status, found.json["id"]) == (200, SLASHED)
    address = found.json["picture"]["url"]
    assert address == f"/vs/v1/items/{QUOTED}/image"
    assert proxied.get(address).headers["content-type"] == "image/png"
    assert proxied.get(f"{before}/v1/items/{QUOTED}/similar").json["hits"]
    page = proxied.get(f"{before}/items/{QUOTED}")
    assert page.status == 200
    links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.body.decode())
    assert links
    assert all(link.startswith("/vs/") for link in links)


def test_a_prefix_is_not_taken_for_the_beginning_of_a_word(proxied: LiveServer) -> None:
    assert proxied.get("/vsx/healthz").status == 404
    assert proxied.get("/vs/vs/healthz").status == 404


def test_what_a_trusted_proxy_tells_is_believed(proxied: LiveServer) -> None:
    told = {
        "X_Forwarded_Prefix": "/shop/search",
        "X_Forwarded_For": "6.6.6.6, 203.0.113.9",
        "X_Request_Id": "from-proxy-1",
    }
    found = proxied.get(f"/v1/items/{QUOTED}", **told)
    assert found.json["picture"]["url"] == f"/shop/search/v1/items/{QUOTED}/image"
    assert found.headers["x-request-id"] == "from-proxy-1"
    line = logged(proxied.log.with_name("access.log"), "from-proxy-1")
    assert line["client"] == "203.0.113.9"


@pytest.mark.parametrize(
    "prefix", ["//evil.example", "https://evil.example", "/a b", '/"><script>', "/a\\b", "/../..", "/vs/%2e%2e"]
)
def test_a_prefix_that_is_none_is_not_believed(proxied: LiveServer, prefix: str) -> None:
    found = proxied.get("/v1/items/test-00001", X_Forwarded_Prefix=prefix)
    assert found.json["picture"]["url"] == "/vs/v1/items/test-00001/image"


def test_what_anybody_else_tells_is_not_believed(unproxied: LiveServer) -> None:
    told = {
        "X_Forwarded_Prefix": "/evil",
        "X_Forwarded_For": "6.6.6.6",
        "X_Forwarded_Host": "evil",
        "X_Request_Id": "own",
    }
    found = unproxied.get(f"/v1/items/{QUOTED}", **told)
    assert found.json["picture"]["url"] == f"/v1/items/{QUOTED}/image"
    assert b"evil" not in unproxied.get("/", **told).body
    assert logged(unproxied.log, "own")["client"] == "127.0.0.1"


# --- the access log ---


def logged(log: Path, request_id: str) -> Any:
    """Wait for the line of a request."""
    found: list[Any] = []

    def there() -> bool:
        lines = [line for line in log.read_text().splitlines(keepends=True) if line.startswith("{")]
        found[:] = [
            entry for line in lines if line.endswith("\n") and (entry := json.loads(line))["request_id"] == request_id
        ]
        return bool(found)

    wait_until(there)
    return found[0]


def test_a_line_of_the_access_log_says_what_was_asked_and_answered(
    proxied: LiveServer, embedder: LiteRTEmbedder
) -> None:
    answer = proxied.get("/vs/v1/items/test-00001/similar?k=3")
    line = logged(proxied.log.with_name("access.log"), answer.headers["x-request-id"])
    assert (line["method"], line["path"]) == ("GET", "/vs/v1/items/test-00001/similar?k=3")
    assert (line["status"], line["bytes"]) == (200, len(answer.body))
    assert line["model"] == embedder.card.fingerprint
    assert line["state"] == answer.headers["lookalike-state"]
    assert line["ms"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


@pytest.mark.parametrize("status", [400, 404, 413, 415])
def test_refusals_are_logged_too(proxied: LiveServer, status: int) -> None:
    path = "/vs/v1/items/none" if status == 404 else "/vs/v1/search"
    headers = {"X-Request-Id": f"refused-{status}"}
    body: bytes | None = None
    if status == 413:
        body, headers["Content-Type"] = bytes(24 * 2**20), "image/png"
    elif status == 415:
        body, headers["Content-Encoding"] = b"abc", "gzip"
    answer = proxied.ask("GET" if status == 404 else "POST", path, body, headers)
    assert answer.status == status
    assert answer.headers["x-request-id"] == f"refused-{status}"
    line = logged(proxied.log.with_name("access.log"), f"refused-{status}")
    assert (line["status"], line["path"]) == (status, path)


@pytest.mark.parametrize("wrong", ["", "a b", "x" * 200, 'a"b', "ü"])
def test_a_request_id_that_is_not_sane_is_replaced(proxied: LiveServer, wrong: str) -> None:
    made = proxied.get("/vs/healthz", X_Request_Id=wrong).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-zA-Z._-]{4,64}", made)
    assert made != proxied.get("/vs/healthz").headers["x-request-id"]


def test_an_access_log_that_was_moved_away_is_begun_anew_at_a_reload(small_catalogue: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with live_server(tmp_path / "log", "--catalogue", small_catalogue, "--access-log", log) as one:
        logged(log, one.get("/healthz").headers["x-request-id"])
        log.rename(tmp_path / "access.log.1")
        reload(one)
        logged(log, one.get("/healthz").headers["x-request-id"])


# --- metrics ---


def test_metrics_are_those_of_all_workers(server: LiveServer, png: bytes) -> None:
    similar = 'lookalike_requests_total{route="/v1/items/<item_id:item_id>/similar",status="200"}'
    missing = 'lookalike_requests_total{route="/v1/items/<item_id:item_id>",status="404"}'
    names = similar, missing, 'lookalike_step_seconds_count{step="embed"}'
    server.get(SIMILAR)
    server.get("/v1/items/none")
    server.ask("POST", "/v1/search", png, PNG)
    before = metrics(server)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(server.get, [SIMILAR] * 40))
        list(pool.map(server.get, ["/v1/items/none"] * 10))
        list(pool.map(lambda _: server.ask("POST", "/v1/search", png, PNG), range(20)))
    for _ in range(5):
        after = metrics(server)
        assert [after[name] - before[name] for name in names] == [40, 10, 20]
    assert after["lookalike_items"] == 300
    assert after["lookalike_workers"] == 2


def test_what_clients_make_up_is_no_label(server: LiveServer) -> None:
    for path in ("/made-up-1", "/v1/items/made-up-2", "/v1/items/made-up-3/similar", "/v1/search?made=up"):
        server.get(path)
    server.ask("MADEUP", "/v1/items")
    server.exchange(b"made up\r\n\r\n")
    assert "made" not in server.get("/metrics").body.decode().lower()


# --- what it needs of the machine ---

READ_ONLY = """
import os, sys
def watched(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        if not str(arguments[0]).startswith("/dev/") and not isinstance(arguments[0], int):
            os.write(2, f"wrote to {arguments[0]}\\n".encode())
    elif event in ("os.mkdir", "os.rename", "os.remove", "tempfile.mkstemp", "tempfile.mkdtemp"):
        os.write(2, f"{event} {arguments}\\n".encode())
sys.addaudithook(watched)
"""


def test_no_file_is_written_and_no_temporary_directory_needed(
    small_catalogue: Path, tmp_path: Path, png: bytes
) -> None:
    environment = {**os.environ, "TMPDIR": "/nowhere", "HOME": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1"}
    options = "--catalogue", small_catalogue, "--workers", "2"
    with live_server(tmp_path / "log", *options, command=READ_ONLY + COMMAND, environment=environment) as one:
        assert one.ask("POST", "/v1/search", png, PNG).json["hits"]
        at = Server(one.process.pid, "127.0.0.1", one.port, 0.0)
        form = search(at, "/v1/search", png + bytes(600_000), 3)  # more than Werkzeug keeps in memory by itself
        answers_in(one.exchange(form))
        kill_a_worker(one)
        reload(one)
        assert one.get(SIMILAR).json["hits"]
        assert one.end() == 0
        assert re.findall(r"^(?:wrote|os\.|tempfile).*", one.said(), re.MULTILINE) == []
