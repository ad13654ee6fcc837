"""`lookalike train TABLE --target ...`: learn the shop's own words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.terminal import progress_bar

if TYPE_CHECKING:
    from indexer.sources.source_options import SourceOptions
    from indexer.sources.web.access import WebAccess
    from models.card import ModelCard

_FAILURES_TOLD = 5


def train_on_catalogue(
    source: str | None,
    catalogue: Path | None,
    targets: Sequence[str],
    parts: Sequence[str],
    rarest: int,
    seed: int | None,
    out: Path,
    goes_on: Path | None,
    web: "WebAccess",
    options: "SourceOptions",
) -> None:
    """Learn the targets of a source or a catalogue, and tell what came of it."""
    import models
    from commands.own_catalogue.products import products_in, products_of

    products = products_in(catalogue) if catalogue is not None else products_of(source or "", web, options)
    for failure in products.failures[:_FAILURES_TOLD]:
        click.echo(f"left out: {failure}", err=True)
    if len(products.failures) > _FAILURES_TOLD:
        click.echo(f"left out: {len(products.failures) - _FAILURES_TOLD} more rows", err=True)
    if products.on_the_web:
        raise click.UsageError(
            f"{products.on_the_web} pictures are on the web. Index them first, then learn from the catalogue: "
            "lookalike train --from-catalogue DIR --target ..."
        )
    with progress_bar("step") as progress:
        card = models.train_own(
            products.examples, targets, dict(map(_part, parts)), rarest, seed, out, goes_on, progress, progress.say
        )
    tell(out, card)


def _part(text: str) -> tuple[str, str]:
    name, _, part = text.rpartition("=")
    if not name or part not in ("kind", "look", "colour"):
        raise click.UsageError(f"--part takes a target and a part of the vector, such as fabric=look, not {text!r}.")
    return name, part


def tell(out: Path, card: "ModelCard") -> None:
    """Print what a model of a shop's own words is worth on products that it did not learn from."""
    click.echo(f"{out}: {card.name}, fingerprint {card.fingerprint[:12]}, {card.training['products']} products")
    click.echo(f"  {'':<20} {'right':>6} {'error of probabilities':>23} {'cells filled at .95':>20}")
    for name, figures in card.metrics["held_out"].items():
        click.echo(
            f"  {name:<20} {figures['right']:>6.3f} {figures['calibration_error']:>23.3f} {figures['filled']:>20.2f}"
        )
    ways = card.metrics["precision_at_10"]
    click.echo(f"  {'nearest that share it':<20} {'shipped':>7} {'own':>6}")
    for name, before in ways["shipped"].items():
        click.echo(f"  {name:<20} {before:>8.3f} {ways['own'].get(name, float('nan')):>6.3f}")
