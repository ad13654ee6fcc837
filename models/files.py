"""Files that are written whole or not at all, and locks that a kill frees."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK_POLL_SECONDS = 0.02


class AlreadyLocked(Exception):
    """Somebody else holds a lock and did not let go of it in time. Callers say what that means to a person."""


@contextmanager
def written_whole(path: Path, draft: Path | None = None) -> Iterator[Path]:
    """Give the path of a draft, which takes the place of `path` in one step when the block ends well.

    The block makes the draft, a file or a folder, however it likes, and closes it. Its content is durable before it
    gets its name, and the name is when this ends; a block that fails, or a kill, leaves at `path` what was there. The
    draft is removed, but for a kill: who must sweep that up gives it a name to know it by. Raises OSError.
    """
    if draft is None:
        draft = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        yield draft
        put_in_place(draft, path)
    finally:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def put_in_place(draft: Path, path: Path) -> None:
    """Let a finished file take the place of another in its file system in one step, durably. Raises OSError."""
    sync(draft)
    draft.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Make the content of a file durable, or the names in a directory. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, seconds: float | None = None) -> Iterator[None]:
    """Hold the lock (flock) of a file, which is made where there is none.

    Waits for it for so many seconds, or for as long as it takes. Raises AlreadyLocked; OSError.
    """
    with _opened(path, os.O_RDWR | os.O_CREAT) as descriptor:
        lock(descriptor, seconds)
        yield


@contextmanager
def directory_locked(directory: Path, seconds: float | None = None) -> Iterator[None]:
    """Hold the lock of a directory, as `locked` does."""
    with _opened(directory, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        lock(descriptor, seconds)
        yield


def lock(descriptor: int, seconds: float | None = None) -> None:
    """Take the lock of an open file, as `locked` does; closing the file frees it."""
    if seconds is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise AlreadyLocked from error
            time.sleep(_LOCK_POLL_SECONDS)
        else:
            return


@contextmanager
def range_locked(path: Path, start: int, length: int) -> Iterator[None]:
    """Hold the lock (POSIX) of a range of bytes of a file that is there, or may be: SQLite's are such.

    This process gives up all of its locks on the file when the block ends. Raises AlreadyLocked; OSError.
    """
    with _opened(path, os.O_RDWR) as descriptor:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
        except (BlockingIOError, PermissionError) as error:
            raise AlreadyLocked from error
        yield


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
