"""`lookalike export-similar`."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from commands.composition import open_engine
from commands.options import catalogue_option, look_option, model_option, where_option
from commands.searching import where_of
from commands.terminal import progress_bar
from search_api.limits import DEFAULT_NEIGHBOURS, MAX_K


@click.command("export-similar", epilog="Example: lookalike export-similar -k 20 --out similar.parquet")
@click.option(
    "-k", type=click.IntRange(1, MAX_K), default=DEFAULT_NEIGHBOURS, show_default=True, help="How many for each item."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The table to write; its name ends in .parquet, .csv or .jsonl.",
)
@where_option
@look_option
@catalogue_option
@model_option
def export_similar(
    k: int, out: Path, conditions: Sequence[str], look: float | None, catalogue: Path, model: Path | None
) -> None:
    """Write for each item the items most like it into a table: id, rank, similar_id, score.

    Every two items are compared, so it has what `lookalike similar` finds for each, or better where that searches a
    large catalogue through its graph; never the item itself. What --where names restricts what is found; every item of
    the catalogue has its rows. A file of that name is replaced when the new one is whole.
    """
    from indexer.exports.neighbour_files import require_format, write_neighbours
    from search_api.query import Query

    require_format(out)
    with closing(open_engine(catalogue, model)) as engine, progress_bar("item") as progress:
        neighbourhoods = engine.neighbours(Query(k, where_of(conditions), look))
        rows = write_neighbours(neighbourhoods, out, progress)
    click.echo(f"{out}: {rows} rows, for {len(neighbourhoods)} items.")
