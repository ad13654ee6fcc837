"""What a process is called in lists of processes, where the system lets it choose (Linux)."""

import ctypes
from contextlib import suppress

_PR_SET_NAME = 15


def set_process_name(name: str) -> None:
    """Call this process so; of the name the first 15 bytes count."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)
