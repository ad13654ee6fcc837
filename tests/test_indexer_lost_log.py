"""A log that is gone, emptied or cut is missed, before SQLite opens what is left as if nobody had written."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.catalogue.item_list import Items
from indexer.catalogue.local import LocalCatalogue
from indexer.database.commit_note import SUFFIX
from indexer.database.store import DATABASE_FILE
from indexer.errors import BackupUnusable, CatalogueDamaged
from indexer.records import Record
from indexer.upkeep.backup import back_up
from indexer.upkeep.repair import repair
from indexer.upkeep.verification import verify

LOG, MEMORY, NOTE = (f"{DATABASE_FILE}{suffix}" for suffix in ("-wal", "-shm", SUFFIX))
FRAME = 4096 + 24


@pytest.fixture(scope="module")
def killed(small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue as a kill leaves it after 80 items were added and 10 taken out. Only for copying."""
    place = tmp_path_factory.mktemp("killed")
    written = Path(shutil.copytree(small_catalogue, place / "written"))
    with LocalCatalogue.open(written) as catalogue:
        ids = catalogue.ids()
        records = [
            Record(f"new-{item.id}", item.predicted, vector, catalogue.display(item.id), {}, "c")
            for item, vector in zip(catalogue.get(ids[:80]), catalogue.vectors(ids[:80]), strict=True)
        ]
        catalogue.upsert(records[:40])
        catalogue.upsert([replace(record, content_key="d") for record in records[40:]])
        catalogue.delete(ids[100:110])
        shutil.copytree(written, place / "killed")  # the files as they are while it is open
    assert sorted(path.name for path in written.iterdir() if path.name.startswith(DATABASE_FILE)) == [DATABASE_FILE]
    return place / "killed"


@pytest.fixture
def catalogue(killed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(killed, tmp_path / "catalogue"))


def is_missing(directory: Path) -> None:
    (directory / LOG).unlink()


def is_empty(directory: Path) -> None:
    (directory / LOG).write_bytes(b"")


def is_missing_with_its_index(directory: Path) -> None:
    (directory / LOG).unlink()
    (directory / MEMORY).unlink()


def is_missing_and_nothing_noted(directory: Path) -> None:
    (directory / LOG).unlink()
    (directory / NOTE).unlink()


@pytest.mark.parametrize("gone", [is_missing, is_empty, is_missing_with_its_index, is_missing_and_nothing_noted])
def test_a_log_that_is_gone_is_missed_by_all_who_open(
    catalogue: Path, tmp_path: Path, gone: Callable[[Path], None]
) -> None:
    log = (catalogue / LOG).read_bytes()
    gone(catalogue)
    is_known = (catalogue / NOTE).exists()
    what = "80 items and 10 removals written last" if is_known else "what was committed last"
    for ask in (LocalCatalogue.open, Items, lambda directory: back_up(directory, tmp_path / "backup")):
        with pytest.raises((CatalogueDamaged, BackupUnusable)) as caught:
            ask(catalogue)
        if not isinstance(caught.value, BackupUnusable):
            assert what in str(caught.value)
    for _ in range(2):  # to look changes nothing
        found = verify(catalogue)
        assert not found.is_sound
        assert found.lost_items == (80 if is_known else None)
        assert [finding.file for finding in found.lost] == [LOG]
    if gone is not is_missing_with_its_index:
        (catalogue / LOG).write_bytes(log)
        with LocalCatalogue.open(catalogue) as found_again:
            assert len(found_again) == 370
        return
    before, after = repair(catalogue)
    assert before.lost_items == 80
    assert after.is_sound
    with LocalCatalogue.open(catalogue) as left:
        assert len(left) == 300
        left.delete(left.ids()[:1])
    assert verify(catalogue).is_sound


def test_a_log_cut_between_two_commits_is_missed_without_its_index(catalogue: Path) -> None:
    log, whole = catalogue / LOG, (catalogue / LOG).read_bytes()
    commits = [at for at in range(32, len(whole), FRAME) if whole[at + 4 : at + 8] != bytes(4)]
    assert len(commits) == 3
    log.write_bytes(whole[: commits[0] + FRAME])
    (catalogue / MEMORY).unlink()
    with pytest.raises(CatalogueDamaged, match="40 items and 10 removals"):
        LocalCatalogue.open(catalogue)
    assert log.read_bytes() == whole[: commits[0] + FRAME]
    assert verify(catalogue).lost_items == 40
    log.write_bytes(whole)
    assert verify(catalogue).is_sound


@pytest.mark.parametrize("nothing", ["memory", "note", "both", "torn note", "older note", "note of another"])
def test_nothing_is_missed_where_the_log_is_whole(catalogue: Path, nothing: str) -> None:
    if nothing in ("memory", "both"):
        (catalogue / MEMORY).unlink()
    if nothing in ("note", "both"):
        (catalogue / NOTE).unlink()
    if nothing == "torn note":
        (catalogue / NOTE).write_bytes((catalogue / NOTE).read_bytes()[:20])
    with LocalCatalogue.open(catalogue) as opened:
        old = (catalogue / NOTE).read_bytes() if nothing == "older note" else b""
        opened.delete(opened.ids()[:1])
    assert not (catalogue / LOG).exists()
    assert not (catalogue / NOTE).exists()
    if old:
        (catalogue / NOTE).write_bytes(old)
    if nothing == "note of another":
        with LocalCatalogue.create(catalogue.parent / "other", "f", 49, ["Bag"]) as other:
            other.delete(["none"])
            shutil.copy(catalogue.parent / "other" / NOTE, catalogue / NOTE)
    assert verify(catalogue).is_sound
    with LocalCatalogue.open(catalogue) as opened:
        assert len(opened) == 369


def test_a_log_that_was_taken_over_may_be_gone(catalogue: Path) -> None:
    with LocalCatalogue.open(catalogue) as opened:
        with opened._store.read() as connection:
            connection.execute("ROLLBACK")
            assert connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()[0][0] == 0
            connection.execute("BEGIN")
        for name in (DATABASE_FILE, MEMORY, NOTE):
            shutil.copy(catalogue / name, catalogue.parent / name)
    shutil.rmtree(catalogue)
    catalogue.mkdir()
    for name in (DATABASE_FILE, MEMORY, NOTE):
        shutil.move(catalogue.parent / name, catalogue / name)
    with LocalCatalogue.open(catalogue) as opened:
        assert len(opened) == 370
