"""Verifying a catalogue: every file, every row and every vector against what was written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import apsw
import numpy as np

from indexer.columns import column_files
from indexer.database import commit_note, rows, wal
from indexer.database.locations import CURRENT, DATABASE_FILE, PAGES_FILE, beside, traced
from indexer.database.storage_errors import missing, storage_errors
from indexer.database.store import Store
from indexer.errors import CatalogueDamaged, CatalogueMissing, CatalogueTooNew, CommitsLost
from indexer.records import Record
from indexer.upkeep import metadata_checks
from indexer.upkeep.findings import LOG_FILE, Finding, Verification
from indexer.upkeep.metadata_checks import AskIdentity, Identity
from indexer.upkeep.page_checksums import NotedPages, PagesFileDamaged, noted_pages, repaired_pages
from indexer.upkeep.readable_copy import has_our_schema, readable_copy
from indexer.upkeep.row_checks import UNREADABLE, checked_rows
from indexer.upkeep.scratch import sweep_scratch
from indexer.vectors import index_file
from indexer.vectors.faiss_index import Index
from indexer.vectors.index_file import MOST_PUBLISHED_MEANWHILE, IndexFileDamaged, Pointer
from indexer.vectors.snapshot import revision_of
from models.progress import Progress

Keep: TypeAlias = Callable[[Record], None]
"""Called with each item that is proven to be as it was written, in the order of their rows."""

_UNKNOWN = Identity("", 1, ())
_PROBLEMS_TOLD = 3
_NOT_LOOKED_AT = "not looked at"


def verify(
    directory: Path | str,
    ask: AskIdentity | None = None,
    progress: Progress | None = None,
    keep: Keep | None = None,
) -> Verification:
    """Compare all that a catalogue's directory holds with what was written, and change nothing.

    Rows are compared with the digests that they carry, vectors also with the index file, which has its SHA-256; of
    pictures, which their digests prove, the heads are read; the log is checked frame by frame, and missed where it is
    gone; pages are checked by SQLite itself, and by their digests when nothing
    was written since these were noted: else a bit that is flipped where nothing is kept (the unused rest of a page, a
    free page) is not noticed, as nothing ever reads it. What a single flipped bit was is found by trying each.
    Catalogues beside the current one, unfinished or earlier ones, are not looked at; what killed runs left is removed.

    `ask` gives the model that the catalogue should be of, should its own record of that be damaged. `progress` counts
    rows. No connection of this process may have the catalogue open; other processes may, and may write.

    Raises CatalogueMissing, CatalogueTooNew, CatalogueBusy or CatalogueNotWritable, as `LocalCatalogue.open` does.
    """
    root = Path(directory)
    sweep_scratch(root)
    with storage_errors(root):
        trace = traced(root)
    of_pointer = [] if trace.problem is None else [Finding(CURRENT, trace.problem, trace.place is not None)]
    if trace.place is None:
        inside = Verification(root, None, 0, ())
    else:
        sweep_scratch(trace.place)
        inside = _verified(trace.place, ask, progress, keep)
    return _of_root(root, trace.place, inside, of_pointer)


def check_database(connection: apsw.Connection, progress: Progress | None = None) -> Verification:
    """Verify a database alone, which has no index file beside it yet."""
    found: list[Finding] = []
    _check_structure(connection, found)
    identity, is_recorded = metadata_checks.identity_of(connection, None)
    if not is_recorded:
        _note(found, "what it says of itself is damaged", is_derived=False)
    items = _rows(connection, identity or _UNKNOWN, None, found, progress, None)[0]
    return Verification(Path(connection.filename), identity, items, tuple(found))


def _of_root(root: Path, place: Path | None, inside: Verification, of_pointer: Sequence[Finding]) -> Verification:
    """Return what was found in the place where a catalogue is as what was found in its directory."""
    path = "" if place in {root, None} else f"{inside.directory.name}/"
    found = (*of_pointer, *(replace(finding, file=path + finding.file) for finding in inside.findings))
    files = dict.fromkeys((entry.name for entry in root.iterdir() if entry != place), _NOT_LOOKED_AT)
    files.update({path + name: state for name, state in inside.files.items()})
    if of_pointer or CURRENT in files:
        files[CURRENT] = "damaged" if of_pointer else "sound"
    others = () if place is None else tuple(beside(root, place))
    return Verification(root, inside.identity, inside.items, found, dict(sorted(files.items())), others)


def _verified(directory: Path, ask: AskIdentity | None, progress: Progress | None, keep: Keep | None) -> Verification:
    """Verify the files in the place where they are; name them as they are named there."""
    found: list[Finding] = []
    noted = _noted_pages(directory, found)
    with _read(directory, noted, found) as connection:
        identity, is_recorded = metadata_checks.identity_of(connection, ask)
        if not is_recorded:
            _note(
                found, "what it says of itself (its model, its classes, its counters) is damaged", identity is not None
            )
        items = _examined(directory, connection, identity or _UNKNOWN, found, progress, keep)
        is_explained = any(finding.file == DATABASE_FILE for finding in found)
        if noted is not None and noted.differing and not is_explained and noted.revision == revision_of(connection):
            _note(found, f"bits are flipped in the unused parts of {len(noted.differing)} of its pages")
        pointer = metadata_checks.sound_pointer(connection)
    checked = {DATABASE_FILE, LOG_FILE, PAGES_FILE, *_of_generation(directory, pointer)}
    return Verification(directory, identity, items, tuple(found), _states(directory, checked, found))


def _of_generation(directory: Path, pointer: Pointer | None) -> list[str]:
    return [] if pointer is None else [pointer.file, pointer.generation.path(directory).name]


def _states(directory: Path, checked: set[str], found: Sequence[Finding]) -> dict[str, str]:
    damaged = {finding.file for finding in found}
    present = {path.name for path in directory.iterdir()} | damaged
    return {
        name: "damaged" if name in damaged else "sound" if name in checked else _NOT_LOOKED_AT
        for name in sorted(present)
    }


def _noted_pages(directory: Path, found: list[Finding]) -> NotedPages | None:
    with storage_errors(directory):
        try:
            return noted_pages(directory) if (directory / DATABASE_FILE).is_file() else None
        except PagesFileDamaged:
            found.append(Finding(PAGES_FILE, "damaged", is_derived=True))
            return None


def _note(found: list[Finding], problem: str, is_derived: bool = True, id_: str | None = None) -> None:
    found.append(Finding(DATABASE_FILE, problem, is_derived, id_))


@contextmanager
def _read(directory: Path, noted: NotedPages | None, found: list[Finding]) -> Iterator[apsw.Connection]:
    """Give a connection that sees one state of the database: to itself, or where it is damaged to a readable copy."""
    if not (directory / DATABASE_FILE).is_file():
        raise missing(directory)
    with storage_errors(directory):
        log = wal.inspect(directory / DATABASE_FILE)
        repaired = repaired_pages(directory, noted) if noted is not None and not log.content else []
    if repaired:
        _note(found, f"a bit is flipped in {_pages(number for number, _ in repaired)}")
    elif log.problem is None:
        with closing(Store(directory, directory=directory)) as store:
            if _opens(store, bool(log.frames), found):
                with store.read() as connection:
                    _check_structure(connection, found)
                    yield connection
                return
    with readable_copy(directory, repaired or log.pages()) as connection:
        if log.problem is not None:
            found.append(_of_log(directory, connection, log))
        yield connection


def _of_log(directory: Path, connection: apsw.Connection, log: wal.Log) -> Finding:
    """Return what is wrong with a log, and what is lost by it: what is in the copy was to be had."""
    if not log.missing:
        return Finding(LOG_FILE, str(log.problem), is_derived=True)
    try:
        lost = commit_note.lost(commit_note.noted(directory / DATABASE_FILE), connection)
    except (*UNREADABLE, TypeError, ValueError):
        lost = None
    told = str(log.problem) if lost is None else f"{log.problem}: {lost}"
    return Finding(LOG_FILE, told, is_derived=False, items=None if lost is None else lost.items)


def _pages(numbers: Iterable[int]) -> str:
    told = [str(number) for number in numbers]
    return f"page {told[0]}" if len(told) == 1 else f"each of the pages {', '.join(told)}"


def _opens(store: Store, has_log: bool, found: list[Finding]) -> bool:
    """Tell whether SQLite opens a database; note why it doesn't when it is a catalogue's."""
    try:
        store.check()
    except CommitsLost as error:
        found.append(Finding(LOG_FILE, str(error), is_derived=False, items=error.items))
        return False
    except CatalogueDamaged as error:
        _note(found, str(error.__cause__ or error))
        return False
    except CatalogueMissing:
        if not has_log and not any(store.directory.glob("generation-*")):
            raise
        _note(found, "it is empty")
        return False
    except CatalogueTooNew:
        with store.read() as connection:  # or its format is a flipped bit, as its own record of itself fits
            if not metadata_checks.identity_of(connection, None)[1]:
                raise
        _note(found, "the number of its format is damaged")
        return False
    return True


def _check_structure(connection: apsw.Connection, found: list[Finding]) -> None:
    try:
        problems = [str(problem) for (problem,) in connection.execute("PRAGMA integrity_check")]
        if not has_our_schema(connection):
            problems.append("its tables are not those of a catalogue")
    except UNREADABLE as error:
        problems = [str(error)]
    if problems != ["ok"]:
        told = "; ".join(problem for problem in problems[:_PROBLEMS_TOLD] if problem != "ok")
        _note(found, f"its pages are damaged ({told})")


def _examined(
    directory: Path,
    connection: apsw.Connection,
    identity: Identity,
    found: list[Finding],
    progress: Progress | None,
    keep: Keep | None,
) -> int:
    """Check rows and vectors, with the index file and against it; return how many items are as they were."""
    pointer, index = _index(directory, connection, identity.dim, found)
    items, present, is_index_right = _rows(connection, identity, index, found, progress, keep)
    removed = None if pointer is None else metadata_checks.removed_since(connection, pointer)
    if pointer is not None and index is not None and removed is not None:
        alive = np.setdiff1d(index.rows, removed)
        for row in np.setdiff1d(alive, present).tolist():
            _note(found, "it is in the index file and nowhere else: nothing names it any more", False, f"row {row}")
        if len(np.setdiff1d(present[present <= pointer.last_row], alive)):
            found.append(Finding(pointer.file, "it lacks items that it should hold", is_derived=True))
        if not is_index_right:
            found.append(Finding(pointer.file, "its vectors are not those of the items", is_derived=True))
    return items


def _index(
    directory: Path, connection: apsw.Connection, dim: int, found: list[Finding]
) -> tuple[Pointer | None, Index | None]:
    """Return what is said of the published index file, and what is in it where it is sound.

    Where another process has published one in its place meanwhile, a new transaction sees that, and all that is checked
    is of the state that it sees.
    """
    for tries in range(MOST_PUBLISHED_MEANWHILE, -1, -1):
        pointer = metadata_checks.sound_pointer(connection)
        if pointer is None:
            break
        try:
            index = index_file.load(directory, pointer, dim)
            if not column_files.is_sound(directory, pointer.generation):
                found.append(Finding(pointer.generation.path(directory).name, "damaged", is_derived=True))
            return pointer, index
        except IndexFileDamaged as error:
            if tries and connection.in_transaction and index_file.has_been_replaced(connection, pointer):
                continue
            found.append(Finding(pointer.file, str(error), is_derived=True))
            return pointer, None
    return None, None


def _rows(
    connection: apsw.Connection,
    identity: Identity,
    index: Index | None,
    found: list[Finding],
    progress: Progress | None,
    keep: Keep | None,
) -> tuple[int, rows.Rows, bool]:
    """Check every row.

    Return how many items are as they were written, or can be; the rows that there are; and whether the vectors of the
    index are those of the items.
    """
    items = 0
    names: set[str] = set()
    present: list[int] = []
    is_index_right = True
    count, kept = checked_rows(connection, identity.dim, identity.classes, index, with_records=keep is not None)
    if progress is not None:
        progress(0, count)
    for done, item in enumerate(kept, 1):
        present.append(item.row)
        if item.problem is not None:
            _note(found, item.problem, item.is_proven, item.id or f"row {item.row}")
        if item.is_proven:
            items += 1
            names.update(item.attributes)
            is_index_right &= item.is_indexed_rightly
        if item.record is not None and keep is not None:
            keep(item.record)
        if progress is not None:
            progress(done, count)
    for problem in metadata_checks.problems(connection, frozenset(names)):
        _note(found, problem)
    return items, np.array(present, np.int64), is_index_right
