"""Checksums of a database's pages at rest, which notice a flipped bit even where nothing is kept.

Items are proven by checksums of their own, whatever wrote them and when. These cover all else, from the end of one
indexing run to the next write, and tell what a page was in which one bit is flipped.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from indexer.database.locations import DATABASE_FILE, PAGES_FILE
from indexer.database.storage_errors import storage_errors
from indexer.database.store import Store
from indexer.database.wal import LOG_SUFFIX
from indexer.upkeep.bit_repair import unflipped
from indexer.vectors.snapshot import revision_of
from models.files import written_whole

_PAGE = 4096
_SIZE = 8  # of a page's checksum: it is held against chance alone
_MOST_REPAIRED = 16  # pages: where more differ, they were written to
_HEAD = 8  # of the file: the revision; at its end is a checksum of all before it


@dataclass(frozen=True, slots=True)
class NotedPages:
    """The revision at which pages were noted; and the checksums then of those that differ now, by number, from 1."""

    revision: int
    differing: Mapping[int, bytes]


class PagesFileDamaged(Exception):
    """The file of checksums is not as it was written. Verification reports it as derived."""


def note_pages(root: Path) -> None:
    """Write down what a catalogue's pages are, unless that has been done since the last write, or another has it open.

    No connection of this process may have the catalogue open. Raises what `LocalCatalogue.open` does.
    """
    with closing(Store(root)) as store:
        directory = store.directory
        store.check()
        with store.read() as connection:
            revision = revision_of(connection)
    log, file = directory / (DATABASE_FILE + LOG_SUFFIX), directory / PAGES_FILE
    with storage_errors(directory):
        if log.exists() or (file.exists() and int.from_bytes(file.read_bytes()[:_HEAD], "little") == revision):
            return
        content = revision.to_bytes(_HEAD, "little") + _checksums(directory / DATABASE_FILE)
        with written_whole(file, file.with_name(f"{PAGES_FILE}.tmp")) as draft:
            draft.write_bytes(content + _checksum(content))


def noted_pages(directory: Path) -> NotedPages | None:
    """Return what was noted of a database, and which of its pages differ from that; None when nothing was.

    No connection of this process may have the catalogue open. Raises PagesFileDamaged.
    """
    try:
        noted = (directory / PAGES_FILE).read_bytes()
    except FileNotFoundError:
        return None
    content, digest = noted[:-_SIZE], noted[-_SIZE:]
    if _checksum(content) != digest or len(content) < _HEAD:
        raise PagesFileDamaged
    then, now = content[_HEAD:], _checksums(directory / DATABASE_FILE)
    places = range(0, max(len(then), len(now)), _SIZE)
    differing = {
        1 + place // _SIZE: then[place : place + _SIZE]
        for place in places
        if then[place : place + _SIZE] != now[place : place + _SIZE]
    }
    return NotedPages(int.from_bytes(content[:_HEAD], "little"), differing)


def repaired_pages(directory: Path, noted: NotedPages) -> list[tuple[int, bytes]]:
    """Return the pages that differ, by their numbers, as they were, when a flipped bit each is all that differs.

    With them the whole database is what was noted, bit for bit. None are returned when that can't be had.
    """
    if len(noted.differing) > _MOST_REPAIRED:
        return []
    repaired = []
    with (directory / DATABASE_FILE).open("rb") as file:
        for number, digest in noted.differing.items():
            file.seek((number - 1) * _PAGE)
            page = unflipped(blake2b(digest_size=_SIZE), file.read(_PAGE), b"", digest)
            if page is None:
                return []
            repaired.append((number, page))
    return repaired


def _checksums(database: Path) -> bytes:
    with database.open("rb") as file:
        return b"".join(map(_checksum, iter(lambda: file.read(_PAGE), b"")))


def _checksum(content: bytes) -> bytes:
    return blake2b(content, digest_size=_SIZE).digest()
