"""Downloads: from a real server that misbehaves in every way we could think of."""

import contextlib
import hashlib
import http.server
import os
import resource
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from models.datasets import download as module
from models.datasets import fashion_mnist
from models.datasets.download import DownloadFailed, NotWritable, download
from models.errors import DatasetMissing

PATIENCE = 300.0
"""Seconds until what never comes is given up."""

CONTENT = np.random.default_rng(7).bytes(300_000)
NOBODY = 65534
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT at paths that say how; remembers each request's path and Range, and how much it sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str | None]] = []
        self.sent = 0
        self.released = threading.Event()
        self.files: dict[str, bytes] = {}

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's own word
        pass

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        path = self.path.strip("/")
        self.server.requests.append((path, asked))
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        tries = sum(1 for seen, _ in self.server.requests if seen == path)
        behaviour: dict[str, Callable[[], None]] = {
            "good": lambda: self.part(start),
            "no-range": lambda: self.answer(200, CONTENT),
            "no-length": lambda: self.answer(200, CONTENT, length=None),
            "500": lambda: self.answer(500, b"broken"),
            "404": lambda: self.answer(404, b"gone"),
            "500-once": lambda: self.answer(500, b"broken") if tries == 1 else self.part(start),
            "busy-once": lambda: self.answer(503, b"", wait="7") if tries == 1 else self.part(start),
            "too-many-once": lambda: self.answer(429, b"", wait="86400") if tries == 1 else self.part(start),
            "breaks-off": lambda: self.part(start, most=100_000),
            "forgets": lambda: self.part(0, most=100_000),
            "breaks-off-always": lambda: self.part(start, most=0),
            "wrong-bytes": lambda: self.answer(200, bytes(len(CONTENT))),
            "wrong-length": lambda: self.answer(200, b"<html>Please log in</html>"),
            "too-long": lambda: self.answer(200, CONTENT + bytes(10_000_000), length=None),
            "hangs": lambda: self.part(start, most=50_000, hang=True),
            "dies": lambda: self.part(start, most=50_000) if tries == 1 else self.answer(500, b"broken"),
            "drips": self.drip,
            "moved": lambda: self.answer(302, b"", location="/good"),
            "moved-to-file": lambda: self.answer(302, b"", location="file:///etc/hostname"),
            "moved-to-ftp": lambda: self.answer(302, b"", location="ftp://127.0.0.1/x"),
            "loop": lambda: self.answer(302, b"", location="/loop"),
            "refuses-range": lambda: self.answer(416, b"") if asked else self.answer(200, CONTENT),
            "wrong-range": lambda: self.part(start, claimed=0) if asked else self.answer(200, CONTENT),
            "no-content-range": lambda: self.answer(206 if asked else 200, CONTENT[start:]),
            "nonsense": lambda: self.wfile.write(b"220 not http at all\r\n"),
            "hangs-up": lambda: self.connection.shutdown(socket.SHUT_RDWR),
        }
        if path in behaviour:
            with contextlib.suppress(OSError):
                behaviour[path]()
        elif path in self.server.files:
            self.answer(200, self.server.files[path])
        else:
            self.answer(404, b"")

    def answer(
        self,
        status: int,
        body: bytes,
        length: int | None = -1,
        location: str | None = None,
        wait: str | None = None,
    ) -> None:
        self.send_response(status)
        if wait is not None:
            self.send_header("Retry-After", wait)
        if length is not None:
            self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.server.sent += len(body)
        self.wfile.write(body)

    def part(self, start: int, most: int | None = None, claimed: int | None = None, *, hang: bool = False) -> None:
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        if start:
            first = start if claimed is None else claimed
            self.send_header("Content-Range", f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.server.sent += len(body[:most])
        self.wfile.write(body[:most])
        if hang:
            self.wfile.flush()
            self.server.released.wait(PATIENCE)

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        for byte in CONTENT:
            self.wfile.write(bytes([byte]))
            if self.server.released.wait(0.05):
                return


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


def fetch(
    target: Path, *urls: str, progress: Callable[[int, int], None] | None = None, timeout: float = PATIENCE
) -> None:
    download(urls, target, size=len(CONTENT), sha256=SHA256, progress=progress, timeout=timeout, back_off=0.01)


def test_file_is_fetched_and_nothing_else_is_left(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    target = tmp_path / "new" / "folder" / "file"
    fetch(target, server.url("good"), progress=lambda *step: seen.append(step))
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["file"]
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert server.requests == [("good", None)]


@pytest.mark.parametrize("kept", [1, 123_456, len(CONTENT) - 1])
def test_resume_fetches_only_the_rest(server: Server, tmp_path: Path, kept: int) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT[:kept])
    fetch(tmp_path / "file", server.url("good"))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.requests == [("good", f"bytes={kept}-")]
    assert server.sent == len(CONTENT) - kept


def test_complete_part_needs_no_request(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT)
    fetch(tmp_path / "file", server.url("good"))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.requests == []


@pytest.mark.parametrize("path", ["no-range", "refuses-range", "wrong-range", "no-content-range", "no-length"])
def test_server_that_can_not_resume_is_asked_for_everything(server: Server, tmp_path: Path, path: str) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT[:1000])
    fetch(tmp_path / "file", server.url(path))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.requests[0] == (path, "bytes=1000-")


@pytest.mark.parametrize("part", [bytes(1000), bytes(len(CONTENT)), bytes(len(CONTENT) + 5)])
def test_wrong_part_is_thrown_away(server: Server, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "file.part").write_bytes(part)
    fetch(tmp_path / "file", server.url("good"))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.requests[-1] == ("good", None)


def test_connection_that_breaks_off_is_continued(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path / "file", server.url("breaks-off"))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == [None, "bytes=100000-", "bytes=200000-"]
    assert server.sent == len(CONTENT)


def test_next_mirror_continues_what_the_first_began(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path / "file", server.url("dies"), server.url("good"))
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.requests[-1] == ("good", "bytes=50000-")
    assert server.sent - len(b"broken") * 3 == len(CONTENT)


def test_server_that_hangs_is_tried_again_while_that_helps(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path / "file", server.url("hangs"), timeout=0.2)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert len(server.requests) == 6


def test_passing_fault_is_tried_again(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path / "file", server.url("500-once"))
    assert [path for path, _ in server.requests] == ["500-once", "500-once"]


@pytest.mark.parametrize(("path", "seconds"), [("busy-once", 7), ("too-many-once", module.MAX_WAIT)])
def test_a_server_that_names_a_time_is_asked_again_then_or_after_a_minute(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, seconds: float
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waited.append)
    fetch(tmp_path / "file", server.url(path))
    assert waited == [seconds]
    assert [asked for asked, _ in server.requests] == [path, path]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_transfer_that_brings_nothing_is_tried_again_after_longer_and_longer(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waited.append)
    with pytest.raises(DownloadFailed):
        download([server.url("breaks-off-always")], tmp_path / "file", size=len(CONTENT), sha256=SHA256, back_off=5)
    assert waited == [10]


def test_a_proxy_of_the_environment_is_asked_in_place_of_the_server(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("http_proxy", server.url(""))
    with pytest.raises(DownloadFailed, match="404"):  # it takes the whole address for a path
        fetch(tmp_path / "file", "http://mirror.invalid/file")
    assert server.requests == [("http://mirror.invalid/file", None)]


def test_redirect_is_followed(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path / "file", server.url("moved"))
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "reason", "requests"),
    [
        ("500", "500", 3),
        ("404", "404", 1),
        ("breaks-off-always", "connection ended after 0", 3),
        ("forgets", "connection ended after 100000", 4),
        ("wrong-bytes", "SHA-256", 1),
        ("wrong-length", "offers 26 bytes", 1),
        ("too-long", "more than", 1),
        ("drips", "too slow", 1),
        ("moved-to-file", "302", 1),
        ("moved-to-ftp", "ftp", 1),
        ("loop", "302", None),
        ("nonsense", "220", 3),
        ("hangs-up", "", 3),
    ],
)
def test_bad_mirror_is_left_for_the_next_and_named(
    server: Server, tmp_path: Path, path: str, reason: str, requests: int | None
) -> None:
    bad = server.url(path)
    seconds = 0.5 if path == "drips" else PATIENCE
    with pytest.raises(DownloadFailed) as caught:
        fetch(tmp_path / "alone", bad, timeout=seconds)
    (url, why), *others = caught.value.attempts
    assert (url, others) == (bad, [])
    assert reason in why
    assert f"{bad}: {why}" in str(caught.value)
    if requests is not None:
        assert len(server.requests) == requests
    assert not (tmp_path / "alone").exists()
    fetch(tmp_path / "file", bad, server.url("good"), timeout=seconds)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_endless_body_is_not_read_to_its_end(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed):
        fetch(tmp_path / "file", server.url("too-long"))
    assert all(path.stat().st_size <= len(CONTENT) for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "url",
    ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x", "nonsense", "http://127.0.0.1:9/x", "http://[bad/x"],
)
def test_other_addresses_are_refused_and_named(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadFailed) as caught:
        fetch(tmp_path / "file", url)
    assert caught.value.attempts[0][0] == url
    assert caught.value.attempts[0][1]
    assert list(tmp_path.iterdir()) == []


def test_two_that_want_the_same_file_fetch_it_once(server: Server, tmp_path: Path) -> None:
    failures: list[Exception] = []

    def work() -> None:
        try:
            fetch(tmp_path / "file", server.url("good"))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(server.requests) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_killed_download_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            fetch(tmp_path / "file", server.url("hangs"), timeout=PATIENCE)
        os._exit(0)
    part = tmp_path / "file.part"
    while not part.exists() or part.stat().st_size < 50_000:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "the download ended by itself"
        threading.Event().wait(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert part.stat().st_size == 50_000
    assert not (tmp_path / "file").exists()
    fetch(tmp_path / "file", server.url("good"))
    assert server.requests[-1] == ("good", "bytes=50000-")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_full_disk_is_a_named_error_and_can_be_continued(server: Server, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
        with pytest.raises(NotWritable, match=str(tmp_path)):
            fetch(tmp_path / "file", server.url("good"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert not (tmp_path / "file").exists()
    fetch(tmp_path / "file", server.url("good"))
    assert server.requests[-1] == ("good", "bytes=150000-")


def test_place_that_can_not_be_written_is_a_named_error(server: Server, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(NotWritable, match="taken"):
        fetch(tmp_path / "taken" / "file", server.url("good"))
    assert server.requests == [], "nothing is fetched in vain"


def test_read_only_directory_is_a_named_error(server: Server) -> None:
    with tempfile.TemporaryDirectory() as open_to_all:  # pytest's own is closed to whom root becomes below
        Path(open_to_all).chmod(0o755)
        place = Path(open_to_all) / "place"
        place.mkdir()
        place.chmod(0o555)
        user = os.geteuid()
        if user == 0:  # who writes into read-only directories
            os.seteuid(NOBODY)
        try:
            with pytest.raises(NotWritable, match="place"):
                fetch(place / "file", server.url("good"))
        finally:
            os.seteuid(user)


def test_missing_files_of_the_data_set_are_downloaded_and_checked(server: Server, tmp_path: Path) -> None:
    home = fashion_mnist.locate()
    names = fashion_mnist.SPLIT_FILES["test"]
    for name in names:
        server.files[f"mirror/{name}"] = (home / name).read_bytes()
    total = sum(fashion_mnist.FILES[name].size for name in names)
    seen: list[tuple[int, int]] = []
    split = fashion_mnist.load(
        "test", tmp_path, lambda *step: seen.append(step), (server.url("404"), server.url("mirror"))
    )
    assert len(split.images) == 10_000
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)
    before = len(server.requests)
    fashion_mnist.load("test", tmp_path, mirrors=(server.url("mirror"),))
    assert len(server.requests) == before, "what is there is not fetched again"


def test_data_set_that_nobody_gives_lists_every_address(server: Server, tmp_path: Path) -> None:
    mirrors = (server.url("nothing-here/"), server.url("404"))
    with pytest.raises(DatasetMissing) as caught:
        fashion_mnist.load("test", tmp_path, mirrors=mirrors)
    name = fashion_mnist.SPLIT_FILES["test"][0]
    assert all(f"{mirror.rstrip('/')}/{name}: it answered 404" in str(caught.value) for mirror in mirrors)


def test_shipped_mirrors_are_spoken_to_over_http_only() -> None:
    assert all(mirror.startswith(("https://", "http://")) for mirror in fashion_mnist.MIRRORS)
    assert len(fashion_mnist.MIRRORS) >= 2
    assert module.TIMEOUT <= 60
