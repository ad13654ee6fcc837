"""The real server in processes of its own: it starts, answers many at once, survives, and stops cleanly."""

import http.client
import io
import json
import os
import pty
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.catalogue.local import LocalCatalogue
from models.pictures.decoding import MAX_BYTES
from search_api.errors import AddressInUse, InvalidAddress
from search_api.server.listening import listen, url_of
from search_api.server.serving import serve

# Tests that are started in the background inherit that some signals are ignored; a person's server does not.
SERVER = """
import fcntl, json, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from models.errors import LookalikeError
from search_api.server.limits import Limits
from search_api.server.serving import serve

def make_app():
    import models
    from indexer.catalogue.local import LocalCatalogue
    from search_api.http.app import create_app
    from search_api.engine import Engine

    embedder = models.load()
    return create_app(lambda: Engine(embedder, LocalCatalogue.open(sys.argv[1], embedder.card.fingerprint)))

try:
    port, workers = int(sys.argv[2]), int(sys.argv[3])
    if len(sys.argv) > 5:
        os.setsid()
        fcntl.ioctl(int(sys.argv[5]), termios.TIOCSCTTY, 0)
    limits = Limits(**json.loads(sys.argv[4]))
    tell = lambda address: print(address, flush=True)
    serve(lambda: make_app, port=port, workers=workers, limits=limits, on_ready=tell)
except LookalikeError as error:
    print(f"{error.code}: {error}", file=sys.stderr)
    sys.exit(1)
print("loaded in the parent:", *sorted({"apsw", "faiss", "flask", "PIL", "ai_edge_litert"} & set(sys.modules)))
"""

PATIENCE = 300.0


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


@dataclass
class Server:
    process: subprocess.Popen[str]
    port: int

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            data = response.read()
            return response.status, json.loads(data) if "json" in response.headers["Content-Type"] else data
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """The processes that answer; the one between them and the server only forks them."""
        return [worker for forks in children_of(self.process.pid) for worker in children_of(forks)]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


def start(
    catalogue: Path,
    project: Path,
    port: int = 0,
    workers: int = 1,
    terminal: int | None = None,
    limits: Mapping[str, float] | None = None,
) -> subprocess.Popen[str]:
    arguments = [str(catalogue), str(port), str(workers), json.dumps(dict(limits or {}))]
    return subprocess.Popen(
        [sys.executable, "-c", SERVER, *arguments, *([str(terminal)] if terminal else [])],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=() if terminal is None else (terminal,),
    )


@contextmanager
def running(
    catalogue: Path,
    project: Path,
    workers: int = 1,
    terminal: int | None = None,
    limits: Mapping[str, float] | None = None,
) -> Iterator[Server]:
    process = start(catalogue, project, workers=workers, terminal=terminal, limits=limits)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), process.communicate(timeout=PATIENCE)
        yield Server(process, int(address.rpartition(":")[2]))
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def server(small_catalogue: Path, project: Path) -> Iterator[Server]:
    """A server for those tests that leave it as it is."""
    with running(small_catalogue, project) as one:
        yield one


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def picture(server: Server, number: int) -> bytes:
    status, data = server.request("GET", f"/v1/items/test-{number:05d}/image")
    assert status == 200
    return bytes(data)


# --- answering ---


def test_it_is_ready_when_it_says_so(server: Server) -> None:
    status, ready = server.request("GET", "/readyz")
    assert (status, ready["status"], ready["items"]) == (200, "ready", 300)


def test_many_at_once_get_the_answers_that_one_gets(server: Server) -> None:
    pictures = [picture(server, number) for number in range(32)]

    def search(data: bytes) -> Any:
        status, answer = server.request("POST", "/v1/search?k=20", data, Content_Type="image/png")
        assert status == 200
        del answer["took_ms"]
        return answer

    one_by_one = [search(data) for data in pictures]
    with ThreadPoolExecutor(16) as pool:
        for _ in range(4):
            assert list(pool.map(search, pictures)) == one_by_one


def test_one_connection_serves_many_requests(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        for number in range(5):
            connection.request("GET", f"/v1/items/test-{number:05d}")
            assert json.loads(connection.getresponse().read())["id"] == f"test-{number:05d}"
            connection.request("POST", "/v1/search", b"no picture", {"Content-Type": "image/png"})
            assert connection.getresponse().read().startswith(b'{"type"')
    finally:
        connection.close()


def test_a_body_may_come_in_chunks(server: Server) -> None:
    data = picture(server, 5)

    def send(chunks: list[bytes]) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        try:
            connection.request("POST", "/v1/search", iter(chunks), {"Content-Type": "image/png"}, encode_chunked=True)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    status, answer = send([data[:100], data[100:101], data[101:]])
    assert (status, answer["hits"][0]["item"]["id"]) == (200, "test-00005")
    status, problem = send([])
    assert (status, problem["code"]) == (400, "no-query")
    status, problem = send([b"\0" * (MAX_BYTES // 4)] * 5)
    assert (status, problem["code"]) == (413, "picture-too-large")


def raw(server: Server, request: bytes) -> bytes:
    """Send bytes, close the sending side, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def test_a_client_may_ask_whether_to_go_on(server: Server) -> None:
    answer = raw(
        server,
        b"POST /v1/search HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: image/png\r\n"
        b"Content-Length: 4\r\nConnection: close\r\n\r\nabcd",
    )
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 415 ")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"X-Y: z\r\n" * 200 + b"\r\n", 431),
        (b"POST /v1/search HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
        (b"POST /v1/search HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
    ],
)
def test_what_is_not_http_is_a_problem_too(server: Server, request_bytes: bytes, status: int) -> None:
    head, _, body = raw(server, request_bytes).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status


def test_headers_of_proxies_are_not_believed(server: Server) -> None:
    answer = raw(
        server,
        b"GET /v1/items/test-00001 HTTP/1.1\r\nHost: x\r\nSCRIPT_NAME: /evil\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-Host: evil\r\nX-Forwarded-Prefix: /evil\r\nConnection: close\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"evil" not in answer


def test_mangled_bytes_never_break_the_server(server: Server) -> None:
    data = picture(server, 9)
    requests = [
        b"POST /v1/search?k=3 HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(data)
        + data,
        b"GET /v1/items/test-00001/similar?k=5 HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n",
        b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n"
        b'{"item_id": "test-00001"}',
    ]
    chance = random.Random(7)
    statuses = set()
    for _ in range(300):
        request = bytearray(chance.choice(requests))
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(request))
            if chance.random() < 0.5:
                request[place] = chance.randrange(256)
            else:
                del request[place : place + chance.randrange(1, 12)]
        answer = raw(server, bytes(request))
        if answer:  # a request that never ends has no answer
            status = int(answer.split(b" ", 2)[1])
            assert status < 500, bytes(request)
            statuses.add(status)
    assert {200, 400, 404} <= statuses
    assert server.request("GET", "/readyz")[0] == 200


def test_a_client_that_hangs_up_does_no_harm(server: Server) -> None:
    head = b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 100000\r\n\r\n"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(head + b"\x89PNG")
    assert server.request("GET", "/readyz")[0] == 200


def test_silent_clients_do_not_keep_others_out(server: Server) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) for _ in range(40)]
    try:
        assert server.request("GET", "/readyz")[0] == 200
    finally:
        for connection in silent:
            connection.close()


def test_large_pictures_leave_no_memory_behind(small_catalogue: Path, project: Path) -> None:
    pixels = np.full((4800, 5000, 3), 253, np.uint8)
    pixels[800:4000, 1000:4000] = 40
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)

    with running(small_catalogue, project) as one:
        (child,) = one.workers()

        def resident() -> int:
            status = Path(f"/proc/{child}/status").read_text()
            return int(status.partition("VmRSS:")[2].split()[0]) // 1024

        def search(_: int) -> int:
            return one.request("POST", "/v1/search", file.getvalue(), Content_Type="image/png")[0]

        before = resident()
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(search, range(8))) == {200}
        assert resident() - before < 70, "MiB"  # one picture is 69 MiB of pixels


def test_new_items_are_found_without_a_restart(
    tmp_path: Path,
    small_catalogue: Path,
    project: Path,
) -> None:
    import shutil

    copy = tmp_path / "catalogue"
    shutil.copytree(small_catalogue, copy)
    with running(copy, project) as one:
        before = one.request("GET", "/readyz")[1]
        with LocalCatalogue.open(copy) as catalogue:
            catalogue.delete(["test-00000"])
            catalogue.publish()
        after = one.request("GET", "/readyz")[1]
        assert (before["items"], after["items"]) == (300, 299)
        assert after["generation"] > before["generation"]
        assert one.request("GET", "/v1/items/test-00000")[0] == 404


# --- starting and stopping ---


def half_a_search(server: Server, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    head = f"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data[:50])
    return connection


def refuses(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # it was closing just then
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, None])
def test_requests_being_answered_end_before_it_stops(
    small_catalogue: Path,
    project: Path,
    number: int | None,
) -> None:
    """Without a signal its terminal is closed."""
    terminal, its_side = pty.openpty()
    with closing(os.fdopen(terminal, "rb")) as window, running(small_catalogue, project, terminal=its_side) as one:
        os.close(its_side)
        data = picture(one, 1)
        with half_a_search(one, data) as connection:
            assert one.request("GET", "/healthz")[0] == 200  # by now the first request is being read
            if number == signal.SIGINT:  # a terminal tells all processes
                for child in one.workers():
                    os.kill(child, number)
            if number is None:
                window.close()
            else:
                one.process.send_signal(number)
            wait_until(lambda: refuses(one))
            connection.sendall(data[50:])
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b'"test-00001"' in answer
        out, err = one.process.communicate(timeout=PATIENCE)
        assert one.process.returncode == 0
        assert out.strip() == "loaded in the parent:"
        assert err == ""


def test_a_worker_that_dies_is_replaced(small_catalogue: Path, project: Path) -> None:
    with running(small_catalogue, project) as one:
        (old,) = one.workers()
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: one.workers() not in ([], [old]))
        assert one.request("GET", "/readyz")[0] == 200
        status, out, _ = one.stop()
        assert status == 0
        assert "http" not in out  # the address is told once


def test_several_workers_answer_and_say_once_that_they_are_ready(
    small_catalogue: Path,
    project: Path,
) -> None:
    with running(small_catalogue, project, workers=2) as one:
        wait_until(lambda: len(one.workers()) == 2)
        data = picture(one, 3)
        for _ in range(10):
            status, answer = one.request("POST", "/v1/search", data, Content_Type="image/png")
            assert (status, answer["hits"][0]["item"]["id"]) == (200, "test-00003")
        status, out, err = one.stop()
        assert (status, err) == (0, "")
        assert "http" not in out


def test_a_port_in_use_is_named(server: Server, small_catalogue: Path, project: Path) -> None:
    second = start(small_catalogue, project, port=server.port)
    out, err = second.communicate(timeout=PATIENCE)
    assert (second.returncode, out) == (1, "")
    assert err.startswith("address-in-use: ")
    assert str(server.port) in err
    assert server.request("GET", "/readyz")[0] == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_a_missing_catalogue_stops_it_with_one_line(tmp_path: Path, project: Path, workers: int) -> None:
    process = start(tmp_path / "none", project, workers=workers)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    (line,) = err.splitlines()
    assert str(tmp_path / "none") in line


def test_a_catalogue_that_goes_away_stops_it_instead_of_restarting_for_ever(
    tmp_path: Path,
    small_catalogue: Path,
    project: Path,
) -> None:
    import shutil

    copy = tmp_path / "catalogue"
    shutil.copytree(small_catalogue, copy)
    with running(copy, project) as one:
        shutil.rmtree(copy)
        (old,) = one.workers()
        os.kill(old, signal.SIGKILL)
        _, err = one.process.communicate(timeout=PATIENCE)
        assert one.process.returncode == 1
        assert "no catalogue" in err.splitlines()[-1]
        assert "Traceback" not in err


# --- addresses ---


def test_a_port_of_its_own_choice_is_told() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(AddressInUse, match=str(listener.getsockname()[1])):
            listen("127.0.0.1", listener.getsockname()[1])


@pytest.mark.parametrize("host", ["", "no such host", "192.0.2.1", "a..b", "a" * 300])
def test_hosts_that_are_none_of_this_machine(host: str) -> None:
    with pytest.raises(InvalidAddress):
        listen(host, 0)


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_ports_that_are_none(port: int) -> None:
    with pytest.raises(InvalidAddress, match="not a port"):
        listen("127.0.0.1", port)


def test_at_least_one_thread_and_worker() -> None:
    for wrong in ({"threads": 0}, {"workers": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            serve(lambda: pytest.fail("never called"), **wrong)


# --- slow clients ---

HEAD = b"POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 1000000\r\n\r\n"


def test_a_request_that_trickles_in_is_cut_off_at_its_deadline(small_catalogue: Path, project: Path) -> None:
    with (
        running(small_catalogue, project, limits={"receive": 0.3}) as one,
        socket.create_connection(("127.0.0.1", one.port), timeout=PATIENCE) as connection,
    ):
        connection.sendall(HEAD)
        while not select.select([connection], [], [], 0.02)[0]:
            connection.sendall(b"x")  # there is always a byte to read, so only a deadline for the whole can end it
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_an_answer_that_is_not_read_is_given_up(small_catalogue: Path, project: Path) -> None:
    with (
        running(small_catalogue, project, limits={"send": 0.1}) as one,
        socket.create_connection(("127.0.0.1", one.port), timeout=PATIENCE) as connection,
    ):
        asked = b"GET /v1/items?limit=100 HTTP/1.1\r\nHost: x\r\n\r\n" * 100

        def ask_on() -> None:
            while True:
                connection.sendall(asked)

        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            ask_on()
        assert one.request("GET", "/readyz")[0] == 200


def test_a_request_in_time_is_read_whole(server: Server) -> None:
    data = picture(server, 7)
    with half_a_search(server, data) as connection:
        for byte in data[50:-1]:
            connection.sendall(bytes([byte]))
        assert not select.select([connection], [], [], 0)[0]
        connection.sendall(data[-1:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


# --- workers that fail, around a small application ---

FAILING = """
import json, os, sys, time
from search_api.server.limits import Limits
from search_api.server.serving import serve

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/die" or path == "/once" and not os.path.exists(sys.argv[1]):
        open(sys.argv[1], "a").close()
        os.kill(os.getpid(), 9)
    if path == "/hang":
        time.sleep(3600)
    if path == "/raise":
        raise ValueError("on purpose")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"pid": os.getpid()}).encode()]

limits = Limits(work=0.5)
serve(lambda: lambda: application, port=0, limits=limits, on_ready=lambda address: print(address, flush=True))
"""


@pytest.fixture
def failing(project: Path, tmp_path: Path) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-c", FAILING, str(tmp_path / "died")],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        yield Server(process, int(address.rpartition(":")[2]))
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=PATIENCE)


def test_a_request_whose_worker_dies_is_answered_by_another(failing: Server) -> None:
    assert failing.request("GET", "/once")[0] == 200
    assert "has died" in failing.stop()[2]


@pytest.mark.parametrize("path", ["/die", "/hang", "/raise"])
def test_a_request_that_no_worker_survives_is_answered_all_the_same(failing: Server, path: str) -> None:
    status, problem = failing.request("GET", path)
    assert (status, problem["code"]) == (500, "internal-error")
    assert failing.request("GET", "/fine")[0] == 200
    assert failing.stop()[0] == 0


def test_the_process_that_forks_workers_may_die_too(failing: Server) -> None:
    (forks,) = children_of(failing.process.pid)
    before = failing.request("GET", "/fine")[1]["pid"]
    os.kill(forks, signal.SIGKILL)
    wait_until(lambda: children_of(failing.process.pid) not in ([], [forks]))
    wait_until(lambda: failing.request("GET", "/fine")[1]["pid"] != before)
    assert failing.request("GET", "/once")[0] == 200
    assert failing.stop()[0] == 0
