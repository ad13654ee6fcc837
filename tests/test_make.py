"""What a new user does: a fresh copy of the checkout, and `make serve`, for real."""

import http.client
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def checkout(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git knows, and nothing that was made from them."""
    directory = tmp_path_factory.mktemp("fresh") / "lookalike"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (project / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / name, directory / name)
    return directory


def _environment() -> dict[str, str]:
    # What a test run sets for itself must not reach the make under test.
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "VIRTUAL_ENV"))}


def _served(checkout: Path, *settings: str) -> Iterator[tuple[str, str]]:
    """Run `make serve`; yield the address that it says and all that it said; stop it like Ctrl-C."""
    server = subprocess.Popen(
        ["make", "serve", "PORT=0", *settings],
        cwd=checkout,
        env=_environment(),
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
                    server.wait(30)
                return
    server.wait(30)
    pytest.fail(f"make serve ended without being ready:\n{said}")


def _get(address: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
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


def test_make_without_a_target_lists_the_targets(checkout: Path) -> None:
    listed = subprocess.run(["make"], cwd=checkout, env=_environment(), capture_output=True, text=True, check=True)
    for target in ("serve", "test", "check", "bench", "train", "help"):
        assert f"make {target}" in listed.stdout
