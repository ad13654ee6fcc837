"""Options that several commands take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from search_api.limits import DEFAULT_K, MAX_K

Command = TypeVar("Command", bound=Callable[..., Any])


def together(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


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
model_option = click.option("--model", type=directory, help="A model bundle (default: the one that ships).")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
where_option = click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Only items like that: label=Sneaker, price<=40. Repeated values of a field mean any of them.",
)
look_option = click.option(
    "--look", type=click.FloatRange(0, 1), help="0: same kind; 1: same look (default: the model's)."
)
query_options = together(
    click.option("-k", type=click.IntRange(1, MAX_K), default=DEFAULT_K, show_default=True, help="How many items."),
    where_option,
    look_option,
    catalogue_option,
    model_option,
    json_option,
)
