"""The wheel, as somebody installs it: into an environment without it, used from a folder that is not the checkout's."""

import json
import re
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest
from checkouts import fresh_checkout, plain_environment
from PIL import Image

from models.datasets.fashion_mnist import Split

PATIENCE = 300.0
"""Seconds until what never comes is given up."""

NOT_IN_A_WHEEL = {"tests", "benchmarks", "docs"}


@pytest.fixture(scope="module")
def wheel(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the checkout: a build leaves files beside what it builds from."""
    place = tmp_path_factory.mktemp("package")
    fresh_checkout(project, place / "source")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place, place / "source"],
        check=True,
        timeout=PATIENCE,
    )
    (made,) = place.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def bin_directory(wheel: Path) -> Path:
    """Where the commands of an environment are that has the wheel, and what this one has of other packages."""
    environment = wheel.parent / "environment"
    venv.create(environment, symlinks=True)
    packages = environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--python", environment, "install", "--no-deps", "--no-index", wheel],
        check=True,
        timeout=PATIENCE,
    )
    # After its own packages, and without those that only the checkout's environment leads to, such as the checkout.
    (packages / "others.pth").write_text("\n".join([*_site_packages(), ""]))
    return environment / "bin"


def _site_packages() -> list[str]:
    own = sysconfig.get_path("purelib")
    return [path for path in sys.path if path == own or path.endswith("site-packages")]


def _run(directory: Path, *command: str | Path) -> str:
    done = subprocess.run(
        command, cwd=directory, env=plain_environment(), capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_every_file_of_the_rooms_and_no_other(wheel: Path, project: Path) -> None:
    rooms = {path.parent.name for path in project.glob("*/__init__.py")} - NOT_IN_A_WHEEL
    assert len(rooms) == 7
    listed = subprocess.run(["git", "ls-files", *rooms], cwd=project, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        about = {name.partition(".dist-info/")[2] for name in archive.namelist()}
    there = {name for name in listed.stdout.splitlines() if (project / name).is_file()}
    assert there <= held
    assert {name.partition("/")[0] for name in held} == {*rooms, "lookalike.py"}
    assert "licenses/LICENSE" in about


def test_it_indexes_asks_and_serves_from_another_folder(
    bin_directory: Path, project: Path, tmp_path: Path, test_split: Split
) -> None:
    (tmp_path / "my-photos").mkdir()
    for number in range(3):
        Image.fromarray(255 - test_split.images[number]).save(tmp_path / "my-photos" / f"{number}.png")
    homes = _run(
        tmp_path,
        bin_directory / "python",
        "-c",
        "import lookalike, lookalike_client as c, models, indexer, search_api, webui, commands, sample_shop as s\n"
        "print(*(m.__file__ for m in (lookalike, c, models, indexer, search_api, webui, commands, s)), sep='\\n')",
    ).splitlines()
    assert all(Path(home).is_relative_to(bin_directory.parent) for home in homes), homes

    command = bin_directory / "lookalike"
    said = _run(tmp_path, command, "index", "my-photos", "--catalogue", "mine")
    assert "3 added, 0 updated, 0 unchanged, 0 failed, 3 items." in said
    found = json.loads(_run(tmp_path, command, "search", "my-photos/0.png", "--catalogue", "mine", "--json"))
    assert found["hits"][0]["item"]["id"] == "0.png"
    similar = json.loads(_run(tmp_path, command, "similar", "1.png", "--catalogue", "mine", "--json"))
    assert len(similar["hits"]) == 2
    assert "260 added" in _run(tmp_path, command, "index", "sample", "--catalogue", "sample")

    with subprocess.Popen(
        [command, "serve", "--port", "0", "--catalogue", "mine"],
        cwd=tmp_path,
        env=plain_environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        address = re.search(r"http://\S+", server.stderr.readline())
        assert address is not None
        for path, holds in (("/", "<html"), ("/static/site.css", "--text"), ("/v1/items/2.png", "2.png")):
            with urllib.request.urlopen(address[0] + path, timeout=PATIENCE) as answer:
                assert holds in answer.read().decode()
        server.terminate()
        server.communicate(timeout=PATIENCE)
        assert server.returncode == 0


def test_one_name_is_all_that_a_users_code_needs(bin_directory: Path, tmp_path: Path, test_split: Split) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.fromarray(255 - test_split.images[number]).save(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "photos" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    code = """
import contextlib, json, pathlib, sys
import lookalike

if __name__ == "__main__":
    light = sorted({"numpy", "flask", "faiss", "PIL", "click"} & set(sys.modules))
    failed = []
    done = lookalike.index("photos", "catalogue", workers=1, on_failure=failed.append)
    again = lookalike.index(pathlib.Path("photos"), pathlib.Path("catalogue"))
    with contextlib.closing(lookalike.open_engine("catalogue")) as engine:
        result = engine.search(pathlib.Path("photos/1.png").read_bytes(), lookalike.Query(k=1))
        print(json.dumps({
            "light": light,
            "added": done.report.added,
            "items": done.items,
            "failed": [failure.id for failure in failed],
            "told": [done.failures.exists(), again.failures.samefile("catalogue/failures.jsonl")],
            "again": [again.report.added, again.report.unchanged, again.report.failed],
            "first": result.hits[0].item.id,
            "names": dir(lookalike),
        }))
"""
    (tmp_path / "program.py").write_text(code)
    assert json.loads(_run(tmp_path, bin_directory / "python", "program.py")) == {
        "light": [],
        "added": 3,
        "items": 3,
        "failed": ["torn.png"],
        "told": [True, True],
        "again": [0, 3, 1],
        "first": "1.png",
        "names": ["Catalogue", "Engine", "Query", "index", "load", "main", "open_engine"],
    }


def test_a_name_that_it_does_not_have_is_an_attribute_error() -> None:
    import lookalike

    with pytest.raises(AttributeError, match="no attribute 'search'"):
        getattr(lookalike, "search")  # noqa: B009 (mypy knows that there is none)
