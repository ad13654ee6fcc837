"""The bytes of a table's file, unpacked where gzip has packed them."""

import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from indexer.sources.errors import SourceUnreadable, TableDamaged

_GZIP = b"\x1f\x8b"
_PACKED_SUFFIX = ".gz"
_LARGEST_UNPACKED = 2**32


@contextmanager
def open_table(path: Path, *, seekable: bool = False) -> Iterator[BinaryIO]:
    """Give a file to read; what gzip has packed is unpacked, whatever the file is called.

    `seekable` is for formats that are not read from front to back: what is packed goes into a temporary file then.
    Raises SourceUnreadable when it can't be opened, or can't be read on, and TableDamaged for what gzip can't unpack.
    """
    try:
        with path.open("rb") as file:
            is_packed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            if not is_packed:
                yield file
                return
            with gzip.GzipFile(fileobj=file) as unpacked:
                if seekable:
                    with tempfile.TemporaryFile() as whole:
                        _unpack(unpacked, whole, path)
                        yield cast("BinaryIO", whole)
                else:
                    yield cast("BinaryIO", unpacked)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise TableDamaged(f"{path} can't be unpacked by gzip ({error}). Write it again.") from error
    except OSError as error:
        raise SourceUnreadable(
            f"{path} can't be read ({error.strerror or error}). Check it and its permissions."
        ) from error


def format_suffix(path: Path) -> str:
    """Return the suffix that tells a table's format, in lower case: `.csv` of `shop.csv` and of `shop.CSV.gz`."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix == _PACKED_SUFFIX else suffix


def signature_of(path: Path) -> tuple[int, int]:
    """Return what changes when a file does. Raises SourceUnreadable."""
    try:
        status = path.stat()
    except OSError as error:
        raise SourceUnreadable(f"{path} can't be read ({error.strerror or error}). Check it.") from error
    return status.st_size, status.st_mtime_ns


def _unpack(packed: gzip.GzipFile, whole: IO[bytes], path: Path) -> None:
    while data := packed.read(2**20):
        whole.write(data)
        if whole.tell() > _LARGEST_UNPACKED:
            raise TableDamaged(f"{path} holds more than {_LARGEST_UNPACKED >> 30} GiB. Split it.")
    whole.seek(0)
