"""What is deleted gives its room back: the log after one write, the database when it is compacted."""

import resource
import shutil
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from catalogue_asserts import assert_same
from click.testing import CliRunner

import lookalike
from indexer.catalogue.local import LocalCatalogue
from indexer.database import store
from indexer.database.store import DATABASE_FILE
from indexer.errors import CatalogueMissing, CatalogueNotWritable
from indexer.upkeep.compacting import compact
from indexer.upkeep.page_checksums import PAGES_FILE, note_pages
from indexer.upkeep.verification import verify

LOG = f"{DATABASE_FILE}-wal"


@pytest.fixture
def directory(small_catalogue: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_catalogue, tmp_path / "catalogue"))


def test_a_log_that_one_write_made_long_is_cut(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_LOG", 50_000)
    log = directory / LOG
    with LocalCatalogue.open(directory) as writer, LocalCatalogue.open(directory) as reader:
        ids = reader.ids()
        with reader.reading() as state:
            assert len(state) == 300
            writer.delete(ids[:200])
            assert log.stat().st_size > 100_000, "somebody reads from it"
        writer.delete(ids[200:201])
        assert 0 < log.stat().st_size <= 50_000
        assert len(reader) == len(writer) == 99
        shutil.copytree(directory, directory.with_name("copy"))
    for place in (directory, directory.with_name("copy")):
        assert verify(place).is_sound
        with LocalCatalogue.open(place) as opened:
            assert len(opened) == 99


def test_a_compacted_catalogue_is_the_same_and_smaller(directory: Path, tmp_path: Path) -> None:
    with LocalCatalogue.open(directory) as catalogue:
        catalogue.delete(catalogue.ids()[:150])
    note_pages(directory)
    shutil.copytree(directory, tmp_path / "before")
    with LocalCatalogue.open(directory) as reader:
        assert len(reader) == 150
        done = compact(directory)
        assert done.items == 150
        assert done.after < 0.7 * done.before
        with LocalCatalogue.open(tmp_path / "before") as before:
            assert_same(reader, before)
            assert reader.search(before.vectors(["test-00200"]), 1)[0][0].item.id == "test-00200"
        assert reader.delete(["test-00299"]) == 1
    assert verify(directory).is_sound
    note_pages(directory)
    assert verify(directory).is_sound
    again = compact(directory)
    assert again.items == 149
    assert (directory / PAGES_FILE).exists()
    assert verify(directory).is_sound


def test_what_an_earlier_version_wrote_gets_digests_unless_it_is_damaged(directory: Path) -> None:
    with closing(apsw.Connection(str(directory / DATABASE_FILE))) as connection:
        connection.execute("UPDATE items SET row_digest = NULL; UPDATE vectors SET digest = NULL WHERE row > 10")
        connection.execute("UPDATE items SET attributes = '{}', label = 'Bag' WHERE row IN (3, 4)")
    said = CliRunner().invoke(lookalike.main, ["compact", "--catalogue", str(directory)])
    assert said.exit_code == 0, said.output
    assert "300 items" in said.stdout
    with closing(apsw.Connection(str(directory / DATABASE_FILE))) as connection:
        found = (
            "SELECT items.row FROM items JOIN vectors USING (row) WHERE row_digest IS NULL OR vectors.digest IS NULL"
        )
        damaged = connection.execute(found).fetchall()
    assert {finding.id for finding in verify(directory).findings} == {f"test-{row - 1:05}" for (row,) in damaged}
    assert 0 < len(damaged) <= 2


def test_without_room_nothing_changes(directory: Path) -> None:
    with LocalCatalogue.open(directory) as catalogue:
        catalogue.delete(catalogue.ids()[:50])
        catalogue.publish()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(CatalogueNotWritable, match="full"):
            compact(directory)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert verify(directory).is_sound
    with LocalCatalogue.open(directory) as catalogue:
        assert len(catalogue) == 250
    with pytest.raises(CatalogueMissing):
        compact(directory / "nothing")
