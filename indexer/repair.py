"""Repairing a catalogue: what is sound or can be derived is kept, what is neither is named and left out."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from indexer.bookkeeping import AskIdentity
from indexer.catalogue import Catalogue
from indexer.errors import CatalogueInUse, NotRepairable
from indexer.kept_items import ROWS_AT_ONCE
from indexer.page_digests import PAGES_FILE, note_pages
from indexer.records import Record
from indexer.store import DATABASE_FILE, explained
from indexer.switching import switch
from indexer.tally import Progress
from indexer.verification import Verification, verify

KEPT_FILE = "catalogue.damaged.sqlite"
"""The damaged database, kept beside the repaired one until somebody deletes it."""


def repair(
    directory: Path | str, ask: AskIdentity | None = None, progress: Progress | None = None
) -> tuple[Verification, Verification]:
    """Make a damaged catalogue sound; return what was found, and what a second verification finds.

    Damaged index files are built again. A damaged database is written anew from all items that are proven to be as
    they were, their vectors from the index file where need be; it takes the place of the damaged one in one step, and
    that is kept as KEPT_FILE. Items that can't be proven are left out, so that indexing their source adds them again.

    Arguments and what is raised are as of `verify`; and NotRepairable when nothing tells which model the catalogue is
    of, CatalogueInUse while another process has a damaged database open.
    """
    directory = Path(directory)
    before = verify(directory, ask, progress)
    if before.is_sound:
        return before, before
    if before.has_sound_database:
        for file in (*directory.glob("generation-*.faiss"), directory / PAGES_FILE):
            if file.is_file():
                file.unlink()
        with Catalogue.open(directory) as catalogue:  # which builds what it doesn't find
            catalogue.publish()
    else:
        _write_anew(directory, before, ask, progress)
    note_pages(directory)
    return before, verify(directory, ask)


def _write_anew(directory: Path, before: Verification, ask: AskIdentity | None, progress: Progress | None) -> None:
    if before.identity is None:
        raise NotRepairable(
            f"Nothing in {directory} tells any more which model its vectors are of. If you know, name it with --model; "
            "else restore a backup, or index again into a new directory."
        )
    identity = before.identity
    with explained(directory), tempfile.TemporaryDirectory(prefix="repaired-", dir=directory) as place:
        with Catalogue.create(place, identity.fingerprint, identity.dim, identity.classes) as catalogue:
            batch = _Batches(catalogue.upsert)
            again = verify(directory, ask, progress, batch.add)
            batch.flush()
        if again.findings != before.findings or again.items != before.items:
            raise CatalogueInUse(f"{directory} was written to while it was being repaired. Run the same command again.")
        (directory / PAGES_FILE).unlink(missing_ok=True)
        switch(Path(place) / DATABASE_FILE, directory, keep_as=KEPT_FILE)
    with Catalogue.open(directory) as catalogue:
        catalogue.publish()


class _Batches:
    """Records on their way into a catalogue, as many at once as an indexing run commits."""

    def __init__(self, write: Callable[[list[Record]], None]) -> None:
        self._write = write
        self._records: list[Record] = []

    def add(self, record: Record) -> None:
        self._records.append(record)
        if len(self._records) == ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        self._write(self._records)
        self._records = []
