"""`lookalike export-similar`."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.composition import open_engine
from commands.options import NEIGHBOUR_OPTIONS, catalogue_option, model_option, query_options
from commands.terminal import print_notes, progress_bar

if TYPE_CHECKING:
    from search_api.query import Query


@click.command("export-similar", epilog="Example: lookalike export-similar -k 20 --out similar.parquet")
@query_options(NEIGHBOUR_OPTIONS)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The table to write; its name ends in .parquet, .csv or .jsonl.",
)
@catalogue_option
@model_option
def export_similar(query: "Query", out: Path, catalogue: Path, model: Path | None) -> None:
    """Write for each item the items most like it into a table: id, rank, similar_id, score.

    Every two items are compared, so it has what `lookalike similar` finds for each, or better where that searches a
    large catalogue through its graph; never the item itself. What --where names restricts what is found; every item of
    the catalogue has its rows. A file of that name is replaced when the new one is whole.
    """
    from indexer.exports.neighbour_files import require_format, write_neighbours

    require_format(out)
    with closing(open_engine(catalogue, model)) as engine, progress_bar("item") as progress:
        print_notes(engine.filter_notes(query.where))
        neighbourhoods = engine.neighbours(query)
        rows = write_neighbours(neighbourhoods, out, progress)
    click.echo(f"{out}: {rows} rows, for {len(neighbourhoods)} items.")
