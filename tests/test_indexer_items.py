"""Items looked up, listed and deleted: by the class that does it, and by the command."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import lookalike
from indexer.catalogue import item_list
from indexer.catalogue.item_list import Items
from indexer.catalogue.local import LocalCatalogue
from indexer.errors import CatalogueMissing, InvalidFilter, UnknownItem
from models.datasets.fashion_mnist import Split
from models.pictures.png import encode_png
from search_api.engine import Engine
from search_api.http.answers import item_answer

Run = Callable[..., Result]


@pytest.fixture
def directory(small_catalogue: Path, tmp_path: Path) -> Path:
    """A copy of the small catalogue, to change."""
    return Path(shutil.copytree(small_catalogue, tmp_path / "catalogue"))


@pytest.fixture
def kept(directory: Path) -> Iterator[Items]:
    with Items(directory) as kept:
        yield kept


@pytest.fixture
def run(directory: Path) -> Run:
    """Run `lookalike items`."""

    def run(command: str, *arguments: str) -> Result:
        return CliRunner().invoke(lookalike.main, ["items", command, "--catalogue", str(directory), *arguments])

    return run


def test_items_are_listed_by_id_whatever_the_block(
    kept: Items, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = list(engine.browse(limit=100).items)
    monkeypatch.setattr(item_list, "_BLOCK", 7)
    assert list(kept.each(limit=100)) == everything
    assert [item.id for item in kept.each()] == [f"test-{number:05}" for number in range(300)]
    assert [item.id for item in kept.each(after="test-00296", limit=2)] == ["test-00297", "test-00298"]
    assert [item.id for item in kept.each(after="test-00296x")] == ["test-00297", "test-00298", "test-00299"]
    assert list(kept.each(limit=0)) == list(kept.each(after="u")) == []


@pytest.mark.parametrize(
    "where", [{"predicted.class": "Sandal"}, {"class": ["Bag", "Dress"]}, {"split": "test", "predicted.class": ["Bag"]}]
)
def test_a_filter_lists_and_counts_what_browsing_finds(
    kept: Items, engine: Engine, where: dict[str, str | list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_list, "_BLOCK", 4)
    page = engine.browse(where, limit=100)
    assert page.total > 5
    assert tuple(kept.each(where)) == page.items
    assert kept.count(where) == page.total


def test_a_malformed_filter_is_refused_before_the_first_item(kept: Items) -> None:
    with pytest.raises(InvalidFilter, match="any"):
        kept.each({"any": "red"})
    with pytest.raises(InvalidFilter, match="Sock"):
        kept.delete_where({"predicted.class": "Sock"})


def test_an_unknown_attribute_is_named_and_never_deleted_by(kept: Items) -> None:
    assert list(kept.each({"colour": "red"})) == []
    assert ["'colour'" in note for note in kept.filter_notes({"colour": "red"})] == [True]
    for where in ({"colour": "red"}, {"not": {"colour": "red"}}, {"class": "Bag", "colour": {"not": "red"}}):
        with pytest.raises(InvalidFilter, match=r"'colour'.*Nothing was deleted"):
            kept.delete_where(where)
        with pytest.raises(InvalidFilter, match="'colour'"):
            kept.deletable(where)
    assert kept.count() == 300


def test_what_is_written_while_a_list_is_read_is_neither_waited_for_nor_listed_twice(
    kept: Items, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_list, "_BLOCK", 10)
    listed = kept.each()
    first = [next(listed).id for _ in range(15)]
    with Items(directory, busy_seconds=0.1) as other:
        assert other.delete(["test-00003", "test-00042"]) == 2
    rest = [item.id for item in listed]
    assert first + rest == [f"test-{number:05}" for number in range(300) if number != 42]


def test_no_index_file_is_read(directory: Path) -> None:
    for file in directory.glob("generation-*"):
        file.unlink()
    with Items(directory) as kept:
        assert kept.count() == 300
        assert kept.delete(["test-00000"]) == 1
    assert not list(directory.glob("generation-*"))


def test_listing_imports_neither_faiss_nor_the_runtime(directory: Path, project: Path) -> None:
    script = (
        f"import sys, lookalike; lookalike.main(['items', 'list', '--catalogue', {str(directory)!r}],"
        " standalone_mode=False); print({'faiss', 'ai_edge_litert'} & set(sys.modules) or 'neither')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=project, check=True)
    assert len(done.stdout.splitlines()) == 301
    assert done.stdout.splitlines()[-1] == "neither"


def test_deletion_is_there_for_everybody_and_stays(kept: Items, directory: Path) -> None:
    with LocalCatalogue.open(directory) as catalogue:
        near = [hit.item.id for hit in catalogue.search(catalogue.vectors(["test-00007"]), 3)[0]]
        assert kept.delete([near[1], near[1]]) == 1
        assert near[1] not in [hit.item.id for hit in catalogue.search(catalogue.vectors(["test-00007"]), 300)[0]]
    with LocalCatalogue.open(directory) as again, pytest.raises(UnknownItem):
        again.get([near[1]])


def test_with_one_unknown_id_nothing_is_deleted(kept: Items) -> None:
    with pytest.raises(UnknownItem, match=r"'x' \(nor 1 others.*Nothing was deleted"):
        kept.delete(["test-00001", "x", "y", "x"])
    assert kept.count() == 300


def test_deleting_by_a_filter_deletes_just_that(kept: Items) -> None:
    shirts = kept.count({"class": "Shirt"})
    assert shirts > 10
    assert kept.delete_where({"class": "Shirt"}) == shirts
    assert kept.count({"class": "Shirt"}) == 0
    assert kept.count() == 300 - shirts
    assert kept.delete_where({"class": "Shirt"}) == 0


def test_there_is_no_catalogue_to_list(tmp_path: Path) -> None:
    with pytest.raises(CatalogueMissing, match="lookalike index"):
        Items(tmp_path / "none")


# --- the command ---


def test_json_lines_are_the_items_as_the_api_has_them(run: Run, engine: Engine) -> None:
    done = run("list", "--json", "--where", "predicted.class=Bag", "--limit", "5")
    bags = engine.browse({"predicted.class": "Bag"}, limit=5).items
    assert [json.loads(line) for line in done.stdout.splitlines()] == [item_answer(item) for item in bags]
    done = run("get", "--json", "test-00009", "test-00003")
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["test-00009", "test-00003"]


def test_people_read_a_line_an_item_or_all_of_one(run: Run, engine: Engine) -> None:
    lines = run("list", "--after", "test-00004", "--limit", "2").stdout.splitlines()
    item = engine.item("test-00005")
    assert lines[0].split() == [
        item.best_class.value,
        f"{item.best_class.probability:.0%}",
        "test-00005",
        "class=Trouser",
        "split=test",
    ]
    assert [line.index("test-0") for line in lines] == [max(map(len, engine.card.classes)) + 8] * 2
    told = run("get", "test-00005").stdout.splitlines()
    assert told[0] == "test-00005"
    assert ["picture", "28x28,", "image/png"] in [line.split() for line in told]
    assert ["split", "test"] in [line.split() for line in told]


def test_an_unknown_item_is_one_line(run: Run) -> None:
    for command in ("get", "delete"):
        done = run(command, "test-00001", "nothing")
        assert (done.exit_code, done.stdout) == (1, "")
        assert "'nothing'" in done.stderr


def test_the_command_writes_an_item(run: Run, directory: Path, test_split: Split, tmp_path: Path) -> None:
    picture = tmp_path / "new.png"
    picture.write_bytes(encode_png(test_split.images[999]))
    made = run("put", "new", "--image", str(picture), "--attributes", '{"price": 5}')
    assert made.stdout == f"{directory}: new created.\n"
    assert json.loads(run("put", "new", "--attributes", '{"price": 6}', "--json").stdout)["attributes"] == {"price": 6}
    assert run("put", "new", "--attributes", '{"price": 6}').stdout == f"{directory}: new unchanged.\n"
    for arguments in (["other"], ["other", "--attributes", "{}"], ["new", "--attributes", "[]"]):
        refused = run("put", *arguments)
        assert refused.exit_code == 1
        assert refused.output.startswith("Error: ")


def test_the_command_deletes_and_says_how_many_are_left(run: Run, directory: Path) -> None:
    assert run("delete", "test-00001", "test-00002").stdout == f"{directory}: 2 deleted, 298 items.\n"
    assert run("delete", "--where", "predicted.class=Bag", "--where", "class=Dress").stdout.endswith(
        ": 0 deleted, 298 items.\n"
    )
    asked = run("delete", "--where", "split=test")
    assert (asked.exit_code, "298 items. Give --yes" in asked.stderr) == (2, True)
    assert run("delete", "--where", "split=test", "--yes").stdout == f"{directory}: 298 deleted, 0 items.\n"
    assert run("list").stdout == ""


@pytest.mark.parametrize("arguments", [[], ["test-00001", "--where", "predicted.class=Bag"], ["--yes"]])
def test_either_ids_or_a_filter_are_deleted(run: Run, arguments: list[str]) -> None:
    assert run("delete", *arguments).exit_code == 2
    assert len(run("list").stdout.splitlines()) == 300


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 300)])
def test_in_a_terminal_a_filter_is_asked_about(answer: str, left: int, directory: Path, project: Path) -> None:
    person, terminal = pty.openpty()
    os.write(person, f"{answer}\n".encode())
    command = [sys.executable, project / "lookalike.py", "items", "delete", "--where", "split=test", "--catalogue"]
    done = subprocess.run([*command, directory], stdin=terminal, capture_output=True, text=True, check=False)
    os.close(person)
    os.close(terminal)
    assert "Delete 300 items?" in done.stderr
    assert done.returncode == (1 if left else 0)
    with Items(directory) as kept:
        assert kept.count() == left


def test_a_reader_that_goes_away_early_is_no_error(directory: Path, project: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m lookalike items list --catalogue {directory} --json | true",
        shell=True,
        capture_output=True,
        text=True,
        cwd=project,
        check=True,
    )
    assert done.stderr == ""
