"""Ends this process by SIGKILL at a chosen event: a write, a sync, a rename, a line said; never after a time.

What lies on a disk changes by such calls alone, so a kill at the nth of them stands for all kills between it and the
one before. SQLite's are seen by a VFS around its own.
"""

import os
import signal
from collections.abc import Callable
from typing import Any

import apsw
import faiss

WAL_WRITE, WAL_SYNC, DATABASE_WRITE = "wal write", "wal sync", "database write"
INDEX_WRITE, FSYNC, REPLACE, UNLINK = "index write", "fsync", "replace", "unlink"


def kill_this_process() -> None:
    """End by SIGKILL, and do nothing more before it comes."""
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


class Death:
    """Kills the process just before the nth event of a kind (1 is the first), of those that come while it is near.

    `last_words` are said before; `kill` may end more than this process.
    """

    def __init__(
        self,
        kind: str,
        nth: int,
        last_words: Callable[[], None] = lambda: None,
        kill: Callable[[], None] = kill_this_process,
    ) -> None:
        self.is_near = False
        self._kind = kind
        self._left = nth
        self._last_words = last_words
        self._kill = kill

    def see(self, kind: str) -> None:
        """Count an event that is about to happen."""
        if self.is_near and kind == self._kind:
            self._left -= 1
            if self._left == 0:
                self._last_words()
                self._kill()

    def watch_files(self) -> None:
        """See what SQLite, FAISS and Python do to files from now on."""
        self._vfs = _WatchedVFS(self)
        real = faiss.PyCallbackIOWriter

        def writer(write: Callable[[bytes], None], *size: int) -> Any:
            def watched(data: bytes) -> None:
                self.see(INDEX_WRITE)
                write(data)

            return real(watched, *size)

        faiss.PyCallbackIOWriter = writer
        for name in (FSYNC, REPLACE, UNLINK):
            setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **named: Any) -> Any:
            self.see(kind)
            return real(*arguments, **named)

        return watched


class _WatchedVFS(apsw.VFS):
    def __init__(self, death: Death) -> None:
        self._death = death
        self._real = apsw.vfs_names()[0]
        super().__init__("watched", base=self._real, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        if flags[0] & (apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_DB):
            return _WatchedFile(self._death, self._real, name, flags)
        return super().xOpen(name, flags)


class _WatchedFile(apsw.VFSFile):
    def __init__(self, death: Death, real: str, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._see = death.see
        self._is_wal = bool(flags[0] & apsw.SQLITE_OPEN_WAL)
        super().__init__(real, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._see(WAL_WRITE if self._is_wal else DATABASE_WRITE)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._is_wal:
            self._see(WAL_SYNC)
        super().xSync(flags)
