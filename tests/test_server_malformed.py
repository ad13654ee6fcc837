"""What is not HTTP, or not quite: never an answer of 5xx, never a traceback, and the server goes on."""

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live_server import LiveServer, answers_in, assert_problem, live_server, received

HOST = b"Host: x\r\n"
SEARCH = b"POST /v1/search HTTP/1.1\r\n" + HOST + b"Content-Type: image/png\r\n"
CHUNKED = SEARCH + b"Transfer-Encoding: chunked\r\n\r\n"
ITEM = b'{"item_id": "test-00001"}'
ASK = b"POST /v1/search HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
UNENDING = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nabc'
DEEP = 2600

NO_ANSWER = 0
"""The server may close without an answer: the request has not ended, or can't be told from noise."""


def get(*lines: bytes, target: bytes = b"/healthz", version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET " + target + b" " + version + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def field(name: bytes, value: bytes = b"x") -> bytes:
    return name + b": " + value


def sized(body: bytes, length: bytes | None = None) -> bytes:
    return ASK + b"Content-Length: " + (b"%d" % len(body) if length is None else length) + b"\r\n\r\n" + body


def deep(kind: bytes) -> bytes:
    return kind * DEEP


MALFORMED: dict[str, tuple[bytes, set[int]]] = {
    # the request line
    "noise": (b"GARBAGE\r\n\r\n", {400}),
    "only a method": (b"GET\r\n\r\n", {400}),
    "no version": (b"GET /healthz\r\n\r\n", {400}),
    "HTTP/0.9": (b"GET /\r\n", {400, NO_ANSWER}),
    "an unknown version": (get(HOST[:-2], version=b"HTTP/9.9"), {400, 505}),
    "a version in words": (get(HOST[:-2], version=b"HTTP/one"), {400}),
    "another protocol": (get(HOST[:-2], version=b"ICY/1.1"), {400}),
    "a lowercase method": (b"get /healthz HTTP/1.1\r\nHost: x\r\n\r\n", {400, 405, 501}),
    "an unknown method": (b"BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n", {400, 405}),
    "CONNECT": (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", {400, 404, 405}),
    "TRACE": (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", {400, 405}),
    "two spaces": (b"GET  /healthz  HTTP/1.1\r\nHost: x\r\n\r\n", {200, 400}),
    "a tab for a space": (b"GET\t/healthz\tHTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "a relative target": (get(HOST[:-2], target=b"healthz"), {400}),
    "an asterisk": (get(HOST[:-2], target=b"*"), {400, 404}),
    "OPTIONS of an asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", {200, 204, 400, 404, 405}),
    "an absolute target": (get(HOST[:-2], target=b"http://x/healthz"), {200}),
    "an absolute target of another scheme": (get(HOST[:-2], target=b"gopher://x/healthz"), {200, 400, 404}),
    "a NUL in the target": (get(HOST[:-2], target=b"/v1/items/a\0b"), {400, 404}),
    "an encoded NUL in the target": (get(HOST[:-2], target=b"/v1/items/a%00b"), {400, 404}),
    "a broken escape in the target": (get(HOST[:-2], target=b"/v1/items/%zz%"), {400, 404}),
    "bytes that are no UTF-8 in the target": (get(HOST[:-2], target=b"/v1/items/%ff%fe\xff"), {400, 404}),
    "a huge target": (get(HOST[:-2], target=b"/" + b"x" * 20_000), {414}),
    "a huge target that never ends": (b"GET /" + b"x" * 200_000, {400, 414}),
    "a huge query": (get(HOST[:-2], target=b"/v1/items?" + b"a=b&" * 10_000), {414}),
    "many parameters": (get(HOST[:-2], target=b"/v1/items?" + b"a&" * 3000), {200, 400}),
    # headers
    "no colon": (get(HOST[:-2], b"bad header"), {400}),
    "a space before the colon": (get(HOST[:-2], b"X-Y : z"), {400}),
    "no name": (get(HOST[:-2], b": z"), {400}),
    "a NUL in a name": (get(HOST[:-2], b"X\0Y: z"), {400}),
    "a NUL in a value": (get(HOST[:-2], b"X-Y: a\0b"), {400}),
    "a lone CR in a value": (get(HOST[:-2], b"X-Y: a\rInjected: b"), {400}),
    "lone LFs": (b"GET /healthz HTTP/1.1\nHost: x\n\n", {200, 400}),
    "a folded header": (get(HOST[:-2], b"X-Y: a\r\n b"), {200, 400}),
    "a folded header at the beginning": (b"GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n", {400}),
    "a control character in a name": (get(HOST[:-2], b"X\x01: z"), {400}),
    "no host": (get(), {400}),
    "two hosts": (get(HOST[:-2], b"Host: y"), {400}),
    "a host that is none": (get(b"Host: a b/c@d", target=b"/"), {200, 400}),
    "many headers": (get(HOST[:-2], *[b"X-Y: z"] * 2000), {431}),
    "a huge header": (get(HOST[:-2], field(b"X-Y", b"z" * 200_000)), {431}),
    "a huge name of a header": (get(HOST[:-2], field(b"X" * 200_000)), {431}),
    "a huge header that never ends": (get(HOST[:-2])[:-2] + b"X-Y: " + b"z" * 200_000, {400, 431}),
    "a deep cookie": (get(HOST[:-2], field(b"Cookie", b"steps=" + deep(b"[")), target=b"/"), {200, 400}),
    "a deep cookie of objects": (
        get(HOST[:-2], field(b"Cookie", b"steps=" + deep(b'{"a":')), target=b"/"),
        {200, 400, 431},
    ),
    "a deep cookie in quotes": (
        get(HOST[:-2], field(b"Cookie", b'steps="' + deep(b"[") + b'"'), target=b"/"),
        {200, 400},
    ),
    "a range that is none": (
        get(HOST[:-2], b"Range: bytes=9-1,-,a-b", target=b"/v1/items/test-00001/image"),
        {200, 416},
    ),
    "dates and tags that are none": (
        get(HOST[:-2], b'If-None-Match: "', b"If-Modified-Since: never", target=b"/"),
        {200},
    ),
    "a language that is none": (get(HOST[:-2], b"Accept-Language: ;q=,;;", b"Accept: ;q=x", target=b"/"), {200, 406}),
    "an upgrade": (get(HOST[:-2], b"Connection: Upgrade", b"Upgrade: websocket"), {200, 400}),
    "an upgrade to HTTP/2": (
        get(HOST[:-2], b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: "),
        {200, 400},
    ),
    # the body's length
    "a negative length": (sized(ITEM, b"-1"), {400}),
    "a length with a sign": (sized(ITEM, b"+25"), {400}),
    "a length in words": (sized(ITEM, b"many"), {400}),
    "a length in hexadecimal": (sized(ITEM, b"0x19"), {400}),
    "an empty length": (sized(ITEM, b""), {400}),
    "a length with a comma": (sized(ITEM, b"25, 25"), {200, 400}),
    "a length beyond all numbers": (sized(ITEM, b"9" * 400), {400, 413}),
    "a length beyond 64 bits": (sized(ITEM, b"18446744073709551641"), {400, 413}),
    "a huge length": (sized(ITEM, b"99999999999"), {413}),
    "two lengths that differ": (ASK + b"Content-Length: 25\r\nContent-Length: 3\r\n\r\n" + ITEM, {400}),
    "a length and chunks": (CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n0\r\n\r\n", {400}),
    "less than the length": (sized(ITEM, b"2500"), {400, 408, NO_ANSWER}),
    "no length": (SEARCH + b"\r\n", {400, 411}),
    # chunks
    "a size that is none": (CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n", {400}),
    "a negative size": (CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", {400}),
    "a size with a prefix": (CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", {400}),
    "an empty size": (CHUNKED + b"\r\nabc\r\n0\r\n\r\n", {400}),
    "a size beyond 64 bits": (CHUNKED + b"F" * 17 + b"\r\nabc\r\n0\r\n\r\n", {400, 413}),
    "a size of 64 bits": (CHUNKED + b"FFFFFFFFFFFFFFFE\r\nabc", {400, 413, NO_ANSWER}),
    "a chunk longer than its size": (CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n", {400}),
    "a chunk without CRLF": (CHUNKED + b"3\r\nabc0\r\n\r\n", {400}),
    "no last chunk": (CHUNKED + b"3\r\nabc\r\n", {400, NO_ANSWER}),
    "no end after the last chunk": (CHUNKED + b"3\r\nabc\r\n0\r\n", {400, NO_ANSWER}),
    "an extension of a chunk": (CHUNKED + b"3;a=b\r\nabc\r\n0\r\n\r\n", {400, 415}),
    "a huge extension of a chunk": (CHUNKED + b"3;" + b"a" * 200_000 + b"\r\nabc\r\n0\r\n\r\n", {400, 413, 415, 431}),
    "a huge trailer": (CHUNKED + b"3\r\nabc\r\n0\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", {400, 413, 415, 431}),
    "a trailer that is none": (CHUNKED + b"3\r\nabc\r\n0\r\nnonsense\r\n\r\n", {400, 415}),
    "another coding": (SEARCH + b"Transfer-Encoding: gzip\r\n\r\n", {400}),
    "chunks twice": (SEARCH + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {400}),
    "chunks not last": (SEARCH + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", {400}),
    "chunks in HTTP/1.0": (CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"3\r\nabc\r\n0\r\n\r\n", {400}),
    # what the body says it is
    "a coding of the content": (SEARCH + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", {415}),
    "an unknown coding of the content": (ASK + b"Content-Encoding: smoke\r\nContent-Length: 25\r\n\r\n" + ITEM, {415}),
    "another expectation": (ASK + b"Expect: the-moon\r\nContent-Length: 25\r\n\r\n" + ITEM, {200, 417}),
    "a form without a boundary": (
        ASK.replace(b"application/json", b"multipart/form-data") + b"Content-Length: 3\r\n\r\nabc",
        {400, 415},
    ),
    "a form that never ends": (
        sized(UNENDING).replace(b"application/json", b"multipart/form-data; boundary=b"),
        {400, 415},
    ),
    "deep JSON": (sized(deep(b"[")), {400}),
    "deep JSON of objects": (sized(deep(b'{"a":')), {400}),
    "JSON that is no UTF-8": (sized(b'{"item_id": "\xff\xfe"}'), {400, 404}),
    "JSON with a NUL": (sized(b'{"item_id": "a\\u0000b"}'), {400, 404}),
    "JSON with half a surrogate pair": (sized(b'{"item_id": "\\ud800"}'), {400, 404}),
    "JSON of a huge number": (sized(b'{"item_id": "test-00001", "k": ' + b"9" * 5000 + b"}"), {400}),
    "JSON that is not finite": (sized(b'{"item_id": "test-00001", "look": NaN}'), {400}),
    # other protocols
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), {400, 505}),
    "a greeting of TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64)) * 8, {400}),
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", {400, NO_ANSWER}),
    "a header of the PROXY protocol": (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get(HOST[:-2]), {400}),
    "empty lines first": (b"\r\n\r\n" + get(HOST[:-2]), {200, 400}),
    "nothing": (b"", {NO_ANSWER}),
    "only an empty line": (b"\r\n", {NO_ANSWER, 400}),
}


@pytest.fixture(scope="module")
def server(small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that all this is sent to."""
    with live_server(tmp_path_factory.mktemp("malformed") / "log", "--catalogue", small_catalogue) as one:
        yield one


@contextmanager
def unharmed(server: LiveServer) -> Iterator[None]:
    """Whatever happens in the block, the server answers afterwards, and has not written of an exception."""
    before = len(server.said())
    yield
    assert server.get("/healthz").status == 200
    assert server.get("/v1/items/test-00001/similar").status == 200
    assert "Traceback" not in server.said()[before:]


@pytest.mark.parametrize("kind", MALFORMED)
def test_what_is_malformed_is_told_so(server: LiveServer, kind: str) -> None:
    request, statuses = MALFORMED[kind]
    with unharmed(server):
        answers = answers_in(server.exchange(request))
    found = {answer.status for answer in answers[:1]} or {NO_ANSWER}
    assert found <= statuses, answers
    for answer in answers:
        assert answer.status < 500
        if answer.status >= 400:
            assert_problem(answer, [answer.status])


def _is_http(request: bytes) -> bool:
    """Whether a request is well-formed HTTP, of which the content alone is wrong."""
    body = request.partition(b"\r\n\r\n")[2]
    return request.startswith(ASK) and b"Content-Length: %d\r\n" % len(body) in request


@pytest.mark.parametrize(
    "kind", [kind for kind, (request, statuses) in MALFORMED.items() if statuses == {400} and not _is_http(request)]
)
def test_after_what_is_malformed_nothing_is_believed(server: LiveServer, kind: str) -> None:
    """What follows on the connection may be the body of what went before, so it must not be answered."""
    request, _ = MALFORMED[kind]
    with unharmed(server):
        smuggled = server.exchange(request + get(HOST[:-2], target=b"/v1/items/test-00001"))
    assert b'"test-00001"' not in smuggled


@pytest.mark.parametrize("kind", sorted(MALFORMED))
def test_a_client_that_is_gone_before_its_answer_does_no_harm(server: LiveServer, kind: str) -> None:
    request, _ = MALFORMED[kind]
    with unharmed(server):
        for length in {len(request) // 2, len(request) - 1, len(request)}:
            with server.connect() as connection:
                at_once = struct.pack("ii", 1, 0)  # so the end is a reset
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                connection.sendall(request[: max(0, length)])


def test_requests_may_come_before_the_answers_to_earlier_ones(server: LiveServer) -> None:
    numbers = [*range(20)]
    requests = b"".join(get(HOST[:-2], target=b"/v1/items/test-%05d" % number) for number in numbers)
    answers = answers_in(server.exchange(requests))
    assert [answer.json["id"] for answer in answers] == [f"test-{number:05d}" for number in numbers]


def test_a_wrong_request_behind_right_ones_costs_none_of_them(server: LiveServer) -> None:
    right = get(HOST[:-2], target=b"/v1/items/test-00003")
    *answered, wrong = answers_in(server.exchange(right * 3 + b"nonsense\r\n\r\n" + right))
    assert [answer.json["id"] for answer in answered] == ["test-00003"] * 3
    assert_problem(wrong, [400])


def test_a_request_byte_by_byte_is_one_request(server: LiveServer) -> None:
    with server.connect() as connection:
        for byte in get(HOST[:-2], b"Connection: close", target=b"/v1/items/test-00007"):
            connection.sendall(bytes([byte]))
        (answer,) = answers_in(received(connection))
    assert answer.json["id"] == "test-00007"


def test_chunks_byte_by_byte_are_one_body(server: LiveServer) -> None:
    head = ASK + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    (answer,) = answers_in(server.exchange(head + b"".join(b"1\r\n%c\r\n" % byte for byte in ITEM) + b"0\r\n\r\n"))
    assert answer.status == 200
    assert answer.json["hits"]


def test_what_is_too_large_is_told_so_before_it_has_come(server: LiveServer) -> None:
    with server.connect() as connection:
        connection.sendall(SEARCH + b"Content-Length: 99999999\r\n\r\n" + b"x" * 1000)
        head = connection.recv(1 << 16)  # though none of the rest has been sent
    assert head.startswith(b"HTTP/1.1 413 ")


def test_an_answer_of_413_can_be_read_by_a_client_that_sends_on(server: LiveServer) -> None:
    body = bytes(24 * 2**20)
    answer = server.ask("POST", "/v1/search", body, {"Content-Type": "image/png"})
    assert_problem(answer, [413])


def test_a_client_that_waits_to_be_told_to_go_on_is_told(server: LiveServer) -> None:
    with server.connect() as connection:
        connection.sendall(ASK + b"Expect: 100-continue\r\nContent-Length: 25\r\nConnection: close\r\n\r\n")
        assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(ITEM)
        (answer,) = answers_in(received(connection))
    assert answer.status == 200


def test_nobody_is_told_to_go_on_with_what_is_too_large(server: LiveServer) -> None:
    with server.connect() as connection:
        connection.sendall(SEARCH + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


def test_head_answers_have_no_body(server: LiveServer) -> None:
    asked = b"HEAD /v1/items/test-00001 HTTP/1.1\r\nHost: x\r\n\r\n" + get(HOST[:-2], target=b"/v1/items/test-00002")
    head, _, rest = server.exchange(asked).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    (answer,) = answers_in(rest)
    assert answer.json["id"] == "test-00002"


def test_the_last_words_of_the_server_are_of_no_fault(small_catalogue: Path, tmp_path: Path) -> None:
    with live_server(tmp_path / "log", "--catalogue", small_catalogue) as one:
        for request, _ in MALFORMED.values():
            one.exchange(request)
        assert json.loads(one.ask("GET", "/readyz").body)["status"] == "ready"
        assert one.end() == 0
        assert "Traceback" not in one.said()
        assert "exception" not in one.said().lower()
