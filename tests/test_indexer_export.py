"""The table of everything that is similar to everything: exact, whole, and in the format of its name."""

import csv
import json
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

import lookalike
from indexer.catalogue import neighbours
from indexer.catalogue.local import LocalCatalogue
from indexer.catalogue.neighbours import Neighbourhoods
from indexer.errors import ExportFormatUnknown, ExportNotWritable, InvalidFilter
from indexer.exports.neighbour_files import COLUMNS, write_neighbours
from indexer.predictions import predicted_class
from indexer.records import Record, VectorTable, Where
from indexer.sources.errors import ParquetUnavailable
from indexer.thumbnails import display_copy
from indexer.vectors.snapshot import scores_of
from models.datasets.fashion_mnist import CLASSES, Split
from models.pictures.decoding import Picture
from search_api.engine import Engine
from search_api.errors import KOutOfRange, LookOutOfRange
from search_api.query import Query

Row = tuple[str, int, str, float]


def _rows(path: Path) -> list[Row]:
    """Return what is in a table of any format."""
    if path.suffix == ".parquet":
        table = pyarrow.parquet.read_table(path)
        assert [str(kind) for kind in table.schema.types] == ["string", "int32", "string", "float"]
        found = table.to_pylist()
    elif path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
    else:
        found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert all(tuple(row) == COLUMNS for row in found)
    return [(row["id"], int(row["rank"]), row["similar_id"], float(np.float32(row["score"]))) for row in found]


def _similar(engine: Engine, ids: Sequence[str], *arguments: Any) -> list[Row]:
    """Return the rows that one search after another gives."""
    return [
        (id_, rank, hit.item.id, hit.score)
        for id_ in ids
        for rank, hit in enumerate(engine.similar(id_, Query(*arguments)), 1)
    ]


@pytest.fixture(scope="module")
def ids() -> list[str]:
    return [f"test-{number:05}" for number in range(300)]


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.jsonl", "T.CSV"])
def test_every_format_has_exactly_what_similar_finds(name: str, engine: Engine, ids: list[str], tmp_path: Path) -> None:
    path = tmp_path / name
    assert write_neighbours(engine.neighbours(Query(7)), path) == 2100
    path = path.rename(path.with_suffix(path.suffix.lower()))
    assert _rows(path) == _similar(engine, ids, 7)


@pytest.mark.parametrize(
    ("where", "look"),
    [
        ({"predicted.class": ["Sandal", "Bag"]}, None),
        ({"class": "Dress"}, 0.8),
        (None, 0.0),
        (None, 1.0),
        ({"class": "Shirt", "predicted.class": "Bag"}, None),
    ],
)
def test_filter_and_look_count_as_for_similar(
    where: Where | None, look: float | None, engine: Engine, ids: list[str], tmp_path: Path
) -> None:
    write_neighbours(engine.neighbours(Query(5, where, look)), tmp_path / "t.csv")
    assert _rows(tmp_path / "t.csv") == _similar(engine, ids, 5, where, look)


def test_blocks_make_no_difference(
    engine: Engine, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_ITEMS_AT_ONCE", 37)
    told: list[tuple[int, int]] = []
    write_neighbours(engine.neighbours(Query(3)), tmp_path / "t.parquet", lambda *progress: told.append(progress))
    assert _rows(tmp_path / "t.parquet") == _similar(engine, ids, 3)
    assert told == [(min(done, 300), 300) for done in range(0, 37 * 9 + 1, 37)]


def test_twins_are_ranked_by_id_and_nobody_finds_itself(
    tmp_path: Path, vectors: NDArray[np.float32], test_split: Split
) -> None:
    """Forty of one picture and twenty of another: more that tie than are asked for, or looked at first."""
    pictures = [0] * 40 + [1] * 20 + [2]
    record = Record("", predicted_class(CLASSES[0], 1.0), vectors[0], display_copy(Picture(test_split.images[0])))
    order = np.random.default_rng(5).permutation(len(pictures)).tolist()
    with LocalCatalogue.create(tmp_path / "c", "f", 49, CLASSES) as catalogue:
        catalogue.upsert([replace(record, id=f"i{n:02}", vector=vectors[pictures[n]]) for n in order])
        catalogue.publish()
        found = list(Neighbourhoods(catalogue.vector_table(), 5, lambda queries: queries))
        by_search = [
            (f"i{n:02}", rank, hit.item.id, hit.score)
            for n in range(len(pictures))
            for rank, hit in enumerate(catalogue.search(vectors[[pictures[n]]], 5, exclude=[f"i{n:02}"])[0], 1)
        ]
    rows = [row for block in found for row in zip(block.id, block.rank, block.similar_id, block.score, strict=True)]
    assert rows == by_search
    assert [row[2] for row in rows[:5]] == ["i01", "i02", "i03", "i04", "i05"]
    assert [row[2] for row in rows[5 * 39 : 5 * 40]] == ["i00", "i01", "i02", "i03", "i04"]


def test_what_float32_sums_can_not_tell_apart_is_still_in_order(
    vectors: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(1)
    near = vectors[0] + random.normal(scale=1e-4, size=(400, 49)).astype(np.float32)
    near = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    monkeypatch.setattr(neighbours, "_nearest", partial(neighbours._nearest, spare=1))
    ids = [f"i{n:03}" for n in range(400)]
    (block,) = Neighbourhoods(VectorTable(ids, near, None), 10, lambda queries: queries)
    for n in range(400):
        scores = scores_of(near[n], near)
        best = [at for at in np.lexsort((np.arange(400), -scores)).tolist() if at != n][:10]
        assert block.similar_id[10 * n : 10 * n + 10] == [ids[at] for at in best]
        assert block.score[10 * n : 10 * n + 10].tolist() == scores[best].tolist()


def test_fewer_rows_where_there_are_fewer_items() -> None:
    one = VectorTable(["a"], np.eye(1, 3, dtype=np.float32), None)
    none = VectorTable([], np.empty((0, 3), np.float32), None)
    three = VectorTable(["a", "b", "c"], np.eye(3, dtype=np.float32), np.array([1]))
    for gallery, pairs in ((one, []), (none, []), (three, [("a", "b"), ("c", "b")])):
        blocks = list(Neighbourhoods(gallery, 20, lambda queries: queries))
        assert [pair for block in blocks for pair in zip(block.id, block.similar_id, strict=True)] == pairs
        assert sum(block.items for block in blocks) == len(gallery.ids)


def test_wrong_questions_are_refused_at_once(engine: Engine) -> None:
    with pytest.raises(KOutOfRange):
        engine.neighbours(Query(1001))
    with pytest.raises(LookOutOfRange):
        engine.neighbours(Query(look=1.5))
    with pytest.raises(InvalidFilter):
        engine.neighbours(Query(where={"predicted.class": "red"}))


def test_an_unknown_format_is_named_with_those_there_are(engine: Engine, tmp_path: Path) -> None:
    for name in ("table", "table.xlsx", ".csv"):
        with pytest.raises(ExportFormatUnknown, match=r"\.parquet, \.csv, \.jsonl"):
            write_neighbours(engine.neighbours(Query(3)), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_parquet_without_pyarrow_says_what_to_install(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ParquetUnavailable, match=r"Writing .*pip install 'lookalike\[parquet\]'"):
        write_neighbours(engine.neighbours(Query(3)), tmp_path / "t.parquet")
    assert write_neighbours(engine.neighbours(Query(3)), tmp_path / "t.csv") == 900


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.jsonl"])
def test_an_interrupted_export_leaves_what_was_there(name: str, engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("yesterday's")

    def interrupt(done: int, _total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_neighbours(engine.neighbours(Query(3)), path, interrupt)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert path.read_text() == "yesterday's"


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.jsonl"])
def test_a_full_disk_leaves_what_was_there(name: str, engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("yesterday's")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(ExportNotWritable, match=str(path)):
            write_neighbours(engine.neighbours(Query(20)), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert path.read_text() == "yesterday's"


def test_a_directory_that_is_not_there_is_named(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ExportNotWritable, match=r"none/t\.csv.*No such file"):
        write_neighbours(engine.neighbours(Query(3)), tmp_path / "none" / "t.csv")


def test_a_killed_export_leaves_what_was_there(small_catalogue: Path, project: Path, tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("yesterday's")
    script = (
        "import os, signal, sys; import lookalike; from indexer.exports import neighbour_files;"
        "neighbour_files._Parquet.close = lambda self: os.kill(os.getpid(), signal.SIGKILL); lookalike.main()"
    )
    command = ["export-similar", "--catalogue", small_catalogue, "--out", tmp_path / "t.parquet"]
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, cwd=project, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "t.parquet").read_text() == "yesterday's"
    again = CliRunner().invoke(lookalike.main, [str(word) for word in command])
    assert again.exit_code == 0
    assert len(_rows(tmp_path / "t.parquet")) == 6000


def test_the_command_says_how_many_rows_there_are(
    small_catalogue: Path, engine: Engine, ids: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "t.jsonl"
    command = ["export-similar", "--catalogue", str(small_catalogue), "--out", str(out)]
    done = CliRunner().invoke(lookalike.main, [*command, "-k", "4", "--where", "predicted.class=Bag", "--look", "0.5"])
    rows = _rows(out)
    assert rows == _similar(engine, ids, 4, {"predicted.class": "Bag"}, 0.5)
    assert done.stdout == f"{out}: {len(rows)} rows, for 300 items.\n"
    assert "300/300" in done.stderr


@pytest.mark.parametrize("arguments", ["", "--out .", "--out t.csv -k 101", "--out t.csv -k 0"])
def test_wrong_usage(arguments: str) -> None:
    assert CliRunner().invoke(lookalike.main, ["export-similar", *arguments.split()]).exit_code == 2


def test_a_format_is_refused_before_the_catalogue_is_looked_for(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        lookalike.main, ["export-similar", "--catalogue", str(tmp_path / "none"), "--out", str(tmp_path / "t.xls")]
    )
    assert (done.exit_code, ".parquet" in done.stderr) == (1, True)
