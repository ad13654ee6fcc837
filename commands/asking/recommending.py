"""`lookalike recommend`."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.composition import open_engine
from commands.options import (
    STRIP_OPTIONS,
    catalogue_option,
    image_hosts_option,
    json_option,
    model_option,
    query_options,
)
from commands.picture_sources import NamedPicture, PictureSource
from commands.terminal import print_json
from search_api.parameters import BY, COLD_START, OPINION_WEIGHT, RECOMMENDED, STRIP

if TYPE_CHECKING:
    from search_api.query import Query
    from search_api.recommending.recommendations import Recommendation

_OF_QUERY = [one.name for one in STRIP if one not in {RECOMMENDED, COLD_START, BY}]
_picture = PictureSource()
_weight = click.FloatRange(OPINION_WEIGHT.minimum, OPINION_WEIGHT.maximum)


@click.command(epilog="Example: lookalike recommend --like test-00042 --like test-00007 --dislike test-00001")
@click.option("--like", "likes", multiple=True, metavar="ID", help="An item that is liked; repeat it for others.")
@click.option("--dislike", "dislikes", multiple=True, metavar="ID", help="An item that is disliked.")
@click.option(
    "--like-picture",
    "liked_pictures",
    multiple=True,
    type=_picture,
    help="A picture that is liked, a file or an address.",
)
@click.option(
    "--dislike-picture", "disliked_pictures", multiple=True, type=_picture, help="A picture that is disliked."
)
@image_hosts_option
@click.option(
    "--weigh",
    "weighed",
    multiple=True,
    type=(str, _weight),
    metavar="ID WEIGHT",
    help="How much a like or dislike counts, an item or a picture's file or address (default: 1).",
)
@click.option("--seen", multiple=True, metavar="ID", help="An item that is not to be shown.")
@click.option("--cold-start", type=click.Choice(COLD_START.choices), help=COLD_START.description)
@click.option("--by", metavar="ATTRIBUTE", help=BY.description)
@query_options(STRIP_OPTIONS)
@catalogue_option
@model_option
@json_option
def recommend(
    likes: Sequence[str],
    dislikes: Sequence[str],
    liked_pictures: Sequence[NamedPicture],
    disliked_pictures: Sequence[NamedPicture],
    image_hosts: Sequence[str],
    weighed: Sequence[tuple[str, float]],
    seen: Sequence[str],
    cold_start: str | None,
    by: str | None,
    query: "Query",
    catalogue: Path,
    model: Path | None,
    as_json: bool,
) -> None:
    """Find items for somebody who likes some items and pictures, and dislikes others.

    Likes of different kinds are kept apart, and each item says which like it is there for.
    """
    from search_api.http.strips import strips_answer
    from search_api.recommending.strips import Opinion, Strip

    told = dict(weighed)
    pictures = (*liked_pictures, *disliked_pictures)
    given = {*likes, *dislikes, *(one.name for one in pictures)}
    if stray := next((name for name in told if name not in given), None):
        raise click.UsageError(f"--weigh names {stray!r}, which is neither liked nor disliked.")

    def opinions(ids: Sequence[str], pictures: Sequence[NamedPicture]) -> tuple[Opinion, ...]:
        of_items = [Opinion(id_, told.get(id_, 1.0)) for id_ in ids]
        return (*of_items, *(Opinion(one.picture, told.get(one.name, 1.0)) for one in pictures))

    strip = Strip(
        likes=opinions(likes, liked_pictures),
        dislikes=opinions(dislikes, disliked_pictures),
        seen=seen,
        limit=query.k,
        **{name: getattr(query, name) for name in _OF_QUERY},
        cold_start=cold_start or ("by" if by is not None else COLD_START.choices[0]),
        by=by,
    )
    hosts = [host for one in pictures for host in one.hosts]
    with closing(open_engine(catalogue, model, (*hosts, *image_hosts))) as engine:
        found = engine.recommend([strip])
    if as_json:
        print_json(strips_answer(found, {}))
    else:
        _print_strip(found.strips[0], [*likes, *(one.name for one in liked_pictures)])


def _print_strip(strip: "Recommendation", likes: Sequence[str]) -> None:
    """Print a strip, a line an item: rank, score, chance of the same kind, id, predicted class, and because of what."""
    for note in strip.notes:
        click.echo(note)
    for id_ in strip.unknown:
        click.echo(f"Passed over, since no item has the id {id_!r}.", err=True)
    if strip.cold_start is not None:
        click.echo(f"Nothing is liked, so this is a beginning ({strip.cold_start}):")
    width = max((len(hit.item.id) for hit in strip.hits), default=0)
    kinds = max((len(hit.item.best_class.value) for hit in strip.hits), default=0)
    for rank, hit in enumerate(strip.hits, 1):
        line = f"{rank:>3}  "
        if hit.match is not None:
            line += f"{hit.match.score:.3f}  {hit.match.relevance:>4.0%}  "
        line += f"{hit.item.id:<{width}}  {hit.item.best_class.value:<{kinds}}"
        if hit.because_of is not None:
            line += f"  because of {likes[hit.because_of.like]}"
        click.echo(line.rstrip())
