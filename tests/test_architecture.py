"""The shape of the house: imports run one way, nothing goes round in circles, rooms stay small, serving stays light."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOMS = ("lookalike_client", "sample_shop", "models", "indexer", "search_api", "webui", "commands", "lookalike")
"""Each may import itself and those before it; the client, which stands by itself, is imported by none."""

LAYERS: Mapping[str, tuple[str, ...]] = {
    "lookalike_client": (
        "errors options",
        "records retrying",
        "calls chunks",
        "pages",
        "async_client client",
        "__init__",
    ),
    "sample_shop": ("__init__", "drawing", "cloth", "garments", "assortment", "products"),
    "models": (
        "errors arrays progress files allocator native_output npz calibration augmentations",
        "pictures",
        "colours fingerprints faults",
        "vector_parts match_confidence ood_score",
        "card",
        "embedder datasets",
        "preprocessing",
        "garments",
        "runtime",
        "tagging",
        "evaluation",
        "training",
        "__init__",
    ),
    "indexer": (
        "__init__ errors predictions",
        "fields records",
        "conditions content_key sorting thumbnails told_values",
        "filters",
        "typed_filters validation",
        "sources",
        "database",
        "columns",
        "words",
        "vectors",
        "catalogue",
        "pipeline",
        "upkeep",
        "exports directory",
    ),
    "search_api": (
        "__init__ errors parameters picture_sizes results",
        "access",
        "cursors query",
        "searching",
        "recommending",
        "batches",
        "seeing",
        "moderation item_changes",
        "engine_state writing",
        "engine",
        "http",
        "server",
    ),
}
"""What a room is made of, the lowest layer first: each may import itself and those below it.

Modules that share a layer don't import each other, but for those inside one folder.
"""

MOST_MODULES = 15
"""Modules of one purpose that a folder holds."""


def _name_of(path: Path, project: Path) -> str:
    return ".".join(path.relative_to(project).with_suffix("").parts)


@pytest.fixture(scope="module")
def modules(project: Path) -> Mapping[str, Path]:
    """Every module of the product by its dotted name; a package's own is called `....__init__`."""
    found = {}
    for room in ROOMS[:-1]:
        found |= {_name_of(path, project): path for path in sorted((project / room).rglob("*.py"))}
    return found | {"lookalike": project / "lookalike.py"}


@pytest.fixture(scope="module")
def imports(modules: Mapping[str, Path]) -> Mapping[str, set[str]]:
    """What each module imports of the others: at the top, inside functions, or for types alone."""
    return {name: set(_imported(path, modules)) - {name} for name, path in modules.items()}


def _imported(path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            are_modules = [name for name in inner if name in modules or f"{name}.__init__" in modules]
            names = are_modules if len(are_modules) == len(inner) else [*are_modules, str(node.module)]
        else:
            continue
        for name in names:
            if name in modules:
                yield name
            elif f"{name}.__init__" in modules:
                yield f"{name}.__init__"


def test_the_parser_sees_every_kind_of_import(imports: Mapping[str, set[str]]) -> None:
    assert "models.embedder" in imports["search_api.engine"]  # at the top
    assert "indexer.catalogue.__init__" in imports["search_api.engine"]  # for types
    assert "models.__init__" in imports["commands.composition"]  # in a function
    assert "search_api.http.reading.requests" in imports["search_api.http.routes.asking"]  # a module by name


def test_imports_run_one_way_between_rooms(imports: Mapping[str, set[str]]) -> None:
    for name, imported in imports.items():
        above = ROOMS[ROOMS.index(name.partition(".")[0]) + 1 :]
        backwards = {other for other in imported if other.partition(".")[0] in above}
        assert not backwards, f"{name} imports {backwards}, which stand above it"


def test_nothing_imports_the_client(imports: Mapping[str, set[str]]) -> None:
    users = {name for name, imported in imports.items() if any(one.startswith("lookalike_client.") for one in imported)}
    assert {name.partition(".")[0] for name in users} == {"lookalike_client"}


@pytest.mark.parametrize("room", LAYERS)
def test_imports_run_one_way_inside_a_room(imports: Mapping[str, set[str]], room: str) -> None:
    level = {part: number for number, layer in enumerate(LAYERS[room]) for part in layer.split()}
    own = {name: name.split(".")[1] for name in imports if name.startswith(f"{room}.")}
    assert set(own.values()) == set(level), "LAYERS names what the room is made of"
    for name, part in own.items():
        for other in imports[name] & set(own):
            is_below = level[own[other]] < level[part] or own[other] == part
            assert is_below, f"{name} imports {other}, which is not below it"


def test_no_import_leads_back_to_where_it_began(imports: Mapping[str, set[str]]) -> None:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


def test_a_folder_holds_few_modules_and_says_what_it_is_for(modules: Mapping[str, Path]) -> None:
    folders = defaultdict(list)
    for path in modules.values():
        folders[path.parent].append(path)
    for folder, paths in folders.items():
        named = [path for path in paths if path.name != "__init__.py"]
        assert len(named) <= MOST_MODULES, f"{folder} has {len(named)} modules"
        if len(named) < len(paths):
            assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))


def test_a_public_name_means_one_thing(modules: Mapping[str, Path]) -> None:
    """A class has a name of its own in its room, a function in its folder."""
    homes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, path in modules.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                homes[name.partition(".")[0], node.name].append(name)
            elif isinstance(node, ast.FunctionDef):
                homes[name.rpartition(".")[0], node.name].append(name)
    assert not {key: places for key, places in homes.items() if len(places) > 1 and not key[1].startswith("_")}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import lookalike", {"numpy", "flask", "faiss", "PIL"}),
        ("import indexer.pipeline.worker_main", {"faiss", "apsw", "ai_edge_litert", "flask", "click"}),
        ("import search_api.server.serving", {"numpy", "faiss", "apsw", "ai_edge_litert", "PIL"}),
        ("import lookalike_client", {"numpy", "flask", "faiss", "PIL", "lookalike", "models", "search_api"}),
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
