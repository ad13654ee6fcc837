"""Files that are written whole or not at all, and locks that a kill frees."""

import errno
import fcntl
import glob
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOCK_POLL_SECONDS = 0.02
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""What a file system says that has no hard links."""


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


class UnnamedFile:
    """A file that has no lasting name yet: see `unnamed`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def take_name(self, name: Path) -> bool:
        """Give the file a name, durably, unless that is taken: return whether it has it. Raises OSError."""
        os.fsync(self._descriptor)
        if not os.path.samestat(os.fstat(self._descriptor), self.path.stat()):
            raise OSError(errno.ESTALE, "another file has taken its place")
        try:
            os.link(self.path, name)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            try:
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL))  # where there are no links: it is ours
            except FileExistsError:
                return False
            self.path.replace(name)
        sync(name.parent)
        return True


@contextmanager
def unnamed(beside: Path) -> Iterator[UnnamedFile]:
    """Give a new file in the folder of a path, which is made where there is none, under a name that nobody else has.

    It goes when the block ends, unless it has taken another name by then. What a kill leaves is removed by the next
    who wants a file beside the same path. Raises OSError.
    """
    beside.parent.mkdir(parents=True, exist_ok=True)
    begin, end = f".{beside.name}.", ".partial"
    with directory_locked(beside.parent):  # so that no one sweeps it before it is locked
        for left in beside.parent.glob(f"{glob.escape(begin)}*{end}"):
            with suppress(OSError, AlreadyLocked), _opened(left, os.O_RDWR) as descriptor:
                lock(descriptor, 0)
                left.unlink()
        path = beside.with_name(f"{begin}{secrets.token_hex(8)}{end}")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            lock(descriptor, 0)
        except BaseException:
            os.close(descriptor)
            raise
    try:
        yield UnnamedFile(path, descriptor)
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


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
