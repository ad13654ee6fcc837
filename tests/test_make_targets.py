"""What developers run, each target of `make help` for real, in a fresh copy of the checkout: the long ones in part."""

import os
import re
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from browsing import chromium
from checkouts import fresh_checkout, plain_environment

from indexer.catalogue.local import LocalCatalogue
from indexer.pipeline import indexing
from indexer.sources.sample import SampleCatalogue
from models.runtime import LiteRTEmbedder

PATIENCE = 600.0
"""Seconds until what never comes is given up."""

RUN_ELSEWHERE = {"help", "serve", "setup"}
"""In test_make.py."""

IN_PART = {
    "make bench": ("BENCH=photograph --quick",),
    "make test": ("TESTS=tests/test_licences.py",),
    "make check": ("TESTS=tests/test_licences.py",),
}
"""What keeps a command short: its variables."""


@pytest.fixture(scope="module")
def checkout(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git knows, set up for development with the packages that are installed here."""
    directory = fresh_checkout(project, tmp_path_factory.mktemp("fresh") / "lookalike")
    venv.create(directory / ".venv", symlinks=True)
    packages = next((directory / ".venv" / "lib").glob("python*/site-packages"))
    installed = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "packages.pth").write_text("\n".join([str(directory), *installed, ""]))
    commands = directory / ".venv" / "bin"
    for name in ("ruff", "mypy"):
        found = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        assert found is not None
        (commands / name).write_text(f'#!/bin/sh\nexec "{found}" "$@"\n')
    (commands / "mypy").write_text(f'#!/bin/sh\nexec "{commands}/python" -m mypy "$@"\n')
    (commands / "lookalike").write_text(f'#!/bin/sh\nexec "{commands}/python" -m lookalike "$@"\n')
    for name in ("ruff", "mypy", "lookalike"):
        (commands / name).chmod(0o755)
    for stamp in ("python", "serving", "developing"):
        (directory / ".venv" / stamp).touch()
    return directory


def _make(checkout: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["make", *arguments],
        cwd=checkout,
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _targets(text: str) -> set[str]:
    return set(re.findall(r"^\s*make ([a-z]+)", text, re.MULTILINE))


def test_every_target_that_is_told_of_is_run_by_a_test(project: Path) -> None:
    told = _targets(_make(project, "help"))
    for page in ("README.md", "CONTRIBUTING.md"):
        told |= _targets((project / page).read_text(encoding="utf-8"))
    tests = "".join((project / "tests" / name).read_text(encoding="utf-8") for name in (Path(__file__).name,))
    run_here = set(re.findall(r'"(?:make )?([a-z]+)"', tests)) & told
    assert told == run_here | RUN_ELSEWHERE


def test_make_bench_measures(checkout: Path) -> None:
    said = _make(checkout, "bench", *IN_PART["make bench"])
    assert re.search(r"bytes to answer.*plain decoding.*times", said)


def test_make_test_runs_tests_side_by_side(checkout: Path) -> None:
    said = _make(checkout, "test", *IN_PART["make test"])
    assert "2 workers" in said
    assert re.search(r"^=+ \d+ passed in ", said, re.MULTILINE)


def test_make_check_runs_format_lint_types_and_tests_once(checkout: Path) -> None:
    said = _make(checkout, "check", *IN_PART["make check"])
    assert len(re.findall(r"^=+ \d+ passed in ", said, re.MULTILINE)) == 1
    model = checkout / "models" / "badly_typed.py"
    model.write_text('"""A module that is not right."""\n\nNUMBER: int = "one"\n')
    try:
        done = subprocess.run(
            ["make", "style"],
            cwd=checkout,
            env=plain_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    finally:
        model.unlink()
    assert done.returncode != 0
    assert "badly_typed.py:3" in done.stdout


def test_make_format_brings_code_into_format(checkout: Path) -> None:
    module = checkout / "models" / "badly_formatted.py"
    module.write_text('"""A module that is not in format."""\nNUMBERS=[1,\n2]\n')
    try:
        _make(checkout, "format")
        assert module.read_text() == '"""A module that is not in format."""\n\nNUMBERS = [1, 2]\n'
    finally:
        module.unlink()


@pytest.mark.parametrize("settings", [(), ("RECIPE=full", "MODEL_OUT=reports/full")])
def test_make_train_begins_and_can_be_stopped(settings: tuple[str, ...], checkout: Path) -> None:
    with subprocess.Popen(
        ["make", "train", *settings],
        cwd=checkout,
        env=plain_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    ) as training:
        assert training.stderr is not None
        said = b""
        while b"step" not in said:  # the bar of its steps
            more = training.stderr.read1()
            assert more, said.decode()
            said += more
        os.killpg(training.pid, signal.SIGINT)
        said += training.stderr.read()
    assert b"Interrupted. Run the same command again to go on." in said


@contextmanager
def _served(checkout: Path, catalogue: Path) -> Iterator[str]:
    """Give the port of a server."""
    command = [checkout / ".venv" / "bin" / "lookalike", "serve", "--port", "0", "--catalogue", catalogue]
    with subprocess.Popen(command, cwd=checkout, env=plain_environment(), stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", server.stderr.readline())
        assert found is not None
        yield found[1]
        server.terminate()
        server.communicate(timeout=PATIENCE)


def test_make_screenshots_takes_every_picture_anew(
    checkout: Path, small_catalogue: Path, eye: LiteRTEmbedder, tmp_path: Path
) -> None:
    chromium()
    images = checkout / "docs" / "images"
    pictures = {path.name for path in images.glob("*.png")} - {
        "moderation-rocs.png"
    }  # the guide's own command draws it
    for path in [*images.glob("*.png"), checkout / "docs" / "report" / "index.html"]:
        path.unlink()
    sample = tmp_path / "sample"
    with LocalCatalogue.create(sample, eye.card.fingerprint, eye.card.dim, eye.card.classes) as catalogue:
        indexing.index(islice(SampleCatalogue(), 40), eye, catalogue, workers=1)
    with _served(checkout, small_catalogue) as port, _served(checkout, sample) as sample_port:
        _make(
            checkout,
            "screenshots",
            "ITEMS=300",
            f"PORT={port}",
            f"SAMPLE_PORT={sample_port}",
            f"MINE_PORT={sample_port}",
        )
    assert {path.name for path in images.glob("*.png")} == pictures
    assert (checkout / "docs" / "report" / "index.html").stat().st_size > 100_000


def test_make_clean_leaves_catalogues(checkout: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(checkout, tmp_path / "copy", symlinks=True))
    (copy / "catalogues" / "mine").mkdir(parents=True)
    (copy / "build").mkdir()
    _make(copy, "clean")
    assert not (copy / ".venv").exists()
    assert not (copy / "build").exists()
    assert (copy / "catalogues" / "mine").is_dir()
