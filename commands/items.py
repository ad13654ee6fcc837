"""`lookalike items get`, `list`, `put` and `delete`."""

import json
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.composition import open_engine
from commands.options import catalogue_option, image_hosts_option, where_of, where_option, words_option
from commands.picture_sources import NamedPicture, PictureSource
from commands.terminal import print_notes
from indexer.fields import PREDICTED, PREDICTED_CLASS
from indexer.predictions import CLASS
from search_api.parameters import SORT

if TYPE_CHECKING:
    from indexer.records import Item

_json_lines = click.option("--json", "as_json", is_flag=True, help="Print JSON Lines, an item a line.")


@click.group("items", epilog="Example: lookalike items list --where predicted.class=Dress --limit 20")
def items() -> None:
    """Look up, list, write and delete the items of a catalogue."""


@items.command("get", epilog="Example: lookalike items get test-00042 --json")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@catalogue_option
@_json_lines
def get(ids: Sequence[str], catalogue: Path, as_json: bool) -> None:
    """Show items, in the order of their ids as given."""
    from indexer.catalogue.item_list import Items

    with Items(catalogue) as kept:
        for item in kept.get(ids):
            click.echo(_json_line(item) if as_json else _described(item))


@items.command("list", epilog="Example: lookalike items list --where 'price<=40' --json")
@where_option
@words_option
@click.option("--sort", show_default=f"{SORT.default}, with words relevance", metavar="FIELD", help=SORT.description)
@click.option("--limit", type=click.IntRange(0), help="At most so many (default: all).")
@click.option("--after", default="", metavar="ID", help="Only those after this id, such as the last of a page.")
@catalogue_option
@_json_lines
def list_items(
    conditions: Sequence[str],
    q: str | None,
    sort: str | None,
    limit: int | None,
    after: str,
    catalogue: Path,
    as_json: bool,
) -> None:
    """List items in order, a line each: class, its probability, id, attributes."""
    from indexer.catalogue.item_list import Items
    from indexer.sorting import RELEVANCE
    from search_api.query import has_words, with_words

    where = with_words(where_of(conditions), q)
    order = sort or (RELEVANCE if has_words(q) else str(SORT.default))
    with Items(catalogue) as kept:
        width = max(len(label) for label in kept.classes)
        show = _json_line if as_json else partial(_listed, width=width)
        listed = kept.each(where, after, limit, order)
        print_notes(kept.filter_notes(where, order))
        for item in listed:
            sys.stdout.write(show(item) + "\n")  # click.echo would flush every line
        sys.stdout.flush()


@items.command("put", epilog="""Example: lookalike items put new-1 --image photo.jpg --attributes '{"price": 59.5}'""")
@click.argument("item_id", metavar="ID")
@click.option(
    "--image",
    type=PictureSource(),
    help="Its picture: a file, - for standard input, or an address. A new item needs one.",
)
@image_hosts_option
@click.option("--attributes", metavar="JSON", help="All attributes that it is to have, as a JSON object.")
@catalogue_option
@_json_lines
def put(
    item_id: str,
    image: NamedPicture | None,
    image_hosts: Sequence[str],
    attributes: str | None,
    catalogue: Path,
    as_json: bool,
) -> None:
    """Add an item, or replace it; without a picture, its attributes. Servers notice at once."""
    from search_api.http.reading.parameters import read_object

    given = None if attributes is None else read_object(attributes.encode(errors="surrogateescape"), "--attributes")
    hosts = () if image is None else image.hosts
    with closing(open_engine(catalogue, image_hosts=(*hosts, *image_hosts))) as engine:
        written = engine.writer.put(item_id, given, None if image is None else image.picture)
    assert written.item is not None
    click.echo(_json_line(written.item) if as_json else f"{catalogue}: {item_id} {written.status}.")


@items.command("delete", epilog="Example: lookalike items delete test-00042 test-00043")
@click.argument("ids", metavar="[ID...]", nargs=-1)
@where_option
@click.option("--yes", is_flag=True, help="Delete what --where names without asking.")
@catalogue_option
def delete(ids: Sequence[str], conditions: Sequence[str], yes: bool, catalogue: Path) -> None:
    """Delete items by their ids, or all that --where names. Servers notice at once.

    When one of the ids is unknown, nothing is deleted. An item that its source still has comes back when the source is
    indexed again.
    """
    from indexer.catalogue.item_list import Items

    where = where_of(conditions)
    if bool(ids) == bool(where):
        raise click.UsageError("Name either the IDs of the items to delete or, with --where, what they are like.")
    with Items(catalogue) as kept:
        if where is None:
            deleted = kept.delete(ids)
        else:
            count = kept.deletable(where)
            print_notes(kept.filter_notes(where, whole=True))
            _confirm(count, yes)
            deleted = kept.delete_where(where)
        click.echo(f"{catalogue}: {deleted} deleted, {kept.count()} items.")


def _confirm(count: int, yes: bool) -> None:
    if yes or count == 0:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"This would delete {count} items. Give --yes to do so.")
    click.confirm(f"Delete {count} items?", abort=True, err=True)


def _json_line(item: "Item") -> str:
    from search_api.http.answers import item_answer

    return json.dumps(item_answer(item), ensure_ascii=False)


def _listed(item: "Item", width: int) -> str:
    attributes = "  ".join(f"{name}={_told(value)}" for name, value in item.attributes.items())
    return f"{item.best_class.value:<{width}}  {item.best_class.probability:>4.0%}  {item.id}  {attributes}".rstrip()


def _described(item: "Item") -> str:
    picture = item.picture
    lines = [
        (PREDICTED_CLASS, f"{item.best_class.value} ({item.best_class.probability:.0%})"),
        *(
            (PREDICTED + target, f"{best.value} ({best.probability:.0%})")
            for target, best in item.predicted.items()
            if target != CLASS
        ),
        ("picture", f"{picture.width}x{picture.height}, {picture.media_type}"),
        *((name, _told(value)) for name, value in item.attributes.items()),
    ]
    width = max(len(name) for name, _ in lines)
    return "\n".join([item.id, *(f"  {name:<{width}}  {value}" for name, value in lines)])


def _told(value: object) -> str:
    """Return an attribute's value on one line: a plain string as it is, anything else as JSON."""
    is_plain = isinstance(value, str) and value.isprintable() and value.strip() == value != ""
    return str(value) if is_plain else json.dumps(value, ensure_ascii=False)
