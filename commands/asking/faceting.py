"""`lookalike facets`."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.composition import open_engine
from commands.options import (
    catalogue_option,
    json_option,
    model_option,
    option_of,
    where_of,
    where_option,
    words_option,
)
from commands.terminal import print_json, print_notes
from search_api.parameters import FACET_FIELDS, FACET_VALUES

if TYPE_CHECKING:
    from indexer.records import Facet


@click.command(epilog="Example: lookalike facets --where predicted.class=Dress --fields brand,price")
@where_option
@words_option
@click.option("--fields", metavar="FIELD,...", help=FACET_FIELDS.description)
@option_of(FACET_VALUES)
@catalogue_option
@model_option
@json_option
def facets(
    conditions: Sequence[str],
    q: str | None,
    fields: str | None,
    limit: int,
    catalogue: Path,
    model: Path | None,
    as_json: bool,
) -> None:
    """Count what fields hold among the items of a catalogue, or among those that --where names."""
    from search_api.http.answers import facets_answer
    from search_api.http.reading.parameters import read_names
    from search_api.query import with_words

    with closing(open_engine(catalogue, model)) as engine:
        counts = engine.facets(
            with_words(where_of(conditions), q), None if fields is None else read_names(fields), limit
        )
    print_notes(counts.notes)
    if as_json:
        print_json(facets_answer(counts))
        return
    click.echo(f"{counts.total} items")
    for facet in counts.facets:
        click.echo(_line(facet))


def _line(facet: "Facet") -> str:
    """Return a facet on one line: its bounds, its values with their counts, and how many values are left out."""
    parts = [] if facet.minimum is None else [f"{facet.minimum:g} to {facet.maximum:g}"]
    parts += [f"{value} ({items})" for value, items in facet.values]
    if facet.others:
        parts.append(f"{facet.others} others" if facet.values else f"{facet.others} values")
    return f"{facet.field}: {', '.join(parts) or '-'}"
