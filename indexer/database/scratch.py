"""Sub-directories for the time of one run; what a killed run has left of its own is removed by the next."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_KINDS = ("examined", "repaired", "restored", "dropped")
_ENDING = ".tmp"


@contextmanager
def scratch(directory: Path, kind: str) -> Iterator[Path]:
    """Give a new sub-directory that goes when the block ends, locked so that no other run sweeps it. Raises OSError."""
    with ExitStack() as held:
        with _locked(directory):  # so that no one sweeps it before it is locked
            place = Path(tempfile.mkdtemp(prefix=f"{kind}-", suffix=_ENDING, dir=directory))
            held.enter_context(_locked(place))
        held.callback(shutil.rmtree, place, ignore_errors=True)
        yield place


def sweep(directory: Path) -> None:
    """Remove what killed runs have left in a directory, as far as that may be changed."""
    with suppress(OSError), _locked(directory):
        for kind in _KINDS:
            for place in directory.glob(f"{kind}-????????{_ENDING}"):
                with suppress(BlockingIOError), _locked(place, fcntl.LOCK_NB):
                    shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _locked(directory: Path, wait: int = 0) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | wait)
        yield
    finally:
        os.close(descriptor)
