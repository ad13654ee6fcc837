"""The power goes: what was acknowledged is there, what was under way is there or not, and nothing is called damaged."""

import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from power_cut import WRITER, Cut, Record, built, cuts, traced

CUTS = 30


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What sees the system's calls."""
    if not sys.platform.startswith("linux") or shutil.which("gcc") is None:
        pytest.skip("a C compiler, and Linux, are needed to see the system's calls")
    return built(tmp_path_factory.mktemp("library"))


def run(library: Path, root: Path, project: Path, care: str) -> list[Record]:
    root.mkdir()
    return traced(library, [sys.executable, "-c", WRITER, root / "c", "7", "30", care], root, project)


def is_right(cut: Cut) -> bool:
    return cut.problem is None and cut.found in cut.allowed


def test_no_power_cut_loses_what_was_acknowledged(library: Path, tmp_path: Path, project: Path) -> None:
    records = run(library, tmp_path / "run", project, "careful")
    seen = Counter((record.kind, record.name.rpartition(".")[2].rpartition("/")[2]) for record in records)
    assert seen["y", "sqlite-wal"] > 15, "each commit is synced"
    assert seen["w", "sqlite"], "the log is taken over into the database"
    assert seen["k", "sqlite-shm"]
    assert seen["r", "tmp"], "index files get their names"
    made = list(cuts(records, CUTS, 1, tmp_path / "cuts"))
    assert len(made) == CUTS
    for cut in made:
        assert is_right(cut), f"{cut.place}: {cut.problem or cut.found} is none of {cut.allowed}"
    assert max(len(cut.found or {}) for cut in made) > 20


def test_these_cuts_find_what_is_not_synced(library: Path, tmp_path: Path, project: Path) -> None:
    records = run(library, tmp_path / "run", project, "careless")
    assert not all(is_right(cut) for cut in cuts(records, CUTS, 1, tmp_path / "cuts"))
