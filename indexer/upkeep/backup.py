"""Backups: a catalogue's database in one file, as it was at one moment, whoever wrote to it meanwhile."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

import apsw

from indexer.catalogue.local import LocalCatalogue
from indexer.database.connections import alone, any_log_problem
from indexer.database.locations import CURRENT, DATABASE_FILE, PAGES_FILE, located, places
from indexer.database.row_checksums import row_checksum
from indexer.database.storage_errors import storage_errors, why
from indexer.database.store import APPLICATION_ID, FORMAT, Store
from indexer.database.upgrade import upgrade
from indexer.errors import BackupUnusable, CatalogueExists
from indexer.upkeep.page_checksums import note_pages
from indexer.upkeep.scratch import scratch, sweep_scratch
from indexer.upkeep.swap import discard, switch
from indexer.upkeep.verification import check_database
from models.files import sync, unnamed
from models.progress import Progress

_PAGES_AT_ONCE = 1024
_ENDING = ".lookalike"


def back_up(directory: Path | str, to: Path | str, progress: Progress | None = None) -> int:
    """Write a catalogue's items as they are at this moment into one new file; return how many there are.

    Others may read and write meanwhile: what they commit after the beginning is not in it. The file is verified, row
    by row, and durable before it gets its name, which is never another's; an interrupted backup leaves nothing under
    that. `progress` counts pages, then rows. Index files are not in it: `restore` builds them.

    Raises BackupUnusable when the file is there already or can't be written, or the catalogue is damaged;
    CatalogueMissing, CatalogueDamaged and the like as `LocalCatalogue.open` does.
    """
    return _backed_up(Path(directory), lambda: iter([Path(to)]), progress)[1]


def back_up_into(directory: Path | str, folder: Path | str, progress: Progress | None = None) -> tuple[Path, int]:
    """Write a backup into a folder, as a file named after the catalogue and the time.

    Return the file, whose name was nobody's before, and how many items there are. Raises what `back_up` does.
    """
    began = f"{Path(directory).resolve().name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"

    def names() -> Iterator[Path]:
        yield Path(folder) / f"{began}{_ENDING}"
        yield from (Path(folder) / f"{began}-{number}{_ENDING}" for number in count(2))

    return _backed_up(Path(directory), names, progress)


def _backed_up(directory: Path, names: Callable[[], Iterator[Path]], progress: Progress | None) -> tuple[Path, int]:
    """Write a backup under the first name that is free when it is whole; return that, and how many items there are."""
    to = _free(names(), lambda name: not name.exists())
    with storage_errors(directory):
        if problem := any_log_problem(located(directory) / DATABASE_FILE):
            raise BackupUnusable(f"The log of {directory} is damaged: {problem}. Repair it: lookalike verify --repair")
    with closing(Store(directory)) as store:
        store.check()
        with _told(to), unnamed(to) as draft:
            with store.read() as source, _told(to):
                _copy(source, draft.path, progress)
            items = _verified(draft.path, f"{directory} is damaged", "Repair it: lookalike verify --repair", progress)
            return _free(names(), draft.take_name), items


def _free(names: Iterator[Path], is_free: Callable[[Path], bool]) -> Path:
    """Return the first name that is free; raise BackupUnusable where none is."""
    for name in names:
        if is_free(name):
            return name
    raise BackupUnusable(f"{name} is there already. Name another file, or delete it first.")


def restore(backup: Path | str, directory: Path | str, force: bool = False, progress: Progress | None = None) -> int:
    """Make a directory the catalogue that was backed up; return how many items it has.

    The backup is copied and the copy verified, row by row, before it takes its place in one step; then the index is
    built. A catalogue that is there already is replaced only by `force`; and with it go those that reindexing has left
    beside it, finished or not. `progress` counts rows.

    Raises BackupUnusable when the backup can't be read or is damaged, CatalogueExists, CatalogueInUse while another
    process has a catalogue open that is to be replaced, CatalogueNotWritable.
    """
    backup, directory = Path(backup), Path(directory)
    is_taken = (directory / CURRENT).exists() or any((place / DATABASE_FILE).exists() for place in places(directory))
    if is_taken and not force:
        raise CatalogueExists(
            f"There is a catalogue in {directory} already. Restore into another directory, or replace it with --force."
        )
    if not backup.is_file():
        raise BackupUnusable(f"There is no backup {backup}. Name the file that `lookalike backup` wrote.")
    with storage_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        sweep_scratch(directory)
        with scratch(directory, "restored") as place:
            new = place / DATABASE_FILE
            shutil.copyfile(backup, new)
            _bring_up_to_date(new)
            _verified(new, f"{backup} is damaged, or no backup", "Use another backup", progress)
            with closing(apsw.Connection(str(new))) as connection:
                connection.execute("PRAGMA journal_mode = WAL").fetchall()
            with closing(Store(directory, directory=place)) as copied:
                copied.renumber()
            _put_in_place(new, directory)
        sync(directory.parent)
    with LocalCatalogue.open(directory) as catalogue:
        catalogue.publish()
        items = len(catalogue)
    note_pages(directory)
    return items


def _bring_up_to_date(copy: Path) -> None:
    """Bring the copy of a backup that an earlier version wrote to the present format; others stay as they are."""
    with suppress(apsw.Error), closing(apsw.Connection(str(copy))) as connection:
        is_ours = connection.pragma("application_id") == APPLICATION_ID
        if is_ours and connection.pragma("user_version") < FORMAT:
            connection.create_scalar_function("digest", lambda *values: row_checksum(values), deterministic=True)
            with connection:
                upgrade(connection, FORMAT)


def _put_in_place(new: Path, root: Path) -> None:
    """Let a database be the catalogue in a directory, and the only one. Until the end the one that was there is."""
    others = [place for place in places(root) if place != root]
    with ExitStack() as held:
        for place in others:
            held.enter_context(alone(place / DATABASE_FILE))
        (root / PAGES_FILE).unlink(missing_ok=True)
        switch(new, root)
        (root / CURRENT).unlink(missing_ok=True)
        sync(root)
        for place in others:
            discard(root, place)


def _copy(source: apsw.Connection, to: Path, progress: Progress | None) -> None:
    """Copy what a read transaction sees; as it stays open, others' commits don't make it begin again."""
    source.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    with closing(apsw.Connection(str(to))) as target:
        with target.backup("main", source, "main") as copying:
            while not copying.done:
                copying.step(_PAGES_AT_ONCE)
                if progress is not None:
                    progress(copying.page_count - copying.remaining, copying.page_count)
        target.execute("PRAGMA journal_mode = DELETE").fetchall()  # one file, which needs no other


def _verified(file: Path, problem: str, remedy: str, progress: Progress | None) -> int:
    """Return the number of items of a database; raise BackupUnusable unless it is a catalogue and all is sound."""
    uri = f"{file.absolute().as_uri()}?immutable=1"
    try:
        with closing(apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)) as connection:
            kind, version = connection.pragma("application_id"), connection.pragma("user_version")
            if kind != APPLICATION_ID:
                raise apsw.NotADBError("it is a database of another program")
            if version != FORMAT:
                raise BackupUnusable(f"{file} has format {version}; this version reads {FORMAT}. Upgrade lookalike.")
            verification = check_database(connection, progress)
    except apsw.Error as error:
        raise BackupUnusable(f"{problem} ({error}). {remedy}.") from error
    if verification.findings:
        first = verification.findings[0]
        named = f"{first.id}: {first.problem}" if first.id else first.problem
        raise BackupUnusable(f"{problem} in {len(verification.findings)} places, first {named}. {remedy}.")
    return verification.items


@contextmanager
def _told(to: Path) -> Iterator[None]:
    """Turn what goes wrong with the backup's own file into an error that names it."""
    try:
        yield
    except (OSError, apsw.FullError, apsw.IOError, apsw.CantOpenError) as error:
        reason, remedy = why(to.parent, error)
        raise BackupUnusable(
            f"{to} can't be written: {reason}. {remedy.capitalize()}, or choose another place."
        ) from error
