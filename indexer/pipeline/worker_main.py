"""What a worker process does: read a picture, decode it, and make of it what is embedded and what is shown.

Nothing here loads FAISS, SQLite or the runtime: a worker stays small.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from indexer.content_key import picture_checksum
from indexer.errors import PictureFailed
from indexer.records import DisplayCopy
from indexer.sources.items import EncodedPicture
from indexer.thumbnails import display_copy
from models.allocator import keep_freed_memory
from models.colours.garment_colours import GarmentColour, garment_colours
from models.embedder import View
from models.errors import LookalikeError
from models.fingerprints.copies import fingerprint_of
from models.pictures.decoding import Picture, decode
from models.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A picture ready to be embedded: its view, its display copy, and the checksum of the bytes that they are of.

    `colours` are those of the garment, `fingerprint` tells copies of the picture, both as they are kept.
    """

    view: View
    display: DisplayCopy
    checksum: str
    colours: tuple[GarmentColour, ...]
    fingerprint: bytes

    @classmethod
    def of(cls, picture: Picture, view: View, display: DisplayCopy, checksum: str = "") -> "Prepared":
        """Return what is kept of a picture beside its vector, once its view is made."""
        colours = garment_colours(view.cutout)
        return cls(view.without_display(), display, checksum, colours, fingerprint_of(picture))

    @classmethod
    def of_bytes(cls, data: bytes, checksum: str, view_of: Callable[[Picture], View]) -> "Prepared":
        """Return what an encoded picture becomes. Raises what `decode` and `view_of` do, and PictureFailed for
        whatever else they stumble over.
        """
        with own_failures():
            picture = decode(data)
            return cls.of(picture, view_of(picture), display_copy(picture), checksum)


@dataclass(frozen=True, slots=True, eq=False)
class ReadPicture:
    """A picture whose file has been read, and its checksum; that is empty where nobody asks for it."""

    data: bytes
    checksum: str = ""

    def read(self) -> bytes:
        """Return the bytes of the file."""
        return self.data


def work(connection: Connection, preprocessing: Preprocessing, seconds: float) -> None:
    """Prepare the pictures that come in, one after another, until nobody sends any more.

    Sends None when it is ready, and then for each picture a Prepared, or the LookalikeError of one that failed. A
    picture that takes more than `seconds` from its bytes on ends the process by SIGALRM: the kernel sees to that, even
    where a decoder never gives Python its turn.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    keep_freed_memory()
    _end_with_parent()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        connection.send(None)
        while True:
            picture = connection.recv()
            try:
                answer: Prepared | LookalikeError = prepare(picture, preprocessing, seconds)
            except LookalikeError as error:
                answer = error
            connection.send(answer)


def prepare(picture: EncodedPicture, preprocessing: Preprocessing, seconds: float) -> Prepared:
    """Return what a picture becomes. Raises LookalikeError and nothing else, so that no picture stops a run."""
    with own_failures():
        data = picture.read()
        checksum = picture.checksum if isinstance(picture, ReadPicture) else picture_checksum(data)
        with _alarm_after(seconds):
            return Prepared.of_bytes(data, checksum, lambda decoded: preprocessing.prepare(decoded, None))


@contextmanager
def own_failures() -> Iterator[None]:
    """Let nothing but LookalikeError come of a picture: anything else becomes PictureFailed."""
    try:
        yield
    except LookalikeError:
        raise
    except Exception as error:
        raise PictureFailed(
            f"The picture could not be prepared ({type(error).__name__}: {error}). Save it again, or leave it out."
        ) from error


@contextmanager
def _alarm_after(seconds: float) -> Iterator[None]:
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _end_with_parent() -> None:
    """Let this process end when the one that started it does, however that ends: nobody else would end it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
