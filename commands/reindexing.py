"""`lookalike reindex`."""

from pathlib import Path

import click

from commands.options import catalogue_option, model_option
from commands.terminal import progress_bar


@click.command(epilog="Example: lookalike reindex --catalogue catalogues/shop --model my-model")
@catalogue_option
@model_option
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that decode pictures (default: one a core).")
@click.option(
    "--drop-previous", is_flag=True, help="Make nothing; delete what earlier reindexings kept or left unfinished."
)
def reindex(catalogue: Path, model: Path | None, workers: int | None, drop_previous: bool) -> None:
    """Make a catalogue anew with another model, beside the old one, and switch to it in one step.

    The pictures are those that the catalogue keeps to show: exact up to 64 pixels a side, else a JPEG of at most 512.
    What is seen of that can differ from what is seen of the original: hardly for products on white, but clearly for
    phone photographs, for which indexing the originals anew into another directory is better. Ids, attributes and
    contents are carried over, so that `lookalike index SOURCE --model DIR` finds everything unchanged.

    A stopped run goes on where it was when the command is given again. A server that runs answers from the old
    catalogue until it is started again with the new model. The old one is kept until --drop-previous.
    """
    if not drop_previous:
        _reindex(catalogue, model, workers)
    elif model is not None or workers is not None:
        raise click.UsageError("--drop-previous only deletes. Give it without --model and --workers.")
    else:
        _drop_previous(catalogue)


def _reindex(catalogue: Path, model: Path | None, workers: int | None) -> None:
    import models
    from indexer.upkeep.page_checksums import note_pages
    from indexer.upkeep.reindexing import reindex

    embedder = models.load(model)
    name = embedder.card.fingerprint[:12]
    with progress_bar("item") as progress:
        done = reindex(catalogue, embedder, progress, workers)
    note_pages(catalogue)
    if done.previous is None:
        click.echo(f"{catalogue}: nothing to do: its {done.items} items have vectors of the model {name}.")
        return
    click.echo(f"{catalogue}: {done.items} items have vectors of the model {name} now; {done.embedded} were made.")
    click.echo(
        f"The old catalogue is kept in {done.previous}. Start servers again with the new model; then delete it with: "
        f"lookalike reindex --catalogue {catalogue} --drop-previous",
        err=True,
    )


def _drop_previous(catalogue: Path) -> None:
    from indexer.upkeep.swap import drop_previous

    dropped = drop_previous(catalogue)
    what = ", ".join(map(str, dropped)) or "nothing"
    click.echo(f"{catalogue}: {what} deleted.")
