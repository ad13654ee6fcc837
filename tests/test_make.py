"""What a new user does: a fresh copy of the checkout, and `make serve`, for real."""

import http.client
import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkouts import fresh_checkout, plain_environment
from PIL import Image

from models.datasets.fashion_mnist import Split

PATIENCE = 300.0
"""Seconds until what never comes is given up."""


@pytest.fixture(scope="module")
def checkout(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git knows, and nothing that was made from them."""
    return fresh_checkout(project, tmp_path_factory.mktemp("fresh") / "lookalike")


@pytest.fixture
def offline(checkout: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a machine that has been set up and then has neither network nor data."""
    _run(checkout, "make", "setup")
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))  # bound, so that nobody else takes it, and not listening
        proxy = f"http://127.0.0.1:{kept.getsockname()[1]}"
        nowhere = {"LOOKALIKE_DATA_DIR": str(tmp_path / "data"), "no_proxy": "", "NO_PROXY": ""}
        proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), proxy)
        yield plain_environment() | nowhere | proxies


def _run(checkout: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=checkout, env=plain_environment(), capture_output=True, text=True, check=True)
    return done.stdout


def _served(
    checkout: Path, *settings: str, command: str = "make serve PORT=0", environment: dict[str, str] | None = None
) -> Iterator[tuple[str, str]]:
    """Run `make serve`; yield the address that it says and all that it said; stop it like Ctrl-C."""
    server = subprocess.Popen(
        [*shlex.split(command), *settings],
        cwd=checkout,
        env=plain_environment() if environment is None else environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert server.stdout is not None
    with server.stdout:
        said = ""
        for line in server.stdout:
            said += line
            if found := re.search(r"ready on (http://127\.0\.0\.1:\d+)", line):
                try:
                    yield found[1], said
                finally:
                    os.killpg(server.pid, signal.SIGINT)
                    server.wait(PATIENCE)
                return
    server.wait(PATIENCE)
    pytest.fail(f"make serve ended without being ready:\n{said}")


def _get(address: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_make_serve_sets_everything_up_once_and_serves_page_and_api(checkout: Path) -> None:
    for address, said in _served(checkout):
        assert "10000/10000" in said, "indexing shows its progress"
        status, page = _get(address, "/")
        assert status == 200
        assert "10,000" in page
        assert _get(address, "/readyz")[0] == 200
        assert _get(address, "/v1/items/test-00000")[0] == 200

    packages = checkout / ".venv" / "lib"
    assert not list(packages.glob("*/site-packages/tensorflow")), "serving needs no TensorFlow"
    database = checkout / "catalogues" / "fashion-mnist"
    before = {path: path.stat().st_mtime_ns for path in (checkout / ".venv" / "serving", *database.rglob("*.faiss"))}
    assert len(before) == 2

    for address, said in _served(checkout):
        assert "Installing" not in said
        assert "nothing to do" in said
        assert _get(address, "/readyz")[0] == 200
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_make_serve_without_network_and_data_shows_the_sample_and_says_so(
    checkout: Path, offline: dict[str, str]
) -> None:
    aside = checkout / "catalogues" / "aside"
    usual = checkout / "catalogues" / "fashion-mnist"
    if usual.exists():  # made by the test before
        usual.rename(aside)
    for address, said in _served(checkout, "DATA_DIR=", environment=offline):
        (told,) = (line for line in said.splitlines() if "Fashion-MNIST" in line)
        assert "could not be downloaded, so here is the sample shop instead" in told
        assert "catalogues/sample: 260 added" in said
        page = _get(address, "/")[1]
        assert "A sample shop: every product in it was drawn by Lookalike's own code." in page
        assert _get(address, "/v1/items/sample-000")[0] == 200
    assert not usual.exists()

    # With the data again, or with what was indexed while it was there, it is Fashion-MNIST again.
    for address, said in _served(checkout):
        assert "fashion-mnist: 10000 added" in said
        page = _get(address, "/")[1]
        assert "10,000" in page
        assert "A sample shop" not in page
    for address, said in _served(checkout, "DATA_DIR=", environment=offline):
        assert "catalogues/fashion-mnist stays as it is, with 10000 items" in said
        assert _get(address, "/v1/items/test-00000")[0] == 200


def test_make_serve_does_not_pass_over_damaged_data(checkout: Path, offline: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        (tmp_path / "data" / name).write_bytes(b"damaged")
    done = subprocess.run(
        ["make", "serve", "PORT=0", "DATA_DIR=", "CATALOGUE=catalogues/other"],
        cwd=checkout,
        env=offline,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode != 0
    assert "t10k-images-idx3-ubyte.gz is damaged" in done.stderr
    assert "ready on" not in done.stderr
    assert not (checkout / "catalogues" / "other").exists()


def test_the_readmes_three_commands_lead_from_a_folder_of_photos_to_a_page(checkout: Path, test_split: Split) -> None:
    chapter = (checkout / "README.md").read_text(encoding="utf-8").partition("## Your own catalogue\n")[2]
    block = chapter.partition("```sh\n")[2].partition("```")[0]
    set_up, index, serve = (line.partition("  #")[0].strip() for line in block.splitlines())
    assert "my-photos" in index
    (checkout / "my-photos" / "summer").mkdir(parents=True)
    for number in range(6):
        photo = Image.fromarray(255 - test_split.images[number])
        photo.save(checkout / "my-photos" / ("summer" if number % 2 else "") / f"{number}.png")
    _run(checkout, *shlex.split(set_up))
    assert "6 added, 0 updated, 0 unchanged, 0 failed, 6 items." in _run(checkout, *shlex.split(index))
    for address, _ in _served(checkout, "--port", "0", command=serve):
        page = _get(address, "/browse")[1]
        assert all(name in page for name in ("0.png", "summer%2F1.png", "summer%2F5.png"))


def test_make_without_a_target_lists_the_targets(checkout: Path) -> None:
    listed = subprocess.run(["make"], cwd=checkout, env=plain_environment(), capture_output=True, text=True, check=True)
    for target in ("serve", "test", "check", "bench", "train", "help"):
        assert f"make {target}" in listed.stdout
