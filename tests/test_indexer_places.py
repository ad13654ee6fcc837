"""Upkeep of catalogues that were reindexed: verified, repaired, backed up and restored where their files really are."""

import json
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from click.testing import CliRunner

import lookalike
from indexer.catalogue.local import LocalCatalogue
from indexer.database import rows, wal
from indexer.database.commit_note import SUFFIX
from indexer.database.locations import CURRENT, DATABASE_FILE, PAGES_FILE, located, place_for, traced
from indexer.errors import CatalogueDamaged, CatalogueExists, CatalogueInUse, NotRepairable
from indexer.records import Record
from indexer.upkeep.backup import back_up, restore
from indexer.upkeep.page_checksums import note_pages
from indexer.upkeep.reindexing import reindex
from indexer.upkeep.repair import repair
from indexer.upkeep.scratch import scratch
from indexer.upkeep.swap import drop_previous
from indexer.upkeep.verification import verify
from models.pictures.decoding import decode
from models.runtime import LiteRTEmbedder

LOG, MEMORY, NOTE = (f"{DATABASE_FILE}{suffix}" for suffix in ("-wal", "-shm", SUFFIX))

KILLED_REINDEX = """
    import os, sys
    import models
    from indexer.upkeep import reindexing
    from indexer.database import rows

    reindexing.BATCH = 32
    insert, calls = rows.insert, []

    def deadly(*arguments):
        calls.append(arguments)
        if len(calls) == 5:
            os.kill(os.getpid(), 9)
        insert(*arguments)

    rows.insert = deadly
    reindexing.reindex(sys.argv[1], models.load(sys.argv[2]))
"""

KILLED_WRITER = """
    import os, sys
    from indexer.catalogue.local import LocalCatalogue

    catalogue = LocalCatalogue.open(sys.argv[1])
    for number in range(5):
        catalogue.delete([f"test-{number:05}"])
    os.kill(os.getpid(), 9)
"""

KILLED_REPAIR = """
    import os, sys
    from indexer.upkeep.repair import repair

    passes = []

    def die(done, total):
        if done == 0:
            passes.append(total)
        if len(passes) == 2 and done == 290:
            os.kill(os.getpid(), 9)

    repair(sys.argv[1], progress=die)
"""

HOLD = (
    "import sys; from indexer.catalogue.local import LocalCatalogue;"
    " c = LocalCatalogue.open(sys.argv[1]); print(); input()"
)


@pytest.fixture(scope="module")
def reindexed(small_catalogue: Path, other: LiteRTEmbedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue as reindexing leaves it, the previous one beside it. Only for copying."""
    directory = Path(shutil.copytree(small_catalogue, tmp_path_factory.mktemp("reindexed") / "catalogue"))
    reindex(directory, other)
    note_pages(directory)
    return directory


@pytest.fixture
def directory(reindexed: Path, tmp_path: Path) -> Path:
    """A copy of that."""
    return Path(shutil.copytree(reindexed, tmp_path / "catalogue"))


@pytest.fixture
def plain(small_catalogue: Path, tmp_path: Path) -> Path:
    """A copy of the small catalogue."""
    return Path(shutil.copytree(small_catalogue, tmp_path / "plain"))


def contents(directory: Path) -> dict[str, Any]:
    """All that a catalogue gives of each item."""
    with LocalCatalogue.open(directory) as catalogue:
        ids = catalogue.ids()
        items, vectors, kept = catalogue.get(ids), catalogue.vectors(ids), catalogue.content_keys(ids)
        return {
            item.id: (item, vector.tobytes(), catalogue.display(item.id), kept[item.id])
            for item, vector in zip(items, vectors, strict=True)
        }


def assert_made_by(directory: Path, embedder: LiteRTEmbedder) -> None:
    """Each vector is what the model makes of its own item's picture, and each item finds itself."""
    with LocalCatalogue.open(directory, embedder.card.fingerprint) as catalogue:
        ids = catalogue.ids()
        vectors, _ = embedder.embed([embedder.prepare(decode(catalogue.display(id_).data)) for id_ in ids])
        np.testing.assert_allclose(catalogue.vectors(ids), vectors, atol=1e-6)
        assert [hits[0].item.id for hits in catalogue.search(vectors, 1)] == ids


def assert_sound(directory: Path) -> None:
    verification = verify(directory)
    assert verification.is_sound, verification.findings
    assert "damaged" not in verification.files.values()


def killed(code: str, *arguments: Path) -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), *arguments], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@contextmanager
def held_open(directory: Path) -> Iterator[None]:
    """Let another process have a catalogue open."""
    command = [sys.executable, "-c", HOLD, directory]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        yield
        other.communicate("\n")


def flip(file: Path, place: int, bit: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1 << bit
    file.write_bytes(content)


def execute(directory: Path, sql: str) -> None:
    with closing(apsw.Connection(str(located(directory) / DATABASE_FILE))) as connection:
        connection.execute(sql).fetchall()


def inside(directory: Path) -> str:
    return located(directory).name


# --- verifying and repairing ---


def test_the_catalogue_in_use_is_verified_and_the_one_beside_it_told_of(directory: Path) -> None:
    verification = verify(directory)
    assert verification.is_sound
    assert (verification.items, verification.others) == (300, (directory,))
    place = inside(directory)
    sound = {CURRENT, *(f"{place}/{name}" for name in (DATABASE_FILE, PAGES_FILE, "generation-000001.faiss"))}
    assert {name for name, state in verification.files.items() if state == "sound"} == sound
    assert verification.files[DATABASE_FILE] == verification.files["reindex.lock"] == "not looked at"
    drop_previous(directory)
    assert verify(directory).others == ()
    assert_sound(directory)


def test_it_is_sound_after_kills_and_after_going_back(
    plain: Path, embedder: LiteRTEmbedder, other: LiteRTEmbedder, other_bundle: Path
) -> None:
    killed(KILLED_REINDEX, plain, other_bundle)
    assert verify(plain).others == (place_for(plain, other.card.fingerprint),)
    assert_sound(plain)
    assert 0 < reindex(plain, other).embedded < 300
    assert_sound(plain)
    with LocalCatalogue.open(plain) as catalogue:
        catalogue.delete(["test-00001", "test-00299"])
    assert_sound(plain)
    assert reindex(plain, embedder).embedded == 0
    assert_sound(plain)
    assert_made_by(plain, embedder)
    assert reindex(plain, other).embedded == 0
    assert_sound(plain)


@pytest.mark.parametrize("pattern", [DATABASE_FILE, "generation-*.faiss", PAGES_FILE])
def test_flipped_bits_are_found_and_repaired_where_the_files_are(directory: Path, pattern: str) -> None:
    expected = contents(directory)
    note_pages(directory)
    random = np.random.default_rng(1)
    for _ in range(4):
        (path,) = located(directory).glob(pattern)
        flip(path, int(random.integers(path.stat().st_size)), int(random.integers(8)))
        assert verify(directory).files[f"{inside(directory)}/{path.name}"] == "damaged"
        before, after = repair(directory)
        assert (before.lost, after.findings) == ((), ())
        assert contents(directory) == expected
        note_pages(directory)


def test_every_flipped_bit_and_missing_end_of_the_pointer_is_found_and_mended(directory: Path) -> None:
    written = (directory / CURRENT).read_bytes()
    for place in range(len(written)):
        for bit in range(8):
            flip(directory / CURRENT, place, bit)
            trace = traced(directory)
            assert trace.problem is not None
            assert trace.place is not None
            assert trace.place.name == written.decode().strip()
            (directory / CURRENT).write_bytes(written)
    for length in range(1, len(written)):
        (directory / CURRENT).write_bytes(written[:length])
        assert traced(directory).problem is not None
    (directory / CURRENT).write_bytes(written)
    flip(directory / CURRENT, 9, 3)
    expected = [(CURRENT, True)]
    assert [(finding.file, finding.is_derived) for finding in verify(directory).findings] == expected
    before, after = repair(directory)
    assert before.files[CURRENT] == "damaged"
    assert after.is_sound
    assert (directory / CURRENT).read_bytes() == written


def test_a_pointer_that_may_have_named_either_is_not_guessed(directory: Path) -> None:
    written = (directory / CURRENT).read_bytes()
    (directory / CURRENT).write_bytes(b"")
    verification = verify(directory)
    assert [(finding.file, finding.is_derived) for finding in verification.findings] == [(CURRENT, False)]
    assert verification.files[CURRENT] == "damaged"
    told = CliRunner().invoke(lookalike.main, ["verify", "--catalogue", str(directory)])
    assert told.exit_code == 1
    assert "write into it the sub-directory" in told.stdout
    with pytest.raises(NotRepairable, match=r"Or write into it.*model-\*"):
        repair(directory)
    (directory / CURRENT).write_bytes(written)
    drop_previous(directory)
    for damage in (b"", None):  # nothing else is there now that it can have named
        if damage is None:
            (directory / CURRENT).unlink()
        else:
            (directory / CURRENT).write_bytes(damage)
        assert not verify(directory).is_sound
        assert repair(directory)[1].is_sound
        assert (directory / CURRENT).read_bytes() == written


def test_damage_to_pointer_and_database_together_is_repaired(directory: Path) -> None:
    execute(directory, "UPDATE items SET label = 'Hat' WHERE row = 7")
    flip(directory / CURRENT, 9, 3)
    before, after = repair(directory)
    assert [finding.id for finding in before.lost] == ["test-00006"]
    assert {finding.file for finding in before.findings} == {CURRENT, f"{inside(directory)}/{DATABASE_FILE}"}
    assert (after.is_sound, after.items) == (True, 299)


def test_a_repair_that_numbers_rows_anew_spoils_no_reindexing(
    plain: Path, embedder: LiteRTEmbedder, other: LiteRTEmbedder, other_bundle: Path
) -> None:
    killed(KILLED_REINDEX, plain, other_bundle)
    execute(plain, "UPDATE items SET label = 'Hat' WHERE row = 7")
    repair(plain)
    assert reindex(plain, other).embedded == 299
    assert_made_by(plain, other)
    execute(plain, "UPDATE items SET label = 'Hat' WHERE row = 9")
    repair(plain)
    assert reindex(plain, embedder).embedded == 298  # the first is no earlier state of this one: a new place
    assert_made_by(plain, embedder)
    assert_sound(plain)
    assert sorted(verify(plain).others) == [plain, place_for(plain, other.card.fingerprint)]


# --- what killed runs leave ---


def test_what_killed_runs_left_is_swept_and_what_runs_is_not(directory: Path) -> None:
    left = [
        directory / "restored-abcdefgh.tmp",
        directory / "dropped-abcdefgh.tmp",
        located(directory) / "examined-abcdefgh.tmp",
    ]
    for place in left:
        place.mkdir()
        (place / DATABASE_FILE).write_bytes(b"much")
    (directory / "restored-photos").mkdir()
    with scratch(directory, "restored") as running:
        assert_sound(directory)
        assert not any(place.exists() for place in left)
        assert running.is_dir()
    assert not running.exists()
    assert (directory / "restored-photos").is_dir()


def test_a_killed_repair_leaves_the_catalogue_and_is_swept_by_the_next(directory: Path) -> None:
    execute(directory, "UPDATE items SET label = 'Hat' WHERE row = 7")
    killed(KILLED_REPAIR, directory)
    assert [path.name[:9] for path in located(directory).iterdir() if path.is_dir()] == ["repaired-"]
    before, after = repair(directory)
    assert [finding.id for finding in before.lost] == ["test-00006"]
    assert after.is_sound
    assert not [path for path in located(directory).iterdir() if path.is_dir()]


# --- backups ---


def test_a_backup_of_a_reindexed_catalogue_is_restored_as_a_plain_one(directory: Path, tmp_path: Path) -> None:
    assert back_up(directory, tmp_path / "backup") == 300
    assert restore(tmp_path / "backup", tmp_path / "restored") == 300
    assert contents(tmp_path / "restored") == contents(directory)
    assert not [path for path in (tmp_path / "restored").iterdir() if path.is_dir() or path.name == CURRENT]
    assert_sound(tmp_path / "restored")


def test_a_reindexed_catalogue_is_replaced_by_force_only_and_while_nobody_has_any_of_it_open(
    directory: Path, small_catalogue: Path, other: LiteRTEmbedder, tmp_path: Path
) -> None:
    back_up(small_catalogue, tmp_path / "backup")
    now = contents(directory)
    with held_open(directory), pytest.raises(CatalogueInUse):
        restore(tmp_path / "backup", directory, force=True)
    said = (directory / CURRENT).read_bytes()
    (directory / CURRENT).write_text(".\n")
    with held_open(directory):  # as a server does that was started before the reindexing
        (directory / CURRENT).write_bytes(said)
        with pytest.raises(CatalogueInUse):
            restore(tmp_path / "backup", directory, force=True)
    assert contents(directory) == now
    drop_previous(directory)
    with pytest.raises(CatalogueExists, match="--force"):
        restore(tmp_path / "backup", directory)
    assert restore(tmp_path / "backup", directory, force=True) == 300
    assert contents(directory) == contents(small_catalogue)
    assert {path.name for path in directory.iterdir() if not path.name.startswith(("generation-", "catalogue."))} <= {
        "publish.lock",
        "reindex.lock",
    }
    assert_sound(directory)
    assert reindex(directory, other).embedded == 300


def test_rows_of_an_unfinished_reindexing_are_never_taken_for_those_of_a_restored_catalogue(
    plain: Path, embedder: LiteRTEmbedder, other: LiteRTEmbedder, other_bundle: Path, tmp_path: Path
) -> None:
    """Even if a kill has kept `restore` from deleting it."""
    back_up(plain, tmp_path / "all")
    with LocalCatalogue.open(plain) as catalogue:
        catalogue.delete(catalogue.ids()[:10])
        vectors, kept = catalogue.vectors(catalogue.ids()), [catalogue.display(id_) for id_ in catalogue.ids()]
    assert len(vectors) == len(kept) == 290
    killed(KILLED_REINDEX, plain, other_bundle)
    unfinished = place_for(plain, other.card.fingerprint)
    shutil.copytree(unfinished, tmp_path / "unfinished")
    restore(tmp_path / "all", plain, force=True)
    assert not unfinished.exists()
    with LocalCatalogue.open(plain) as catalogue:
        item, display = catalogue.get(["test-00199"])[0], catalogue.display("test-00199")
        others = [
            Record(f"other-{row}", item.predicted, catalogue.vectors([item.id])[0], display) for row in range(20, 31)
        ]
        with catalogue._store.write() as connection:
            for table in ("items", "vectors", "displays"):
                connection.execute(f"DELETE FROM {table} WHERE row BETWEEN 20 AND 30")
            rows.insert(connection, others, range(20, 31))
    shutil.copytree(tmp_path / "unfinished", unfinished)
    assert reindex(plain, other).embedded == 300
    with LocalCatalogue.open(plain, other.card.fingerprint) as catalogue:
        seen = other.prepare(decode(catalogue.display("test-00199").data))
        expected, _ = other.embed([seen, seen])
        np.testing.assert_allclose(catalogue.vectors(["other-20", "other-30"]), expected, atol=1e-6)
        assert len(catalogue) == 300
        assert {"test-00000", "test-00009"} <= {hit.item.id for hit in catalogue.search(expected[:1], 300)[0]}


# --- logs ---


@pytest.fixture(scope="module")
def interrupted(reindexed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue whose last writer was killed: its latest commits are in the log alone. Only for copying."""
    directory = Path(shutil.copytree(reindexed, tmp_path_factory.mktemp("interrupted") / "catalogue"))
    killed(KILLED_WRITER, directory)
    return directory


@pytest.mark.parametrize("has_memory", [True, False])
def test_a_log_that_sqlite_would_cut_short_is_not_opened(interrupted: Path, tmp_path: Path, has_memory: bool) -> None:
    random = np.random.default_rng(2)
    for number in range(6):
        directory = Path(shutil.copytree(interrupted, tmp_path / str(number)))
        log, memory = (located(directory) / name for name in (LOG, MEMORY))
        frames = (log.stat().st_size - 32) // 4120
        if not has_memory:
            memory.unlink()
        flip(log, int(random.integers(32 + frames // 2 * 4120)), int(random.integers(8)))
        before = log.read_bytes()
        with pytest.raises(CatalogueDamaged, match="lookalike verify --repair"):
            LocalCatalogue.open(directory)
        assert log.read_bytes() == before
        found, after = repair(directory)
        assert not found.is_sound
        assert after.is_sound
        assert not contents(directory).keys() & {f"test-{number:05}" for number in range(5)}


def test_what_a_power_failure_leaves_half_written_at_the_end_of_a_log_is_opened(
    interrupted: Path, tmp_path: Path
) -> None:
    """Nobody was told that it was committed, and what tells that it was is gone with the power."""
    directory = Path(shutil.copytree(interrupted, tmp_path / "catalogue"))
    log, memory = (located(directory) / name for name in (LOG, MEMORY))
    memory.unlink()
    (located(directory) / NOTE).unlink()
    last = wal.inspect(located(directory) / DATABASE_FILE).frames
    flip(log, 32 + last * 4120 - 1000, 2)
    left = contents(directory).keys()
    assert len(left) == 296
    assert "test-00004" in left


def test_a_log_is_left_alone_while_others_have_the_catalogue_open(directory: Path) -> None:
    with held_open(directory), LocalCatalogue.open(directory) as first:
        assert first.delete(["test-00000"]) == 1
        flip(located(directory) / LOG, 5000, 1)  # which nobody reads again: all of it is in memory
        with LocalCatalogue.open(directory) as second:
            assert len(second) == 299


# --- what is said ---


def test_what_is_kept_beside_a_catalogue_is_said(directory: Path, other_bundle: Path) -> None:
    def said(*arguments: str | Path) -> str:
        done = CliRunner().invoke(lookalike.main, [str(argument) for argument in arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    about = ("--catalogue", directory, "--model", other_bundle)
    line = f"{directory}: a catalogue beside the one in use"
    assert line in said("info", *about)
    assert line in said("verify", *about)
    assert json.loads(said("info", *about, "--json"))["others"] == [str(directory)]
    assert json.loads(said("verify", *about, "--json"))["others"] == [str(directory)]
    said("reindex", "--catalogue", directory, "--drop-previous")
    assert line not in said("info", *about)
