"""The access log: a line of JSON for each answer, written by a thread of its own.

Whoever reads the log slowly, or not at all, must not stop the server: lines that can't be written in time are dropped,
and the log says how many were.
"""

import json
import os
import re
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from search_api.access.keys import PREFIX
from search_api.errors import LogNotWritable
from search_api.server.frames import Answer
from search_api.server.front.request import Request

MOST_WAITING = 20_000
"""Lines that wait to be written."""

STDERR = "-"

_KEY = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{20,}}")


class AccessLog:
    """Writes to a file that it appends to, or to stderr (`-`). Raises LogNotWritable."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._wake = threading.Event()
        self._ends = False
        self._descriptor = self._opened()
        self._thread = threading.Thread(target=self._run, name="access log", daemon=True)

    def start(self) -> None:
        """Begin to write; after all forks."""
        self._thread.start()

    def write(self, request: Request, answer: Answer, sent: int, now: float) -> None:
        """Log an answer, of whose body so many bytes were sent, at a time of `time.monotonic`."""
        if len(self._lines) >= MOST_WAITING:
            self._dropped += 1
            return
        head, facts = request.head, answer.facts
        started = datetime.fromtimestamp(time.time() - (now - request.started), UTC)
        line = {
            "time": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "request_id": None if head is None else head.request_id,
            "client": None if head is None else head.client,
            "method": None if head is None else head.method,
            "path": None if head is None else _without_keys(head.prefix + head.target.decode("latin-1")),
            "status": facts.status,
            "bytes": sent,
            "ms": round((now - request.started) * 1000, 2),
            "model": facts.model,
            "state": facts.state,
        }
        self._lines.append(json.dumps(line))
        self._wake.set()

    def reopen(self) -> None:
        """Open the file anew, so that it may have been moved away. Raises LogNotWritable."""
        if self._target != STDERR:
            old, self._descriptor = self._descriptor, self._opened()
            os.dup2(self._descriptor, old)  # the thread may be writing to it
            os.close(self._descriptor)
            self._descriptor = old

    def close(self) -> None:
        """Write what waits, for at most a second, and end."""
        self._ends = True
        self._wake.set()
        self._thread.join(1.0)

    def _opened(self) -> int:
        if self._target == STDERR:
            return sys.stderr.fileno()
        try:
            return os.open(Path(self._target), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LogNotWritable(
                f"The access log {self._target} can't be written ({error.strerror}). "
                "Name another file, or - for stderr."
            ) from None

    def _run(self) -> None:
        while not self._ends:
            self._wake.wait()
            self._wake.clear()
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if self._dropped:
                lines.append(json.dumps({"dropped_lines": self._dropped}))
                self._dropped = 0
            data = "".join(f"{line}\n" for line in lines).encode()
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError:
                self._dropped += len(lines)  # a full disk may have room again later


def _without_keys(path: str) -> str:
    """Return a path as it is logged: keys belong into header fields, and who puts one here must not give it away."""
    return _KEY.sub(f"{PREFIX}...", path) if PREFIX in path else path
