"""A catalogue made anew with another model: equal to one indexed with it, switched at once, and safe from kills."""

import io
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import deadly_events as events
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import lookalike
import models
from indexer.catalogue.item_list import Items
from indexer.catalogue.local import LocalCatalogue
from indexer.database.locations import CURRENT, located
from indexer.errors import (
    CatalogueBusy,
    CatalogueDamaged,
    CatalogueMissing,
    CatalogueReplaced,
    ModelMismatch,
    ReindexIncomplete,
    UnknownItem,
)
from indexer.pipeline import indexing
from indexer.predictions import predicted_class
from indexer.records import DisplayCopy, Record
from indexer.sources.fashion_mnist import FashionMNIST
from indexer.sources.named_sources import NamedSource, open_source
from indexer.thumbnails import display_copy
from indexer.upkeep import reindexing
from indexer.upkeep.reindexing import reindex
from indexer.upkeep.swap import drop_previous
from models.datasets.fashion_mnist import Split
from models.embedder import Answers, View
from models.pictures.decoding import Picture, decode
from models.runtime import LiteRTEmbedder

SMALL_BATCH = 16


@pytest.fixture
def directory(small_catalogue: Path, tmp_path: Path) -> Path:
    """A copy of the small catalogue, to change."""
    return Path(shutil.copytree(small_catalogue, tmp_path / "catalogue"))


@pytest.fixture(scope="module")
def expected(
    tmp_path_factory: pytest.TempPathFactory, other: LiteRTEmbedder, small_catalogue: Path
) -> tuple[list[Any], ...]:
    """The state of the small catalogue after a reindexing in small batches that nothing disturbed."""
    directory = shutil.copytree(small_catalogue, tmp_path_factory.mktemp("undisturbed") / "catalogue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reindexing, "BATCH", SMALL_BATCH)
        reindex(directory, other)
    return _state(directory)


def _state(root: Path) -> tuple[list[Any], ...]:
    """Return all that a catalogue's database holds, but for how it came about."""
    with closing(apsw.Connection(str(located(root) / "catalogue.sqlite"))) as connection:
        assert connection.pragma("integrity_check") == "ok"
        return tuple(
            connection.execute(query).fetchall()
            for query in (
                "SELECT * FROM items JOIN vectors USING (row) JOIN displays USING (row) ORDER BY row",
                "SELECT fingerprint, dim, classes FROM catalogue",
                "SELECT seq FROM sqlite_sequence WHERE name = 'items'",
                "SELECT name FROM attribute_names",
                "SELECT last_row, count FROM generations",
            )
        )


def _indexed(directory: Path, embedder: LiteRTEmbedder, source: NamedSource) -> LocalCatalogue:
    card = embedder.card
    catalogue = LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes)
    indexing.index(source, embedder, catalogue)
    return catalogue


def test_it_is_as_if_indexed_with_the_other_model(
    directory: Path, other: LiteRTEmbedder, test_split: Split, tmp_path: Path
) -> None:
    source = FashionMNIST(Split(test_split.images[:300], test_split.labels[:300]), "test")
    told: list[tuple[int, int]] = []
    done = reindex(directory, other, lambda *progress: told.append(progress))
    assert (done.items, done.embedded, done.previous) == (300, 300, directory)
    assert told[:3] == [(0, 300), (256, 300), (300, 300)]
    with (
        LocalCatalogue.open(directory, other.card.fingerprint) as again,
        _indexed(tmp_path / "anew", other, source) as anew,
    ):
        ids = again.ids()
        assert ids == anew.ids()
        assert again.get(ids) == anew.get(ids)
        assert again.content_keys(ids) == anew.content_keys(ids)
        assert [again.display(id_) for id_ in ids] == [anew.display(id_) for id_ in ids]
        np.testing.assert_array_equal(again.vectors(ids), anew.vectors(ids))
        queries = anew.vectors(ids[:20])
        assert again.search(queries, 10) == anew.search(queries, 10)
        assert again.generation == 1
        report = indexing.index(source, other, again)
        assert (report.unchanged, report.added, report.updated) == (300, 0, 0)


def test_the_same_model_has_nothing_to_do(directory: Path, embedder: LiteRTEmbedder) -> None:
    def files() -> list[Path]:  # SQLite's own come and go with who has the catalogue open
        return sorted(file for file in directory.iterdir() if not file.name.endswith(("-wal", "-shm")))

    before = files()
    assert reindex(directory, embedder) == reindexing.Reindexed(300, 0, None)
    assert files() == before


def test_there_must_be_a_catalogue(tmp_path: Path, other: LiteRTEmbedder) -> None:
    with pytest.raises(CatalogueMissing):
        reindex(tmp_path / "none", other)
    assert not (tmp_path / "none").exists()


def test_who_has_the_old_one_open_reads_on_and_writes_no_more(
    directory: Path, embedder: LiteRTEmbedder, other: LiteRTEmbedder
) -> None:
    with LocalCatalogue.open(directory, embedder.card.fingerprint) as old:
        query = old.vectors(["test-00007"])
        before = old.search(query, 20)
        reindex(directory, other)
        found = []
        thread = threading.Thread(target=lambda: found.append((old.search(query, 20), old.vectors(["test-00007"]))))
        thread.start()  # with a connection of its own, opened after the switch
        thread.join()
        assert found[0][0] == before
        np.testing.assert_array_equal(found[0][1], query)
        with pytest.raises(CatalogueReplaced, match=r"reindexed.*--model"):
            old.delete(["test-00007"])
        with LocalCatalogue.open(directory) as new:
            assert new.fingerprint == other.card.fingerprint
            assert new.delete(["test-00007"]) == 1
        assert len(old) == 300
        with pytest.raises(ModelMismatch, match=f"lookalike reindex --catalogue {directory} "):
            LocalCatalogue.open(directory, embedder.card.fingerprint)


def test_what_is_written_meanwhile_is_carried_over(
    directory: Path, other: LiteRTEmbedder, embedder: LiteRTEmbedder, monkeypatch: pytest.MonkeyPatch, test_split: Split
) -> None:
    monkeypatch.setattr(reindexing, "BATCH", SMALL_BATCH)
    pixels = np.invert(test_split.images[400])
    vector, probabilities = embedder.embed([embedder.prepare(Picture(pixels))])
    label = embedder.card.classes[int(probabilities[0].argmax())]
    new = Record(
        "new", predicted_class(label, 0.5), vector[0], display_copy(Picture(pixels)), {"shelf": 3}, "its content"
    )
    wrote: list[int] = []

    def write(done: int, _total: int) -> None:
        if done in (32, 160, 300) and done not in wrote:
            wrote.append(done)
            with LocalCatalogue.open(directory, embedder.card.fingerprint) as old:
                if done == 32:  # one that is done, one that is not, one that is new
                    old.delete(["test-00001", "test-00299"])
                    old.upsert([replace(new, id="test-00002"), replace(new, id="test-00290"), new])
                elif done == 160:
                    old.delete(["new"])
                    old.upsert([new])
                else:
                    old.delete(["test-00150"])

    done = reindex(directory, other, write)
    assert wrote[:2] == [32, 160]
    with LocalCatalogue.open(directory, other.card.fingerprint) as catalogue:
        gone = {"test-00001", "test-00299"} | ({"test-00150"} if 300 in wrote else set())
        assert set(catalogue.ids()) == {f"test-{n:05}" for n in range(300)} - gone | {"new"}
        assert len(catalogue) == done.items
        vector, _ = other.embed([other.prepare(Picture(pixels))] * 3)
        np.testing.assert_array_equal(catalogue.vectors(["test-00002", "test-00290", "new"]), vector)
        assert catalogue.get(["new"])[0].attributes == {"shelf": 3}
        assert catalogue.content_keys(["test-00290"]) == {"test-00290": "its content"}
        assert [hit.item.id for hit in catalogue.search(vector[:1], 3)[0]] == ["new", "test-00002", "test-00290"]


class KindOnly(LiteRTEmbedder):
    """A model whose vectors are half as long and whose classes have other names."""

    def __init__(self, bundle: Path) -> None:
        super().__init__(bundle)
        self._card = replace(
            self._card,
            fingerprint="c3" * 32,
            dim=64,
            parts=(),
            classes=tuple(name.upper() for name in self._card.classes),
        )
        self._whole = LiteRTEmbedder(bundle)

    def answers(self, views: Sequence[View]) -> Answers:
        vectors, probabilities = self._whole.embed(views)
        kind = vectors[:, :64]
        return Answers(kind / np.linalg.norm(kind, axis=1, keepdims=True), probabilities)


def test_the_other_model_may_have_other_classes_and_dimensions(directory: Path) -> None:
    embedder = KindOnly(models.PRETRAINED)
    with LocalCatalogue.open(directory) as catalogue:
        catalogue.delete(["test-00000"])
        counts = catalogue.counts()
    reindex(directory, embedder)
    with LocalCatalogue.open(directory, embedder.card.fingerprint) as catalogue:
        assert catalogue.dim == 64
        assert catalogue.counts() == {label.upper(): count for label, count in counts.items()}
        assert [hit.item.id for hit in catalogue.search(catalogue.vectors(["test-00007"]), 1)[0]] == ["test-00007"]


def test_larger_pictures_are_embedded_from_the_copies_that_are_kept(
    tmp_path: Path, embedder: LiteRTEmbedder, other: LiteRTEmbedder, test_split: Split
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, side in enumerate((100, 300, 700)):
        picture = Image.fromarray(255 - test_split.images[number]).resize((side, side + 20), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number}.png")
    _indexed(tmp_path / "c", embedder, open_source(str(folder))).close()
    done = reindex(tmp_path / "c", other, workers=1)
    assert done.embedded == 3
    with LocalCatalogue.open(tmp_path / "c") as catalogue:
        ids = catalogue.ids()
        copies = [catalogue.display(id_) for id_ in ids]
        assert [max(copy.width, copy.height) for copy in copies] == [120, 320, 512]
        vectors, _ = other.embed([other.prepare(decode(copy.data)) for copy in copies])
        np.testing.assert_array_equal(catalogue.vectors(ids), vectors)


def test_a_kept_picture_that_can_not_be_embedded_keeps_the_old_catalogue(
    directory: Path, embedder: LiteRTEmbedder, other: LiteRTEmbedder
) -> None:
    jpeg = io.BytesIO()
    Image.new("RGB", (200, 200), "red").save(jpeg, "JPEG")
    with LocalCatalogue.open(directory) as catalogue:
        vector = catalogue.vectors(["test-00000"])[0]
        broken = Record("broken", predicted_class("Bag", 1.0), vector, DisplayCopy(b"no picture", "image/png", 28, 28))
        cut = DisplayCopy(jpeg.getvalue()[:500], "image/jpeg", 200, 200)
        catalogue.upsert([broken, replace(broken, id="cut", display=cut)])
    for _ in range(2):
        with pytest.raises(ReindexIncomplete, match=r"^2 items .*broken: .*items delete") as refused:
            reindex(directory, other, workers=1)
    assert "stays as it is" in str(refused.value)
    with LocalCatalogue.open(directory, embedder.card.fingerprint) as catalogue:
        assert len(catalogue) == 302
        catalogue.delete(["broken", "cut"])
    done = reindex(directory, other)
    assert (done.items, done.embedded) == (300, 0)


# --- kills ---

REINDEX = """
import importlib, json, os, signal, sys
from pathlib import Path
import models
from indexer.upkeep import reindexing
reindexing.BATCH = int(sys.argv[3])
place, name, times, moment = json.loads(sys.argv[4])
owner = importlib.import_module(place.partition(":")[0])
for part in place.partition(":")[2].split(".") if ":" in place else ():
    owner = getattr(owner, part)
real, calls = getattr(owner, name), 0

def deadly(*arguments, **named):
    global calls
    calls += 1
    if calls == times and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(*arguments, **named)
    if calls == times and moment == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, name, deadly)
reindexing.reindex(sys.argv[1], models.load(sys.argv[2]))
"""

KILLS = [
    ("indexer.upkeep.reindexing", "_make_sure_of", 1, "before"),
    ("indexer.upkeep.reindexing", "_make_sure_of", 1, "after"),
    ("indexer.database.rows", "insert", 1, "after"),  # written, and not committed
    ("indexer.database.rows", "insert", 12, "before"),
    ("indexer.vectors.index_file", "write", 1, "before"),
    ("indexer.vectors.index_file", "record_published", 1, "before"),
    ("indexer.vectors.index_file", "sweep", 1, "after"),  # complete, and not yet the current one
    ("indexer.upkeep.reindexing", "_carry_memory", 1, "after"),
    ("pathlib:Path", "replace", 2, "before"),  # the pointer is written, and not in place
    ("pathlib:Path", "replace", 2, "after"),
    ("indexer.upkeep.reindexing", "point_at", 1, "after"),
]


@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: "-".join(map(str, kill)))
def test_a_kill_at_any_step_leaves_one_whole_catalogue_and_the_next_run_ends_well(
    kill: tuple[str, str, int, str],
    directory: Path,
    embedder: LiteRTEmbedder,
    other: LiteRTEmbedder,
    other_bundle: Path,
    expected: tuple[list[Any], ...],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = _state(directory)
    command = [sys.executable, "-c", REINDEX, directory, other_bundle, str(SMALL_BATCH), json.dumps(kill)]
    killed = subprocess.run(command, cwd=project, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    is_switched = kill[1:] in {("replace", 2, "after"), ("point_at", 1, "after")}
    assert _state(directory) == (expected if is_switched else before)
    with LocalCatalogue.open(directory) as catalogue:
        assert catalogue.fingerprint == (other if is_switched else embedder).card.fingerprint
        assert catalogue.search(catalogue.vectors(["test-00007"]), 1)[0][0].item.id == "test-00007"
    monkeypatch.setattr(reindexing, "BATCH", SMALL_BATCH)
    done = reindex(directory, other)
    assert (done.previous is None) == is_switched
    assert _state(directory) == expected
    assert drop_previous(directory) == [directory]
    assert {file.name for file in directory.iterdir()} == {CURRENT, "reindex.lock", located(directory).name}
    assert _state(directory) == expected


MOMENTS = {
    events.FSYNC: 1,
    events.WAL_WRITE: 100,
    events.WAL_SYNC: 5,
    events.INDEX_WRITE: 10,
    events.UNLINK: 1,
    events.REPLACE: 2,
}
"""Events, and of how many the one is chosen before which a run dies; each fits into what the runs before have left."""

LIVES = """
import json, os, sys, traceback
sys.path.insert(0, "tests")
import models, models.runtime
from deadly_events import Death
from indexer.upkeep import reindexing
reindexing.BATCH = int(sys.argv[2])

def say(word):
    os.write(1, f"{word}\\n".encode())  # whole lines, as two processes write them

for order in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            directory, event, nth = json.loads(order)
            death = Death(event, nth, lambda: say(event))
            death.watch_files()
            death.is_near = True
            reindexing.reindex(directory, models.load(sys.argv[1]))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    say(os.waitpid(child, 0)[1])
"""


def test_kills_at_random_moments_change_nothing_in_the_end(
    small_catalogue: Path, tmp_path: Path, other_bundle: Path, expected: tuple[list[Any], ...], project: Path
) -> None:
    random = np.random.default_rng(7)
    with subprocess.Popen(
        [sys.executable, "-c", LIVES, other_bundle, str(SMALL_BATCH)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=project,
    ) as lives:

        def live(directory: Path, event: str, nth: int) -> str:
            assert lives.stdin is not None
            assert lives.stdout is not None
            print(json.dumps([str(directory), event, nth]), file=lives.stdin, flush=True)
            return lives.stdout.readline().strip()

        for number in range(3):
            directory = shutil.copytree(small_catalogue, tmp_path / str(number))
            for event, first_few in MOMENTS.items():
                assert live(directory, event, int(random.integers(1, first_few, endpoint=True))) == event
                assert lives.stdout is not None
                assert int(lives.stdout.readline()) == signal.SIGKILL
            assert live(directory, "none", 0) == "0"
            assert _state(directory) == expected
        assert lives.stdin is not None
        lives.stdin.close()


# --- what is kept, and going back ---


def test_going_back_embeds_only_what_has_changed_since(
    directory: Path, embedder: LiteRTEmbedder, other: LiteRTEmbedder
) -> None:
    with LocalCatalogue.open(directory) as first:
        vectors = first.vectors(first.ids())
        first.delete(["test-00299"])  # the last row: its number must not be given again
        first.publish()
    reindex(directory, other)
    with LocalCatalogue.open(directory) as second:
        kept = second.display("test-00020")
        added = Record("added", predicted_class("Bag", 1.0), second.vectors(["test-00020"])[0], kept, {"shelf": 1})
        second.upsert([added])
        second.delete(["test-00010"])
    back = reindex(directory, embedder)
    assert (back.items, back.embedded, back.previous) == (299, 1, directory / f"model-{other.card.fingerprint[:16]}")
    with LocalCatalogue.open(directory, embedder.card.fingerprint) as again:
        assert again.ids() == ["added", *(f"test-{n:05}" for n in range(299) if n != 10)]
        np.testing.assert_array_equal(again.vectors(["test-00298"])[0], vectors[298])
        assert [hit.item.id for hit in again.search(again.vectors(["added"]), 2)[0]] == ["added", "test-00020"]
        with pytest.raises(UnknownItem):
            again.get(["test-00010"])
    assert reindex(directory, other).embedded == 0


def test_an_old_reader_sees_it_go_back(directory: Path, embedder: LiteRTEmbedder, other: LiteRTEmbedder) -> None:
    with LocalCatalogue.open(directory, embedder.card.fingerprint) as reader:
        reindex(directory, other)
        with LocalCatalogue.open(directory) as second:
            second.delete(["test-00010"])
        assert len(reader) == 300
        reindex(directory, embedder)
        assert len(reader) == 299
        assert reader.delete(["test-00011"]) == 1


def test_the_old_one_is_deleted_only_when_nobody_has_it_open(directory: Path, other: LiteRTEmbedder) -> None:
    assert drop_previous(directory) == []
    (directory / "failures.jsonl").touch()
    with LocalCatalogue.open(directory) as old:
        reindex(directory, other)
        with pytest.raises(CatalogueBusy, match="in use"):
            drop_previous(directory)
        assert len(old) == 300
        assert old.search(old.vectors(["test-00007"]), 1)[0][0].item.id == "test-00007"
    assert drop_previous(directory) == [directory]
    assert sorted(file.name for file in directory.iterdir()) == sorted(
        [CURRENT, "failures.jsonl", "reindex.lock", f"model-{other.card.fingerprint[:16]}"]
    )
    with LocalCatalogue.open(directory, other.card.fingerprint) as catalogue:
        assert len(catalogue) == 300


def test_one_at_a_time(directory: Path, other: LiteRTEmbedder) -> None:
    with reindexing.only_one(directory):
        with pytest.raises(CatalogueBusy, match="reindexing"):
            reindex(directory, other)
        with pytest.raises(CatalogueBusy, match="reindexing"):
            drop_previous(directory)
    assert reindex(directory, other).items == 300


@pytest.mark.parametrize(
    "said", ["", "model-x", "../elsewhere", "/etc", "\udcff", "model-" + "0" * 17, "model-" + "0" * 16]
)
def test_a_damaged_pointer_is_named_and_nothing_is_guessed(said: str, directory: Path) -> None:
    (directory / CURRENT).write_bytes(said.encode("utf-8", "surrogateescape"))
    for open_it in (LocalCatalogue.open, Items):
        with pytest.raises(CatalogueDamaged, match=r"current does not say .*--repair.*model-\*"):
            open_it(directory)


# --- the command, and a server ---


def _run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(lookalike.main, [str(argument) for argument in arguments])


def test_the_command_tells_where_the_old_one_is_and_deletes_it_when_asked(
    directory: Path, other: LiteRTEmbedder, other_bundle: Path
) -> None:
    name = other.card.fingerprint[:12]
    done = _run("reindex", "--catalogue", directory, "--model", other_bundle)
    assert done.stdout == f"{directory}: 300 items have vectors of the model {name} now; 300 were made.\n"
    assert f"kept in {directory}." in done.stderr
    assert f"reindex --catalogue {directory} --drop-previous" in done.stderr
    assert "300/300" in done.stderr
    again = _run("reindex", "--catalogue", directory, "--model", other_bundle)
    assert again.stdout == f"{directory}: nothing to do: its 300 items have vectors of the model {name}.\n"
    assert _run("reindex", "--catalogue", directory, "--drop-previous").stdout == f"{directory}: {directory} deleted.\n"
    assert _run("reindex", "--catalogue", directory, "--drop-previous").stdout == f"{directory}: nothing deleted.\n"
    found = _run("similar", "test-00007", "--catalogue", directory, "--model", other_bundle, "-k", "1", "--json")
    assert len(json.loads(found.stdout)["hits"]) == 1


@pytest.mark.parametrize("also", [["--model", "."], ["--workers", "2"]])
def test_deleting_is_all_that_drop_previous_does(also: list[str], directory: Path) -> None:
    assert _run("reindex", "--catalogue", directory, "--drop-previous", *also).exit_code == 2


@pytest.fixture
def serve(project: Path) -> Iterator[Callable[..., str]]:
    """Start a server, and return its address."""
    servers: list[subprocess.Popen[str]] = []

    def serve(*arguments: str | Path) -> str:
        command = [sys.executable, project / "lookalike.py", "serve", "--port", "0", *arguments]
        servers.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=project))
        assert servers[-1].stderr is not None
        found = re.search(r"http://\S+", servers[-1].stderr.readline())
        assert found is not None
        return found[0]

    yield serve
    for server in servers:
        server.terminate()
        server.communicate()


def test_a_running_server_answers_from_the_old_one(
    serve: Callable[..., str], directory: Path, embedder: LiteRTEmbedder, other: LiteRTEmbedder, other_bundle: Path
) -> None:
    def answers(address: str) -> list[Any]:
        found = []

        def ask() -> None:
            with urllib.request.urlopen(f"{address}/v1/items/test-00007/similar?k=5", timeout=300) as response:
                found.append(json.load(response))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [(answer["model"], [hit["item"]["id"] for hit in answer["hits"]]) for answer in found]

    address = serve("--catalogue", directory)
    with LocalCatalogue.open(directory) as catalogue:
        hits = catalogue.search(catalogue.vectors(["test-00007"]), 5, exclude=["test-00007"])[0]
    of_old = (embedder.card.fingerprint, [hit.item.id for hit in hits])
    reindex(directory, other)
    assert answers(address) == [of_old] * 8
    assert "in use" in _run("reindex", "--catalogue", directory, "--drop-previous").stderr
    assert answers(address) == [of_old] * 8
    assert {model for model, _ in answers(serve("--catalogue", directory, "--model", other_bundle))} == {
        other.card.fingerprint
    }
