"""Backups: of one moment while others write, whole or not there at all, and restored in one step."""

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from indexer.catalogue.local import LocalCatalogue
from indexer.database.store import DATABASE_FILE
from indexer.errors import BackupUnusable, CatalogueExists, CatalogueInUse, CatalogueMissing
from indexer.upkeep.backup import back_up, back_up_into, restore
from indexer.upkeep.verification import verify
from models.progress import Progress


@pytest.fixture
def catalogue(small_catalogue: Path, tmp_path: Path) -> Path:
    """A catalogue to write to."""
    shutil.copytree(small_catalogue, tmp_path / "catalogue")
    return tmp_path / "catalogue"


def contents(directory: Path) -> dict[str, Any]:
    """All that a catalogue gives of each item."""
    with LocalCatalogue.open(directory) as catalogue:
        ids = catalogue.ids()
        items, vectors, kept = catalogue.get(ids), catalogue.vectors(ids), catalogue.content_keys(ids)
        return {
            item.id: (item, vector.tobytes(), catalogue.display(item.id), kept[item.id])
            for item, vector in zip(items, vectors, strict=True)
        }


def started(code: str, *arguments: Path, project: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=project,
    )


def test_what_is_restored_is_what_was_backed_up(catalogue: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    assert back_up(catalogue, tmp_path / "to" / "backup", lambda done, total: told.append((done, total))) == 300
    assert told[-1] == (300, 300)
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["backup"]
    assert restore(tmp_path / "to" / "backup", tmp_path / "restored") == 300
    assert contents(tmp_path / "restored") == contents(catalogue)
    with LocalCatalogue.open(tmp_path / "restored") as restored:
        assert (tmp_path / "restored" / f"generation-{restored.generation:06}.faiss").is_file()
        restored.delete(["test-00000"])
    assert verify(tmp_path / "restored").is_sound
    assert not [path.name for path in (tmp_path / "restored").iterdir() if path.is_dir()]


def test_a_backup_is_of_one_moment_while_another_process_writes(catalogue: Path, tmp_path: Path, project: Path) -> None:
    """The writer keeps the number of the last round in every item; a mixture of two rounds would show."""
    code = """
        import sys
        from indexer.catalogue.local import LocalCatalogue
        from indexer.records import AttributeUpdate

        catalogue = LocalCatalogue.open(sys.argv[1])
        ids = catalogue.ids()
        for round in range(10**6):
            catalogue.upsert([AttributeUpdate(id_, {"round": round}, f"{round}") for id_ in ids])
            print(round, flush=True)
    """
    with started(code, catalogue, project=project) as writer:
        assert writer.stdout is not None
        try:
            writer.stdout.readline()
            moments = []
            for number in range(4):
                to = tmp_path / f"backup-{number}"
                assert back_up(catalogue, to) == 300
                connection = apsw.Connection(str(to))
                (rounds,) = connection.execute("SELECT DISTINCT attributes ->> '$.round' FROM items").fetchall()
                connection.close()
                moments.append(rounds[0])
        finally:
            writer.kill()
    assert moments == sorted(moments)
    assert moments[-1] > moments[0]
    assert restore(tmp_path / "backup-0", tmp_path / "restored") == 300


def test_an_interrupted_backup_leaves_none(catalogue: Path, tmp_path: Path, project: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > 100:
            raise KeyboardInterrupt

    (tmp_path / "to").mkdir()
    with pytest.raises(KeyboardInterrupt):
        back_up(catalogue, tmp_path / "to" / "backup", interrupt)
    assert list((tmp_path / "to").iterdir()) == []
    code = """
        import os, sys
        from indexer.upkeep.backup import back_up

        back_up(sys.argv[1], sys.argv[2], lambda done, total: done > 100 and os.kill(os.getpid(), 9))
    """
    with started(code, catalogue, tmp_path / "to" / "backup", project=project) as killed:
        assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "to" / "backup").exists()
    assert back_up(catalogue, tmp_path / "to" / "backup") == 300
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["backup"]


def test_a_backup_is_never_written_over(catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("mine")
    with pytest.raises(BackupUnusable, match="Name another"):
        back_up(catalogue, tmp_path / "backup")
    assert (tmp_path / "backup").read_text() == "mine"


def meanwhile(do: Callable[[], Any]) -> tuple[Progress, list[Any]]:
    """Return a progress that does something once, when rows begin to be verified, and what that returned."""
    returned: list[Any] = []

    def progress(done: int, total: int) -> None:
        if (done, total) == (0, 300) and not returned:
            returned.append(None)
            returned[0] = do()

    return progress, returned


def test_of_two_backups_to_one_name_one_has_it_and_is_whole(catalogue: Path, tmp_path: Path) -> None:
    to = tmp_path / "to" / "backup"
    progress, other = meanwhile(lambda: back_up(catalogue, to))
    with pytest.raises(BackupUnusable, match="there already"):
        back_up(catalogue, to, progress)
    assert other == [300]
    assert [path.name for path in to.parent.iterdir()] == ["backup"]
    assert restore(to, tmp_path / "restored") == 300
    with ThreadPoolExecutor(4) as threads:
        done = [threads.submit(back_up, catalogue, tmp_path / "to" / "another") for _ in range(4)]
        failed = [one.exception() for one in done if one.exception() is not None]
    assert [type(error) for error in failed] == [BackupUnusable] * 3
    assert all("there already" in str(error) for error in failed)
    assert restore(tmp_path / "to" / "another", tmp_path / "restored-2") == 300


def test_backups_of_one_second_have_names_of_their_own(catalogue: Path, tmp_path: Path) -> None:
    progress, other = meanwhile(lambda: back_up_into(catalogue, tmp_path / "to"))
    first = back_up_into(catalogue, tmp_path / "to", progress)
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: back_up_into(catalogue, tmp_path / "to"), range(4)))
    written = [first, *other, *done]
    assert {path for path, _ in written} == set((tmp_path / "to").iterdir())
    assert [count for _, count in written] == [300] * 6


def test_what_was_verified_is_what_gets_the_name(catalogue: Path, tmp_path: Path) -> None:
    to = tmp_path / "to" / "backup"

    def exchange() -> None:
        (draft,) = to.parent.iterdir()
        draft.unlink()
        draft.write_bytes(b"another")

    with pytest.raises(BackupUnusable, match="another file"):
        back_up(catalogue, to, meanwhile(exchange)[0])
    assert not to.exists()


def test_a_backup_is_named_where_there_are_no_links(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    assert back_up(catalogue, tmp_path / "to" / "backup") == 300
    with pytest.raises(BackupUnusable):
        back_up(catalogue, tmp_path / "to" / "backup")
    assert back_up_into(catalogue, tmp_path / "to")[1] == 300
    assert len(list((tmp_path / "to").iterdir())) == 2
    assert restore(tmp_path / "to" / "backup", tmp_path / "restored") == 300


def test_a_full_disk_is_said_and_leaves_no_backup(catalogue: Path, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(BackupUnusable, match="Make room"):
            back_up(catalogue, tmp_path / "to" / "backup")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "to").iterdir()) == []


def test_a_damaged_catalogue_is_not_backed_up(catalogue: Path, tmp_path: Path) -> None:
    connection = apsw.Connection(str(catalogue / DATABASE_FILE))
    connection.execute("UPDATE items SET label = 'Hat' WHERE row = 7")
    connection.close()
    with pytest.raises(BackupUnusable, match=r"test-00006.*lookalike verify --repair"):
        back_up(catalogue, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
    with pytest.raises(CatalogueMissing):
        back_up(tmp_path / "nothing", tmp_path / "backup")


def test_a_damaged_backup_is_never_restored(catalogue: Path, tmp_path: Path) -> None:
    back_up(catalogue, tmp_path / "backup")
    whole = (tmp_path / "backup").read_bytes()
    random = np.random.default_rng(5)
    refused = 0
    for _ in range(12):
        damaged = bytearray(whole)
        damaged[int(random.integers(len(whole)))] ^= 1 << int(random.integers(8))
        (tmp_path / "damaged").write_bytes(damaged)
        shutil.rmtree(tmp_path / "restored", ignore_errors=True)
        try:
            restore(tmp_path / "damaged", tmp_path / "restored")
        except BackupUnusable:
            refused += 1
            assert not (tmp_path / "restored" / DATABASE_FILE).exists()
        else:
            assert contents(tmp_path / "restored") == contents(catalogue)  # the bit was where nothing is kept
    assert refused >= 6
    for content in (b"", whole[:-1], whole[:-4096], b"not a database" * 1000):
        (tmp_path / "damaged").write_bytes(content)
        with pytest.raises(BackupUnusable, match="Use another"):
            restore(tmp_path / "damaged", tmp_path / "elsewhere")
    with pytest.raises(BackupUnusable, match="no backup"):
        restore(tmp_path / "missing", tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere" / DATABASE_FILE).exists()


def test_a_catalogue_is_replaced_by_force_only_and_not_while_it_is_open(
    catalogue: Path, tmp_path: Path, project: Path
) -> None:
    before = contents(catalogue)
    back_up(catalogue, tmp_path / "backup")
    with LocalCatalogue.open(catalogue) as changed:
        changed.delete(["test-00003"])
    with pytest.raises(CatalogueExists, match="--force"):
        restore(tmp_path / "backup", catalogue)
    code = (
        "import sys; from indexer.catalogue.local import LocalCatalogue;"
        " c = LocalCatalogue.open(sys.argv[1]); print(); input()"
    )
    with started(code, catalogue, project=project) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(CatalogueInUse, match="Stop it"):
            restore(tmp_path / "backup", catalogue, force=True)
        other.communicate("\n")
    assert len(contents(catalogue)) == 299
    assert restore(tmp_path / "backup", catalogue, force=True) == 300
    assert contents(catalogue) == before
    assert verify(catalogue).is_sound


def test_a_log_left_by_a_killed_writer_is_backed_up_and_never_replayed_on_what_is_restored(
    catalogue: Path, tmp_path: Path, project: Path
) -> None:
    code = """
        import os, sys
        from indexer.catalogue.local import LocalCatalogue

        catalogue = LocalCatalogue.open(sys.argv[1])
        catalogue.delete(catalogue.ids()[:100])
        os.kill(os.getpid(), 9)
    """
    back_up(catalogue, tmp_path / "earlier")
    with started(code, catalogue, project=project) as killed:
        assert killed.wait() == -signal.SIGKILL
    shutil.copytree(catalogue, tmp_path / "left")
    assert back_up(catalogue, tmp_path / "later") == 200
    assert restore(tmp_path / "earlier", tmp_path / "left", force=True) == 300
    assert len(contents(tmp_path / "left")) == 300
    assert verify(tmp_path / "left").is_sound


def test_the_commands_name_the_file_and_say_how_many_items(catalogue: Path, tmp_path: Path, project: Path) -> None:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, project / "lookalike.py", *arguments], capture_output=True, text=True, check=False
        )

    (tmp_path / "backups").mkdir()
    done = run("backup", "--catalogue", catalogue, "--to", tmp_path / "backups")
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "backups").iterdir()
    assert file.name.startswith("catalogue-2")
    assert file.suffix == ".lookalike"
    assert done.stdout.startswith(f"{file}: 300 items, ")
    assert run("backup", "--catalogue", catalogue, "--to", file).stderr.splitlines()[-1].startswith("Error: ")
    refused = run("restore", file, "--catalogue", catalogue)
    assert (refused.returncode, "--force" in refused.stderr) == (1, True)
    done = run("restore", file, "--catalogue", tmp_path / "new")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'new'}: 300 items restored.\n")
    assert run("restore", file, "--catalogue", catalogue, "--force").returncode == 0
