"""`lookalike train` and `evaluate`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.options import data_dir_option, directory, hosts_option, json_option, model_option
from commands.source_options import source_options
from commands.terminal import print_json, progress_bar
from models.training.precision import AUTO, PRECISIONS

if TYPE_CHECKING:
    from indexer.sources.source_options import SourceOptions
    from indexer.sources.web.access import WebAccess
    from models.card import ModelCard


@click.command(epilog="Example: lookalike train products.csv --target type --target colour --out shop-model")
@click.argument("source", required=False)
@click.option("--target", "targets", multiple=True, metavar="NAME", help="A column of SOURCE to learn (repeatable).")
@click.option(
    "--from-catalogue", type=directory, metavar="DIR", help="Learn from what a catalogue holds, in place of SOURCE."
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    metavar="NAME=PART",
    help="Which part of the vector a target belongs to, kind, look or colour, if not what is found (repeatable).",
)
@click.option(
    "--rarest",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    help="Products that a value needs; rarer ones are gathered as other.",
)
@click.option(
    "--continue", "goes_on", type=directory, metavar="DIR", help="A model learned from fewer of these products."
)
@click.option(
    "--recipe",
    type=click.Choice(["quick", "full", "photographs"]),
    default="quick",
    show_default=True,
    help="How to train; photographs: the model for product pictures in colour, fitted to --photos.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Draw anew what the recipe leaves to chance.")
@click.option(
    "--precision",
    type=click.Choice([AUTO, *PRECISIONS]),
    default=AUTO,
    show_default=True,
    help="What to compute in; auto: the fastest on this processor.",
)
@click.option("--out", type=directory, required=True, help="Where the model bundle goes.")
@click.option("--photos", type=directory, help="Photographs to learn from too, a sub-folder a kind of garment.")
@click.option(
    "--tune",
    is_flag=True,
    help="With the recipe photographs: tune the trunk anew as well; minutes on a GPU, a day on two cores.",
)
@source_options
@hosts_option
@data_dir_option
def train(
    source: str | None,
    targets: tuple[str, ...],
    from_catalogue: Path | None,
    parts: tuple[str, ...],
    rarest: int,
    goes_on: Path | None,
    web: "WebAccess",
    options: "SourceOptions",
    recipe: str,
    seed: int | None,
    precision: str,
    out: Path,
    photos: Path | None,
    tune: bool,
    data_dir: Path | None,
) -> None:
    """Train a model and write it as a bundle.

    With SOURCE, a folder or a table as `lookalike index` takes it, and a --target or more: learn the shop's own words
    from its products. The trunk is that of the shipped model for product pictures. Each product is held out once, and
    what is told is measured on such products; where the shipped model finds products as well, it is kept. Of a folder,
    the target is folder.

    Without, train on Fashion-MNIST by a recipe. A stopped run goes on where it was when the command is given again.
    """
    if source is not None or from_catalogue is not None:
        if not targets:
            raise click.UsageError("Say with --target what to learn: a column of the table, or folder of a folder.")
        if source is not None and from_catalogue is not None:
            raise click.UsageError("Learn from a source or --from-catalogue, not from both.")
        from commands.own_catalogue.training import train_on_catalogue

        train_on_catalogue(source, from_catalogue, targets, parts, rarest, seed, out, goes_on, web, options)
        return
    if targets or parts or goes_on is not None:
        raise click.UsageError("--target, --part and --continue go with a SOURCE, or --from-catalogue.")
    import models
    from models.training.recipes import RECIPES

    if tune and recipe != models.PHOTOGRAPHS:
        raise click.UsageError(f"--tune goes with --recipe {models.PHOTOGRAPHS}.")
    if recipe == models.PHOTOGRAPHS:
        if photos is None:
            raise click.UsageError("Say with --photos where the photographs to learn from are.")
        with progress_bar("picture") as progress:
            card = models.train_photographs(out, photos, data_dir, progress, progress.say, tune)
        _tell(out, card, ("photographs", "photographs_familiar", "photographs_of_none"))
        return
    chosen = RECIPES[recipe].throughout(precision=precision)
    if seed is not None:
        chosen = chosen.throughout(seed=seed)
    with progress_bar("step") as progress:
        card = models.train(chosen, out, data_dir, progress, progress.say, photos)
    _tell(out, card, ("accuracy", "precision_at_10", "map_at_r", "looks_mean"))


def _tell(out: Path, card: "ModelCard", names: Sequence[str]) -> None:
    click.echo(f"{out}: {card.name}, fingerprint {card.fingerprint[:12]}")
    for name in names:
        click.echo(f"  {name:<16} {card.metrics[name]:.4f}")


@click.command(epilog="Example: lookalike evaluate --against pixels --report reports/shipped")
@model_option
@click.option("--against", metavar="DIR|pixels", help="Another bundle, or the raw pixels, to set beside it.")
@click.option("--strangers", type=directory, help="Pictures of other things, a sub-folder a kind, to be noticed.")
@click.option("--photos", type=directory, help="Phone photographs, a sub-folder a kind, to be recognised.")
@click.option(
    "--products",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="TABLE",
    help="A shop's table, CSV with the columns id and image: measure on its products instead.",
)
@click.option(
    "--by", multiple=True, metavar="COLUMN", help="With --products: what those found should share: type+colour."
)
@click.option("--report", type=directory, help="Also write a page for people to read into this directory.")
@click.option("--items", type=click.IntRange(100, 10_000), default=10_000, help="Only the first: quick, but easier.")
@data_dir_option
@json_option
def evaluate(
    model: Path | None,
    against: str | None,
    strangers: Path | None,
    photos: Path | None,
    products: Path | None,
    by: tuple[str, ...],
    report: Path | None,
    items: int,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Measure a model on Fashion-MNIST's 10,000 test images.

    How often it names the class, and how far its probabilities can be believed; whether it notices what is none of
    its classes; whether the items it finds are of the query's class; whether it finds the very item again under nine
    changes; its speed on this machine, and size. With --photos, how many photographs get a right class, and whether
    those of none of the classes are noticed; with --report, too, a sheet that shows each.

    With --products, instead, how many of the ten nearest products share the query's type, colour or whatever --by
    names; --against tutorial sets beside it what every tutorial does.
    """
    if products is not None:
        _evaluate_products(model, against, products, by, report, items, as_json)
        return
    import models
    from models.datasets import fashion_mnist
    from models.evaluation.summary import evaluation_answer, evaluation_text

    write_report = models.report_writer() if report else None
    with progress_bar("B") as progress:
        test = fashion_mnist.load("test", data_dir, progress).first(items)
    with progress_bar("step") as progress:
        evaluations = models.evaluate(model, against, test, progress, strangers, photos)
    if as_json:
        print_json(evaluation_answer(evaluations))
    else:
        click.echo(evaluation_text(evaluations))
    if write_report and report:
        click.echo(f"The report is {write_report(evaluations, report)}", err=True)
        if (findings := evaluations[0].photographs) is not None:
            from models.evaluation.photo_report import write_sheet

            click.echo(f"The photographs are on {write_sheet(findings, evaluations[0].subject.name, report)}", err=True)


def _evaluate_products(
    model: Path | None,
    against: str | None,
    table: Path,
    by: tuple[str, ...],
    report: Path | None,
    items: int,
    as_json: bool,
) -> None:
    import models
    from models.evaluation.product_report import product_answer, product_text, write_product_sheet

    with progress_bar("picture") as progress:
        findings = models.evaluate_products(model, against, table, by, progress, items)
    if as_json:
        print_json(product_answer(findings))
    else:
        click.echo(product_text(findings))
    if report:
        click.echo(f"The report is {write_product_sheet(findings, report)}", err=True)
