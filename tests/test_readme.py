"""Every command and every line of code in the README, and in what it says of catalogues, works as it stands there."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from models.datasets.fashion_mnist import Split
from models.runtime import LiteRTEmbedder

ADDRESS = "http://127.0.0.1:8000"
ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BEFORE, _, AFTER = README.partition("## Your own catalogue\n")
CHAPTER, _, AFTER = AFTER.partition("\n## ")
CATALOGUES = (ROOT / "docs" / "catalogues.md").read_text(encoding="utf-8")
INTEGRATING = (ROOT / "docs" / "integrating.md").read_text(encoding="utf-8")
MODERATING = (ROOT / "docs" / "moderating.md").read_text(encoding="utf-8")
DRAWING = "lookalike sample --out my-photos"


def _blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _commands(text: str) -> list[str]:
    return [line.partition("  #")[0].strip() for block in _blocks("sh", text) for line in block.splitlines() if line]


COMMANDS = _commands(README)
ANY_TIME = _commands(BEFORE + AFTER)
GUIDES = [line for line in _commands(INTEGRATING + MODERATING) if line.startswith("lookalike ")]
IN_ORDER = [*_commands(CHAPTER), *GUIDES, *_commands(CATALOGUES)]
"""Each builds on those before it. What else the guide to integrating has is run in test_strip.py."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, test_split: Split) -> Path:
    """Where a reader tries the commands: with a photo, and the catalogue of the first command."""
    directory = tmp_path_factory.mktemp("reader")
    picture = Image.fromarray(255 - test_split.images[0])
    picture.resize((280, 280), Image.Resampling.BICUBIC).save(directory / "photo.jpg", quality=95)
    _lookalike(directory, "index", "fashion-mnist")
    return directory


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[str]:
    """The address of a server over that catalogue."""
    command = [sys.executable, ROOT / "lookalike.py", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = re.search(r"http://\S+", process.stderr.readline())
        assert found is not None
        yield found[0]
        process.terminate()


def _lookalike(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "lookalike.py", *arguments], cwd=directory, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_readme_shows_commands_of_every_kind() -> None:
    assert {command.split()[0] for command in COMMANDS} == {"make", ".venv/bin/lookalike", "lookalike", "curl"}
    assert len(ANY_TIME) + len(IN_ORDER) > len(COMMANDS) > len(ANY_TIME) > 10


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_a_make_target_exists(command: str, project: Path) -> None:
    # make serve and make test run for real elsewhere: in test_make.py, and around this very test.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "--dry-run", *shlex.split(command)[1:]], cwd=project, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [command for command in ANY_TIME if command.startswith("lookalike ")])
def test_a_command_line_works(command: str, place: Path) -> None:
    assert _lookalike(place, *shlex.split(command)[1:])


@pytest.fixture
def newcomer(place: Path, other_bundle: Path, tmp_path: Path) -> Callable[[str], str]:
    """Type a command where nothing is yet but a photo, another model and a shop's feed; return what it prints."""
    installed = tmp_path / ".venv" / "bin" / "lookalike"
    installed.parent.mkdir(parents=True)
    installed.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "lookalike.py"}" "$@"\n')
    installed.chmod(0o755)
    shutil.copy(place / "photo.jpg", tmp_path)
    shutil.copytree(other_bundle, tmp_path / "my-model")
    # Its picture lies here: fetching from hosts, which this command only allows, has tests of its own.
    (tmp_path / "policy.toml").write_text(_blocks("toml", MODERATING)[0])
    (tmp_path / "feed.csv").write_text("id,image,price\nfed-1,photo.jpg,9.5\n")
    environment = {**os.environ, "PATH": f"{installed.parent}:{os.environ['PATH']}"}

    def type_in(command: str) -> str:
        if " serve " in command:
            return _first_line_of_server(command, tmp_path, environment)
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout

    return type_in


def _first_line_of_server(command: str, directory: Path, environment: dict[str, str]) -> str:
    with subprocess.Popen(
        shlex.split(f"{command} --port 0"), cwd=directory, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        process.terminate()
    return said


def test_the_commands_about_catalogues_work_one_after_another(newcomer: Callable[[str], str], tmp_path: Path) -> None:
    assert DRAWING in CHAPTER
    assert IN_ORDER.count(DRAWING) == 3
    newcomer(DRAWING)
    _keep_some(tmp_path / "my-photos")
    said = {}
    for command in IN_ORDER:
        if command not in {DRAWING, "make setup"}:  # make runs in test_make.py
            said[command] = newcomer(command)
            assert said[command], command
    assert all("ready on" in text for command, text in said.items() if " serve " in command)
    (piped,) = (text for command, text in said.items() if command.startswith("echo "))
    assert "1 added" in piped
    assert "1 pruned" in said["lookalike index my-photos/products.csv --catalogue catalogues/shop --prune"]
    table = (tmp_path / "my-photos" / "products.csv").read_text(encoding="utf-8").splitlines()
    (shown,) = _blocks("csv", CATALOGUES)
    assert set(shown.splitlines()) <= set(table)


def _keep_some(drawn: Path) -> None:
    """Leave half of the drawn products, pictures and rows: each of the commands after it takes half the time."""
    table = drawn / "products.csv"
    head, *rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    for row in rows[len(rows) // 2 :]:
        (drawn / row.split(",")[1]).unlink()
    table.write_text("".join([head, *rows[: len(rows) // 2]]), encoding="utf-8")


def test_a_failure_is_told_as_the_documentation_shows_it(tmp_path: Path) -> None:
    (shown,) = _blocks("json", CATALOGUES)
    (tmp_path / "coat").mkdir()
    torn = tmp_path / "coat" / "torn.png"
    Image.effect_noise((200, 300), 50).save(torn)
    os.truncate(torn, torn.stat().st_size // 2)
    command = [sys.executable, ROOT / "lookalike.py", "index", ".", "--catalogue", "c"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 3
    (line,) = (tmp_path / "c" / "failures.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == json.loads(shown)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's requests are made with curl, which is not here")
@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("curl ")])
def test_a_request_works(command: str, place: Path, server: str) -> None:
    assert ADDRESS in command
    done = subprocess.run(
        ["curl", "--fail", "--silent", "--show-error", *shlex.split(command.replace(ADDRESS, server))[1:]],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{")


@pytest.mark.parametrize("code", _blocks("python"))
def test_code_works(code: str, place: Path, project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "test-00000" in done.stdout, "the photo is of the first item"


def test_every_file_that_the_readme_points_at_exists(project: Path) -> None:
    targets = {target for target in re.findall(r"\]\(([^)#]+)\)", README) if not target.startswith("http")}
    assert targets
    assert not [target for target in targets if not (project / target).exists()]


@pytest.mark.parametrize(
    ("row", "metric"),
    [
        ("right class", "accuracy"),
        ("P@10", "precision_at_10"),
        ("mAP@R", "map_at_r"),
        ("R@1", "looks_mean"),
        ("AUROC", "unfamiliar_worst"),
    ],
)
def test_the_readme_gives_the_shipped_models_own_figures(row: str, metric: str, embedder: LiteRTEmbedder) -> None:
    line = next(line for line in README.splitlines() if line.startswith("|") and row in line)
    assert line.endswith(f"| **{embedder.card.metrics[metric]:.3f}** |")
