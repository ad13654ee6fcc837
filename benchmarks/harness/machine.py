"""The machine and the versions that figures belong to."""

import os
import platform
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "lookalike",
    "numpy",
    "ai-edge-litert",
    "faiss-cpu",
    "apsw",
    "pillow",
    "flask",
    "uvloop",
    "httptools",
    "tensorflow",
    "keras",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a run happened: `memory_gb` in 10^9 bytes; `files` is the file system of the temporary directory."""

    processor: str
    cores: int
    memory_gb: float
    system: str
    files: str
    python: str
    packages: Mapping[str, str]


def this_machine() -> Machine:
    """Describe the machine as it is now."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        system=platform.platform(terse=True),
        files=_file_system(Path(tempfile.gettempdir()).resolve()),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: _version(name) for name in PACKAGES},
    )


class OtherPrograms:
    """How much of the machine other programs take from now on.

    On a busy machine ratios mislead: a program that wants all cores suffers more than one that is content with one.
    """

    def __init__(self) -> None:
        self._started, self._before = time.perf_counter(), _busy_seconds()

    def cores(self) -> float | None:
        """Return the mean number of cores that others kept busy; None where the system has no /proc.

        Children count as our own once they have been waited for.
        """
        if self._before is None or (busy := _busy_seconds()) is None:
            return None
        return max(0.0, (busy - self._before) / (time.perf_counter() - self._started))


def _busy_seconds() -> float | None:
    """Return the processor seconds of the whole machine since its start, less those of this process and children."""
    try:
        totals = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    except OSError:
        return None
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = map(int, totals)
    busy = (user + nice + system + interrupts + soft_interrupts + stolen) / os.sysconf("SC_CLK_TCK")
    return busy - sum(os.times()[:4])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _file_system(directory: Path) -> str:
    """Return the type of the file system that a directory is on, such as ext4."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return "unknown"
    above = [(point, kind) for _, point, kind, *_ in mounts if directory.is_relative_to(point)]
    return max(above, key=lambda mount: len(mount[0]), default=("", "unknown"))[1]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
