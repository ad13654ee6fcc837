"""A test session says once what it can't do without, and skips what it can, but not where nothing may be missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPED = """
import pytest

def test_one():
    pytest.skip("there is no browser")

@pytest.mark.skipif(True, reason="there are no mounts")
def test_another():
    pass

@pytest.mark.xfail(reason="known", strict=True)
def test_of_a_known_fault():
    assert False
"""


def _session(place: Path, project: Path, *options: str, **settings: str) -> tuple[int, str]:
    """Run pytest on a test file with what this directory's conftest.py does; return its exit code and what it says."""
    (place / "test_skipped.py").write_text(SKIPPED)
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "LOOKALIKE_REQUIRE_ALL"}}
    # Of the plugins only the one in question: loading the others is most of what such a session does.
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": f"{project / 'tests'}:{project}"}
    plugins = "-p", "conftest", "-p", "xdist.plugin", "-p", "no:cacheprovider"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *options, "test_skipped.py"],
        cwd=place,
        env={**environment, **alone, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("options", [(), ("-n", "2")])
@pytest.mark.parametrize(
    ("settings", "code", "outcome"),
    [
        ({}, 0, "2 skipped, 1 xfailed"),
        ({"LOOKALIKE_REQUIRE_ALL": "1"}, 1, "1 failed, 1 xfailed, 1 error"),
        ({"CI": "true"}, 1, "1 failed, 1 xfailed, 1 error"),
        ({"CI": "true", "LOOKALIKE_REQUIRE_ALL": "0"}, 0, "2 skipped, 1 xfailed"),
    ],
)
def test_what_is_missing_fails_where_nothing_may_be(
    options: tuple[str, ...], settings: dict[str, str], code: int, outcome: str, tmp_path: Path, project: Path
) -> None:
    returned, said = _session(tmp_path, project, *options, **settings)
    assert returned == code, said
    assert outcome in said
    if code:
        assert "nothing may be missing here" in said
        assert "there is no browser" in said


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_a_data_set_that_can_not_be_used_is_said_once_and_no_test_is_run(
    options: tuple[str, ...], tmp_path: Path, project: Path
) -> None:
    (tmp_path / "data").mkdir()
    for name in (
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ):
        (tmp_path / "data" / name).write_bytes(b"damaged")
    returned, said = _session(tmp_path, project, *options, LOOKALIKE_DATA_DIR=str(tmp_path / "data"))
    assert returned == pytest.ExitCode.USAGE_ERROR
    assert "The tests need Fashion-MNIST. " in said
    assert "is damaged" in said
    assert "skipped" not in said.replace("test_skipped", "")


def test_fashion_mnist_is_found_beside_the_checkout_without_a_word(project: Path) -> None:
    beside = project.parent / "shared" / "datasets" / "fashion-mnist"
    environment = {name: value for name, value in os.environ.items() if name != "LOOKALIKE_DATA_DIR"}
    code = "import conftest, os; print(os.environ.get('LOOKALIKE_DATA_DIR'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={**environment, "PYTHONPATH": f"{project / 'tests'}:{project}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (str(beside) if beside.is_dir() else "None")
