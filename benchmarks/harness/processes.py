"""Processes that are measured from outside: started, spoken to, weighed and ended by their own handle."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.harness.measuring import BenchmarkFailed

ROOT = Path(__file__).parents[2]
ENVIRONMENT: Mapping[str, str] = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}

_ADDRESS = re.compile(rb"http://([\d.]+):(\d+)")
_LISTEN = "0A"
_START_SECONDS = 180.0
_END_SECONDS = 30.0
_POLL_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Server:
    """A running server that has said where it listens; `started` is when it was spawned, by `time.perf_counter`."""

    pid: int
    host: str
    port: int
    started: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a process and its descendants: resident in each added up, and with shared pages counted once."""

    resident: int
    proportional: int


@contextmanager
def serving(command: Sequence[str], directory: Path = ROOT) -> Iterator[Server]:
    """Run a server that prints its address, from a directory, until the block ends.

    Raises BenchmarkFailed with the end of its output when it ends or says nothing within three minutes.
    """
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory, env=ENVIRONMENT
        )
        try:
            host, port = _address(process, log, started + _START_SECONDS)
            yield Server(process.pid, host, port, started)
        finally:
            _end(process)


def run_quietly(command: Sequence[str], directory: Path = ROOT) -> None:
    """Run a command to its end, from a directory. Raises BenchmarkFailed when it fails."""
    done = subprocess.run(command, cwd=directory, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkFailed(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-2000:]}")


def memory_of(pid: int) -> Memory | None:
    """Weigh a process with all its descendants; None where the system has no /proc."""
    try:
        weights = [_rollup(member) for member in _family(pid)]
    except FileNotFoundError:
        return None
    return Memory(sum(weight["Rss"] for weight in weights), sum(weight["Pss"] for weight in weights))


def workers_of(server: Server) -> list[int]:
    """Return the processes that answer for a server, oldest first: those without children of their own.

    A process that alone holds the listening socket hands requests on, and is none of them.
    """
    members = [member for member in _family(server.pid) if member != server.pid and not _children(member)]
    listening = _listening_inodes(server.port)
    without = [member for member in members if not listening & _sockets(member)]
    return without or members


def _listening_inodes(port: int) -> set[str]:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return {row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port}


def _sockets(pid: int) -> set[str]:
    try:
        links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except FileNotFoundError:
        return set()
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def _children(pid: int) -> list[int]:
    try:
        lists = [children.read_text(encoding="ascii") for children in Path(f"/proc/{pid}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return sorted(int(child) for children in lists for child in children.split())


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in _children(pid):
        yield from _family(child)


def _rollup(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    fields = (line.split() for line in lines)
    return {name.rstrip(":"): 1024 * int(kibibytes) for name, kibibytes, *_ in fields}


def _address(process: "subprocess.Popen[bytes]", log: IO[bytes], deadline: float) -> tuple[str, int]:
    while True:
        ended = process.poll() is not None
        said = os.pread(log.fileno(), 1 << 20, 0)
        if found := _ADDRESS.search(said):
            return found[1].decode(), int(found[2])
        if ended or time.perf_counter() > deadline:
            tail = said.decode(errors="replace").strip()[-2000:]
            raise BenchmarkFailed(f"{' '.join(process.args)} did not start: {tail}")  # type: ignore[arg-type]
        time.sleep(_POLL_SECONDS)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
