"""The machine and the versions that figures belong to."""

import os
import platform
import tempfile
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
    "gunicorn",
    "tensorflow",
    "keras",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a run happened: `memory_gb` in 10^9 bytes; `load` is the mean number of other runnable processes in the
    minute before, which should be near 0; `files` is the file system of the temporary directory.
    """

    processor: str
    cores: int
    memory_gb: float
    load: float
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
        load=round(os.getloadavg()[0], 2),
        system=platform.platform(terse=True),
        files=_file_system(Path(tempfile.gettempdir()).resolve()),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: _version(name) for name in PACKAGES},
    )


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
