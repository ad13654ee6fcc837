"""The Python client, of both kinds: against a server of one worker, and against answers that are said word by word."""

import asyncio
import inspect
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import httpx
import numpy as np
import pytest
from live_server import LiveServer, live_server
from misbehaving_server import MisbehavingServer, misbehaving_server
from PIL import Image

import lookalike_client
from lookalike_client import (
    AsyncClient,
    Change,
    Client,
    Forbidden,
    Found,
    Item,
    LookalikeHTTPError,
    NotFound,
    Opinion,
    PictureUrl,
    Question,
    RateLimited,
    Retries,
    StaleCursor,
    Strip,
    StripQuestion,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
    VersionConflict,
    options,
)
from lookalike_client.chunks import Chunk, Chunks
from models.datasets.fashion_mnist import Split
from models.pictures.png import encode_png
from search_api.access.keys import Scope, create_key
from search_api.parameters import FACETS, FIELDS, PAGE, PICTURE, QUERY, STRIP, names_of

DOCUMENTATION = (Path(__file__).parent.parent / "docs" / "client.md").read_text(encoding="utf-8")
AT_ONCE = Retries(shortest=0)
BOOT = "test-00042"


class InALoop:
    """An AsyncClient that is called as a Client is: each call runs in one loop until it is done."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._runner = asyncio.Runner()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*values: Any, **options: Any) -> Any:
            answer = getattr(self._client, name)(*values, **options)
            return self._each(answer) if isinstance(answer, AsyncIterator) else self._runner.run(answer)

        return call

    def _each(self, answers: AsyncIterator[Any]) -> Iterator[Any]:
        async def one() -> list[Any]:
            try:
                return [await anext(answers)]
            except StopAsyncIteration:
                return []

        while got := self._runner.run(one()):
            yield from got

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


Connect = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Make clients of one kind, as Client is made."""
    made: list[Any] = []

    def connected(*values: Any, **options: Any) -> Any:
        is_sync = request.param == "sync"
        made.append(Client(*values, **options) if is_sync else InALoop(AsyncClient(*values, **options)))
        return made[-1]

    yield connected
    for one in made:
        one.close()


@dataclass(frozen=True)
class Keys:
    """What opens the server: for all but administration, and for reading alone."""

    write: str
    read: str


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Keys]:
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    made = [create_key(file, scope.value, [scope])[1] for scope in (Scope.WRITE, Scope.READ)]
    return file, Keys(*made)


@pytest.fixture(scope="module")
def elsewhere(picture: bytes) -> Iterator[MisbehavingServer]:
    """Another server, that has a picture."""
    with misbehaving_server({"boot.png": picture}) as one:
        yield one


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory,
    small_catalogue: Path,
    keys: tuple[Path, Keys],
    elsewhere: MisbehavingServer,
) -> Iterator[LiveServer]:
    place = tmp_path_factory.mktemp("client")
    catalogue = shutil.copytree(small_catalogue, place / "catalogue")
    options = ("--workers", "1", "--keys", keys[0], "--allow-image-host", elsewhere.authority)
    with live_server(place / "log", "--catalogue", catalogue, *options) as one:
        yield one


@pytest.fixture
def address(server: LiveServer) -> str:
    return f"http://127.0.0.1:{server.port}"


@pytest.fixture
def shop(connect: Connect, address: str, keys: tuple[Path, Keys]) -> Any:
    """A client of the server that may write."""
    return connect(address, key=keys[1].write)


@pytest.fixture(scope="module")
def picture(test_split: Split) -> bytes:
    """A picture of the 42nd item."""
    return encode_png(255 - test_split.images[42])


def ids(found: Any) -> list[str]:
    return [hit.item.id for hit in found.hits]


def test_a_picture_is_searched_with_as_bytes_as_a_file_and_by_its_path(
    shop: Any, picture: bytes, tmp_path: Path
) -> None:
    (tmp_path / "boot.png").write_bytes(picture)
    found = shop.search(picture, limit=4)
    assert ids(found)[0] == BOOT
    assert len(found.hits) == 4
    assert len(found.predicted["class"].others) == 9
    best = found.hits[0]
    assert best.relevance > 0.9
    assert (best.item.predicted["class"].value, best.item.picture.url) == (
        found.predicted["class"].value,
        f"/v1/items/{BOOT}/image",
    )
    assert best.item.images.medium.url.startswith(f"/v1/items/{BOOT}/images/")
    assert (best.item.images.large.width, best.item.images.large.height) == (28, 28)
    assert shop.search(tmp_path / "boot.png", limit=4).hits == found.hits
    assert shop.search(io.BytesIO(picture), limit=4).hits == found.hits
    with pytest.raises(TypeError, match="bytes"):
        shop.search("boot.png")


def test_a_picture_is_given_by_its_address_wherever_one_is_taken(
    shop: Any, picture: bytes, elsewhere: MisbehavingServer
) -> None:
    address = PictureUrl(elsewhere.url("good/boot.png"))
    options = {"limit": 4, "box": (0.1, 0, 0.9, 1), "fields": ["score"]}
    assert shop.search(address, **options).hits == shop.search(picture, **options).hits
    paged = itertools.islice(shop.hits(address, page_size=3), 4)
    assert [hit.item.id for hit in paged] == ids(shop.search(picture, limit=4))
    assert shop.recommend([address, BOOT]).hits == shop.recommend([picture, BOOT]).hits
    (found,) = shop.batch([Question.search(address, limit=4)])
    assert ids(found) == ids(shop.search(picture, limit=4))
    assert shop.moderate(address, {"a": 1}).familiarity == shop.moderate(picture).familiarity
    assert shop.put("by-address", {"a": 1}, address).attributes == {"a": 1}
    assert shop.put_image("by-address", address).attributes == {"a": 1}
    assert [one.status for one in shop.write([Change("by-address-2", image=address)])] == ["created"]
    with pytest.raises(LookalikeHTTPError) as refused:
        shop.search(PictureUrl("https://nowhere.example/boot.png"))
    assert (refused.value.status, refused.value.code) == (422, "address-refused")
    for item_id in ("by-address", "by-address-2"):
        shop.delete(item_id)


def test_every_option_means_what_the_server_says(shop: Any, picture: bytes) -> None:
    found = shop.search(
        picture,
        limit=5,
        where={"predicted.class": {"not": "Bag"}},
        weights={"kind": 0.7},
        exclude=[BOOT],
        diversity=0.3,
        group_by="predicted.class",
        group_size=2,
        collapse="duplicates",
        min_relevance=0.001,
        fields=["predicted", "score"],
        box=(0, 0, 1, 1),
        cutout=False,
    )
    assert BOOT not in ids(found)
    assert found.weights["kind"] == 0.7
    item = found.hits[0].item
    assert item.predicted["class"].value is not None
    assert (item.attributes, item.colours, item.picture, found.view, found.hits[0].relevance) == (None,) * 5
    assert BOOT in ids(shop.similar("test-00007", limit=300))
    assert BOOT not in ids(shop.similar("test-00007", limit=300, exclude=BOOT))
    assert BOOT not in ids(shop.similar("test-00007", limit=300, exclude={"id": BOOT}))
    with pytest.raises(LookalikeHTTPError, match="colur") as refused:
        shop.similar(BOOT, colur="navy")
    assert (refused.value.status, refused.value.code) == (400, "unknown-field")


def test_items_are_searched_with_alone_together_and_weighed(shop: Any) -> None:
    alone = shop.similar(BOOT)
    assert len(alone.hits) == 12
    assert alone.predicted == {}
    assert ids(shop.similar([BOOT])) == ids(alone)
    heavy, even = shop.similar({BOOT: 100, "test-00007": 0.1}), shop.similar([BOOT, "test-00007"])
    assert len(set(ids(heavy)) & set(ids(alone))) > len(set(ids(even)) & set(ids(alone)))
    with pytest.raises(NotFound, match="nowhere"):
        shop.similar("nowhere")


def test_strips_say_what_they_are_because_of(shop: Any, picture: bytes) -> None:
    strip = shop.recommend([BOOT, Opinion("test-00007", 0.5)], ["test-00001"], seen=["test-00005"], limit=6)
    assert len(strip.hits) == 6
    assert {hit.because_of.item_id for hit in strip.hits} <= {BOOT, "test-00007"}
    assert sorted(like for mode in strip.modes for like in mode.likes) == [0, 1]
    assert shop.recommend([picture, "nowhere"], limit=2).unknown == ("nowhere",)
    assert shop.recommend(cold_start="by", by="predicted.class", limit=3).hits[0].because_of is None
    first, second = shop.strips(
        [StripQuestion("a", [BOOT]), StripQuestion(likes=[BOOT], options={"limit": 3})], limit=2
    )
    assert (first.name, len(first.hits), second.name, len(second.hits)) == ("a", 2, None, 3)
    assert not set(ids(first)) & set(ids(second))


def test_questions_of_a_batch_are_answered_and_refused_each_by_itself(shop: Any, picture: bytes) -> None:
    found, alike, strip, item, refused = shop.batch(
        [
            Question.search(picture, limit=2),
            Question.similar(BOOT, limit=2),
            Question.recommend([picture], limit=2),
            Question.item(BOOT),
            Question.item("nowhere"),
        ]
    )
    assert isinstance(found, Found)
    assert isinstance(alike, Found)
    assert isinstance(strip, Strip)
    assert isinstance(item, Item)
    assert isinstance(refused, NotFound)
    assert [len(one.hits) for one in (found, alike, strip)] == [2, 2, 2]
    assert ids(found)[0] == item.id == BOOT


def test_a_picture_is_moderated(shop: Any, picture: bytes) -> None:
    verdict = shop.moderate(picture, {"brand": "Acme"})
    assert verdict.verdict in {"allow", "review", "reject"}
    assert verdict.predicted["class"].value
    black = shop.moderate(encode_png(np.zeros((64, 64), np.uint8)))
    assert black.verdict != "allow"
    assert all(reason.code and reason.sentence for reason in black.reasons)
    assert black.reasons


def test_all_pages_of_a_listing_are_gone_over(shop: Any) -> None:
    everything = [item.id for item in shop.items(page_size=70)]
    assert everything == sorted(everything)
    assert len(set(everything)) == len(everything) >= 300
    bags = list(shop.items(where="predicted.class=Bag", sort="-predicted.class", page_size=5))
    assert len(bags) > 5
    assert {item.predicted["class"].value for item in bags} == {"Bag"}
    (facet,) = shop.facets(fields=["predicted.class"], where={"predicted.class": "Bag"}).facets
    assert [(value.value, value.items) for value in facet.values] == [("Bag", len(bags))]


def test_all_pages_of_a_search_are_gone_over_without_gap_or_repeat(shop: Any, picture: bytes, tmp_path: Path) -> None:
    (tmp_path / "boot.png").write_bytes(picture)
    with (tmp_path / "boot.png").open("rb") as file:
        gone_over = [hit.item.id for hit in islice(shop.hits(file, page_size=7), 25)]
    assert gone_over == ids(shop.search(picture, limit=25))
    assert [hit.item.id for hit in shop.hits(ids=iter([BOOT]), page_size=40, where="predicted.class=Bag")] == ids(
        shop.similar(BOOT, limit=300, where="predicted.class=Bag")
    )
    for wrong in ({}, {"picture": picture, "ids": BOOT}):
        with pytest.raises(TypeError, match="not both"):
            next(shop.hits(**wrong))


def test_a_page_of_another_state_is_an_error_of_its_own(shop: Any, picture: bytes) -> None:
    hits = shop.hits(ids=BOOT, page_size=3)
    assert [next(hits) for _ in range(3)]
    shop.put("between", {}, picture)
    with pytest.raises(StaleCursor):
        next(hits)
    shop.delete("between")


def test_an_item_is_written_changed_and_taken_out(shop: Any, picture: bytes, test_split: Split) -> None:
    name = "half/50 %. ü?"
    made = shop.put(name, {"price": 30, "sizes": ["S", "M"]}, picture, absent=True)
    assert shop.item(name) == made
    assert made.attributes == {"price": 30, "sizes": ["S", "M"]}
    patched = shop.patch(name, {"price": 25, "sizes": None}, version=made.version)
    assert patched.attributes == {"price": 25}
    for conflicting in ({"version": made.version}, {"absent": True}):
        with pytest.raises(VersionConflict):
            shop.put(name, {}, picture, **conflicting)
    assert shop.put(name, {"price": 20}, version="*").attributes == {"price": 20}
    before = shop.image(name)
    shop.put_image(name, encode_png(255 - test_split.images[1]))
    assert shop.image(name) != before
    assert Image.open(io.BytesIO(before)).size == (28, 28)
    shop.delete(name)
    for gone in (shop.item, shop.image, shop.delete):
        with pytest.raises(NotFound):
            gone(name)


def test_many_are_written_and_what_fails_costs_no_other(shop: Any, picture: bytes) -> None:
    changes = [
        Change("many-0", {"size": 0}, picture),
        Change("many-1", image=b"no picture"),
        Change("many-2", {"size": 2}, picture),
        Change("many-0", delete=True),
        Change("many-2", delete=True),
    ]
    results = list(shop.write(iter(changes)))
    assert [(one.line, one.id, one.status) for one in results] == [
        (1, "many-0", "created"),
        (2, "many-1", "failed"),
        (3, "many-2", "created"),
        (4, "many-0", "deleted"),
        (5, "many-2", "deleted"),
    ]
    assert [one.problem is None for one in results] == [True, False, True, True, True]
    assert results[1].problem.code == "unsupported-picture"
    assert list(shop.write([])) == []


def test_an_asynchronous_iterable_is_written(address: str, keys: tuple[Path, Keys], picture: bytes) -> None:
    async def changes() -> AsyncIterator[Change]:
        yield Change("later", {}, picture)
        yield Change("later", delete=True)

    async def main() -> list[str]:
        async with AsyncClient(address, key=keys[1].write) as client:
            return [result.status async for result in client.write(changes())]

    assert asyncio.run(main()) == ["created", "deleted"]


def test_without_a_key_or_with_one_for_less_nothing_is_done(
    connect: Connect, address: str, keys: tuple[Path, Keys]
) -> None:
    with pytest.raises(Unauthorized) as refused:
        connect(address).item(BOOT)
    assert (refused.value.status, refused.value.code) == (401, "key-required")
    reader = connect(address, key=keys[1].read)
    assert reader.item(BOOT).id == BOOT
    with pytest.raises(Forbidden, match="scope-missing"):
        reader.delete(BOOT)
    with pytest.raises(ValueError, match="printable"):
        connect(address, key="lk_\n")


def test_changes_are_chunked_by_bytes_and_by_lines() -> None:
    def chunks(*texts: str, **bounds: int) -> list[Any]:
        gathered = Chunks(**bounds)
        steps = [step for text in texts for step in gathered.add(Change("i", {"a": text}))]
        return [
            [*one.lines] if isinstance(one, Chunk) else (one.line, one.problem.status, one.problem.code)
            for one in (*steps, *gathered.rest())
        ]

    length = len(Change("i", {"a": ""}).line())
    assert chunks("", "", "", "", "", most_bytes=2 * length) == [[1, 2], [3, 4], [5]]
    assert chunks("", "", "", most_lines=2) == [[1, 2], [3]]
    assert chunks("", "x", "", most_bytes=length) == [[1], (2, 413, "content-too-large"), [3]]
    assert len(Change("i", image=b"1234", delete=True).line()) == len(b'{"id":"i","image":"MTIzNA==","delete":true}\n')


@dataclass
class Script:
    """What a server answers, one after another: status, headers and body, or None to hang up; and what it was asked."""

    port: int
    answers: list[tuple[int, dict[str, str], bytes] | None] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def script() -> Iterator[Script]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            said.asked.append((self.command, self.path, dict(self.headers), body))
            answer = said.answers.pop(0)
            if answer is not None:
                status, headers, body = answer
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    for method in ("GET", "POST", "PUT"):
        setattr(Handler, f"do_{method}", Handler.answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        said = Script(http.server_address[1])
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield said
        http.shutdown()
        thread.join()


BUSY = (503, {"Retry-After": "0"}, b'{"code": "busy", "detail": "Too many."}')
ITEM = (200, {}, b'{"id": "a"}')


def test_what_fails_for_a_moment_is_sent_again_as_it_was(connect: Connect, script: Script, picture: bytes) -> None:
    client = connect(script.address, key="lk_1", retries=AT_ONCE)
    limited = (429, {"Retry-After": format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)}, b"")
    under_way = (409, {}, b'{"code": "request-under-way"}')
    script.answers = [BUSY, None, limited, ITEM, under_way, BUSY, ITEM, None, ITEM]
    assert client.item("a").id == "a"
    assert client.put("a", {"price": 1}, picture).id == "a"
    assert client.put("b", {}).id == "a"
    assert [method for method, *_ in script.asked] == ["GET"] * 4 + ["PUT"] * 5
    assert {headers["Authorization"] for _, _, headers, _ in script.asked} == {"Bearer lk_1"}
    first, again, third, *other = script.asked[4:]
    assert first == again == third
    assert first[2]["Idempotency-Key"]
    assert other[0] == other[1]
    assert other[0][2]["Idempotency-Key"] != first[2]["Idempotency-Key"]


def test_what_goes_on_failing_is_raised_at_last(connect: Connect, script: Script) -> None:
    client = connect(script.address, retries=Retries(attempts=2, shortest=0))
    script.answers = [BUSY, BUSY, None, None]
    with pytest.raises(Unavailable) as refused:
        client.item("a")
    assert (refused.value.code, refused.value.retry_after) == ("busy", 0)
    with pytest.raises(Unreachable, match="asked 2 times"):
        client.item("a")
    assert len(script.asked) == 4


@pytest.mark.parametrize("status", [400, 404, 409, 500, 502])
def test_what_will_fail_again_is_sent_once(connect: Connect, script: Script, status: int) -> None:
    script.answers = [(status, {}, b"<html>")]
    with pytest.raises(LookalikeHTTPError) as refused:
        connect(script.address, retries=AT_ONCE).item("a")
    assert (refused.value.status, refused.value.code) == (status, f"http-{status}")
    assert len(script.asked) == 1


def test_a_long_wait_is_told_and_not_waited(connect: Connect, script: Script) -> None:
    script.answers = [(429, {"Retry-After": "3600"}, b'{"code": "too-many-requests", "detail": "Later."}')]
    with pytest.raises(RateLimited, match=r"Later\.") as refused:
        connect(script.address).item("a")
    assert refused.value.retry_after == 3600


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"id": "a", "colours": 1}'])
def test_an_answer_of_something_else_is_told(connect: Connect, script: Script, body: bytes) -> None:
    script.answers = [(200, {}, body)]
    with pytest.raises(UnexpectedAnswer, match="Is this the address"):
        connect(script.address).item("a")


def test_nobody_there_and_no_address_are_told(connect: Connect, script: Script) -> None:
    for address in ("http://127.0.0.1:1", "127.0.0.1:8000"):
        with pytest.raises(Unreachable):
            connect(address, retries=AT_ONCE).item("a")


def test_lines_that_there_was_no_time_for_are_sent_again(connect: Connect, script: Script) -> None:
    def lines(*told: tuple[int, str, str | None]) -> tuple[int, dict[str, str], bytes]:
        answers: list[dict[str, Any]] = []
        for line, status, code in told:
            problem = {} if code is None else {"problem": {"status": 503, "code": code, "detail": "."}}
            answers.append({"line": line, "id": "i", "status": status, **problem})
        return 200, {}, b"".join(json.dumps(one).encode() + b"\n" for one in answers)

    late = ("failed", "no-time-left")
    script.answers = [
        lines((1, "created", None), (2, *late), (3, *late)),
        lines((1, "created", None), (2, *late)),
        lines((1, *late)),
    ]
    results = list(connect(script.address).write(Change(f"i{number}") for number in (1, 2, 3)))
    assert [(one.line, one.status) for one in results] == [(1, "created"), (2, "created"), (3, "failed")]
    assert results[-1].problem.code == "no-time-left"
    assert [body.count(b"\n") for *_, body in script.asked] == [3, 2, 1]
    assert script.asked[2][3] == b'{"id":"i3"}\n'


def test_waits_grow_up_to_a_bound() -> None:
    retries = Retries(attempts=100)
    busy = httpx.Response(503)
    waits = [retries.after_answer(busy, sent) or 0 for sent in range(1, 12)]
    bounds = [min(8.0, 0.25 * 2**number) for number in range(11)]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))
    assert retries.after_answer(busy, 100) is None
    slow, hung_up = httpx.ReadTimeout(""), httpx.RemoteProtocolError("")
    assert retries.after_error(slow, 1) is None
    assert retries.after_error(hung_up, 1) is not None


def test_both_clients_have_the_same_methods_with_the_same_options() -> None:
    def told(kind: type) -> dict[str, list[str]]:
        public = {name: method for name, method in vars(kind).items() if not name.startswith("_")}
        return {name: [*map(str, inspect.signature(method).parameters.values())] for name, method in public.items()}

    of_one, of_other = told(Client), told(AsyncClient)
    assert len(of_one) > 15
    assert of_one.pop("write") != of_other.pop("write")
    assert of_one == of_other
    assert [name for name in lookalike_client.__all__ if not hasattr(lookalike_client, name)] == []


def test_types_are_told_and_held(tmp_path: Path, project: Path) -> None:
    (tmp_path / "uses.py").write_text("""
from pathlib import Path
from lookalike_client import Client

with Client("http://127.0.0.1") as client:
    reveal_type(client.search(Path("a"), limit=3).hits[0].item.id)
    reveal_type(client.items())
    client.search("path")
    client.similar("a", limt=3)
    client.search(b"", collapse="copies")
""")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            f"--cache-dir={tmp_path}/cache",
            tmp_path / "uses.py",
        ],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    said = re.findall(r"uses\.py:(\d+): (?:error|note: Revealed).*?(\[[a-z-]+\]|\".*\")$", done.stdout, re.MULTILINE)
    assert said == [
        ("6", '"str"'),
        ("7", '"typing.Iterator[lookalike_client.records.Item]"'),
        ("8", "[arg-type]"),
        ("9", "[call-arg]"),
        ("10", "[arg-type]"),
    ], done.stdout


EXAMPLES = re.findall(r"^```python\n(.*?)^```", DOCUMENTATION, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory, picture: bytes) -> Path:
    """A photo of a boot in a place of its own."""
    path = tmp_path_factory.mktemp("reader") / "photo.jpg"
    Image.open(io.BytesIO(picture)).resize((280, 280)).save(path)
    return path


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_of_the_documentation_works(
    number: int, photo: Path, project: Path, address: str, keys: tuple[Path, Keys]
) -> None:
    # The reader's server needs no key for questions.
    keyed = (
        EXAMPLES[number]
        .replace(', key="lk_..."', "")
        .replace('http://127.0.0.1:8000"', f'{address}", key="{keys[1].write}"')
    )
    assert keyed.count(address) >= 1
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", keyed],
        cwd=photo.parent,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "begin again" not in done.stdout
    assert bool(done.stdout) == ("print(" in keyed)


# --- one table of options ---

REPEATED_BY_PAGES = {"k", "limit", "cursor"}


def said_by(options: Any) -> set[str]:
    return set(options.__annotations__)


def keywords(method: Any) -> set[str]:
    """Return the keyword options of a method, those of its TypedDict too."""
    found = set[str]()
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found |= set(get_args(parameter.annotation)[0].__annotations__)
        elif name != "self":
            found.add(name)
    return found


def test_the_client_takes_every_option_that_the_api_has_and_no_other() -> None:
    searched = set(names_of(*QUERY)) - {"k"}
    of_words = searched - {"q", "q_weight", "look", "weights"}
    assert said_by(options.Ranking) == searched - REPEATED_BY_PAGES
    assert said_by(options.OnePage) == searched
    assert said_by(options.OfPicture) == searched | set(names_of(*PICTURE))
    assert said_by(options.OfWords) == of_words - REPEATED_BY_PAGES
    assert said_by(options.OnePageOfWords) == of_words
    assert said_by(options.OfStrip) == {"seen", *names_of(*STRIP)}
    told = {*options.Field.__args__}
    assert told == set(FIELDS.choices)
    for client in (Client, AsyncClient):
        assert keywords(client.search) == {"picture"} | said_by(options.OfPicture)
        assert keywords(client.search_words) == {"q"} | of_words
        assert keywords(client.similar) == {"ids"} | searched
        assert keywords(client.hits) == {"picture", "ids", "page_size"} | searched - REPEATED_BY_PAGES
        assert keywords(client.recommend) == {"likes", "dislikes"} | said_by(options.OfStrip)
        assert keywords(client.strips) == {"strips", "repeat"} | said_by(options.OfStrip)
        assert keywords(client.items) == set(names_of(*PAGE)) - {"limit", "cursor", "offset"} | {"page_size"}
        assert keywords(client.facets) == set(names_of(*FACETS))


def test_words_alone_are_searched_for_in_one_page_in_all_and_in_a_batch(
    server: LiveServer, keys: tuple[Path, Keys], connect: Connect
) -> None:
    client = connect(f"http://127.0.0.1:{server.port}", key=keys[1].read)
    found = client.search_words("sneakers", limit=3, fields=["predicted"])
    assert {hit.item.predicted["class"].value for hit in found.hits} == {"Sneaker"}
    assert (len(found.hits), found.predicted) == (3, {})
    every = [hit.item.id for hit in client.hits(q="sneakers", page_size=10)]
    assert [hit.item.id for hit in found.hits] == every[:3]
    assert sorted(every) == sorted(item.id for item in client.items(where="predicted.class=Sneaker"))
    assert [item.id for item in client.items(q="sneakers")] == every
    assert client.facets(q="sneakers", fields=["predicted.class"]).facets[0].values[0].items == len(every)
    both = client.batch([Question.words("sneakers", limit=3), Question.similar([BOOT, "test-00007"], limit=2)])
    assert [hit.item.id for hit in both[0].hits] == every[:3]
    assert [hit.item.id for hit in both[1].hits] == [
        hit.item.id for hit in client.similar([BOOT, "test-00007"], limit=2).hits
    ]
    with pytest.raises(TypeError, match="words"):
        next(client.hits())
    strip = client.recommend([BOOT], limit=3, group_by="predicted.class", collapse="duplicates", fields=["score"])
    assert len({hit.item.id for hit in strip.hits}) == 3
    assert all(hit.item.predicted is None and hit.because_of is not None for hit in strip.hits)
