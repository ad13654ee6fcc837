"""Pictures at web addresses: from hosts that are named, past whatever a server does, and once only while unchanged."""

import io
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from misbehaving_server import MisbehavingServer, misbehaving_server, port_without_answer
from PIL import Image

from indexer.catalogue.local import LocalCatalogue
from indexer.content_key import ContentKey, picture_checksum
from indexer.pipeline import indexing
from indexer.pipeline.fetching import Fetching
from indexer.pipeline.plan import Plan, planned
from indexer.pipeline.run_report import IndexReport
from indexer.sources import errors
from indexer.sources.files.places import PicturePlaces
from indexer.sources.json_rows import JsonStream
from indexer.sources.web import resolving
from indexer.sources.web.access import NO_ACCESS, Limits, WebAccess, WebPicture, web_picture
from indexer.sources.web.addresses import Address, AllowedHosts
from indexer.sources.web.fetcher import Fetched, Fetcher
from indexer.sources.web.headers import RequestHeaders
from indexer.sources.web.validators import condition, validator_of
from models.errors import LookalikeError, PictureTooLarge, UnsupportedPicture
from models.pictures.decoding import decode
from models.runtime import LiteRTEmbedder

PATIENCE = 300.0
"""Seconds until what never comes is given up."""

QUICK = Limits(
    max_bytes=200_000,
    connecting=PATIENCE,
    silence=PATIENCE,
    request=PATIENCE,
    redirects=2,
    tries=2,
    back_off=0.01,
    longest_rest=1.5,
)
"""Limits that a test does not wait long for, and those of time such that no busy machine breaks them."""

TIRES_OF_SILENCE = replace(QUICK, connecting=0.3, silence=0.3)
TIRES_OF_DRIPS = replace(QUICK, request=0.5)
"""For servers that break them for certain."""


def _encoded(colour: str, kind: str) -> bytes:
    random = np.random.default_rng(len(colour))
    picture = Image.new("RGB", (48, 60), "white")
    picture.paste(colour, (12, 10, 36, 50))
    pixels = np.asarray(picture).astype(int) + random.integers(-3, 4, (60, 48, 3))
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, kind)
    return file.getvalue()


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    """A server with three pictures."""
    pictures = {"red.png": _encoded("red", "PNG"), "blue.jpg": _encoded("blue", "JPEG")}
    with misbehaving_server({**pictures, "green.png": _encoded("green", "PNG")}) as running:
        yield running


Fetch = Callable[..., Fetched]


@pytest.fixture
def fetch(server: MisbehavingServer) -> Iterator[Fetch]:
    """Fetch what is at a path of the server, or at an address, as one run does."""
    fetchers: dict[Limits, Fetcher] = {}

    def fetch_(path: str, validator: str = "", limits: Limits = QUICK, hosts: tuple[str, ...] = ()) -> Fetched:
        access = WebAccess(AllowedHosts((server.authority, *hosts)), limits)
        address = (
            path if "://" in path.partition("/")[0] + path[len(path.partition("/")[0]) :][:2] else server.url(path)
        )
        if limits not in fetchers:
            fetchers[limits] = Fetcher(limits)
        return fetchers[limits].fetch(web_picture(address, access), validator)

    yield fetch_
    for fetcher in fetchers.values():
        fetcher.close()


def test_a_picture_is_taken_for_one_whatever_its_server_calls_it(fetch: Fetch, server: MisbehavingServer) -> None:
    assert fetch("as-text/red.png").data == server.pictures["red.png"]


def test_headers_go_to_the_host_that_they_are_for_alone(server: MisbehavingServer) -> None:
    lines = [f"{server.authority}: X-Key: open sesame", "127.0.0.1:1: X-Other: secret"]
    known, stranger = RequestHeaders(lines, "a shop"), RequestHeaders(lines[1:])
    asked = [
        web_picture(server.url("with-key/red.png"), WebAccess(AllowedHosts([server.authority]), QUICK, headers))
        for headers in (known, stranger)
    ]
    fetcher = Fetcher(QUICK)
    assert fetcher.fetch(asked[0]).data == server.pictures["red.png"]
    with pytest.raises(errors.AddressFailed, match="--header"):
        fetcher.fetch(asked[1])
    fetcher.close()
    assert all("x-other" not in sent for _, sent in server.requests)
    assert RequestHeaders(["cdn.example: A: b"]).of(Address.parse("https://sub.cdn.example/a")) == {}
    assert RequestHeaders(["cdn.example: A: b"]).of(Address.parse("https://cdn.example:8080/a")) == {}


@pytest.mark.parametrize(
    "line",
    ["Authorization: Bearer s3cret", "cdn.example: Host: other", "cdn.example: A: s3cret\r\nB: c", "cdn.example: A"],
)
def test_what_is_no_header_of_a_host_is_refused_and_not_repeated(line: str) -> None:
    with pytest.raises((errors.InvalidHeader, errors.InvalidHost)) as refused:
        RequestHeaders([line])
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("//images.shop.example/a.jpg", "https://images.shop.example/a.jpg"),
        (" https://images.shop.example/a.jpg?w=1&amp;h=2 ", "https://images.shop.example/a.jpg?w=1&h=2"),
        ("https://images.shop.example/a b.jpg?w=1&h=2", "https://images.shop.example/a%20b.jpg?w=1&h=2"),
    ],
)
def test_addresses_are_read_as_pages_write_them(written: str, address: str, tmp_path: Path) -> None:
    picture = PicturePlaces(tmp_path, WebAccess(AllowedHosts(["images.shop.example"]))).at(written)
    assert isinstance(picture, WebPicture)
    assert str(picture.address) == address


# Addresses and hosts


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://shop.example/a.jpg", "http://shop.example/a.jpg"),
        ("HTTPS://Images.SHOP.example.:443/A.jpg#top", "https://images.shop.example/A.jpg"),
        ("http://shop.example", "http://shop.example/"),
        ("http://shop.example?id=7", "http://shop.example/?id=7"),
        (
            "http://shop.example:8080/a b/grün%20.jpg?q=ü&x=%2F",
            "http://shop.example:8080/a%20b/gr%C3%BCn%20.jpg?q=%C3%BC&x=%2F",
        ),
        ("http://[2001:DB8:0::1]:8080/a", "http://[2001:db8::1]:8080/a"),
        ("http://shop.example/a\\@evil.example", "http://shop.example/a%5C@evil.example"),
    ],
)
def test_an_address_has_one_form(text: str, told: str) -> None:
    address = Address.parse(text)
    assert str(address) == told
    assert Address.parse(told) == address


@pytest.mark.parametrize(
    "text",
    [
        "ftp://shop.example/a.jpg",
        "file:///etc/passwd",
        "http:///a.jpg",
        "http://me:secret@shop.example/a.jpg",
        "http://shop.example@evil.example/a.jpg",
        "http://shop.example\\@evil.example/a.jpg",
        "http://shop.example:99999/a.jpg",
        "http://shop.example:0/a.jpg",
        "http://shop.example:/a.jpg",
        "http://shöp.example/a.jpg",
        "http://127.1/a.jpg",
        "http://0x7f000001/a.jpg",
        "http://2130706433/a.jpg",
        "http://[::1/a.jpg",
        "http://[fe80::1%25eth0]/a.jpg",
        "http://[127.0.0.1]/a.jpg",
        "http://shop..example/a.jpg",
        "http://shop.example/a\r\nHost: evil.example",
        "http://shop.example/a\tb",
        "http://" + "a" * 300 + "/",
    ],
)
def test_what_is_no_address_to_fetch_from_is_refused(text: str) -> None:
    with pytest.raises(errors.AddressRefused) as refused:
        Address.parse(text)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("allowed", "address", "is_allowed"),
    [
        ("shop.example", "http://shop.example/", True),
        ("shop.example", "https://shop.example/", True),
        ("Shop.Example.", "https://SHOP.example/", True),
        ("shop.example", "http://shop.example:8080/", False),
        ("shop.example:8080", "http://shop.example:8080/", True),
        ("shop.example:8080", "http://shop.example/", False),
        ("shop.example:443", "https://shop.example/", True),
        ("shop.example:443", "http://shop.example/", False),
        ("shop.example", "http://images.shop.example/", False),
        ("shop.example", "http://shop.example.evil.example/", False),
        ("shop.example", "http://notshop.example/", False),
        ("[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080/", True),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/", True),
        ("127.0.0.1:8080", "http://127.0.0.1/", False),
        ("127.0.0.1:8080", "http://localhost:8080/", False),
    ],
)
def test_hosts_are_allowed_exactly_as_they_are_named(allowed: str, address: str, is_allowed: bool) -> None:
    hosts, parsed = AllowedHosts([allowed]), Address.parse(address)
    if is_allowed:
        hosts.check(parsed)
    else:
        with pytest.raises(errors.AddressRefused, match=re.escape(f"Add --allow-host {parsed.authority} ")):
            hosts.check(parsed)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "*.shop.example",
        "https://shop.example/",
        "shop.example/a",
        "shop.example:x",
        "::1",
        "me@shop.example",
        "straße.example",
    ],
)
def test_what_is_no_host_is_not_taken_for_one(name: str) -> None:
    with pytest.raises(errors.InvalidHost):
        AllowedHosts([name])


def test_nothing_is_fetched_unless_its_host_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.AddressRefused, match=r"Add --allow-host images\.shop\.example:8080 "):
        PicturePlaces(tmp_path, NO_ACCESS).at("http://images.shop.example:8080/a.jpg")


NOT_PUBLIC = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:93.184.216.34",
    "64:ff9b::a00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001:db8::1",
    "2001::1",
    "2002:a00:1::1",
    "2002:5db8:d822::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize(
    ("ip", "is_public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("64:ff9b::5db8:d822", True),
        *[(ip, False) for ip in NOT_PUBLIC],
    ],
)
def test_what_is_a_public_address(ip: str, is_public: bool) -> None:
    assert resolving.is_public(ipaddress.ip_address(ip)) is is_public


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Names, and the IP addresses that they lead to, one time after the other."""
    known: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *arguments: Any, **options: Any) -> Any:
        if host not in known:
            return real(host, port, *arguments, **options)
        if not known[host]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [real(ip, port, type=socket.SOCK_STREAM)[0] for ip in known[host].pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.mark.parametrize(
    "ips",
    [["127.0.0.1"], ["10.1.2.3"], ["93.184.216.34", "192.168.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]],
)
def test_a_name_that_leads_to_a_private_address_is_refused_and_not_asked(
    ips: list[str], names: dict[str, list[list[str]]], server: MisbehavingServer, fetch: Fetch
) -> None:
    port = server.server_address[1]
    names["shop.example"] = [ips]
    with pytest.raises(errors.AddressRefused, match="no public address"):
        fetch(f"http://shop.example:{port}/good/red.png", hosts=(f"shop.example:{port}",))
    assert server.connections == 0


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(
    names: dict[str, list[list[str]]], server: MisbehavingServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.server_address[1]
    names["shop.example"] = [["127.0.0.1"], ["10.0.0.1"]]
    checked: list[str] = []
    monkeypatch.setattr(resolving, "is_public", lambda ip: checked.append(str(ip)) or True)
    fetched = fetch(f"http://Shop.example:{port}/good/red.png", hosts=(f"shop.example:{port}",))
    assert fetched.data == server.pictures["red.png"]
    assert checked == ["127.0.0.1"]
    assert names["shop.example"] == [["10.0.0.1"]]
    assert server.requests[0][1]["host"] == f"shop.example:{port}"


def test_a_name_that_leads_nowhere_is_told(names: dict[str, list[list[str]]], fetch: Fetch) -> None:
    names["shop.example"] = []
    with pytest.raises(errors.AddressUnreachable, match="can't be resolved, Name or service not known"):
        fetch("https://shop.example/a.png", hosts=("shop.example",))


# Good servers


@pytest.mark.parametrize(
    "path",
    [
        "good/red.png",
        "chunked/red.png",
        "until-the-end/red.png",
        "longer/red.png",
        "typed/image+webp=red.png",
        "typed/application+octet-stream=red.png",
        "typed/Image+PNG;q=red.png",
        "to//good/red.png",
        "once/503/red.png",
        "once/429/red.png",
        "once/502/red.png",
        "once/504/red.png",
        "once/reset/red.png",
        "once/hang_up/red.png",
        "once/short/red.png",
        "once/silent/red.png",
        "rest-a-second/red.png",
    ],
)
def test_a_picture_arrives_as_it_is(path: str, server: MisbehavingServer, fetch: Fetch) -> None:
    limits = replace(QUICK, silence=0.3, tries=20) if "silent" in path else QUICK
    assert fetch(path, limits=limits).data == server.pictures["red.png"]


def test_a_request_says_who_asks_and_nothing_else(server: MisbehavingServer, fetch: Fetch) -> None:
    fetch("good/red.png?size=large")
    ((path, headers),) = server.requests
    assert path == "good/red.png?size=large"
    assert headers.pop("user-agent").startswith("lookalike ")
    assert headers == {"host": server.authority, "accept": "image/*", "accept-encoding": "identity"}


def test_a_connection_is_used_again_unless_it_was_closed(server: MisbehavingServer, fetch: Fetch) -> None:
    for path in ("good/red.png", "chunked/red.png", "tagged/red.png", "good/blue.jpg"):
        fetch(path)
    assert server.connections == 1
    fetch("until-the-end/red.png")
    assert fetch("good/green.png").data == server.pictures["green.png"]
    assert server.connections == 2


def test_what_comes_after_a_picture_is_taken_for_no_other(server: MisbehavingServer, fetch: Fetch) -> None:
    fetch("longer/red.png")
    assert fetch("good/green.png").data == server.pictures["green.png"]


def test_proxies_of_the_environment_are_not_asked(
    server: MisbehavingServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch("good/red.png").data == server.pictures["red.png"]


def test_a_redirect_leads_to_another_host_only_if_that_is_named_too(server: MisbehavingServer, fetch: Fetch) -> None:
    with misbehaving_server(server.pictures) as other:
        path = f"to/{other.url('good/red.png')}"
        with pytest.raises(errors.AddressRefused, match=f"--allow-host {other.authority} "):
            fetch(path)
        assert not other.requests
        assert fetch(path, hosts=(other.authority,)).data == server.pictures["red.png"]


# Servers that misbehave


@pytest.mark.parametrize(
    ("path", "error", "says", "requests"),
    [
        ("status/404", errors.PictureMissing, r"\(404\)", 1),
        ("status/410", errors.PictureMissing, r"\(410\)", 1),
        ("status/401", errors.AddressFailed, "not open to everyone", 1),
        ("status/403", errors.AddressFailed, "not open to everyone", 1),
        ("status/500", errors.AddressFailed, "answered 500", 1),
        ("status/204", errors.AddressFailed, "answered 204", 1),
        ("status/206", errors.AddressFailed, "answered 206", 1),
        ("status/302", errors.AddressFailed, "answered 302", 1),
        ("unasked", errors.AddressFailed, "answered 304", 1),
        ("status/502", errors.AddressFailed, "502 again and again", 2),
        ("status/503", errors.AddressFailed, "503 again and again", 2),
        ("status/429", errors.AddressFailed, "429 again and again", 2),
        ("rest-an-hour", errors.AddressFailed, "wants to be left alone for 3600 seconds", 1),
        ("rest-until-a-date", errors.AddressFailed, "wants to be left alone for 3[56]", 1),
        ("loop/", errors.AddressFailed, "leads on more than 2 times", 3),
        ("to/file:///etc/passwd", errors.AddressRefused, "http and https only", 1),
        ("to/http://me:pw@shop.example/", errors.AddressRefused, "user name", 1),
        ("to/http://169.254.169.254/latest", errors.AddressRefused, "--allow-host 169.254.169.254", 1),
        ("to/http://[::1", errors.AddressRefused, "no address", 1),
        ("html", errors.AddressHoldsNoPicture, "gives text/html, no picture", 1),
        ("bomb", errors.AddressFailed, r"compressed \(gzip\)", 1),
        ("announced-large", PictureTooLarge, "more than the 0.19", 1),
        ("endless", PictureTooLarge, "more than", 1),
        ("endless-chunks", PictureTooLarge, "more than", 1),
        ("one-endless-chunk", PictureTooLarge, "more than", 1),
        ("endless-chunk-head", errors.AddressUnreachable, "chunk", 2),
        ("short/red.png", errors.AddressUnreachable, "IncompleteRead", 2),
        ("silent-body/red.png", errors.AddressUnreachable, "[Tt]imed? ?out", 2),
        ("silent", errors.AddressUnreachable, "[Tt]imed? ?out", 2),
        ("drip/red.png", errors.AddressTooSlow, "within 0.5 seconds", 1),
        ("drip-until-the-end/red.png", errors.AddressTooSlow, "within 0.5 seconds", 1),
        ("drip-head", errors.AddressTooSlow, "within 0.5 seconds", 1),
        ("go-on", errors.AddressTooSlow, "within 0.5 seconds", 1),
        ("reset", errors.AddressUnreachable, "ConnectionResetError", 2),
        ("hang-up", errors.AddressUnreachable, "RemoteDisconnected", 2),
        ("garbage", errors.AddressUnreachable, "BadStatusLine", 2),
        ("many-heads", errors.AddressUnreachable, "more than 100 headers", 2),
        ("long-head", errors.AddressUnreachable, "LineTooLong", 2),
    ],
)
def test_a_server_that_misbehaves_is_a_named_error(
    path: str, error: type[LookalikeError], says: str, requests: int, server: MisbehavingServer, fetch: Fetch
) -> None:
    limits = QUICK
    if path.startswith("silent"):
        limits = TIRES_OF_SILENCE
    elif error is errors.AddressTooSlow:
        limits = TIRES_OF_DRIPS
    with pytest.raises(error, match=says) as failed:
        fetch(path, limits=limits)
    assert str(failed.value).endswith(".")
    server.wait_for(requests)
    assert len(server.requests) == requests
    assert fetch("good/green.png", limits=replace(QUICK, tries=1)).data == server.pictures["green.png"]


def test_no_more_is_taken_than_the_limit(server: MisbehavingServer, fetch: Fetch) -> None:
    size = len(server.pictures["red.png"])
    assert fetch("chunked/red.png", limits=replace(QUICK, max_bytes=size)).data is not None
    with pytest.raises(PictureTooLarge):
        fetch("chunked/red.png", limits=replace(QUICK, max_bytes=size - 1))


@pytest.mark.parametrize("path", ["text", "empty"])
def test_what_only_claims_to_be_a_picture_is_found_out_by_its_bytes(path: str, fetch: Fetch) -> None:
    data = fetch(path).data
    assert data is not None
    with pytest.raises(UnsupportedPicture):
        decode(data)


def test_connections_that_are_refused_or_never_answered_are_told(server: MisbehavingServer, fetch: Fetch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        authority = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(errors.AddressUnreachable, match="Connection refused"):
        fetch(f"http://{authority}/a.png", hosts=(authority,))
    with port_without_answer() as port, pytest.raises(errors.AddressUnreachable, match="timed out"):
        fetch(f"http://127.0.0.1:{port}/a.png", hosts=(f"127.0.0.1:{port}",), limits=replace(TIRES_OF_SILENCE, tries=1))


def test_a_host_that_asks_for_rest_is_asked_by_nobody_until_then(server: MisbehavingServer, fetch: Fetch) -> None:
    with pytest.raises(errors.AddressFailed):
        fetch("rest-an-hour")
    with pytest.raises(errors.AddressFailed, match="was not asked for"):
        fetch("good/red.png")
    assert server.paths() == ["rest-an-hour"]


def test_a_host_that_fails_for_long_is_left_alone_until_the_end(
    server: MisbehavingServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = replace(QUICK, give_up_after=PATIENCE, back_off=0.001)
    passed, clock = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + sum(passed))
    with pytest.raises(errors.AddressFailed):
        fetch("status/503", limits=limits)
    fetch("good/red.png", limits=limits)  # one good answer, and all is forgotten
    passed.append(PATIENCE)
    with pytest.raises(errors.AddressFailed):
        fetch("status/503", limits=limits)
    passed.append(PATIENCE)
    server.forget()
    with pytest.raises(errors.AddressUnreachable, match="left alone until the end"):
        fetch("status/503", limits=limits)
    assert len(server.requests) == 1
    with pytest.raises(errors.AddressUnreachable, match="left alone until the end"):
        fetch("good/red.png", limits=limits)
    assert len(server.requests) == 1


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[str], Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("certificates are made by openssl")

    def make(name: str) -> Path:
        key, file = tmp_path / "key.pem", tmp_path / "certificate.pem"
        options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test"]
        subprocess.run(
            [openssl, "req", "-x509", *options, "-addext", f"subjectAltName={name}", "-keyout", key, "-out", file],
            check=True,
            capture_output=True,
        )
        file.write_text(file.read_text() + key.read_text())
        return file

    return make


@pytest.mark.parametrize(
    ("name", "is_trusted", "says"),
    [
        ("IP:127.0.0.1", True, None),
        ("IP:127.0.0.1", False, "self-signed certificate"),
        ("IP:127.0.0.2", True, "IP address mismatch"),
        ("DNS:shop.example", True, "IP address mismatch"),
    ],
)
def test_certificates_are_checked(
    name: str,
    is_trusted: bool,
    says: str | None,
    certificate: Callable[[str], Path],
    fetch: Fetch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = certificate(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(file) if is_trusted else "/dev/null")
    picture = _encoded("red", "PNG")
    with misbehaving_server({"red.png": picture}, file) as secure:
        address = f"https://{secure.authority}/good/red.png"
        if says is None:
            assert fetch(address, hosts=(secure.authority,)).data == picture
            with pytest.raises(errors.AddressTooSlow):
                fetch(address.replace("good/red.png", "drip-head"), hosts=(secure.authority,), limits=TIRES_OF_DRIPS)
        else:
            with pytest.raises(errors.AddressUnreachable, match=f"certificate.*{says}"):
                fetch(address, hosts=(secure.authority,))
            assert not secure.requests


def test_a_name_is_what_the_certificate_is_checked_for(
    certificate: Callable[[str], Path],
    names: dict[str, list[list[str]]],
    fetch: Fetch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = certificate("DNS:shop.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setattr(resolving, "is_public", lambda ip: True)
    names.update({"shop.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})
    picture = _encoded("red", "PNG")
    with misbehaving_server({"red.png": picture}, file) as secure:
        port = secure.server_address[1]
        hosts = (f"shop.example:{port}", f"other.example:{port}")
        assert fetch(f"https://shop.example:{port}/good/red.png", hosts=hosts).data == picture
        with pytest.raises(errors.AddressUnreachable, match="Hostname mismatch"):
            fetch(f"https://other.example:{port}/good/red.png", hosts=hosts)


# Known pictures


@pytest.mark.parametrize("path", ["tagged/red.png", "dated/red.png"])
def test_a_known_picture_is_sent_again_only_when_it_is_another(
    path: str, server: MisbehavingServer, fetch: Fetch
) -> None:
    first = fetch(path)
    again = fetch(path, first.validator)
    assert (again.data, again.validator, server.answered) == (None, first.validator, [200, 304])
    server.pictures["red.png"] = server.pictures["blue.jpg"]
    changed = fetch(path, first.validator)
    assert changed.data == server.pictures["blue.jpg"]
    assert changed.validator not in {"", first.validator}


def test_a_validator_is_told_to_no_address_but_its_own(server: MisbehavingServer, fetch: Fetch) -> None:
    known = fetch("to//tagged/red.png").validator
    server.forget()
    assert fetch("to//tagged/red.png", known).data is None
    assert ["if-none-match" in headers for _, headers in server.requests] == [False, True]
    assert fetch("to//tagged/green.png", known).data == server.pictures["green.png"]
    assert "if-none-match" not in server.requests[-1][1]


def test_only_sound_validators_are_kept(fetch: Fetch) -> None:
    address = Address.parse("http://shop.example/a.png")
    assert fetch("good/red.png").validator == fetch("badly-tagged/red.png").validator == ""
    assert validator_of(address, {"etag": '"' + "a" * 300 + '"'}) == ""
    assert condition(address, validator_of(address, {"etag": 'W/"a:b=c"'})) == {"If-None-Match": 'W/"a:b=c"'}
    for bad in ('"a\r\nX: y"', '"a b"', "a", ""):
        assert condition(address, validator_of(address, {"etag": bad})) == {}


@pytest.mark.parametrize("validator", ["", '0123456789abcdef="a:b=c"'])
def test_a_content_keeps_a_validator_whole(validator: str) -> None:
    attributes = {"price": 3}
    kept = str(ContentKey.of(picture_checksum(b"picture"), attributes, validator))
    assert ContentKey.parse(kept).validator == validator
    assert ContentKey.parse(kept).picture == picture_checksum(b"picture")


# Indexing


@pytest.fixture
def catalogue(tmp_path: Path, embedder: LiteRTEmbedder) -> Iterator[LocalCatalogue]:
    card = embedder.card
    with LocalCatalogue.create(tmp_path / "catalogue", card.fingerprint, card.dim, card.classes) as made:
        yield made


def _source(server: MisbehavingServer, *rows: tuple[str, str], price: int = 1, limits: Limits = QUICK) -> JsonStream:
    lines = [json.dumps({"id": id_, "image": server.url(path), "price": price}) for id_, path in rows]
    access = WebAccess(AllowedHosts([server.authority]), limits)
    return JsonStream(io.BytesIO("\n".join(lines).encode()), Path(), access)


def test_a_second_run_asks_for_what_is_new_only(
    server: MisbehavingServer, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("a", "tagged/red.png"), ("b", "dated/blue.jpg"), ("c", "good/green.png")]
    first = indexing.index(_source(server, *rows), embedder, catalogue, workers=1)
    assert first == IndexReport(added=3, updated=0, unchanged=0, generation=1)
    contents = catalogue.content_keys(["a", "b", "c"])
    with monkeypatch.context() as patched:

        def refuse(*_: object) -> None:
            raise AssertionError("a picture was prepared or embedded")

        patched.setattr(indexing.Workers, "begin", refuse)
        patched.setattr(LiteRTEmbedder, "answers", refuse)
        server.forget()
        same = indexing.index(_source(server, *rows), embedder, catalogue, workers=1)
        assert same == IndexReport(added=0, updated=0, unchanged=3, generation=1)
        assert sorted(server.answered) == [200, 304, 304]
        assert server.sent == len(server.pictures["green.png"])
        assert catalogue.content_keys(["a", "b", "c"]) == contents
        dearer = indexing.index(_source(server, *rows, price=2), embedder, catalogue, workers=1)
        assert (dearer.updated, catalogue.get(["a"])[0].attributes) == (3, {"price": 2})
    kept = catalogue.vectors(["a", "b"])
    server.pictures["red.png"] = server.pictures["green.png"]
    changed = indexing.index(_source(server, *rows, price=2), embedder, catalogue, workers=1)
    assert (changed.updated, changed.unchanged) == (1, 2)
    assert not np.array_equal(catalogue.vectors(["a"])[0], kept[0])
    np.testing.assert_array_equal(catalogue.vectors(["b"])[0], kept[1])


def test_a_picture_from_the_web_is_indexed_as_the_same_file_is(
    server: MisbehavingServer, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    (tmp_path / "red.png").write_bytes(server.pictures["red.png"])
    local = JsonStream(io.BytesIO(b'{"id": "local", "image": "red.png"}'), tmp_path)
    indexing.index(local, embedder, catalogue, workers=1)
    indexing.index(_source(server, ("web", "tagged/red.png")), embedder, catalogue, workers=1)
    vectors = catalogue.vectors(["local", "web"])
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert catalogue.display("local") == catalogue.display("web")
    moved = JsonStream(io.BytesIO(b'{"id": "web", "image": "red.png", "price": 1}'), tmp_path)
    indexing.index(moved, embedder, catalogue, workers=1)
    keys = {id_: ContentKey.parse(kept) for id_, kept in catalogue.content_keys(["local", "web"]).items()}
    assert keys["web"].validator == ""
    assert keys["web"].picture == keys["local"].picture


def test_a_new_validator_of_the_same_picture_is_kept(
    server: MisbehavingServer, catalogue: LocalCatalogue, embedder: LiteRTEmbedder
) -> None:
    row = ("a", "retagged/red.png")
    indexing.index(_source(server, row), embedder, catalogue, workers=1)
    vector = catalogue.vectors(["a"])
    report = indexing.index(_source(server, row), embedder, catalogue, workers=1)
    assert (report.updated, ContentKey.parse(catalogue.content_keys(["a"])["a"]).validator[-3:]) == (1, '"2"')
    np.testing.assert_array_equal(catalogue.vectors(["a"]), vector)


def test_failures_of_the_web_stop_nothing_and_spare_what_is_kept(
    server: MisbehavingServer, catalogue: LocalCatalogue, embedder: LiteRTEmbedder
) -> None:
    rows = [
        ("a", "good/red.png"),
        ("b", "status/404"),
        ("c", "html"),
        ("d", "text"),
        ("e", "reset"),
        ("f", "drip/red.png"),
    ]
    failures: list[Any] = []
    limits = replace(QUICK, request=5)  # too little for what drips, and plenty for the others
    source = _source(server, *rows, ("g", "good/blue.jpg"), limits=limits)
    first = indexing.index(source, embedder, catalogue, None, failures.append, workers=1)
    assert first == IndexReport(added=2, updated=0, unchanged=0, generation=1, failed=5)
    assert [(failure.place, failure.id, failure.code) for failure in failures] == [
        (2, "b", "picture-missing"),
        (3, "c", "address-holds-no-picture"),
        (4, "d", "unsupported-picture"),
        (5, "e", "address-unreachable"),
        (6, "f", "address-too-slow"),
    ]
    gone = _source(server, ("a", "status/404"), ("g", "good/blue.jpg"))
    assert indexing.index(gone, embedder, catalogue, prune=True, workers=1).failed == 1
    assert catalogue.ids() == ["a", "g"]


def test_a_picture_of_the_web_that_takes_too_long_to_decode_fails_alone(
    server: MisbehavingServer, catalogue: LocalCatalogue, embedder: LiteRTEmbedder
) -> None:
    source = [("a", "good/red.png"), ("b", "good/blue.jpg"), ("c", "good/green.png")]
    failures: list[Any] = []
    hurried = indexing.index(
        _source(server, *source), embedder, catalogue, None, failures.append, workers=2, decoding_seconds=1e-5
    )
    assert (hurried.added, hurried.failed) == (0, 3)
    assert [(failure.id, failure.code) for failure in failures] == [(id_, "picture-too-slow") for id_ in "abc"]
    assert indexing.index(_source(server, *source), embedder, catalogue, workers=2).added == 3


def test_a_preview_of_the_web_says_what_would_be_done(
    server: MisbehavingServer, catalogue: LocalCatalogue, embedder: LiteRTEmbedder
) -> None:
    rows = [("a", "tagged/red.png"), ("b", "tagged/blue.jpg")]
    indexing.index(_source(server, *rows), embedder, catalogue, workers=1)
    server.pictures["blue.jpg"] = server.pictures["green.png"]
    more = [*rows, ("c", "good/red.png"), ("d", "status/404")]
    foreseen = indexing.preview(_source(server, *more), catalogue)
    assert foreseen == IndexReport(added=1, updated=1, unchanged=1, generation=1, failed=1)
    assert catalogue.ids() == ["a", "b"]


def test_only_a_few_pictures_are_fetched_at_once(server: MisbehavingServer, catalogue: LocalCatalogue) -> None:
    rows = [(str(number), f"three-at-once/{number}/red.png") for number in range(20)]
    limits = replace(QUICK, at_once=3)
    assert indexing.preview(_source(server, *rows, limits=limits), catalogue).added == 20
    assert server.most_at_once == 3
    assert server.connections == 3


def test_whoever_waits_for_a_name_is_left_behind(server: MisbehavingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = threading.Event(), threading.Event()

    def resolve(*_: object, **__: object) -> object:
        asked.set()
        answer.wait(PATIENCE)
        raise socket.gaierror

    monkeypatch.setattr(resolving.socket, "getaddrinfo", resolve)
    access = WebAccess(AllowedHosts(["shop.example"]), replace(QUICK, at_once=1))
    rows = [{"id": id_, "image": "http://shop.example/a.png"} for id_ in "ab"]
    source = JsonStream(io.BytesIO("\n".join(map(json.dumps, rows)).encode()), Path(), access)
    with Fetching() as fetching:
        begun = [fetching.begin(step) for row in source if isinstance(step := planned(row, {}), Plan)]
        assert asked.wait(PATIENCE)
        fetching.close()
        for future in begun:
            with pytest.raises(CancelledError):
                future.result(timeout=PATIENCE)
    answer.set()


# The command


LIMITS = [field.name for field in fields(Limits)]


def _lookalike(project: Path, directory: Path, *arguments: str, program: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *(program or [project / "lookalike.py"]), *arguments],
        env={**os.environ, "PYTHONPATH": str(project)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=directory,
        # Who runs in the background hands on that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


def test_the_command_fetches_from_hosts_that_it_allows(
    server: MisbehavingServer, project: Path, tmp_path: Path
) -> None:
    table = f"id,image,price\n1,{server.url('tagged/red.png')},5\n2,{server.url('status/404')},6\n3,local.png,7\n"
    (tmp_path / "shop.csv").write_text(table)
    (tmp_path / "local.png").write_bytes(server.pictures["green.png"])

    def index(*options: str) -> tuple[int | None, str, list[tuple[int, str]]]:
        process = _lookalike(project, tmp_path, "index", "shop.csv", "--catalogue", "c", "--workers", "1", *options)
        out, _ = process.communicate(timeout=PATIENCE)
        told = [json.loads(line) for line in (tmp_path / "c/failures.jsonl").read_text().splitlines()]
        return process.returncode, out.partition(" What failed")[0], [(line["row"], line["message"]) for line in told]

    code, out, told = index()
    assert (code, out) == (3, "c: 1 added, 0 updated, 0 unchanged, 2 failed, 1 items.")
    assert not server.requests
    assert [row for row, _ in told] == [2, 3]
    assert all(f"Add --allow-host {server.authority} " in message for _, message in told)

    allowed = ("--allow-host", "images.shop.example", "--allow-host", server.authority)
    code, out, told = index(*allowed)
    assert (code, out) == (3, "c: 1 added, 0 updated, 1 unchanged, 1 failed, 2 items.")
    assert [row for row, _ in told] == [3]
    assert "(404)" in told[0][1]

    server.forget()
    code, out, told = index(*allowed)
    assert out == "c: 0 added, 0 updated, 2 unchanged, 1 failed, 2 items."
    assert sorted(server.answered) == [304, 404]


def test_the_command_refuses_what_is_no_host(project: Path, tmp_path: Path) -> None:
    process = _lookalike(project, tmp_path, "index", "-", "--catalogue", "c", "--allow-host", "*.shop.example")
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "--allow-host" in said
    assert "'*.shop.example' is no host" in said


def test_ctrl_c_waits_for_no_server(server: MisbehavingServer, project: Path, tmp_path: Path) -> None:
    rows = [f'{{"id": "{number}", "image": "{server.url("silent")}"}}' for number in range(20)]
    (tmp_path / "shop.jsonl").write_text("\n".join(rows))
    endless = [2 * PATIENCE if name in {"silence", "request"} else getattr(Limits(), name) for name in LIMITS]
    code = f"""
import lookalike
from indexer.sources.web.access import Limits
Limits.__init__.__defaults__ = {tuple(endless)}
lookalike.main(prog_name="lookalike")
"""
    options = ("--catalogue", "c", "--allow-host", server.authority)
    process = _lookalike(project, tmp_path, "index", "shop.jsonl", *options, program=("-c", code))
    server.wait_for(1)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in said
