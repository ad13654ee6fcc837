"""Indexing pictures from files: in parallel, laziest first, through failures, dead workers and kills."""

import hashlib
import io
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from catalogue_asserts import assert_same
from PIL import Image

from indexer.catalogue.local import LocalCatalogue
from indexer.content_key import ContentKey, picture_checksum
from indexer.errors import ItemFailed, PictureFailed, UnknownItem, WorkersLost
from indexer.pipeline import indexing, plan, pool, worker_main
from indexer.pipeline.failures import MOST_REPORTS, REPORT_FILE, FailureReport, ReportOfRun
from indexer.pipeline.pool import Workers
from indexer.pipeline.pruning import prune_doubt
from indexer.pipeline.run_report import IndexReport
from indexer.pipeline.worker_main import Prepared, ReadPicture
from indexer.records import AttributeUpdate
from indexer.sources.errors import SourceChanged
from indexer.sources.folder import Folder
from indexer.sources.items import Failure, SourceItem
from indexer.sources.json_rows import JsonStream
from indexer.sources.picture_files import PictureFile
from indexer.sources.tables import Table
from indexer.thumbnails import display_copy
from models.pictures.decoding import decode
from models.preprocessing import FASHION_MNIST
from models.runtime import LiteRTEmbedder

index = partial(indexing.index, workers=1)
"""Index where it is beside the point how many processes do it: each takes its time to start."""

PATIENCE = 300.0
"""Seconds until what never comes is given up."""

OF_EACH_CLASS = 3
SMALL_BATCH = 8


def _another() -> Image.Image:
    picture = Image.new("RGB", (50, 50), "white")
    picture.paste("teal", (15, 10, 35, 40))
    return picture


@pytest.fixture
def folder(all_photographs: Path, tmp_path: Path) -> Path:
    """30 phone photographs, three of each class, in a folder for the class."""
    copy = tmp_path / "photos"
    for kind in sorted(path for path in all_photographs.iterdir() if path.is_dir()):
        (copy / kind.name).mkdir(parents=True)
        for number, photo in enumerate(sorted(kind.glob("*.jpg"))[:OF_EACH_CLASS]):
            shutil.copy(photo, copy / kind.name / f"{number}.jpg")
    return copy


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    """A table of six small pictures that any machine has."""
    random = np.random.default_rng(1)
    lines = ["id,image,price"]
    for number in range(6):
        Image.fromarray(random.integers(0, 256, (40, 30, 3), np.uint8)).save(tmp_path / f"{number}.png")
        lines.append(f"item-{number},{number}.png,{10 + number}")
    (tmp_path / "shop.csv").write_text("\n".join(lines))
    return tmp_path / "shop.csv"


@pytest.fixture
def open_catalogue(tmp_path: Path, embedder: LiteRTEmbedder) -> Iterator[Callable[..., LocalCatalogue]]:
    """Open catalogues by name, made where there are none."""
    opened: list[LocalCatalogue] = []

    def open_(name: str = "catalogue") -> LocalCatalogue:
        card = embedder.card
        opened.append(LocalCatalogue.create(tmp_path / name, card.fingerprint, card.dim, card.classes))
        return opened[-1]

    yield open_
    for catalogue in opened:
        catalogue.close()


@pytest.fixture
def catalogue(open_catalogue: Callable[..., LocalCatalogue]) -> LocalCatalogue:
    return open_catalogue()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "BATCH", SMALL_BATCH)


@pytest.fixture
def nothing_is_decoded(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def forbid() -> None:
        def refuse(*_: object) -> None:
            raise AssertionError("a picture was prepared or embedded")

        monkeypatch.setattr(pool.Workers, "begin", refuse)
        monkeypatch.setattr(LiteRTEmbedder, "prepare", refuse)
        monkeypatch.setattr(LiteRTEmbedder, "answers", refuse)

    return forbid


def test_photographs_arrive_as_one_process_would_make_them(
    folder: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, small_batches: None
) -> None:
    counted: list[tuple[int, int]] = []
    source = Folder(folder)
    report = indexing.index(source, embedder, catalogue, lambda done, total: counted.append((done, total)))
    assert report == IndexReport(added=30, updated=0, unchanged=0, generation=1)
    assert counted == [(8, 30), (16, 30), (24, 30), (30, 30)]
    ids = [item.id for item in source if isinstance(item, SourceItem)]
    pictures = [decode((folder / id_).read_bytes()) for id_ in ids]
    vectors, probabilities = embedder.embed([embedder.prepare(picture) for picture in pictures])
    np.testing.assert_allclose(catalogue.vectors(ids), vectors, atol=1e-5)
    items = catalogue.get(ids)
    assert [item.best_class.value for item in items] == [
        embedder.card.classes[best] for best in probabilities.argmax(axis=1)
    ]
    assert [item.attributes for item in items] == [{"folder": id_.partition("/")[0]} for id_ in ids]
    assert catalogue.display(ids[7]) == display_copy(pictures[7])
    assert len(catalogue.search(vectors[:1], 30, where={"folder": "hat"})[0]) == OF_EACH_CLASS


def test_a_second_run_decodes_nothing_and_starts_no_process(
    folder: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, nothing_is_decoded: Callable[[], None]
) -> None:
    indexing.index(Folder(folder), embedder, catalogue)
    nothing_is_decoded()
    assert indexing.index(Folder(folder), embedder, catalogue) == IndexReport(0, 0, 30, 1)


def test_the_same_source_twice_gives_the_same_catalogue_whatever_the_workers(
    folder: Path, open_catalogue: Callable[..., LocalCatalogue], embedder: LiteRTEmbedder, small_batches: None
) -> None:
    first, second = open_catalogue("first"), open_catalogue("second")
    indexing.index(Folder(folder), embedder, first, workers=1)
    indexing.index(Folder(folder), embedder, second, workers=3)
    assert_same(first, second)


def test_new_attributes_alone_are_taken_over_without_decoding_or_embedding(
    tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, nothing_is_decoded: Callable[[], None]
) -> None:
    index(Table(tiles), embedder, catalogue)
    ids = catalogue.ids()
    vectors, displays = catalogue.vectors(ids), [catalogue.display(id_) for id_ in ids]
    labels = [(item.best_class.value, item.best_class.probability) for item in catalogue.get(ids)]
    tiles.write_text(tiles.read_text().replace(",12", ",99"))
    nothing_is_decoded()
    assert index(Table(tiles), embedder, catalogue) == IndexReport(0, 1, 5, 2)
    assert [item.attributes["price"] for item in catalogue.get(ids)] == [10, 11, 99, 13, 14, 15]
    assert catalogue.search(vectors[2:3], 1, where={"price": {"gte": 50}})[0][0].item.id == "item-2"
    np.testing.assert_array_equal(catalogue.vectors(ids), vectors)
    assert [catalogue.display(id_) for id_ in ids] == displays
    assert [(item.best_class.value, item.best_class.probability) for item in catalogue.get(ids)] == labels
    assert index(Table(tiles), embedder, catalogue) == IndexReport(0, 0, 6, 2)


def test_a_new_picture_is_embedded_and_new_attributes_beside_it_are_not(
    tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(Table(tiles), embedder, catalogue)
    before = catalogue.vectors(["item-1", "item-4"])
    _another().save(tiles.parent / "1.png")
    tiles.write_text(tiles.read_text().replace(",14", ",24"))
    embedded: list[int] = []
    embed = LiteRTEmbedder.answers
    monkeypatch.setattr(
        LiteRTEmbedder, "answers", lambda self, views: (embedded.append(len(views)), embed(self, views))[1]
    )
    assert index(Table(tiles), embedder, catalogue) == IndexReport(0, 2, 4, 2)
    assert embedded == [1]
    after = catalogue.vectors(["item-1", "item-4"])
    assert not np.array_equal(after[0], before[0])
    np.testing.assert_array_equal(after[1], before[1])
    assert catalogue.get(["item-4"])[0].attributes == {"price": 24}


def test_a_catalogue_with_contents_of_the_old_form_is_indexed_again(
    tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder
) -> None:
    index(Table(tiles), embedder, catalogue)
    old = [AttributeUpdate(id_, {"price": 1}, f"{number:064x}") for number, id_ in enumerate(catalogue.ids())]
    catalogue.upsert(old)
    assert index(Table(tiles), embedder, catalogue) == IndexReport(0, 6, 0, 2)
    assert catalogue.get(["item-0"])[0].attributes == {"price": 10}


def test_attributes_of_an_item_that_is_not_there_change_nothing(
    tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder
) -> None:
    index(Table(tiles), embedder, catalogue)
    with pytest.raises(UnknownItem, match="'none'"):
        catalogue.upsert([AttributeUpdate("item-1", {"price": 1}, ""), AttributeUpdate("none", {}, "")])
    with pytest.raises(ValueError, match=r"item-1: .*can't name"):
        catalogue.upsert([AttributeUpdate("item-1", {'say "hi"': 1}, "")])
    assert catalogue.get(["item-1"])[0].attributes == {"price": 11}


def test_a_content_key_tells_the_picture_from_the_attributes() -> None:
    key = ContentKey.of(picture_checksum(b"picture"), {"a": 1})
    assert key.picture == ContentKey.of(picture_checksum(b"picture"), {"a": 2}).picture
    assert key.picture != ContentKey.of(picture_checksum(b"another"), {"a": 1}).picture
    assert key.picture != ContentKey.parse("0" * 64).picture


def test_a_content_key_is_kept_as_it_always_was() -> None:
    picture = hashlib.sha256(b"picture").hexdigest()
    attributes = hashlib.sha256(b'{"a": 1, "b": null}').hexdigest()[:32]
    key = ContentKey.of(picture_checksum(b"picture"), {"b": None, "a": 1})
    assert str(key) == f"{picture}:{attributes}"
    assert str(replace(key, validator='0123="a:b"')) == f'{picture}:{attributes}:0123="a:b"'
    for kept in (str(key), f'{picture}:{attributes}:0123="a:b"', picture):
        assert str(ContentKey.parse(kept)) == kept


@dataclass(frozen=True)
class Counted:
    """A picture that notes each reading of its file, in whichever process."""

    path: Path

    def read(self) -> bytes:
        with self.path.with_suffix(".reads").open("a") as reads:
            reads.write("once\n")
        return self.path.read_bytes()


def test_a_changed_file_is_read_once(tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder) -> None:
    source = [SourceItem(f"item-{n}", Counted(tiles.parent / f"{n}.png")) for n in range(3)]
    assert index(source, embedder, catalogue) == IndexReport(3, 0, 0, 1)
    _another().save(tiles.parent / "1.png")
    assert index(source, embedder, catalogue) == IndexReport(0, 1, 2, 2)
    assert [(tiles.parent / f"{n}.reads").read_text() for n in range(3)] == ["once\n" * 2] * 3
    assert index(source, embedder, catalogue) == IndexReport(0, 0, 3, 2)


def test_no_more_pictures_are_held_than_there_is_room_for(tiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_MOST_HELD", 1)
    data = [(tiles.parent / f"{n}.png").read_bytes() for n in range(6)]
    with Workers(FASHION_MNIST, 2) as workers:
        begun: list[Future[Prepared]] = []
        for n in range(6):
            begun.append(workers.begin(ReadPicture(data[n], str(n))))
            assert all(future.done() for future in begun[:-1])
        assert [future.result().checksum for future in begun] == [str(n) for n in range(6)]


def test_what_fails_is_told_in_order_and_stops_nothing(
    tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    index(Table(tiles), embedder, catalogue)
    kept = catalogue.vectors(["item-1"])
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:-1000])
    (tmp_path / "2.png").unlink()
    (tmp_path / "2.png").mkdir()
    (tmp_path / "text.png").write_text("I am text.")
    Image.new("RGB", (40, 30), "white").save(tmp_path / "blank.png")
    os.mkfifo(tmp_path / "pipe.png")
    tiles.write_text(
        tiles.read_text() + "\na,pipe.png,1\nb,../out.png,1\nc,text.png,1\nd,http://x.org/a.png,1\ne,5.png,1"
        "\nf,blank.png,1"
    )
    with FailureReport(tmp_path / "failures.jsonl") as report:
        done = index(Table(tiles), embedder, catalogue, on_failure=report.add)
    assert done == IndexReport(added=1, updated=0, unchanged=4, generation=2, failed=7)
    told = [json.loads(line) for line in (tmp_path / "failures.jsonl").read_text().splitlines()]
    assert [(line["row"], line["id"], line["code"]) for line in told] == [
        (3, "item-1", "damaged-picture"),
        (4, "item-2", "picture-unreadable"),
        (8, "a", "picture-unreadable"),
        (9, "b", "path-refused"),
        (10, "c", "unsupported-picture"),
        (11, "d", "address-refused"),
        (13, "f", "blank-picture"),
    ]
    assert all(line["message"].endswith(".") for line in told)
    np.testing.assert_array_equal(catalogue.vectors(["item-1"]), kept)
    assert len(catalogue) == 7


def test_every_run_has_a_report_of_its_own(tmp_path: Path) -> None:
    failure = Failure(3, "a", "picture-missing", "It is not there.")
    link = tmp_path / REPORT_FILE

    def lines(report: ReportOfRun) -> int:
        assert report.path is not None
        return len(report.path.read_text().splitlines())

    with ReportOfRun(tmp_path) as first:
        assert first.path is None
        assert list(tmp_path.iterdir()) == []
        first.add(failure)
        with ReportOfRun(tmp_path) as second:
            second.add(failure)
            second.add(failure)
            assert second.path is not None
            assert link.samefile(second.path)
        with ReportOfRun(tmp_path):
            pass  # nothing fails
        assert not link.exists()
        first.add(failure)
        first.add(failure)
    assert (lines(first), lines(second)) == (3, 2)
    assert first.path is not None
    assert link.samefile(first.path)
    for _ in range(MOST_REPORTS):
        with ReportOfRun(tmp_path) as latest:
            latest.add(failure)
    assert len(list(tmp_path.glob("failures-*.jsonl"))) == MOST_REPORTS
    assert latest.path is not None
    assert link.samefile(latest.path)


def test_strict_stops_at_the_first_failure_and_keeps_what_was_committed(
    folder: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, small_batches: None
) -> None:
    ids = [item.id for item in Folder(folder) if isinstance(item, SourceItem)]
    (folder / ids[12]).write_text("no picture")
    (folder / ids[20]).write_text("no picture")
    failures: list[Failure] = []
    with pytest.raises(ItemFailed, match=f"{ids[12]}: This is no picture"):
        indexing.index(Folder(folder), embedder, catalogue, on_failure=failures.append, strict=True, prune=True)
    assert [failure.id for failure in failures] == [ids[12]]
    assert set(catalogue.ids()) >= set(ids[:8])
    assert not {ids[12], ids[20]} & set(catalogue.ids())
    report = indexing.index(Folder(folder), embedder, catalogue)
    assert (report.added + report.unchanged, report.failed) == (28, 2)


def test_prune_deletes_what_the_source_no_longer_has_and_spares_what_fails(
    tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    index(Table(tiles), embedder, catalogue)
    tiles.write_text("\n".join(tiles.read_text().splitlines()[:4]))
    (tmp_path / "2.png").write_text("no picture any more")
    assert index(Table(tiles), embedder, catalogue) == IndexReport(0, 0, 2, 1, failed=1)
    foreseen = indexing.preview(Table(tiles), catalogue, prune=True, prune_surely=True)
    assert (foreseen.pruned, len(catalogue)) == (3, 6)
    done = index(Table(tiles), embedder, catalogue, prune=True, prune_surely=True)
    assert done == IndexReport(0, 0, 2, 2, failed=1, pruned=3)
    assert catalogue.ids() == ["item-0", "item-1", "item-2"]


@pytest.mark.parametrize("line", [b'{"image": "0.png"}', b"no json", b'{"id": 7.5, "image": "0.png"}'])
def test_prune_is_held_back_when_the_source_was_not_read_wholly(
    line: bytes, tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder
) -> None:
    index(Table(tiles), embedder, catalogue)
    stream = b'{"id": "item-1", "image": "1.png", "price": 11}\n' + line
    report = index(JsonStream(io.BytesIO(stream), tiles.parent), embedder, catalogue, prune=True)
    assert report == IndexReport(0, 0, 1, 1, failed=1, prune_held_back=True)
    assert len(catalogue) == 6
    sound = JsonStream(io.BytesIO(stream.partition(b"\n")[0]), tiles.parent)
    assert index(sound, embedder, catalogue, prune=True, prune_surely=True).pruned == 5


def test_a_folder_that_is_not_mounted_is_not_pruned_unless_that_is_wanted(
    catalogue: LocalCatalogue, embedder: LiteRTEmbedder, tmp_path: Path
) -> None:
    shop = tmp_path / "shop"
    for number in range(22):
        place = shop / ("winter/coats" if number == 21 else "caf\u00e9") / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        _another().save(place)
    index(Folder(shop), embedder, catalogue)
    (shop / "caf\u00e9").rename(shop / "cafe\u0301")  # as a copy by way of a Mac may come back
    again = index(Folder(shop), embedder, catalogue, prune=True)
    assert (again.added, again.pruned, again.prune_doubt, len(catalogue)) == (0, 0, "", 22)
    for number in (3, 4):
        (shop / f"cafe\u0301/{number}.png").unlink()
    assert index(Folder(shop), embedder, catalogue, prune=True).pruned == 2
    (shop / "winter/coats/21.png").unlink()
    foreseen = indexing.preview(Folder(shop), catalogue, prune=True)
    done = index(Folder(shop), embedder, catalogue, prune=True)
    assert foreseen == done
    assert (done.pruned, len(catalogue)) == (0, 20)
    assert "1 of 20 items are not in the source any more, among them all of 'winter'" in done.prune_doubt
    for number in (5, 6, 7):
        (shop / f"cafe\u0301/{number}.png").unlink()
    assert index(Folder(shop), embedder, catalogue, prune=True, prune_surely=True).pruned == 4


@pytest.mark.parametrize(("gone", "by_folder", "is_doubted"), [(2, False, False), (3, False, True), (2, True, True)])
def test_a_tenth_may_go_and_of_folders_no_whole_one(gone: int, by_folder: bool, is_doubted: bool) -> None:
    ids = [f"{number // 2}/{number}" for number in range(20)]
    assert bool(prune_doubt(ids, ids[:gone], by_folder=by_folder)) is is_doubted
    assert prune_doubt(ids, [], by_folder=by_folder) == ""


def test_nothing_is_pruned_when_the_source_breaks_off(
    tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder
) -> None:
    index(Table(tiles), embedder, catalogue)
    table = Table(tiles)
    tiles.write_text("\n".join(tiles.read_text().splitlines()[:3]) + "\n")
    with pytest.raises(SourceChanged):
        index(table, embedder, catalogue, prune=True)
    assert len(catalogue) == 6


def test_a_preview_foresees_and_changes_nothing(
    tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, nothing_is_decoded: Callable[[], None]
) -> None:
    assert indexing.preview(Table(tiles), None, prune=True) == IndexReport(6, 0, 0, 0)
    index(Table(tiles), embedder, catalogue)
    _another().save(tiles.parent / "0.png")
    rows = tiles.read_text().replace(",11", ",21").splitlines()
    tiles.write_text("\n".join([*rows[:5], "new,5.png,1", "bad,none.png,1"]))
    contents = catalogue.content_keys(catalogue.ids())
    nothing_is_decoded()
    foreseen = indexing.preview(Table(tiles), catalogue, prune=True, prune_surely=True)
    assert foreseen == IndexReport(added=1, updated=2, unchanged=2, generation=1, failed=1, pruned=2)
    assert catalogue.content_keys(catalogue.ids()) == contents


# Workers that die


@dataclass(frozen=True)
class Deadly:
    """A picture that kills the process that reads it, as one does for which memory runs out."""

    def read(self) -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


@dataclass(frozen=True)
class Faulty:
    """A picture over which the code that works on it stumbles."""

    def read(self) -> bytes:
        raise ZeroDivisionError("a fault")


@dataclass(frozen=True)
class Hanging:
    """A picture on which the decoder hangs, in C and without ever giving Python its turn."""

    def read(self) -> bytes:
        worker_main.decode = lambda _: re.match(r"(a+)+$", 60 * "a" + "b")
        return b""


def _mixed(tiles: Path) -> Sequence[SourceItem]:
    sound = [SourceItem(f"item-{n}", PictureFile(tiles.parent / f"{n}.png")) for n in range(6)]
    return [
        *sound[:2],
        SourceItem("deadly", Deadly(), place=3),
        *sound[2:4],
        SourceItem("faulty", Faulty()),
        *sound[4:],
    ]


def test_a_picture_that_kills_its_worker_fails_alone(
    tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "BATCH", 4)
    failures: list[Failure] = []
    report = index(_mixed(tiles), embedder, catalogue, on_failure=failures.append)
    assert report == IndexReport(6, 0, 0, 1, failed=2)
    assert catalogue.ids() == [f"item-{n}" for n in range(6)]
    assert [(failure.place, failure.id, failure.code) for failure in failures] == [
        (3, "deadly", "picture-failed"),
        (None, "faulty", "picture-failed"),
    ]
    assert "died" in failures[0].message
    assert "ZeroDivisionError: a fault" in failures[1].message


def test_a_picture_on_which_the_decoder_hangs_fails_and_the_run_goes_on(
    tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "BATCH", 4)
    sound = [SourceItem(f"item-{n}", PictureFile(tiles.parent / f"{n}.png")) for n in range(6)]
    source = [*sound[:3], SourceItem("hanging", Hanging(), place=4), *sound[3:]]
    failures: list[Failure] = []
    report = indexing.index(source, embedder, catalogue, on_failure=failures.append, workers=2, decoding_seconds=2)
    assert report == IndexReport(6, 0, 0, 1, failed=1)
    assert catalogue.ids() == [f"item-{n}" for n in range(6)]
    (failure,) = failures
    assert (failure.place, failure.id, failure.code) == (4, "hanging", "picture-too-slow")
    assert "2 seconds" in failure.message
    assert not multiprocessing.active_children()


@dataclass(frozen=True)
class DeadlyOnce:
    """A sound picture whose worker is ended the first time, as the system does when memory is short."""

    path: Path

    def read(self) -> bytes:
        mark = self.path.with_suffix(".mark")
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.path.read_bytes()


def test_a_picture_whose_worker_the_system_ended_is_tried_again(
    tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder
) -> None:
    source = [SourceItem(f"item-{n}", DeadlyOnce(tiles.parent / f"{n}.png")) for n in range(2)]
    assert index(source, embedder, catalogue) == IndexReport(2, 0, 0, 1)


def test_any_number_of_threads_have_pictures_prepared_and_each_hears_of_its_own(tiles: Path) -> None:
    paths = [tiles.parent / f"{n}.png" for n in range(6)]
    pictures = [Deadly() if n == 5 else PictureFile(paths[n % 6]) for n in range(24)]
    with Workers(FASHION_MNIST, 2) as pool, ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(pool.prepared, picture) for picture in pictures]
        for n, (picture, future) in enumerate(zip(pictures, asked, strict=True)):
            if isinstance(picture, Deadly):
                assert isinstance(future.exception(), PictureFailed)
            else:
                assert future.result().checksum == picture_checksum(paths[n % 6].read_bytes())
        assert len(multiprocessing.active_children()) <= 2
    assert not multiprocessing.active_children()


def test_whoever_waits_for_workers_that_are_closed_is_let_go(tiles: Path) -> None:
    pool = Workers(FASHION_MNIST, 1)
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(pool.begin(Hanging()).result) for _ in range(2)]
        pool.close()
        assert all(isinstance(future.exception(), CancelledError) for future in waiting)
    with pytest.raises(CancelledError):
        pool.prepared(PictureFile(tiles.parent / "0.png"))
    pool.close()
    assert not multiprocessing.active_children()


def test_no_worker_hears_of_ctrl_c(tiles: Path, project: Path) -> None:
    """Nor does the first of a process, before which `multiprocessing` starts one of its own."""
    code = """
import multiprocessing, os, signal, sys
from pathlib import Path
from models.preprocessing import FASHION_MNIST
from indexer.sources.picture_files import PictureFile
from indexer.pipeline.pool import Workers

if __name__ == "__main__":
    picture = PictureFile(Path(sys.argv[1]))
    with Workers(FASHION_MNIST, 2) as pool:
        for _ in range(2):
            for task in [pool.begin(picture) for _ in range(20)]:
                task.result()
            processes = {process.pid for process in multiprocessing.active_children()}
            print(*sorted(processes))
            for process in processes:
                os.kill(process, signal.SIGINT)
"""
    command = [sys.executable, "-c", code, tiles.parent / "0.png"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=project, timeout=PATIENCE, check=True)
    before, after = done.stdout.splitlines()
    assert (before, len(before.split()), done.stderr) == (after, 2, "")


def dies_at_once(*_: object) -> None:
    os._exit(1)


def test_workers_that_can_not_live_end_the_run_with_a_named_error(
    tiles: Path, catalogue: LocalCatalogue, embedder: LiteRTEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "work", dies_at_once)
    with pytest.raises(WorkersLost, match="--workers 1"):
        index(Table(tiles), embedder, catalogue)
    monkeypatch.undo()
    assert index(Table(tiles), embedder, catalogue) == IndexReport(6, 0, 0, 1)


# Kills and interrupts of the whole run

RUN_BATCH = 4
"""So few that a run which stops after its second batch, with those that are under way then, is not at its end."""

# Tests that are started in the background inherit that Ctrl-C is ignored; a person's run does not.
RUN = f"""
import multiprocessing, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
import models
from indexer.pipeline import indexing
from indexer.pipeline import plan
from indexer.catalogue.local import LocalCatalogue
from indexer.sources.folder import Folder

if __name__ == "__main__":
    plan.BATCH = {RUN_BATCH}
    embedder = models.load()
    card = embedder.card

    def progress(done, total):
        print(done, *(child.pid for child in multiprocessing.active_children()), flush=True)
        sys.stdin.readline()

    with LocalCatalogue.create(sys.argv[2], card.fingerprint, card.dim, card.classes) as catalogue:
        indexing.index(Folder(Path(sys.argv[1])), embedder, catalogue, progress)
"""


def _run(folder: Path, directory: Path, project: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, folder, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=project,
        start_new_session=True,
    )


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see that workers have ended")
def test_runs_that_are_killed_and_resumed_end_as_one_that_was_not(
    folder: Path, open_catalogue: Callable[..., LocalCatalogue], embedder: LiteRTEmbedder, project: Path, tmp_path: Path
) -> None:
    """Each run is killed in the midst of what comes after a batch, as it tells of that; its workers end by themselves.

    A run waits for an answer when it tells of a batch, while its workers and its commits go on.
    """
    done = 0
    for life in range(2):
        with _run(folder, tmp_path / "killed", project) as run:
            assert run.stdout is not None
            told = run.stdout.readline().split()
            if life:
                assert run.stdin is not None
                print(file=run.stdin, flush=True)
                told = run.stdout.readline().split()
            os.kill(run.pid, signal.SIGKILL)
            run.communicate(timeout=PATIENCE)
            assert run.returncode == -signal.SIGKILL
        children = [int(word) for word in told[1:]]
        deadline = time.monotonic() + PATIENCE
        while any(map(_lives, children)):
            assert time.monotonic() < deadline, "a worker outlives the run that it worked for"
            time.sleep(0.02)
        killed = open_catalogue("killed")
        assert len(killed) >= done
        done = len(killed)
        assert done >= int(told[0])
    assert done < 30, "no run was killed in the middle"
    resumed = indexing.index(Folder(folder), embedder, killed)
    assert resumed == IndexReport(30 - done, 0, done, 1)
    whole = open_catalogue("whole")
    indexing.index(Folder(folder), embedder, whole)
    assert_same(killed, whole)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see that workers have ended")
def test_a_worker_that_hangs_ends_even_when_its_run_was_killed(project: Path) -> None:
    """It never gives Python its turn, so it can't notice that the run has gone: its time limit still ends it."""
    code = """
import sys
sys.path.insert(0, "tests")
from test_indexer_batch import Hanging
from models.preprocessing import FASHION_MNIST
from indexer.pipeline.pool import Workers
import multiprocessing, time

if __name__ == "__main__":
    workers = Workers(FASHION_MNIST, 1, decoding_seconds=4)
    workers.begin(Hanging())
    while not multiprocessing.active_children():
        time.sleep(0.01)
    print(multiprocessing.active_children()[0].pid, flush=True)
    time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=project) as run:
        assert run.stdout is not None
        worker = int(run.stdout.readline())
        deadline = time.monotonic() + PATIENCE
        while _seconds_worked(worker) < 1:  # it has started, and hangs
            assert time.monotonic() < deadline
            time.sleep(0.05)
        run.kill()
    while _lives(worker):
        assert time.monotonic() < deadline, "the worker hangs on"
        time.sleep(0.05)


def _seconds_worked(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_ctrl_c_ends_a_run_and_its_workers_without_a_word_from_them(
    folder: Path, open_catalogue: Callable[..., LocalCatalogue], project: Path, tmp_path: Path
) -> None:
    with _run(folder, tmp_path / "interrupted", project) as run:
        assert run.stdout is not None
        done = int(run.stdout.readline().split()[0])
        os.killpg(run.pid, signal.SIGINT)
        _, said = run.communicate(timeout=PATIENCE)
    assert said.count("Traceback") == 1, said
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert len(open_catalogue("interrupted")) >= done
