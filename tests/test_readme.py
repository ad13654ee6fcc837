"""Every command and every line of code in the README works as it stands there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from models.fashion_mnist import Split
from models.runtime import LiteRTEmbedder

ADDRESS = "http://127.0.0.1:8000"
ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


COMMANDS = [line.partition("  #")[0].strip() for block in _blocks("sh") for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, test_split: Split) -> Path:
    """Where a reader tries the commands: with a photo, pictures to index, and the catalogue of the first command."""
    directory = tmp_path_factory.mktemp("reader")
    picture = Image.fromarray(255 - test_split.images[0])
    picture.resize((280, 280), Image.Resampling.BICUBIC).save(directory / "photo.jpg", quality=95)
    (directory / "photos" / "summer").mkdir(parents=True)
    for number in range(6):
        shop_picture = Image.fromarray(255 - test_split.images[number])
        shop_picture.save(directory / "photos" / ("summer" if number % 2 else ".") / f"{number}.png")
    rows = "".join(f"item-{number},photos/{number}.png,{10 * number}\n" for number in (0, 2, 4))
    (directory / "products.csv").write_text(f"id,image,price\n{rows}")
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
    assert {command.split()[0] for command in COMMANDS} == {"make", "lookalike", "curl"}


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_a_make_target_exists(command: str, project: Path) -> None:
    # make serve and make test run for real elsewhere: in test_make.py, and around this very test.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "--dry-run", *shlex.split(command)[1:]], cwd=project, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("lookalike ")])
def test_a_command_line_works(command: str, place: Path) -> None:
    assert _lookalike(place, *shlex.split(command)[1:])


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
