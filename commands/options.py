"""Options that several commands take."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from search_api.parameters import COLLAPSE, LOOK, WEIGHTS, K, Parameter
from search_api.query import Query

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
    help="Only items like that: label=Sneaker, price<40, brand!=Acme, material^=lin, colour~navy, or a filter as JSON. "
    "Repeated values of a field mean any of them.",
)


collapse_option = click.option("--collapse", type=click.Choice(COLLAPSE.choices), help=COLLAPSE.description)
weights_option = click.option("--weights", metavar="PART:WEIGHT,...", help=WEIGHTS.description)


def option_of(parameter: Parameter) -> Callable[[Command], Command]:
    """Return the option for a parameter that is a number: one dash where its name is a letter, two elsewhere."""
    dashes = "-" if len(parameter.name) == 1 else "--"
    kind: Any = click.IntRange if parameter.kind == "integer" else click.FloatRange
    return click.option(
        f"{dashes}{parameter.name}",
        type=kind(parameter.minimum, parameter.maximum),
        default=parameter.default,
        show_default=parameter.default is not None,
        help=parameter.description,
    )


def query_options(k: Parameter = K) -> Callable[[Command], Command]:
    """Give a command the options of a search, and hand it the `query` that they make."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_query(
            *,
            k: int,
            conditions: Sequence[str],
            look: float | None,
            weights: str | None,
            collapse: str | None = None,
            **others: Any,
        ) -> Any:
            from search_api.http.parameters import weights_of_text

            weighed = None if weights is None else weights_of_text(weights)
            return command(query=Query(k, where_of(conditions), look, weighed, collapse=collapse), **others)

        for option in (
            *([collapse_option] if k is K else []),
            weights_option,
            option_of(LOOK),
            where_option,
            option_of(k),
        ):
            with_query = option(with_query)
        return with_query  # type: ignore[return-value]

    return decorate


def where_of(conditions: Sequence[str]) -> dict[str, Any] | None:
    """Return the filter of conditions, typed or JSON; None where there are none."""
    from search_api.http.parameters import read_where

    return read_where(conditions) or None
