"""Pictures that requests name by their addresses: fetched from allowed hosts alone, and keeping nobody else waiting."""

import base64
import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_asserts import assert_problem
from click.testing import CliRunner
from flask.testing import FlaskClient
from live_server import PATIENCE, answers_in, live_server, received
from misbehaving_server import MisbehavingServer, misbehaving_server

from commands.command_line import main
from indexer.catalogue.local import LocalCatalogue
from indexer.sources.errors import AddressFailed, AddressRefused, AddressTooSlow, AddressUnreachable, InvalidHost
from indexer.sources.web.addresses import Address
from models.errors import LookalikeError, PictureTooLarge
from models.pictures.decoding import MAX_BYTES
from models.runtime import LiteRTEmbedder
from search_api.access.image_hosts import ImageHosts
from search_api.engine import Engine
from search_api.errors import NoTimeLeft
from search_api.http.app import create_app
from search_api.item_changes import ItemChange, with_pictures
from search_api.seeing.addressed_pictures import LIMITS, AddressedPictures
from search_api.server.front.pictures import names_address
from search_api.server.front.request import Request

ITEM = "test-00042"


@pytest.fixture(scope="module")
def engine(
    small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory, embedder: LiteRTEmbedder
) -> Iterator[Engine]:
    """The engine over a catalogue that is written; its hosts are named by the fixture `client`."""
    directory = Path(shutil.copytree(small_catalogue, tmp_path_factory.mktemp("own") / "catalogue"))
    with LocalCatalogue.open(directory, embedder.card.fingerprint) as catalogue:
        yield Engine(embedder, catalogue)


@pytest.fixture(scope="module")
def shop(engine: Engine) -> Iterator[MisbehavingServer]:
    """Another server that has the pictures of three items."""
    pictures = {f"{number}.png": engine.display(f"test-{number:05}").data for number in (42, 43, 44)}
    with misbehaving_server(pictures) as running:
        yield running


@pytest.fixture(scope="module")
def client(
    small_catalogue: Path, engine: Engine, shop: MisbehavingServer, embedder: LiteRTEmbedder
) -> Iterator[FlaskClient]:
    """Who asks an application that may fetch from the shop."""
    with LocalCatalogue.open(engine.directory, embedder.card.fingerprint) as catalogue:
        fetching = Engine(embedder, catalogue, image_hosts=ImageHosts([shop.authority, "nowhere.example"]))
        yield create_app(lambda: fetching).test_client()
        fetching.close()


def ids(answer: Any) -> list[str]:
    return [hit["item"]["id"] for hit in answer["hits"]]


def told(engine: Engine, number: int) -> str:
    return base64.b64encode(engine.display(f"test-{number:05}").data).decode()


# Hosts


@pytest.mark.parametrize(
    ("named", "address", "is_allowed", "may_be_private"),
    [
        ("shop.example", "https://shop.example/a.jpg", True, False),
        ("shop.example", "http://shop.example:80/a.jpg", True, False),
        ("shop.example", "https://shop.example:8443/a.jpg", False, None),
        ("shop.example", "https://images.shop.example/a.jpg", False, None),
        ("shop.example:8443", "https://shop.example:8443/a.jpg", True, True),
        ("shop.example:8443", "https://shop.example/a.jpg", False, None),
        ("*.shop.example", "https://images.shop.example/a.jpg", True, False),
        ("*.shop.example", "https://a.b.SHOP.example./a.jpg", True, False),
        ("*.shop.example", "https://shop.example/a.jpg", False, None),
        ("*.shop.example", "https://evilshop.example/a.jpg", False, None),
        ("*.shop.example", "https://images.shop.example:8443/a.jpg", False, None),
        ("*.shop.example:8443", "https://images.shop.example:8443/a.jpg", True, False),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/a.jpg", True, True),
        ("127.0.0.1:8000", "http://127.0.0.1/a.jpg", False, None),
        ("93.184.216.34", "http://93.184.216.34/a.jpg", True, False),
    ],
)
def test_a_host_is_allowed_by_its_name_or_with_all_below_one(
    named: str, address: str, is_allowed: bool, may_be_private: bool | None
) -> None:
    hosts, parsed = ImageHosts([named]), Address.parse(address)
    if is_allowed:
        hosts.check(parsed)
        assert hosts.may_be_private(parsed) is may_be_private
    else:
        with pytest.raises(AddressRefused, match=f"--allow-image-host {parsed.authority}"):
            hosts.check(parsed)


@pytest.mark.parametrize(
    "name",
    ["*", "*.", "*.com", "*.shop.*", "a.*.example", "https://shop.example", "shop.example/a", "*.shop.example:0",
     "*.shop.example:65536", "*.0.1", "127.0.0.1", "10.0.0.7", "[::1]", "169.254.169.254", ""],
)  # fmt: skip
def test_what_names_no_host_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(InvalidHost):
        ImageHosts([name])


def test_the_server_says_which_hosts_it_fetches_from(tmp_path: Path) -> None:
    settings = tmp_path / "serve.toml"
    settings.write_text('allow-image-host = ["images.shop.example", "*.cdn.example"]\n')
    checked = CliRunner().invoke(main, ["serve", "--settings", str(settings), "--check"])
    assert 'allow-image-host = ["images.shop.example", "*.cdn.example"]' in checked.output
    refused = CliRunner().invoke(main, ["serve", "--allow-image-host", "10.0.0.7", "--check"])
    assert refused.exit_code == 1
    assert "its port" in refused.output


# Where a picture may be named by its address


def test_a_search_by_address_finds_what_the_picture_finds(
    client: FlaskClient, engine: Engine, shop: MisbehavingServer
) -> None:
    options = {"limit": 5, "exclude": ["test-00001"], "box": "0,0,1,1"}
    address = shop.url("good/42.png")
    answer = client.post("/v1/search", json={"image_url": address, **options})
    sent = client.post("/v1/search", json={"image": told(engine, 42), **options})
    assert ids(answer.get_json()) == ids(sent.get_json())
    assert answer.get_json()["query"] == {"source": "image", "image_url": address, "box": [0, 0, 1, 1]}
    assert "fetch;dur=" in answer.headers["Server-Timing"]


def test_likes_verdicts_and_batches_take_addresses(
    client: FlaskClient, engine: Engine, shop: MisbehavingServer
) -> None:
    def asked(picture: Callable[[int], dict[str, str]]) -> list[Any]:
        liked = {"likes": [picture(42), {**picture(43), "weight": 2}], "dislikes": [picture(44)], "limit": 4}
        batch = {"questions": [{"search": picture(43)}, {"recommend": liked}, {"search": picture(42)}]}
        answers = client.post("/v1/batch", json=batch).get_json()["answers"]
        return [
            ids(client.post("/v1/recommend", json=liked).get_json()),
            client.post("/v1/moderate", json={**picture(42), "attributes": {"a": 1}}).get_json()["familiarity"],
            *(ids(one["answer"]) for one in answers),
        ]

    shop.forget()
    by_address = asked(lambda number: {"image_url": shop.url(f"good/{number}.png")})
    assert len(shop.requests) == 3 + 1 + 3, "each picture is fetched once for a request"
    assert by_address == asked(lambda number: {"image": told(engine, number)})


def test_in_a_batch_a_picture_that_can_not_be_had_costs_no_other(client: FlaskClient, shop: MisbehavingServer) -> None:
    addresses = [
        shop.url("good/42.png"),
        shop.url("status/404/x"),
        "http://other.example/a.png",
        shop.url("good/43.png"),
    ]
    answers = client.post("/v1/batch", json={"questions": [{"search": {"image_url": one}} for one in addresses]})
    outcomes = [one["problem"]["code"] if "problem" in one else one["status"] for one in answers.get_json()["answers"]]
    assert outcomes == [200, "picture-missing", "address-refused", 200]


def test_items_are_written_with_pictures_at_addresses(
    client: FlaskClient, engine: Engine, shop: MisbehavingServer
) -> None:
    def good(number: int) -> str:
        return shop.url(f"good/{number}.png")

    put = client.put("/v1/items/one", json={"image_url": good(42), "attributes": {"price": 5}})
    assert put.status_code == 201
    again = client.put("/v1/items/one/image", json={"image_url": good(43)})
    assert (again.status_code, again.get_json()["attributes"]) == (200, {"price": 5})
    assert engine.display("one").data == engine.display("test-00043").data
    assert client.put("/v1/items/one/image", json={"image": told(engine, 44)}).status_code == 200
    lines = [
        {"id": "two", "image_url": good(42)},
        {"id": "three", "image_url": shop.url("html/42.png")},
        {"id": "four", "attributes": {"image_url": "http://other.example/"}, "image": told(engine, 44)},
        *({"id": f"more-{number}", "image_url": good(42 + number % 3)} for number in range(9)),
        {"id": "one", "delete": True},
    ]
    body = "\n".join(map(json.dumps, lines))
    written = client.post("/v1/items", data=body, content_type="application/x-ndjson")
    told_of = [json.loads(line) for line in written.data.splitlines()]
    assert [one["id"] for one in told_of] == [line["id"] for line in lines]
    assert [one["status"] for one in told_of] == ["created", "failed", *["created"] * 10, "deleted"]
    assert told_of[1]["problem"]["code"] == "address-holds-no-picture"
    assert engine.display("more-4").data == engine.display("test-00043").data
    assert engine.item("four").attributes == {"image_url": "http://other.example/"}


def test_lines_that_there_is_no_time_for_are_not_fetched(shop: MisbehavingServer) -> None:
    shop.forget()
    pictures = AddressedPictures(ImageHosts([shop.authority]))
    changes = [ItemChange("a", image=Address.parse(shop.url("good/42.png"))), ItemChange("b", {"price": 1})]
    late, other = with_pictures(changes, pictures, deadline=time.monotonic() - 1)
    assert isinstance(late, NoTimeLeft)
    assert other is changes[1]
    assert shop.requests == []


# What is not fetched


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "a host that is not allowed": ({"image_url": "https://other.example/a.jpg"}, 422, "address-refused"),
    "the cloud's metadata": ({"image_url": "http://169.254.169.254/latest"}, 422, "address-refused"),
    "this machine": ({"image_url": "http://localhost/"}, 422, "address-refused"),
    "a file": ({"image_url": "file:///etc/passwd"}, 422, "address-refused"),
    "a name and a password": ({"image_url": "http://a:b@nowhere.example/"}, 422, "address-refused"),
    "no address": ({"image_url": "sku-1"}, 422, "address-refused"),
    "a line break": ({"image_url": "http://nowhere.example/\r\nX: y"}, 422, "address-refused"),
    "a number": ({"image_url": 7}, 400, "invalid-field"),
    "a long address": ({"image_url": f"http://nowhere.example/{'a' * 2048}"}, 400, "invalid-field"),
    "two pictures": ({"image_url": "http://nowhere.example/", "image": "aaaa"}, 400, "several-queries"),
    "a picture and an item": ({"image_url": "http://nowhere.example/", "item_id": ITEM}, 400, "several-queries"),
    "a name that leads nowhere": ({"image_url": "https://nowhere.example/a.jpg"}, 422, "address-unreachable"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_fetched_is_a_problem_that_says_why(client: FlaskClient, name: str) -> None:
    asked, status, code = REFUSED[name]
    assert_problem(client.post("/v1/search", json=asked), status, code)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("status/404/x", 422, "picture-missing"),
        ("status/500/x", 422, "address-failed"),
        ("status/503/x", 422, "address-failed"),
        ("html/42.png", 422, "address-holds-no-picture"),
        ("announced_large/42.png", 413, "picture-too-large"),
        ("loop/x", 422, "address-failed"),
        ("to/http://169.254.169.254/latest", 422, "address-refused"),
        ("to/http://localhost:1/a.png", 422, "address-refused"),
        ("to/file:///etc/passwd", 422, "address-refused"),
        ("text/x", 415, "unsupported-picture"),
        ("reset/42.png", 422, "address-unreachable"),
    ],
)
def test_what_a_server_gives_instead_of_a_picture_is_told(
    client: FlaskClient, shop: MisbehavingServer, path: str, status: int, code: str
) -> None:
    assert_problem(client.post("/v1/search", json={"image_url": shop.url(path)}), status, code)


def test_a_redirect_to_an_allowed_host_is_followed(client: FlaskClient, shop: MisbehavingServer) -> None:
    assert client.post("/v1/search", json={"image_url": shop.url("to/" + shop.url("good/42.png"))}).status_code == 200


def test_by_default_no_host_is_asked(engine: Engine, shop: MisbehavingServer) -> None:
    shop.forget()
    asked = {"image_url": shop.url("good/42.png")}
    problem = assert_problem(
        create_app(lambda: engine).test_client().post("/v1/search", json=asked), 422, "address-refused"
    )
    assert f"--allow-image-host {shop.authority}" in problem["detail"]
    assert shop.connections == 0


def test_a_name_may_lead_to_a_private_network_only_if_it_is_named_with_its_port(
    shop: MisbehavingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, real = shop.server_address[1], socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *how, **kinds: real("127.0.0.1", *how, **kinds))
    address = Address.parse(f"http://images.shop.example:{port}/good/42.png")
    by_pattern = AddressedPictures(ImageHosts([f"*.shop.example:{port}"]))
    with pytest.raises(AddressRefused) as refused:
        by_pattern.picture(address)
    assert "127.0.0.1" not in str(refused.value), "what a name leads to is not everybody's business"
    by_name = AddressedPictures(ImageHosts([f"images.shop.example:{port}"]))
    assert by_name.picture(address) == shop.pictures["42.png"]
    for pictures in (by_pattern, by_name):
        pictures.close()


# Limits


@pytest.fixture
def brief(shop: MisbehavingServer) -> Iterator[AddressedPictures]:
    """Fetches from the shop, and waits hardly at all."""
    limits = replace(LIMITS, at_once=2)
    pictures = AddressedPictures(ImageHosts([shop.authority]), seconds=0.1, limits=limits)
    yield pictures
    pictures.close()


@pytest.mark.parametrize("path", ["silent/x", "silent_body/42.png", "drip_head/x", "go_on/x"])
def test_every_wait_has_an_end(brief: AddressedPictures, shop: MisbehavingServer, path: str) -> None:
    with pytest.raises(AddressTooSlow):
        brief.picture(Address.parse(shop.url(path)))


def test_what_waits_for_its_turn_too_long_is_not_fetched(brief: AddressedPictures, shop: MisbehavingServer) -> None:
    shop.forget()
    addresses = [Address.parse(shop.url(f"silent/{number}")) for number in range(5)]
    found = brief.fetched(addresses)
    assert list(map(type, found.values())) == [AddressTooSlow] * 5
    assert len(shop.requests) <= 2


def test_a_silent_host_costs_no_other_picture_of_a_request(mute: MisbehavingServer, shop: MisbehavingServer) -> None:
    pictures = AddressedPictures(ImageHosts([shop.authority, mute.authority]), seconds=PATIENCE)
    silent = [Address.parse(mute.url(f"silent/{number}")) for number in range(3)]
    good = [Address.parse(shop.url(f"good/{42 + number % 3}.png?{number}")) for number in range(9)]
    shop.forget()
    with ThreadPoolExecutor(1) as asking:
        asked = asking.submit(pictures.fetched, [*silent, *good])
        mute.wait_for(3)
        shop.wait_for(9)
        assert not asked.done()
        mute.released.set()
        found = asked.result()
    assert [type(found[address]) for address in silent] == [AddressUnreachable] * 3
    assert [found[address] for address in good] == [shop.pictures[f"{42 + number % 3}.png"] for number in range(9)]
    pictures.close()


def test_a_host_that_wants_to_be_left_alone_is_not_waited_for(shop: MisbehavingServer) -> None:
    with misbehaving_server(shop.pictures) as tired:
        pictures = AddressedPictures(ImageHosts([tired.authority]))
        for path in ("rest_an_hour/x", "good/42.png"):
            with pytest.raises(AddressFailed):
                pictures.picture(Address.parse(tired.url(path)))
        assert tired.paths() == ["rest_an_hour/x"]
        pictures.close()


def test_all_pictures_of_a_request_together_are_no_larger_than_an_upload() -> None:
    half = bytes(MAX_BYTES // 2)
    with misbehaving_server({f"{number}.png": half for number in range(3)}) as large:
        pictures = AddressedPictures(ImageHosts([large.authority]), seconds=PATIENCE)
        found = pictures.fetched(Address.parse(large.url(f"good/{number}.png")) for number in range(3))
        kinds = [type(one) if isinstance(one, LookalikeError) else len(one) for one in found.values()]
        assert kinds == [len(half), len(half), PictureTooLarge]
        pictures.close()


# The command and the server


def test_the_command_searches_with_the_picture_at_an_address(small_catalogue: Path, shop: MisbehavingServer) -> None:
    def asked(path: str) -> Any:
        return CliRunner().invoke(main, ["search", shop.url(path), "--catalogue", str(small_catalogue), "--json"])

    assert ids(json.loads(asked("good/42.png").stdout))[0] == ITEM
    assert asked("to/http://localhost:1/a.png").exit_code == 1
    address = shop.url("good/42.png")
    liked = ["recommend", "--like-picture", address, "--weigh", address, "2", "--catalogue", str(small_catalogue)]
    assert f"because of {address}" in CliRunner().invoke(main, liked).stdout


def test_the_command_writes_an_item_with_the_picture_at_an_address(engine: Engine, shop: MisbehavingServer) -> None:
    put = ["items", "put", "typed", "--image", shop.url("good/43.png"), "--catalogue", str(engine.directory)]
    assert CliRunner().invoke(main, put).exit_code == 0
    assert engine.display("typed").data == engine.display("test-00043").data


@pytest.mark.parametrize(
    ("path", "kind", "body", "names_one"),
    [
        ("/v1/search", "application/json", b'{"image_url": "https://shop.example/a"}', True),
        (
            "/v1/search",
            "Application/JSON; charset=utf-8",
            b'{ "\\u0069mage\\u005Furl" :"https://shop.example/a"}',
            True,
        ),
        ("/v1/items", "application/x-ndjson", b'{"id": "a"}\n' * 40_000 + b'{"id": "b", "image_url": "x"}', True),
        ("/v1/search", "application/json", b'{"q": "\\u00fcber image_url"}', False),
        ("/v1/search", "image/jpeg", b'"image_url"', False),
        ("/v1/search", "application/json", b'{"image": "' + b"a" * 300_000 + b'", "image_url": "x"}', False),
        ("/v1/search", "application/json", b"", False),
    ],
)
def test_the_front_knows_what_waits_for_another_server(path: str, kind: str, body: bytes, names_one: bool) -> None:
    request = Request(lambda *_: None, 0)
    request.path, request.content_type = path.encode(), kind.encode()
    request.body, request.body_length = [body[:7], body[7:]] if body else [], len(body)
    assert names_address(request) is names_one


def test_what_is_too_long_to_be_looked_through_is_refused_before_anything_is_fetched(
    client: FlaskClient, shop: MisbehavingServer
) -> None:
    shop.forget()
    address, padding = {"image_url": shop.url("good/42.png")}, {"q": "a" * 300_000}
    assert client.post("/v1/search", json={**address, **padding}).status_code == 413
    assert client.post("/v1/moderate", json={**address, "image": "a" * 300_000}).status_code == 400
    assert shop.requests == []


@pytest.fixture
def mute() -> Iterator[MisbehavingServer]:
    """A server that says nothing until it is released, and then hangs up."""
    with misbehaving_server({}) as running:
        yield running


def test_who_waits_for_another_server_keeps_nobody_waiting(
    engine: Engine, mute: MisbehavingServer, tmp_path: Path
) -> None:
    def posted(path: str, body: bytes, kind: str = "application/json", method: str = "POST") -> bytes:
        fields = f"Host: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        return f"{method} {path} HTTP/1.1\r\n{fields}".encode() + body

    silent = mute.url("silent/x")
    escaped = b'{"im\\u0061ge_url": "%s"}' % silent.encode()
    waiting = [
        *[posted("/v1/search", json.dumps({"image_url": silent}).encode())] * 3,
        posted("/v1/search", escaped),
        posted("/v1/items/slow", json.dumps({"image_url": silent}).encode(), method="PUT"),
        posted("/v1/items", json.dumps({"id": "slow", "image_url": silent}).encode(), "application/x-ndjson"),
    ]
    options = ("--catalogue", engine.directory, "--workers", "1", "--allow-image-host", mute.authority)
    with live_server(tmp_path / "log", *options) as server:
        connections = []
        for one in waiting:
            connections.append(server.connect())
            connections[-1].sendall(one)
        mute.wait_for(2)
        picture = engine.display(ITEM).data
        answers = [
            server.ask("POST", "/v1/search", picture, {"Content-Type": "image/png"}),
            server.ask(
                "PUT",
                "/v1/items/quick",
                json.dumps({"image": told(engine, 42)}).encode(),
                {"Content-Type": "application/json"},
            ),
            server.get("/v1/items/quick/similar"),
            server.get("/readyz"),
        ]
        assert [one.status for one in answers] == [200, 201, 200, 200]
        assert len(mute.requests) == 2, "as many as a worker has threads for it"
        mute.released.set()
        late = [answer for connection in connections for answer in answers_in(received(connection))]
        assert [one.status for one in late] == [422] * 5 + [200]
        for connection in connections:
            connection.close()
