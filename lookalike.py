"""The command: parse, call the rooms, print. Results go to stdout, progress and errors to stderr.

Rooms are imported inside the commands, so that `--help` and usage errors answer at once.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from terminal import print_hits, print_json, print_result, progress_bar

if TYPE_CHECKING:
    from flask import Flask

    from search_api.engine import Engine

Command = TypeVar("Command", bound=Callable[..., Any])


class _Commands(click.Group):
    """Commands whose known failures are one line on stderr and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        from models.errors import LookalikeError

        try:
            return super().invoke(ctx)
        except LookalikeError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("\nInterrupted. Run the same command again to go on.", err=True)
            raise click.exceptions.Exit(130) from None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with: lookalike index fashion-mnist && lookalike serve",
)
def main() -> None:
    """Visual search for fashion catalogues."""


def _together(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_directory = click.Path(file_okay=False, path_type=Path)
_data_dir = click.option(
    "--data-dir",
    type=_directory,
    envvar="LOOKALIKE_DATA_DIR",
    help="Where Fashion-MNIST's four files are, or go (default: LOOKALIKE_DATA_DIR, then Keras's own cache).",
)
_catalogue = click.option(
    "--catalogue",
    type=_directory,
    envvar="LOOKALIKE_CATALOGUE",
    default=Path("catalogues/fashion-mnist"),
    show_default=True,
    help="The catalogue's directory (or set LOOKALIKE_CATALOGUE).",
)
_model = click.option("--model", type=_directory, help="A model bundle (default: the one that ships).")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_query = _together(
    click.option("-k", type=click.IntRange(1, 100), default=12, show_default=True, help="How many items."),
    click.option(
        "--where",
        "conditions",
        multiple=True,
        metavar="FIELD=VALUE",
        help="Only items like that: label=Sneaker, price<=40. Repeated values of a field mean any of them.",
    ),
    click.option("--look", type=click.FloatRange(0, 1), help="0: same kind; 1: same look (default: the model's)."),
    _catalogue,
    _model,
    _json,
)


@main.command(epilog="Example: lookalike train --recipe quick --out my-model")
@click.option(
    "--recipe", type=click.Choice(["quick", "full"]), default="quick", show_default=True, help="How to train."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Draw anew what the recipe leaves to chance.")
@click.option("--out", type=_directory, required=True, help="Where the model bundle goes.")
@_data_dir
def train(recipe: str, seed: int | None, out: Path, data_dir: Path | None) -> None:
    """Train a model and write it as a bundle.

    A stopped run goes on where it was when the command is given again.
    """
    import models
    from models.recipes import RECIPES

    chosen = RECIPES[recipe] if seed is None else replace(RECIPES[recipe], seed=seed)
    with progress_bar("step") as progress:
        card = models.train(chosen, out, data_dir, progress, say=progress.say)
    click.echo(f"{out}: {card.name}, fingerprint {card.fingerprint[:12]}")
    for name in ("accuracy", "precision_at_10", "map_at_r", "looks_mean"):
        click.echo(f"  {name:<16} {card.metrics[name]:.4f}")


@main.command(epilog="Example: lookalike evaluate --against pixels --report reports/shipped")
@_model
@click.option("--against", metavar="DIR|pixels", help="Another bundle, or the raw pixels, to set beside it.")
@click.option("--strangers", type=_directory, help="Pictures of other things, a sub-folder a kind, to be noticed.")
@click.option("--report", type=_directory, help="Also write a page for people to read into this directory.")
@click.option("--items", type=click.IntRange(100, 10_000), default=10_000, help="Only the first: quick, but easier.")
@_data_dir
@_json
def evaluate(
    model: Path | None,
    against: str | None,
    strangers: Path | None,
    report: Path | None,
    items: int,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Measure a model on Fashion-MNIST's 10,000 test images.

    How often it names the class, and how far its probabilities can be believed; whether it notices what is none of
    its classes; whether the items it finds are of the query's class; whether it finds the very item again under nine
    changes; its speed on this machine, and size.
    """
    import models
    from models import fashion_mnist
    from models.evaluation_answers import evaluation_answer, evaluation_text

    write_report = models.report_writer() if report else None
    with progress_bar("B") as progress:
        test = fashion_mnist.load("test", data_dir, progress).first(items)
    with progress_bar("step") as progress:
        evaluations = models.evaluate(model, against, test, progress, strangers)
    if as_json:
        print_json(evaluation_answer(evaluations))
    else:
        click.echo(evaluation_text(evaluations))
    if write_report and report:
        click.echo(f"The report is {write_report(evaluations, report)}", err=True)


@main.command(epilog="Example: lookalike index products.csv --catalogue catalogues/shop --prune")
@click.argument("source")
@_data_dir
@_catalogue
@_model
@click.option("--prune", is_flag=True, help="Delete the items that SOURCE does not have.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--strict", is_flag=True, help="Stop at the first item that fails, with exit code 1.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Where to write what failed.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that decode pictures (default: one a core).")
@click.pass_context
def index(ctx: click.Context, /, **choices: Any) -> None:
    """Bring a catalogue up to date with SOURCE.

    SOURCE is fashion-mnist (its 10,000 test images); sample (260 drawn products); a folder of pictures; a table, CSV,
    TSV, JSON Lines or Parquet, with the columns id and image (a path relative to the table), every other column being
    an attribute; or - for JSON Lines on standard input.

    What is there already and unchanged is passed over, so a stopped run goes on where it was when the command is
    given again. A picture that fails stops nothing: it goes into a report, CATALOGUE/failures.jsonl, and the exit code
    is 3.
    """
    import indexing

    chosen = ctx.get_parameter_source("catalogue")
    if choices["source"] != "fashion-mnist" and chosen is click.core.ParameterSource.DEFAULT:
        raise click.UsageError("Say with --catalogue where the items of this source go.")
    ctx.exit(indexing.index(**choices))


@main.command(epilog="Example: lookalike search photo.jpg -k 5 --where label=Dress")
@click.argument("image", type=click.File("rb"))
@_query
def search(
    image: Any,
    k: int,
    conditions: Sequence[str],
    look: float | None,
    catalogue: Path,
    model: Path | None,
    as_json: bool,
) -> None:
    """Find the items that look like the picture IMAGE (a file, or - for standard input)."""
    from search_api.answers import search_answer

    with closing(_open_engine(catalogue, model)) as engine:
        result = engine.search(image.read(), k, _where(conditions), look)
    if as_json:
        print_json(search_answer(result))
    else:
        print_result(result)


@main.command(epilog="Example: lookalike similar test-00042 --json")
@click.argument("item_id", metavar="ID")
@_query
def similar(
    item_id: str,
    k: int,
    conditions: Sequence[str],
    look: float | None,
    catalogue: Path,
    model: Path | None,
    as_json: bool,
) -> None:
    """Find the items that look like the item ID; never the item itself."""
    from search_api.answers import hit_answer

    with closing(_open_engine(catalogue, model)) as engine:
        hits = engine.similar(item_id, k, _where(conditions), look)
    if as_json:
        print_json([hit_answer(hit) for hit in hits])
    else:
        print_hits(hits)


@main.command(epilog="Example: lookalike serve --port 8000")
@_catalogue
@_model
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port, 0 for any free one."
)
@click.option("--threads", type=click.IntRange(1, 256), default=8, show_default=True, help="Threads of a process.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
def serve(catalogue: Path, model: Path | None, host: str, port: int, threads: int, workers: int) -> None:
    """Serve the page and the API until Ctrl-C."""
    from search_api import server

    def make_app() -> "Flask":
        # In the worker, after the fork: FAISS, SQLite and the runtime must not be loaded before.
        import webui.app

        return webui.app.create_app(lambda: _open_engine(catalogue, model))

    def tell(address: str) -> None:
        click.echo(f"Lookalike is ready on {address} (Ctrl-C stops it)", err=True)

    server.serve(make_app, host, port, threads=threads, workers=workers, on_ready=tell)


@main.command(epilog="Example: lookalike info --json")
@_catalogue
@_model
@_json
def info(catalogue: Path, model: Path | None, as_json: bool) -> None:
    """Say what a catalogue and its model are."""
    from search_api.answers import info_answer

    with closing(_open_engine(catalogue, model)) as engine:
        facts = info_answer(engine.info())
        counts = engine.counts()
    if as_json:
        print_json({**facts, "counts": counts})
        return
    click.echo(f"catalogue  {catalogue}: {facts['items']} items, generation {facts['generation']}")
    for label, items in counts.items():
        click.echo(f"           {items:>7}  {label}")
    click.echo(f"model      {facts['name']}, {facts['model'][:12]}, {facts['dim']}-d, trained {facts['trained_at']}")
    for name, value in facts["metrics"].items():
        click.echo(f"           {value:>7.4f}  {name}")


def _open_engine(catalogue: Path, model: Path | None) -> "Engine":
    """Compose the product: an embedder, the catalogue made with it, and the engine over both."""
    import models
    from indexer.catalogue import Catalogue
    from search_api.engine import Engine

    embedder = models.load(model)
    return Engine(embedder, Catalogue.open(catalogue, embedder.card.fingerprint))


def _where(conditions: Sequence[str]) -> dict[str, Any] | None:
    from indexer.conditions import parse_conditions

    return parse_conditions(conditions) or None


if __name__ == "__main__":
    main()
