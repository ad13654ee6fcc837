"""Named arrays in a file that is not trusted."""

import io
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray


def write_arrays(path: Path, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Write arrays as an uncompressed `.npz`."""
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_arrays(path: Path, *names: str, data: bytes | None = None) -> tuple[NDArray[np.float32], ...]:
    """Read arrays of finite float32 numbers by name; nothing in the file is run.

    `data` are the file's bytes where they have been read already.

    Raises ValueError when the file holds anything else, OSError when it can't be read.
    """
    try:
        file = io.BytesIO(path.read_bytes() if data is None else data)
        with np.load(file, allow_pickle=False) as held:
            arrays = tuple(held[name] for name in names)
    except (BadZipFile, KeyError, EOFError, TypeError, AttributeError) as error:
        raise ValueError(f"{path.name} does not hold {', '.join(names)}") from error
    if any(array.dtype != np.float32 or not np.isfinite(array).all() for array in arrays):
        raise ValueError(f"{path.name} holds something else than finite float32 numbers")
    return arrays
