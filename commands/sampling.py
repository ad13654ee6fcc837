"""`lookalike sample`."""

from pathlib import Path

import click

from commands.terminal import progress_bar


@click.command(epilog="Example: lookalike sample --out my-photos")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder to write; it is new, or empty.",
)
def sample(out: Path) -> None:
    """Write the sample shop as files: 260 drawn product pictures, and products.csv with all that is told of them.

    For trying what your own catalogue would be: index the folder, or the table in it. To only look at the sample,
    index it by its name: lookalike index sample --catalogue catalogues/sample
    """
    from indexer.exports.sample_files import TABLE, write_sample

    with progress_bar("picture") as progress:
        count = write_sample(out, progress)
    click.echo(f"{out}: {count} pictures, and the table {TABLE}.")
