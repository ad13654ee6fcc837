"""The command, as a person in a terminal meets it."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from models.datasets.fashion_mnist import FILES, Split, data_directory
from models.runtime import LiteRTEmbedder
from models.vector_parts import look_share

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the command in an empty directory."""
    directory = tmp_path_factory.mktemp("terminal")

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, project / "lookalike.py", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=directory,
            env={**os.environ, **environment},
        )

    return run


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory, test_split: Split) -> Path:
    """Test image 7 as an enlarged product picture."""
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(255 - test_split.images[7]).resize((280, 280), Image.Resampling.NEAREST).save(path)
    return path


def _one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_every_command_has_help_with_an_example(run: Run) -> None:
    listed = run("--help").stdout
    names = re.findall(r"^  ([a-z-]+) ", listed.partition("Commands:")[2], re.MULTILINE)
    assert set(names) >= {"train", "evaluate", "index", "search", "similar", "serve", "info"}
    for name in names:
        done = run(name, "--help")
        assert done.returncode == 0
        assert f"Example: lookalike {name}" in done.stdout


def test_indexing_shows_progress_and_a_second_run_finds_nothing_to_do(run: Run, tmp_path: Path) -> None:
    first = run("index", "fashion-mnist", "--catalogue", tmp_path / "c")
    assert (first.returncode, first.stdout) == (
        0,
        f"{tmp_path / 'c'}: 10000 added, 0 updated, 0 unchanged, 0 failed, 10000 items.\n",
    )
    assert "10000/10000" in first.stderr
    second = run("index", "fashion-mnist", "--catalogue", tmp_path / "c")
    said = f"{tmp_path / 'c'}: nothing to do: 0 added, 0 updated, 10000 unchanged, 0 failed, 10000 items.\n"
    assert (second.returncode, second.stdout) == (0, said)
    assert not (tmp_path / "c" / "failures.jsonl").exists()


def test_a_picture_finds_itself_first_and_json_says_the_same_as_the_table(
    run: Run, small_catalogue: Path, photo: Path
) -> None:
    table = run("search", photo, "--catalogue", small_catalogue, "-k", "3")
    assert table.returncode == 0
    assert table.stderr == ""
    rows = [line.split(maxsplit=4) for line in table.stdout.splitlines() if re.match(r" +\d", line)]
    assert rows[0][3] == "test-00007"
    assert len(rows) == 3
    answer = json.loads(run("search", photo, "--catalogue", small_catalogue, "-k", "3", "--json").stdout)
    assert [hit["item"]["id"] for hit in answer["hits"]] == [row[3] for row in rows]
    assert [f"{hit['relevance']:.0%}" for hit in answer["hits"]] == [row[2] for row in rows]
    assert answer["familiar"] is True
    best = answer["predicted"]["class"]
    assert sum(guess["probability"] for guess in (best, *best["others"])) == pytest.approx(1, abs=1e-4)


def test_a_picture_comes_from_standard_input_too(project: Path, small_catalogue: Path, photo: Path) -> None:
    with photo.open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "lookalike", "search", "-", "--catalogue", small_catalogue, "-k", "1"],
            stdin=file,
            capture_output=True,
            text=True,
            check=True,
            cwd=project,
        )
    assert "test-00007" in done.stdout


def test_similar_leaves_the_item_out_and_filters(run: Run, small_catalogue: Path) -> None:
    hits = json.loads(run("similar", "test-00007", "--catalogue", small_catalogue, "-k", "20", "--json").stdout)["hits"]
    assert len(hits) == 20
    assert "test-00007" not in {hit["item"]["id"] for hit in hits}
    where = ["--where", "predicted.class=Sandal", "--where", "predicted.class=Bag"]
    only = json.loads(run("similar", "test-00007", "--catalogue", small_catalogue, *where, "--json").stdout)["hits"]
    assert {hit["item"]["predicted"]["class"]["value"] for hit in only} <= {"Sandal", "Bag"}
    assert len(only) == 12


def test_a_look_moves_the_hits_and_json_says_which_was_used(
    run: Run, small_catalogue: Path, photo: Path, embedder: LiteRTEmbedder
) -> None:
    def hits(*look: str) -> list[str]:
        done = run("similar", "test-00007", "--catalogue", small_catalogue, "-k", "20", "--json", *look)
        return [hit["item"]["id"] for hit in json.loads(done.stdout)["hits"]]

    plain, by_look = hits(), hits("--look", "1")
    assert plain != by_look
    assert hits("--look", str(look_share(embedder.card.parts))) == plain
    searched = json.loads(run("search", photo, "--catalogue", small_catalogue, "--look", "1", "--json").stdout)
    assert searched["look"] == 1
    assert searched["hits"][0]["item"]["id"] == "test-00007"
    assert [hit["item"]["id"] for hit in searched["hits"][1:]] == by_look[:11]


def test_info_tells_items_classes_and_model(run: Run, small_catalogue: Path, embedder: LiteRTEmbedder) -> None:
    facts = json.loads(run("info", "--catalogue", small_catalogue, "--json").stdout)
    assert facts["items"] == sum(facts["counts"].values()) == 300
    assert facts["model"] == embedder.card.fingerprint
    assert [part["name"] for part in facts["parts"]] == ["kind", "look"]
    text = run("info", LOOKALIKE_CATALOGUE=str(small_catalogue)).stdout
    assert "300 items" in text
    assert embedder.card.fingerprint[:12] in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["similar", "no-such-item"], "no-such-item"),
        (["similar", "test-00001", "--where", "nonsense"], "nonsense"),
        (["similar", "test-00001", "--where", '{"any": "red"}'], "any"),
        (["items", "list", "--sort", "-"], "sorted by"),
        (["facets", "--fields", "id"], "no facets of"),
        (["search", "TEXT"], "no picture"),
        (["search", "EMPTY"], "empty"),
        (["similar", "test-00001", "--look", "nan"], "between 0"),
    ],
)
def test_a_known_failure_is_one_line_and_exit_code_1(
    arguments: list[str], says: str, run: Run, small_catalogue: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("I am text, whatever my name says.")
    (tmp_path / "empty.png").touch()
    named = {"TEXT": str(tmp_path / "text.png"), "EMPTY": str(tmp_path / "empty.png")}
    done = run(*(named.get(argument, argument) for argument in arguments), "--catalogue", small_catalogue)
    assert done.returncode == 1
    assert says in _one_line(done)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["search"],
        ["search", "no-such-file.png"],
        ["similar"],
        ["similar", "x", "-k", "0"],
        ["similar", "x", "--limit", "1001"],
        ["similar", "x", "--diversity", "2"],
        ["similar", "x", "--exclude", "{}", "--exclude", "y"],
        ["similar", "x", "-k", "1000000000"],
        ["similar", "x", "-k", "many"],
        ["similar", "x", "--look", "1.5"],
        ["search", "x", "--look", "-1"],
        ["similar", "x", "--look", "much"],
        ["similar", "x", "--unknown"],
        ["index", "photos"],
        ["index", "fashion-mnist", "--workers", "0"],
        ["train"],
        ["train", "--recipe", "unknown", "--out", "x"],
        ["serve", "--port", "65536"],
        ["serve", "--threads", "0"],
    ],
)
def test_wrong_usage_is_exit_code_2_with_a_hint(arguments: list[str], run: Run) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["search", "PHOTO"], ["similar", "x"], ["info"], ["serve", "--port", "0"]])
def test_a_missing_catalogue_says_how_to_make_one(command: list[str], run: Run, photo: Path, tmp_path: Path) -> None:
    command = [str(photo) if word == "PHOTO" else word for word in command]
    done = run(*command, "--catalogue", tmp_path / "none")
    assert done.returncode == 1
    line = _one_line(done)
    assert "none" in line
    assert "lookalike index" in line
    assert not (tmp_path / "none").exists()


@pytest.fixture
def shop(tmp_path: Path, test_split: Split) -> Path:
    """A table of four products, of which the picture of one is no picture and that of another not there."""
    for number in (0, 1):
        picture = Image.fromarray(255 - test_split.images[number]).resize((140, 140))
        picture.save(tmp_path / f"{number}.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "shop.csv").write_text("id,image,price\na,0.png,5\nb,text.png,6\nc,none.png,7\nd,1.png,8\n")
    return tmp_path / "shop.csv"


def test_pictures_that_fail_go_into_a_report_and_the_exit_code_is_3(run: Run, shop: Path, tmp_path: Path) -> None:
    catalogue = tmp_path / "c"
    done = run("index", shop, "--catalogue", catalogue)
    summary = "2 added, 0 updated, 0 unchanged, 2 failed, 2 items."
    report = catalogue / "failures.jsonl"
    assert done.returncode == 3
    (of_run,) = catalogue.glob("failures-*.jsonl")
    assert done.stdout.splitlines()[-1] == f"{catalogue}: {summary} What failed, and what to do: {of_run}"
    assert report.resolve() == of_run.resolve()
    assert "2 failed" in done.stderr
    assert "Numbers: price." in done.stderr
    failures = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(failure["row"], failure["id"], failure["code"]) for failure in failures] == [
        (3, "b", "unsupported-picture"),
        (4, "c", "picture-missing"),
    ]
    for name in ("text.png", "none.png"):
        shutil.copy(tmp_path / "0.png", tmp_path / name)
    again = run("index", shop, "--catalogue", catalogue, "--workers", "1")
    assert (again.returncode, report.exists(), of_run.exists()) == (0, False, True)
    assert again.stdout == f"{catalogue}: 2 added, 0 updated, 2 unchanged, 0 failed, 4 items.\n"
    hits = json.loads(run("similar", "a", "--catalogue", catalogue, "--where", "price>=6", "--json").stdout)["hits"]
    assert {hit["item"]["id"] for hit in hits} == {"b", "c", "d"}


def test_strict_indexing_stops_with_one_line(run: Run, shop: Path, tmp_path: Path) -> None:
    done = run("index", shop, "--catalogue", tmp_path / "c", "--strict", "--report", tmp_path / "report.jsonl")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: row 3 b: This is no picture" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "report.jsonl").read_text())["id"] == "b"


def test_a_dry_run_says_what_would_be_done_and_makes_nothing(run: Run, shop: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    done = run("index", shop, "--catalogue", tmp_path / "c", "--dry-run")
    said = f"{tmp_path / 'c'}: a dry run, nothing was changed: 3 added, 0 updated, 0 unchanged, 1 failed.\n"
    assert (done.returncode, done.stdout) == (3, said)
    assert set(tmp_path.iterdir()) == before


def test_json_lines_come_from_standard_input_and_prune_what_they_lack(
    project: Path, shop: Path, tmp_path: Path
) -> None:
    def index(lines: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, project / "lookalike.py", "index", "-", "--catalogue", "c", *options],
            input=lines,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )

    both = '{"id": 1, "image": "0.png", "title": "Boot"}\n{"id": 2, "image": "1.png"}\n'
    assert index(both).stdout == "c: 2 added, 0 updated, 0 unchanged, 0 failed, 2 items.\n"
    foreseen = index(both.splitlines()[1], "--prune", "--yes", "--dry-run")
    assert (
        foreseen.stdout == "c: a dry run, nothing was changed: 0 added, 0 updated, 1 unchanged, 0 failed, 1 pruned.\n"
    )
    unread = index("no json", "--prune", "--report", "report.jsonl")
    assert (unread.returncode, "Nothing was pruned" in unread.stderr) == (3, True)
    assert unread.stdout.endswith("2 items. What failed, and what to do: report.jsonl\n")
    doubted = index(both.splitlines()[1], "--prune")
    assert doubted.stdout == "c: 0 added, 0 updated, 1 unchanged, 0 failed, 2 items.\n"
    assert (doubted.returncode, "1 of 2 items" in doubted.stderr, "--yes" in doubted.stderr) == (1, True, True)
    pruned = index(both.splitlines()[1], "--prune", "--yes")
    assert pruned.stdout == "c: 0 added, 0 updated, 1 unchanged, 0 failed, 1 pruned, 1 items.\n"
    nothing = index("", "--prune")
    assert (nothing.returncode, "standard input" in nothing.stderr) == (1, True)


def test_a_bad_table_is_one_line_and_makes_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("id,image\n1,a.png\n1,b.png\n")
    done = run("index", tmp_path / "shop.csv", "--catalogue", tmp_path / "c")
    assert done.returncode == 1
    assert "same id '1'" in _one_line(done)
    assert not (tmp_path / "c").exists()


def test_a_report_that_can_not_be_written_is_said_first(run: Run, shop: Path, tmp_path: Path) -> None:
    done = run("index", shop, "--catalogue", tmp_path / "c", "--report", shop / "report.jsonl")
    assert done.returncode == 1
    assert "--report" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_source_names_those_there_are(run: Run, tmp_path: Path) -> None:
    done = run("index", "no-such-source", "--catalogue", tmp_path / "c")
    assert done.returncode == 1
    assert "fashion-mnist" in _one_line(done)


def test_a_damaged_data_file_is_named_and_nothing_is_indexed(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in FILES:
        shutil.copy(data_directory() / name, data / name)
    file = data / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-1])
    done = run("index", "fashion-mnist", "--data-dir", data, "--catalogue", tmp_path / "c")
    assert done.returncode == 1
    assert file.name in _one_line(done)
    assert not (tmp_path / "c").exists()


def test_a_damaged_or_missing_model_is_named(run: Run, small_catalogue: Path, tmp_path: Path) -> None:
    done = run("info", "--catalogue", small_catalogue, "--model", tmp_path / "none")
    assert done.returncode == 1
    assert "card.json" in _one_line(done)


def test_training_without_tensorflow_says_what_to_install(project: Path, tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['keras'] = None; sys.argv = ['lookalike', 'train', '--out', sys.argv[1]]; "
        "import lookalike; lookalike.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "out"], capture_output=True, text=True, cwd=project, check=False
    )
    assert done.returncode == 1
    assert "lookalike[train]" in _one_line(done)


def test_a_reader_that_goes_away_early_is_no_error(project: Path, small_catalogue: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m lookalike similar test-00001 --catalogue {small_catalogue} -k 100 --json | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=project,
        check=True,
    )
    assert done.stdout == "{\n"
    assert "Traceback" not in done.stderr


def test_too_little_memory_is_said(project: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))

    done = subprocess.run(
        [sys.executable, project / "lookalike.py", "info"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: This process may have 400 MiB of memory, and Lookalike needs .*\n", done.stderr)
