"""`lookalike duplicates`."""

from contextlib import closing
from pathlib import Path

import click

from commands.composition import open_engine
from commands.options import catalogue_option, json_option, model_option
from commands.terminal import print_json, progress_bar


@click.command(epilog="Example: lookalike duplicates --catalogue catalogues/shop --json")
@catalogue_option
@model_option
@json_option
def duplicates(catalogue: Path, model: Path | None, as_json: bool) -> None:
    """List the items whose pictures are copies of each other, a group a line.

    A copy is the same photograph saved again, smaller, cropped, framed, mirrored, under a banner or in other light; the
    same product in another colour is none. Items that an earlier version indexed have no fingerprint yet and are passed
    over: index them into a new catalogue, or reindex with another model.
    """
    with closing(open_engine(catalogue, model)) as engine, progress_bar("item") as progress:
        groups, unknown = engine.duplicates(progress)
    if as_json:
        print_json([list(group) for group in groups])
    else:
        for group in groups:
            click.echo("\t".join(group))
    copies = sum(len(group) - 1 for group in groups)
    told = f", {unknown} items without a fingerprint were passed over" if unknown else ""
    click.echo(f"{catalogue}: {len(groups)} groups, {copies} copies to spare{told}.", err=True)
