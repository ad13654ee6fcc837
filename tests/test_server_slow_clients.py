"""Clients that send or read slowly, or not at all, keep nobody waiting; and what does not fit is refused at once."""

import io
import os
import re
import select
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from live_server import COMMAND, PATIENCE, LiveServer, answers_in, assert_problem, live_server, received, wait_until
from PIL import Image

CLIENTS = 64
"""Far more than a server has threads."""

FOREVER = 3600.0
HOST = b"Host: x\r\n"
SIMILAR = "/v1/items/test-00042/similar?k=5"
POST = b"POST /v1/search?k=3 HTTP/1.1\r\n" + HOST + b"Content-Type: image/png\r\n"

SLOW: dict[str, bytes] = {
    "nothing": b"",
    "half a request line": b"GET /heal",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: ",
    "a head without its end": b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
    "a byte of a body": POST + b"Content-Length: 100000\r\n\r\n\x89",
    "a byte of a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n\x89",
    "half a size of a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nff",
    "all but the last byte": POST + b"Content-Length: 100000\r\n\r\n" + bytes(99_999),
    "no word after it was told to go on": POST + b"Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n",
}
"""What a client sends before it falls silent."""

LINGERING: dict[str, bytes] = {
    "asked to close": b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "asked in HTTP/1.0": b"GET /healthz HTTP/1.0\r\n\r\n",
    "asked for an item in HTTP/1.0": b"GET /v1/items/test-00001 HTTP/1.0\r\n\r\n",
    "was told that this is not HTTP": b"NONSENSE\r\n\r\n",
    "was told that this is too large": POST + b"Content-Length: 99999999\r\n\r\n",
}
"""After what a client has its last answer, and keeps its own side open."""


def with_limits(**limits: float) -> str:
    """Return the server's program, with these limits instead of its own."""
    return f"""
import dataclasses
from search_api.server import serving
defaults = serving.serve.__kwdefaults__
defaults["limits"] = dataclasses.replace(defaults["limits"], **{limits!r})
{COMMAND}"""


Serve = Callable[..., LiveServer]


@pytest.fixture(scope="module")
def serve(small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start servers with limits of their own."""
    with ExitStack() as servers:

        def serve(*options: str, **limits: float) -> LiveServer:
            log = tmp_path_factory.mktemp("slow") / "log"
            return servers.enter_context(
                live_server(log, "--catalogue", small_catalogue, *options, command=with_limits(**limits))
            )

        yield serve


@pytest.fixture(scope="module")
def patient(serve: Serve) -> LiveServer:
    """A server that cuts nobody off, so that nothing but the way it is built keeps it answering."""
    return serve(receive=FOREVER, send=FOREVER, idle=FOREVER, linger=FOREVER, queue=FOREVER, work=FOREVER)


@pytest.fixture(scope="module")
def brief(serve: Serve) -> LiveServer:
    """A server with very little time."""
    return serve(receive=0.5, send=0.5, idle=0.5, linger=0.5)


@contextmanager
def crowd(server: LiveServer, sent: bytes, clients: int = CLIENTS) -> Iterator[list[socket.socket]]:
    """Connect clients that send the same and stay."""
    with ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(clients)]
        for connection in connections:
            connection.sendall(sent)
        yield connections


def assert_others_are_answered(server: LiveServer, png: bytes) -> None:
    for _ in range(3):
        assert server.get("/healthz").status == 200
        assert server.get("/readyz").json["status"] == "ready"
        assert server.get(SIMILAR).json["hits"]
        assert server.ask("POST", "/v1/search", png, {"Content-Type": "image/png"}).json["hits"]


def was_cut_off(connection: socket.socket) -> bool:
    """Whether the server has ended a connection, whatever may be left to read."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    return bool(poll.poll(0))


# --- waiting on one does not keep others waiting ---


@pytest.mark.parametrize("sent", SLOW)
def test_others_are_answered_beside_clients_that_fall_silent(patient: LiveServer, png: bytes, sent: str) -> None:
    with crowd(patient, SLOW[sent]) as silent:
        assert_others_are_answered(patient, png)
        assert not any(map(was_cut_off, silent))


@pytest.mark.parametrize("why", LINGERING)
def test_others_are_answered_beside_clients_that_stay_after_their_last_answer(
    patient: LiveServer, png: bytes, why: str
) -> None:
    with crowd(patient, LINGERING[why]) as lingering:
        for connection in lingering:
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 ")
        assert_others_are_answered(patient, png)


def test_others_are_answered_beside_clients_that_do_not_read(patient: LiveServer, png: bytes) -> None:
    asked = b"GET /static/site.css HTTP/1.1\r\n" + HOST + b"\r\n"
    with ExitStack() as stack:
        deaf = []
        for _ in range(CLIENTS):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(PATIENCE)
            connection.connect(("127.0.0.1", patient.port))
            connection.sendall(asked * 400)
            deaf.append(connection)
        assert_others_are_answered(patient, png)
        assert not any(map(was_cut_off, deaf))


def test_a_silent_client_can_go_on_where_it_was(patient: LiveServer, png: bytes) -> None:
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(png)
    with crowd(patient, head + png[:-1]) as silent:
        assert_others_are_answered(patient, png)
        for connection in silent:
            connection.sendall(png[-1:])
        for connection in silent:
            (answer,) = answers_in(received(connection))
            assert answer.json["hits"][0]["item"]["id"] == "test-00042"


def test_large_pictures_in_work_keep_only_other_pictures_waiting(patient: LiveServer) -> None:
    pixels = np.full((2000, 3000, 3), 253, np.uint8)
    pixels[400:1600, 500:2500] = np.arange(2000, dtype=np.uint8)[:, np.newaxis]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    picture = file.getvalue()
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(picture)
    with crowd(patient, head + picture, 24) as uploading:
        for _ in range(3):
            assert patient.get("/healthz").status == 200
            assert patient.get("/readyz").status == 200
            assert patient.get(SIMILAR).status == 200
            assert patient.get("/v1/items/test-00001").status == 200
            assert patient.ask("POST", "/v1/search", b'{"item_id": "test-00001"}', {"Content-Type": "application/json"})
        waiting = [one for one in uploading if not select.select([one], [], [], 0)[0]]
        assert len(waiting) > len(uploading) / 2
        for connection in uploading:
            (answer,) = answers_in(received(connection))
            assert answer.status == 200


# --- what does not fit ---


@contextmanager
def stopped(server: LiveServer) -> Iterator[None]:
    """Let no worker do anything in the block."""
    workers = server.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)


def answered_at_once(connections: list[socket.socket], number: int) -> list[socket.socket]:
    """Wait until so many of the connections have an answer, and return these."""
    wait_until(lambda: len(select.select(connections, [], [], 0)[0]) >= number)
    return select.select(connections, [], [], 0)[0]


def test_pictures_beyond_what_may_wait_are_refused_at_once(serve: Serve, png: bytes) -> None:
    server = serve("--workers", "1", pictures_waiting=2, queue=FOREVER, work=FOREVER)
    request = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(png) + png
    with ExitStack() as stack:
        with stopped(server):
            connections = stack.enter_context(crowd(server, request, 8))
            refused = answered_at_once(connections, 5)
            assert len(refused) == 5  # one is in work, and two wait
            for connection in refused:
                (answer,) = answers_in(received(connection))
                assert_problem(answer, [503])
                assert int(answer.headers["retry-after"]) > 0
            assert server.get("/healthz").status == 200
        for connection in set(connections) - set(refused):
            (answer,) = answers_in(received(connection))
            assert answer.json["hits"]


def test_questions_beyond_what_may_wait_are_refused_at_once(serve: Serve) -> None:
    server = serve("--workers", "1", "--threads", "1", quick_waiting=2, queue=FOREVER, work=FOREVER)
    with ExitStack() as stack:
        with stopped(server):
            asked = f"GET {SIMILAR} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
            connections = stack.enter_context(crowd(server, asked, 8))
            refused = answered_at_once(connections, 5)
            assert len(refused) == 5
            for connection in refused:
                (answer,) = answers_in(received(connection))
                assert_problem(answer, [503])
                assert int(answer.headers["retry-after"]) > 0
        for connection in set(connections) - set(refused):
            (answer,) = answers_in(received(connection))
            assert answer.json["hits"]


def test_more_connections_than_there_may_be_cost_those_that_wait_longest(serve: Serve, png: bytes) -> None:
    server = serve(connections=32, receive=FOREVER, idle=FOREVER)
    with crowd(server, SLOW["half a head"]) as silent:
        assert_others_are_answered(server, png)
        assert received(silent[0]) == b""
        assert not was_cut_off(silent[-1])


def test_more_bytes_than_may_wait_are_refused_and_forgotten(serve: Serve, png: bytes) -> None:
    server = serve(bytes_waiting=3_000_000, receive=FOREVER, idle=FOREVER)
    head = POST + b"Connection: close\r\nContent-Length: 2000000\r\n\r\n"
    for _ in range(5):  # what is counted wrongly adds up
        with crowd(server, head + bytes(1_999_999), 1) as (first,):
            assert_others_are_answered(server, png)
            (busy,) = answers_in(server.exchange(head + bytes(1_999_999)))
            assert_problem(busy, [503])
            assert int(busy.headers["retry-after"]) > 0
            assert_others_are_answered(server, png)
            first.sendall(b"\0")
            (answer,) = answers_in(received(first))
            assert_problem(answer, [415])
        with crowd(server, head + bytes(1_000_000), 1):  # hangs up in the middle
            assert server.get("/healthz").status == 200


def test_bodies_to_be_written_leave_room_for_pictures_to_search_with(serve: Serve, png: bytes) -> None:
    server = serve(bytes_waiting=3_000_000, receive=FOREVER, idle=FOREVER)
    length = b"Connection: close\r\nContent-Length: 1400000\r\n\r\n"
    put = b"PUT /v1/items/test-00001/image HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n" + length
    with crowd(server, put + bytes(1_399_999), 1) as (first,):
        assert_others_are_answered(server, png)
        (busy,) = answers_in(server.exchange(put + bytes(1_399_999)))
        assert_problem(busy, [503])
        (answer,) = answers_in(server.exchange(POST + length + bytes(1_400_000)))
        assert_problem(answer, [415])
        first.sendall(b"\0")
        (answer,) = answers_in(received(first))
        assert_problem(answer, [415])


# --- what takes too long ---


@pytest.mark.parametrize("sent", SLOW)
def test_a_request_that_does_not_arrive_in_time_is_given_up(brief: LiveServer, sent: str) -> None:
    with crowd(brief, SLOW[sent], 1) as (silent,):
        for answer in answers_in(received(silent)):
            assert_problem(answer, [408])


def test_a_byte_now_and_then_does_not_extend_the_time(brief: LiveServer) -> None:
    with brief.connect() as connection:
        connection.sendall(SLOW["a byte of a body"])
        while not select.select([connection], [], [], 0.05)[0]:
            connection.sendall(b"x")
        (answer,) = answers_in(received(connection))
    assert_problem(answer, [408])


def test_a_connection_without_requests_is_closed(brief: LiveServer) -> None:
    with brief.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        (answer,) = answers_in(received(connection))
    assert answer.status == 200


def open_connections(server: LiveServer) -> int:
    """Return how many connections the server has, but for the one that asks."""
    text = server.get("/metrics").body.decode()
    found = re.search(r"^lookalike_connections ([\d.]+)$", text, re.MULTILINE)
    assert found is not None
    return round(float(found[1])) - 1


def test_clients_that_do_not_take_their_answers_are_cut_off(brief: LiveServer) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", brief.port))
        connection.sendall((b"GET /static/site.css HTTP/1.1\r\n" + HOST + b"\r\n") * 400)
        wait_until(lambda: was_cut_off(connection))


@pytest.mark.parametrize("why", LINGERING)
def test_clients_that_stay_after_their_last_answer_are_cut_off(brief: LiveServer, why: str) -> None:
    wait_until(lambda: open_connections(brief) == 0)
    with crowd(brief, LINGERING[why], 4) as lingering:
        for connection in lingering:
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 ")
        wait_until(lambda: open_connections(brief) == 0)


def test_nothing_of_this_is_an_exception(patient: LiveServer, brief: LiveServer) -> None:
    for server in (patient, brief):
        wait_until(lambda server=server: open_connections(server) == 0)
        assert "Traceback" not in server.said()
