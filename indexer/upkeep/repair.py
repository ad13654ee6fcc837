"""Repairing a catalogue: what is sound or can be derived is kept, what is neither is named and left out."""

from collections.abc import Callable
from pathlib import Path

from indexer.catalogue.local import LocalCatalogue
from indexer.database.locations import DATABASE_FILE, KEPT_FILE, PAGES_FILE, damaged_pointer, located, traced
from indexer.database.storage_errors import storage_errors
from indexer.errors import CatalogueInUse, NotRepairable
from indexer.records import Record
from indexer.upkeep.findings import Verification
from indexer.upkeep.metadata_checks import AskIdentity
from indexer.upkeep.page_checksums import note_pages
from indexer.upkeep.row_checks import ROWS_AT_ONCE
from indexer.upkeep.scratch import scratch
from indexer.upkeep.swap import only_one, point_at, switch
from indexer.upkeep.verification import verify
from models.progress import Progress


def repair(
    directory: Path | str, ask: AskIdentity | None = None, progress: Progress | None = None
) -> tuple[Verification, Verification]:
    """Make a damaged catalogue sound; return what was found, and what a second verification finds.

    Damaged index files are built again. A damaged database is written anew from all items that are proven to be as
    they were, their vectors from the index file where need be; it takes the place of the damaged one in one step, and
    that is kept as KEPT_FILE. Items that can't be proven are left out, so that indexing their source adds them again.
    Of a catalogue that was reindexed, that which is in use is repaired, and the file that says which that is.

    Arguments and what is raised are as of `verify`; and NotRepairable when nothing tells which model the catalogue is
    of, or where it is; CatalogueInUse while another process has a damaged database open, CatalogueBusy while one is
    reindexing and the file that says where the catalogue is must be mended.
    """
    root = Path(directory)
    before = verify(root, ask, progress)
    if before.is_sound:
        return before, before
    found = before
    if not before.has_sound_pointer:
        _point_again(root)
        found = verify(root, ask, progress)
    if not found.has_sound_database:
        _write_anew(root, found, ask, progress)
    elif not found.is_sound:
        place = located(root)
        for file in (*place.glob("generation-*"), place / PAGES_FILE):
            if file.is_file():
                file.unlink()
        with LocalCatalogue.open(root) as catalogue:  # which builds what it doesn't find
            catalogue.publish()
    note_pages(root)
    return before, verify(root, ask)


def _point_again(root: Path) -> None:
    with only_one(root), storage_errors(root):
        trace = traced(root)
        if trace.place is None:
            raise NotRepairable(str(damaged_pointer(root, trace.problem or "it has changed")))
        point_at(root, trace.place)


def _write_anew(root: Path, before: Verification, ask: AskIdentity | None, progress: Progress | None) -> None:
    directory = located(root)
    if before.identity is None:
        raise NotRepairable(
            f"Nothing in {directory} tells any more which model its vectors are of. If you know, name it with --model; "
            "else restore a backup, or index again into a new directory."
        )
    identity = before.identity
    with storage_errors(directory), scratch(directory, "repaired") as place:
        with LocalCatalogue.create(place, identity.fingerprint, identity.dim, identity.classes) as catalogue:
            batch = _Batches(catalogue.upsert)
            again = verify(root, ask, progress, batch.add)
            batch.flush()
        if again.findings != before.findings or again.items != before.items:
            raise CatalogueInUse(f"{directory} was written to while it was being repaired. Run the same command again.")
        (directory / PAGES_FILE).unlink(missing_ok=True)
        switch(place / DATABASE_FILE, directory, keep_as=KEPT_FILE)
    with LocalCatalogue.open(root) as catalogue:
        catalogue.publish()


class _Batches:
    """Records on their way into a catalogue, as many at once as an indexing run commits."""

    def __init__(self, write: Callable[[list[Record]], object]) -> None:
        self._write = write
        self._records: list[Record] = []

    def add(self, record: Record) -> None:
        self._records.append(record)
        if len(self._records) == ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        self._write(self._records)
        self._records = []
