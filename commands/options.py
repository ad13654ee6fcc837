"""Options that several commands take."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from search_api.parameters import (
    COLLAPSE,
    DIVERSITY,
    EXCLUDE,
    FIELDS,
    GROUP_BY,
    GROUP_SIZE,
    HITS,
    HITS_CURSOR,
    LOOK,
    MIN_RELEVANCE,
    NEIGHBOURS,
    Q_WEIGHT,
    QUERY,
    WEIGHTS,
    K,
    Parameter,
    Q,
)

Command = TypeVar("Command", bound=Callable[..., Any])

directory = click.Path(file_okay=False, path_type=Path)
data_dir_option = click.option(
    "--data-dir",
    type=directory,
    envvar="LOOKALIKE_DATA_DIR",
    help="Where Fashion-MNIST's four files are, or go (default: LOOKALIKE_DATA_DIR, then Keras's own cache).",
)
catalogue_option = click.option(
    "--catalogue",
    type=directory,
    envvar="LOOKALIKE_CATALOGUE",
    default=Path("catalogues/fashion-mnist"),
    show_default=True,
    help="The catalogue's directory (or set LOOKALIKE_CATALOGUE).",
)
model_option = click.option(
    "--model",
    type=directory,
    metavar="NAME|DIR",
    help="fashion-mnist, photographs or a bundle's directory (default: what the catalogue was made with; for a "
    "new one photographs, for Fashion-MNIST its own).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
hosts_option = click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Fetch pictures that are at http or https addresses of this very host (repeatable).",
)
image_hosts_option = click.option(
    "--allow-image-host",
    "image_hosts",
    multiple=True,
    metavar="HOST[:PORT]",
    help="Fetch pictures that are named by their addresses from this host, with *.shop.example from all below one; one "
    "on a private network needs its port. May be repeated.",
)
policy_option = click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="TOML that says what pictures are moderated by (default: a policy of our own).",
)
where_option = click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Only items like that: predicted.class=Sneaker, price<40, brand!=Acme, material^=lin, colour~navy, or a "
    "filter as JSON. Repeated values of a field mean any of them.",
)


words_option = click.option("-q", "--words", "--q", "q", metavar="WORDS", help=Q.description)
weights_option = click.option("--weights", metavar="PART:WEIGHT,...", help=WEIGHTS.description)
exclude_option = click.option(
    "--exclude",
    multiple=True,
    metavar="ID|FILTER",
    help="An item that is not to be found, once for each; or a filter as JSON, and none that it allows is found.",
)
fields_option = click.option("--fields", metavar="NAME,...", help=f"With --json: {FIELDS.description}")


def option_of(parameter: Parameter, *, by_itself: bool = True) -> Callable[[Command], Command]:
    """Return the option for a parameter: one dash where its name is a letter, two elsewhere.

    It has the parameter's default where it is given by itself, and is else left to what reads the query.
    """
    dashes = "-" if len(parameter.name) == 1 else "--"
    bounds: Any = (parameter.minimum, parameter.maximum)
    kinds: dict[str, Any] = {
        "integer": click.IntRange(*bounds),
        "number": click.FloatRange(*bounds),
        "choice": click.Choice(parameter.choices),
    }
    return click.option(
        f"{dashes}{parameter.name.replace('_', '-')}",
        type=kinds.get(parameter.kind),
        default=parameter.default if by_itself else None,
        show_default=parameter.default is not None if by_itself else str(parameter.default),
        help=parameter.description,
    )


NEIGHBOUR_OPTIONS = (weights_option, option_of(LOOK), where_option, option_of(NEIGHBOURS))
STRIP_OPTIONS = (
    fields_option,
    option_of(MIN_RELEVANCE),
    option_of(COLLAPSE),
    option_of(GROUP_SIZE),
    option_of(GROUP_BY),
    option_of(DIVERSITY),
    exclude_option,
    weights_option,
    option_of(LOOK),
    words_option,
    where_option,
    option_of(K, by_itself=False),
    option_of(HITS, by_itself=False),
)
"""What a strip of recommended items may be asked, the last first."""

SEARCH_OPTIONS = (option_of(HITS_CURSOR), option_of(Q_WEIGHT), *STRIP_OPTIONS)
"""What a search may be asked."""


def query_options(options: Sequence[Callable[..., Any]] = SEARCH_OPTIONS) -> Callable[[Command], Command]:
    """Give a command the options of a search, and hand it the `query` that they make."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_query(*, conditions: Sequence[str], **given: Any) -> Any:
            from search_api.http.reading.parameters import read_query

            asked = {
                parameter.name: value for parameter in QUERY if (value := given.pop(parameter.name, None)) is not None
            }
            if excluded := asked.pop(EXCLUDE.name, ()):
                is_filter = excluded[0].startswith("{")
                if is_filter and len(excluded) > 1:
                    raise click.UsageError("--exclude takes one filter, or ids.")
                asked[EXCLUDE.name] = excluded[0] if is_filter else list(excluded)
            return command(query=read_query(asked, where=where_of(conditions)), **given)

        for option in options:
            with_query = option(with_query)
        return with_query  # type: ignore[return-value]

    return decorate


def where_of(conditions: Sequence[str]) -> dict[str, Any] | None:
    """Return the filter of conditions, typed or JSON; None where there are none."""
    from search_api.http.reading.parameters import read_where

    return read_where(conditions) or None
