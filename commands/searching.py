"""`lookalike search` and `similar`."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.composition import open_engine
from commands.options import catalogue_option, json_option, model_option, query_options
from commands.terminal import print_hits, print_json, print_notes, print_result

if TYPE_CHECKING:
    from search_api.query import Query


@click.command(epilog="Example: lookalike search photo.jpg -k 5 --where label=Dress")
@click.argument("image", type=click.File("rb"))
@click.option("--box", metavar="X,Y,W,H", help="Where the garment is, in shares of the picture: 0.1,0.2,0.5,0.6.")
@query_options()
@catalogue_option
@model_option
@json_option
def search(image: Any, box: str | None, query: "Query", catalogue: Path, model: Path | None, as_json: bool) -> None:
    """Find the items that look like the picture IMAGE (a file, or - for standard input)."""
    from models.pictures.boxes import Box
    from search_api.http.answers import search_answer

    part = None if box is None else Box.parse(box)
    with closing(open_engine(catalogue, model)) as engine:
        result = engine.search(image.read(), query, part)
    if as_json:
        print_json(search_answer(result))
    else:
        print_result(result)


@click.command(epilog="Example: lookalike similar test-00042 --json")
@click.argument("item_id", metavar="ID")
@query_options()
@catalogue_option
@model_option
@json_option
def similar(item_id: str, query: "Query", catalogue: Path, model: Path | None, as_json: bool) -> None:
    """Find the items that look like the item ID; never the item itself."""
    from search_api.http.answers import hit_answer

    with closing(open_engine(catalogue, model)) as engine:
        hits = engine.similar(item_id, query)
    print_notes(hits.notes)
    if as_json:
        print_json([hit_answer(hit) for hit in hits])
    else:
        print_hits(hits)
