"""The shape of the house: imports run one way, rooms stay small, serving stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOMS = ("sample_shop", "models", "indexer", "search_api", "webui", "commands", "lookalike")
"""Each may import itself and those before it."""

MOST_LINES = 300


def _modules(project: Path) -> Iterator[tuple[str, Path]]:
    for room in ROOMS[:-1]:
        for path in sorted((project / room).rglob("*.py")):
            yield room, path
    yield ROOMS[-1], project / "lookalike.py"


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield (node.module or "").partition(".")[0]


def test_imports_run_one_way(project: Path) -> None:
    seen = set()
    for room, path in _modules(project):
        seen.add(room)
        backwards = set(_imported(path)) & set(ROOMS[ROOMS.index(room) + 1 :])
        assert not backwards, f"{path} imports {backwards}, which stand above it"
    assert seen == set(ROOMS)


def test_no_module_has_two_jobs_worth_of_lines(project: Path) -> None:
    long = {
        str(path.relative_to(project)): lines
        for _, path in _modules(project)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES
    }
    assert not long


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import lookalike", {"numpy", "flask", "faiss", "PIL"}),
        ("import indexer.pipeline.worker_main", {"faiss", "apsw", "ai_edge_litert", "flask", "click"}),
        ("import search_api.server.serving", {"numpy", "faiss", "apsw", "ai_edge_litert", "PIL"}),
        (
            "import models, indexer.pipeline.indexing, search_api.engine, webui.app",
            {"tensorflow", "keras", "matplotlib", "urllib3"},
        ),
    ],
)
def test_an_import_brings_no_more_than_it_must(statement: str, absent: set[str], project: Path) -> None:
    script = f"import sys; {statement}; print({absent!r} & set(sys.modules) or '')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=project, check=True)
    assert done.stdout.strip() == ""
