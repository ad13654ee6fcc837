"""`lookalike search` and `similar`."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.composition import open_engine
from commands.options import catalogue_option, image_hosts_option, json_option, model_option, query_options
from commands.picture_sources import NamedPicture, PictureSource
from commands.terminal import print_hits, print_json, print_notes, print_result

if TYPE_CHECKING:
    from search_api.query import Query
    from search_api.results import Matches


@click.command(epilog="Example: lookalike search photo.jpg --limit 5 --where predicted.class=Dress")
@click.argument("image", type=PictureSource(), required=False)
@image_hosts_option
@click.option("--box", metavar="X,Y,W,H", help="Where the garment is, in shares of the picture: 0.1,0.2,0.5,0.6.")
@query_options()
@catalogue_option
@model_option
@json_option
def search(
    image: NamedPicture | None,
    image_hosts: Sequence[str],
    box: str | None,
    query: "Query",
    catalogue: Path,
    model: Path | None,
    as_json: bool,
) -> None:
    """Find the items that look like the picture IMAGE, that say words, or both.

    IMAGE is a file, - for standard input, or the address of a picture, https://...; other hosts that this leads on to
    are asked only if --allow-image-host names them.
    """
    if image is None:
        _search_words(box, query, catalogue, model, as_json)
        return
    from models.pictures.boxes import Box
    from search_api.http.answers import search_answer

    part = None if box is None else Box.parse(box)
    with closing(open_engine(catalogue, model, (*image.hosts, *image_hosts))) as engine:
        result = engine.search(image.picture, query, part)
    if as_json:
        print_json(search_answer(result, fields=query.fields))
    else:
        print_result(result)


def _search_words(box: str | None, query: "Query", catalogue: Path, model: Path | None, as_json: bool) -> None:
    from search_api.query import has_words

    if box is not None or not has_words(query.q):
        raise click.UsageError("Name a picture, or give words with -q.")
    with closing(open_engine(catalogue, model)) as engine:
        _print_matches(engine.search_words(query), query, as_json)


@click.command(epilog="Example: lookalike similar test-00042 test-00043 --json")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@query_options()
@catalogue_option
@model_option
@json_option
def similar(ids: Sequence[str], query: "Query", catalogue: Path, model: Path | None, as_json: bool) -> None:
    """Find the items that look like the item ID, or like several together; never one of these."""
    with closing(open_engine(catalogue, model)) as engine:
        _print_matches(engine.similar_to_all(dict.fromkeys(ids, 1.0), query), query, as_json)


def _print_matches(hits: "Matches", query: "Query", as_json: bool) -> None:
    from search_api.http.answers import hits_answer

    print_notes(hits.notes)
    if as_json:
        print_json({"notes": list(hits.notes), **hits_answer(hits, fields=query.fields)})
    else:
        print_hits(hits)
