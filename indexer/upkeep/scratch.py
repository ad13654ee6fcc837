"""Sub-directories for the time of one run; what a killed run has left of its own is removed by the next."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from models.files import AlreadyLocked, directory_locked

_KINDS = ("examined", "repaired", "restored", "dropped")
_ENDING = ".tmp"


@contextmanager
def scratch(directory: Path, kind: str) -> Iterator[Path]:
    """Give a new sub-directory that goes when the block ends, locked so that no other run sweeps it. Raises OSError."""
    with ExitStack() as held:
        with directory_locked(directory):  # so that no one sweeps it before it is locked
            place = Path(tempfile.mkdtemp(prefix=f"{kind}-", suffix=_ENDING, dir=directory))
            held.enter_context(directory_locked(place))
        held.callback(shutil.rmtree, place, ignore_errors=True)
        yield place


def sweep_scratch(directory: Path) -> None:
    """Remove what killed runs have left in a directory, as far as that may be changed."""
    with suppress(OSError), directory_locked(directory):
        for kind in _KINDS:
            for place in directory.glob(f"{kind}-????????{_ENDING}"):
                with suppress(AlreadyLocked), directory_locked(place, 0):
                    shutil.rmtree(place, ignore_errors=True)
