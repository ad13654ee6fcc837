"""Files that are written whole or not at all, and locks that a kill frees."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models.files import AlreadyLocked, directory_locked, locked, put_in_place, range_locked, written_whole


@contextmanager
def _another_process_in(block: str, path: Path, project: Path) -> Iterator[subprocess.Popen[str]]:
    """Give a process that is inside a `with` block; a line on its standard input lets it make a mark and leave."""
    code = (
        f"import sys; from pathlib import Path; from models.files import *\nwith {block}:\n print(flush=True); input();"
        " Path(sys.argv[1] + '.left').touch()"
    )
    command = [sys.executable, "-c", code, path]
    with subprocess.Popen(command, cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with written_whole(path) as draft:
        draft.write_text("new")
        assert path.read_text() == "old"
        assert draft.parent == tmp_path  # of one file system
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    with written_whole(tmp_path / "folder") as draft:
        draft.mkdir()
        (draft / "file").write_text("new")
    assert [file.name for file in tmp_path.rglob("*")] == ["folder", "file"]


def _fill_the_disk(path: Path, name: str) -> None:
    with written_whole(path) as draft:
        if name:
            draft.mkdir()
        (draft / name).write_text("half of it")
        raise OSError(errno.ENOSPC, "the disk is full")


@pytest.mark.parametrize("name", ["", "file-in-a-folder"])
def test_what_fails_leaves_what_was_there_and_nothing_else(name: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old")
    with pytest.raises(OSError, match="full"):
        _fill_the_disk(tmp_path / "there", name)
    assert list(tmp_path.iterdir()) == [tmp_path / "there"]
    assert (tmp_path / "there").read_text() == "old"


def test_nothing_takes_a_place_that_was_never_written(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old")
    with pytest.raises(FileNotFoundError), written_whole(tmp_path / "there"):
        pass
    assert (tmp_path / "there").read_text() == "old"


def test_a_kill_leaves_what_was_there_and_a_draft_by_the_name_that_was_given(tmp_path: Path, project: Path) -> None:
    path, draft = tmp_path / "file", tmp_path / "file.tmp"
    path.write_text("old")
    block = "written_whole(Path(sys.argv[1]), Path(sys.argv[1] + '.tmp')) as draft, draft.open('w') as file"
    with _another_process_in(block, path, project) as process:
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert path.read_text() == "old"
    assert draft.exists()
    with written_whole(path, draft) as again:
        again.write_text("new")
    assert path.read_text() == "new"
    assert not draft.exists()


def test_content_and_name_are_made_durable_in_this_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        sync(descriptor)

    def replaced(draft: Path, path: Path) -> Path:
        steps.append(f"rename {draft.name}")
        return replace(draft, path)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    (tmp_path / "draft").write_text("new")
    put_in_place(tmp_path / "draft", tmp_path / "file")
    assert steps == ["sync draft", "rename draft", f"sync {tmp_path.name}"]


LOCKS = {
    "file": ("locked(Path(sys.argv[1]), 0)", locked),
    "directory": ("directory_locked(Path(sys.argv[1]).parent, 0)", lambda path, _: directory_locked(path.parent, 0)),
    "range": ("range_locked(Path(sys.argv[1]), 10, 5)", lambda path, _: range_locked(path, 12, 5)),
}


@pytest.mark.parametrize("kind", LOCKS)
def test_a_lock_is_held_by_one_process_until_it_is_killed(kind: str, tmp_path: Path, project: Path) -> None:
    block, hold = LOCKS[kind]
    path = tmp_path / "file"
    path.touch()
    with _another_process_in(block, path, project) as process:
        with pytest.raises(AlreadyLocked), hold(path, 0):
            pass
        process.kill()
        process.wait()
        with hold(path, 0):
            pass


def test_other_bytes_of_a_file_have_locks_of_their_own(tmp_path: Path, project: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with _another_process_in("range_locked(Path(sys.argv[1]), 10, 5)", path, project), range_locked(path, 15, 5):
        pass


def test_a_lock_is_waited_for(tmp_path: Path, project: Path) -> None:
    with _another_process_in("locked(Path(sys.argv[1]))", tmp_path / "file", project) as process:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        with locked(tmp_path / "file"):
            assert (tmp_path / "file.left").exists()


def test_a_lock_file_is_made_where_there_is_none_and_a_locked_range_needs_its_file(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()
    with pytest.raises(FileNotFoundError), range_locked(tmp_path / "none", 0, 1):
        pass
