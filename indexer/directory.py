"""From a source into the catalogue of a directory, with the report of what failed beside it."""

from collections.abc import Sequence, Sized
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import models
from indexer.catalogue.local import LocalCatalogue
from indexer.database.store import Store
from indexer.pipeline import indexing
from indexer.pipeline.failures import FailureReport, ReportOfRun
from indexer.pipeline.last_run import Watched, unchanged
from indexer.pipeline.run_report import IndexReport, OnFailure
from indexer.sources.named_sources import FASHION_MNIST, open_source
from indexer.sources.source_options import AS_IT_IS, SourceOptions
from indexer.sources.tables import Table
from indexer.sources.web.access import WebAccess
from indexer.sources.web.addresses import AllowedHosts
from indexer.upkeep.page_checksums import note_pages
from models.errors import LookalikeError
from models.progress import Progress

if TYPE_CHECKING:
    from indexer.sources.items import Failure, Source
    from models.embedder import Embedder


@dataclass(frozen=True, slots=True)
class Indexed:
    """What an indexing run came to: its counts, the number of items now, and the file that tells what failed."""

    report: IndexReport
    items: int
    failures: Path | None
    """JSON Lines, an object for each failure; None when nothing failed."""


def bundle_for(catalogue: Path | str, model: Path | str | None = None, source: str | None = None) -> Path:
    """Return the directory of the bundle that is asked for, by name or place.

    Where none is, it is the shipped one that a catalogue was made with. For a new catalogue it depends on the source:
    the one for photographs, but for Fashion-MNIST its own. Else it is Fashion-MNIST's: it is for who opens the
    catalogue to say what is wrong with it. Raises BundleDamaged where a shipped bundle is not what its card says.
    """
    if model is not None:
        return models.bundle_directory(model)
    fingerprint = _fingerprint_in(Path(catalogue))
    if not fingerprint and source not in (None, FASHION_MNIST):
        return models.bundle_directory(models.PHOTOGRAPHS)
    return models.bundle_of(fingerprint) or models.bundle_directory()


def _fingerprint_in(directory: Path) -> str:
    with suppress(LookalikeError), closing(Store(directory)) as store:
        store.check()
        return store.described().fingerprint
    return ""


def index(
    source: str | Path,
    catalogue: Path | str,
    *,
    model: Path | str | None = None,
    data_dir: Path | str | None = None,
    hosts: Sequence[str] = (),
    options: SourceOptions = AS_IT_IS,
    prune: bool = False,
    prune_surely: bool = False,
    strict: bool = False,
    workers: int | None = None,
    report: Path | str | None = None,
    progress: Progress | None = None,
    on_failure: OnFailure | None = None,
) -> Indexed:
    """Bring the catalogue of a directory up to date with a source, making it where there is none.

    `source` is a folder of pictures, a table (CSV, TSV, JSON Lines, Parquet), "fashion-mnist" or "sample"; `model` a
    bundle's directory or a shipped one's name, by default what `bundle_for` says; `data_dir` where Fashion-MNIST
    lies; `hosts` those of which pictures may be fetched; `options` how folders and tables are read. What is unchanged
    is passed over, so a stopped run goes on where it was when it is called again. A picture that fails stops nothing
    unless `strict`: `report` tells of it, by default a file of this run's own in `catalogue`, to which failures.jsonl
    links, and so does `on_failure`. With `prune`, items that the source does not have are deleted; where more than a
    tenth is missing, or all of a sub-folder, only if `prune_surely`. `progress(done, total)` counts rows; `workers`
    processes decode (default: one a core), which are spawned: a script calls this below `if __name__ == "__main__"`.

    Raises UnknownSource, SourceUnreadable, DatasetMissing, InvalidHost, BundleMissing, ModelMismatch, ItemFailed,
    WorkersLost, CatalogueBusy, CatalogueNotWritable, CatalogueDamaged or ReportNotWritable, all LookalikeErrors, each
    with a sentence that says what to do.
    """
    if model is None and report is None and (known := unchanged(Path(catalogue), str(source), options.told, prune)):
        return Indexed(*known, None)
    items = open_source(str(source), data_dir, web=WebAccess(AllowedHosts(hosts)), options=options)
    return index_into(
        Path(catalogue),
        items,
        models.load(bundle_for(catalogue, model, str(source))),
        progress,
        on_failure,
        report=None if report is None else Path(report),
        prune=prune,
        prune_surely=prune_surely,
        strict=strict,
        workers=workers,
    )


def index_into(
    directory: Path,
    source: "Source",
    embedder: "Embedder",
    progress: Progress | None = None,
    on_failure: OnFailure | None = None,
    *,
    report: Path | None = None,
    prune: bool = False,
    prune_surely: bool = False,
    strict: bool = False,
    workers: int | None = None,
    publishing: Progress | None = None,
) -> Indexed:
    """Do as `index` does with a source and a model that are open; `publishing` counts vectors that join a graph."""
    card = embedder.card
    with (
        Watched(source, directory) if isinstance(source, Table) else nullcontext() as watched,
        LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue,
        ReportOfRun(directory) if report is None else FailureReport(report) as failures,
    ):

        def tell(failure: "Failure") -> None:
            failures.add(failure)
            if on_failure is not None:
                on_failure(failure)

        others = catalogue.revision_of_others()
        if progress is not None:
            progress(0, len(source) if isinstance(source, Sized) else 0)
        done = indexing.index(
            source if watched is None else watched,
            embedder,
            catalogue,
            progress,
            tell,
            strict=strict,
            prune=prune,
            prune_surely=prune_surely,
            workers=workers,
            publishing=publishing,
        )
        items = len(catalogue)
        if isinstance(source, Table) and watched is not None and not done.failed:
            with catalogue.reading() as state:
                version = state.version
            if catalogue.revision_of_others() == others:
                watched.keep(source.options.told, prune and not done.prune_doubt, version, done.generation)
    note_pages(directory)
    return Indexed(done, items, failures.path if done.failed else None)
