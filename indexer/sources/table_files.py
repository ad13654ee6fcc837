"""Opening the file of a table."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from indexer.sources.errors import SourceUnreadable


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Give a file to read. Raises SourceUnreadable when it can't be opened, or can't be read on."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise SourceUnreadable(
            f"{path} can't be read ({error.strerror or error}). Check it and its permissions."
        ) from error
