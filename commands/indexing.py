"""`lookalike index`: open the source, run the pipeline, report failures, sum up."""

import sys
from collections.abc import Sized
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.options import catalogue_option, data_dir_option, hosts_option, model_option
from commands.source_options import source_options
from commands.terminal import ProgressBar, progress_bar

if TYPE_CHECKING:
    from indexer.pipeline.failures import FailureReport
    from indexer.pipeline.run_report import IndexReport
    from indexer.sources.items import Failure
    from indexer.sources.named_sources import NamedSource
    from indexer.sources.source_options import SourceOptions
    from indexer.sources.web.access import WebAccess
    from models.embedder import Embedder

SOME_FAILED = 3
"""The exit code of a run in which some items failed."""

NOT_PRUNED = 1
"""The exit code of a run that pruned nothing, as too much was missing."""

SAMPLE_INSTEAD = 4
"""The exit code of a run that indexed the sample because Fashion-MNIST could not be had."""

_SAMPLE_SHOP = "here is the sample shop instead, drawn by Lookalike's own code"


@click.command("index", epilog="Example: lookalike index products.csv --catalogue catalogues/shop --prune")
@click.argument("source")
@data_dir_option
@catalogue_option
@model_option
@click.option("--prune", is_flag=True, help="Delete the items that SOURCE does not have.")
@click.option(
    "--yes",
    "prune_surely",
    is_flag=True,
    help="With --prune, delete also where more than a tenth of the items is missing, or all of a sub-folder.",
)
@source_options
@click.option("--dry-run", is_flag=True, help="Say how a table is read and what would be done, and change nothing.")
@click.option("--strict", is_flag=True, help="Stop at the first item that fails, with exit code 1.")
@hosts_option
@click.option(
    "--or-sample",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where Fashion-MNIST can't be had, index the sample into DIR instead; then the exit code is 4.",
)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Where to write what failed.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that decode pictures (default: one a core).")
@click.pass_context
def index_command(ctx: click.Context, /, **choices: Any) -> None:
    """Bring a catalogue up to date with SOURCE.

    SOURCE is fashion-mnist (its 10,000 test images); sample (260 drawn products); a folder of pictures; a table, CSV,
    TSV, JSON, JSON Lines, Parquet or XLSX, with the columns id and image (a path beside the table, or a web address
    on a host that --allow-host names), every other column being an attribute; or - for JSON Lines on standard input.

    What is there already and unchanged is passed over, so a stopped run goes on where it was when the command is
    given again. A picture that fails stops nothing: it goes into a report of this run, to which
    CATALOGUE/failures.jsonl links, and the exit code is 3.
    """
    chosen = ctx.get_parameter_source("catalogue")
    if choices["source"] != "fashion-mnist" and chosen is click.core.ParameterSource.DEFAULT:
        raise click.UsageError("Say with --catalogue where the items of this source go.")
    if choices["source"] != "fashion-mnist" and choices["or_sample"] is not None:
        raise click.UsageError("--or-sample goes with fashion-mnist alone: other sources are there, or are mistaken.")
    ctx.exit(index(**choices))


def index(
    source: str,
    catalogue: Path,
    data_dir: Path | None,
    model: Path | None,
    web: "WebAccess",
    or_sample: Path | None,
    report: Path | None,
    workers: int | None,
    dry_run: bool,
    options: "SourceOptions | None" = None,
    **choices: bool,
) -> int:
    """Index a source as `lookalike index` was asked to, and return the exit code.

    `choices` are `strict`, `prune` and `prune_surely`. Nothing is made before source and model are known to be sound.
    """
    from indexer.sources.source_options import AS_IT_IS

    if (
        model is None
        and report is None
        and not dry_run
        and _is_known(source, catalogue, options or AS_IT_IS, choices["prune"])
    ):
        return 0
    import models
    from indexer.directory import bundle_for
    from indexer.sources.named_sources import open_source
    from indexer.sources.tables import Table
    from models.datasets.download import NotWritable
    from models.errors import DatasetMissing

    try:
        with progress_bar("B") as progress:
            items = open_source(
                source, data_dir, progress, getattr(sys.stdin, "buffer", None), web, options or AS_IT_IS
            )
    except (DatasetMissing, NotWritable):
        if or_sample is None:
            raise
        kept = _items_in(catalogue)
        _tell_that_it_is_missing(data_dir, f"{catalogue} stays as it is, with {kept} items" if kept else _SAMPLE_SHOP)
        if kept:
            return 0
        failed = index("sample", or_sample, None, model, web, None, report, workers, dry_run, None, **choices)
        return failed or SAMPLE_INSTEAD
    for note in () if dry_run and isinstance(items, Table) else items.notes:
        click.echo(note, err=True)
    embedder = models.load(bundle_for(catalogue, model, source))
    if source != "fashion-mnist" and model is None and embedder.card.name == models.PRETRAINED.name:
        click.echo(
            f"{catalogue} was made with the model for Fashion-MNIST, which sees no colour. To see it: "
            f"lookalike reindex --catalogue {catalogue} --model {models.PHOTOGRAPHS}",
            err=True,
        )
    if dry_run:
        return _foretell(items, embedder, catalogue, report, choices)
    return _bring_up_to_date(items, embedder, catalogue, report, workers, choices)


def _is_known(source: str, directory: Path, options: "SourceOptions", prune: bool) -> bool:
    """Tell whether nothing has changed since the last run over a table, and say so."""
    from indexer.pipeline.last_run import unchanged

    known = unchanged(directory, source, options.told, prune)
    if known is not None:
        click.echo(f"{directory}: nothing to do: {_summed_up(known[0])}, {known[1]} items.")
    return known is not None


def _bring_up_to_date(
    items: "NamedSource",
    embedder: "Embedder",
    directory: Path,
    report_file: Path | None,
    workers: int | None,
    choices: dict[str, bool],
) -> int:
    from indexer.directory import index_into

    with progress_bar("item") as progress, progress_bar("vector") as joining:
        indexed = index_into(
            directory,
            items,
            embedder,
            progress,
            lambda failure: progress.count_failure(),
            report=report_file,
            workers=workers,
            publishing=joining,
            **choices,
        )
    report = indexed.report
    is_done = not (report.added or report.updated or report.failed or report.pruned or report.prune_doubt)
    click.echo(
        f"{directory}: {'nothing to do: ' if is_done else ''}{_summed_up(report)}, {indexed.items} items."
        f"{_where(indexed.failures)}"
    )
    return _exit_code(report)


def _foretell(
    items: "NamedSource", embedder: "Embedder", directory: Path, report_file: Path | None, choices: dict[str, bool]
) -> int:
    from indexer.catalogue.local import LocalCatalogue
    from indexer.errors import CatalogueMissing
    from indexer.pipeline import indexing
    from indexer.pipeline.failures import FailureReport
    from indexer.sources.tables import Table

    with ExitStack() as stack:
        try:
            catalogue = stack.enter_context(LocalCatalogue.open(directory, embedder.card.fingerprint))
        except CatalogueMissing:
            catalogue = None
        failures = stack.enter_context(FailureReport(report_file)) if report_file else None
        progress = stack.enter_context(progress_bar("item"))
        progress(0, _rows(items))
        report = indexing.preview(items, catalogue, progress, _telling(progress, failures), **choices)
    for line in items.columns_told if isinstance(items, Table) else ():
        click.echo(line, err=True)
    where = _where(failures.path if failures is not None and failures.count else None)
    click.echo(f"{directory}: a dry run, nothing was changed: {_summed_up(report)}.{where}")
    return _exit_code(report)


def _exit_code(report: "IndexReport") -> int:
    return NOT_PRUNED if report.prune_doubt else SOME_FAILED if report.failed else 0


def _items_in(catalogue: Path) -> int:
    from indexer.catalogue.item_list import Items
    from indexer.errors import CatalogueMissing

    with suppress(CatalogueMissing), Items(catalogue) as kept:
        return kept.count()
    return 0


def _tell_that_it_is_missing(data_dir: Path | None, instead: str) -> None:
    """Say that Fashion-MNIST can't be had, and what there is instead.

    Raises DatasetDamaged where some of it is there and damaged: that is to be mended, not passed over.
    """
    from models.datasets import fashion_mnist

    folder = fashion_mnist.data_directory(data_dir)
    there = [name for name in fashion_mnist.SPLIT_FILES["test"] if (folder / name).exists()]
    fashion_mnist.locate(folder, names=there)
    click.echo(
        f"Fashion-MNIST is not in {folder} and could not be downloaded, so {instead}; for Fashion-MNIST, run this "
        f"again with a network, or set {fashion_mnist.DATA_DIR_VARIABLE} to the folder that holds its files.",
        err=True,
    )


def _rows(items: "NamedSource") -> int:
    return len(items) if isinstance(items, Sized) else 0


def _telling(progress: ProgressBar, failures: "FailureReport | None") -> Any:
    def tell(failure: "Failure") -> None:
        if failures is not None:
            failures.add(failure)
        progress.count_failure()

    return tell


def _summed_up(report: "IndexReport") -> str:
    if report.prune_held_back:
        click.echo("Nothing was pruned: the source could not be read wholly. See the failures.", err=True)
    if report.prune_doubt:
        click.echo(report.prune_doubt, err=True)
    pruned = f", {report.pruned} pruned" if report.pruned else ""
    return (
        f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged, {report.failed} failed{pruned}"
    )


def _where(failures: Path | None) -> str:
    return f" What failed, and what to do: {failures}" if failures is not None else ""
