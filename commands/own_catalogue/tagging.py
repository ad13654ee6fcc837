"""`lookalike tag`."""

import csv
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.options import directory, hosts_option
from commands.source_options import source_options
from commands.terminal import progress_bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from commands.own_catalogue.products import Products
    from indexer.sources.source_options import SourceOptions
    from indexer.sources.web.access import WebAccess
    from models.embedder import View
    from models.errors import LookalikeError
    from models.progress import Progress
    from models.runtime import LiteRTEmbedder
    from models.tagging.tags import Learned, Tag
    from models.training.own_catalogue.examples import Example

_AT_ONCE = 16
_DIGITS = 32
_HEADINGS = "id", "target", "action", "says", "looks like", "probability"


@click.command(epilog="Example: lookalike tag products.csv --model shop-model --out tags.csv --page tags.html")
@click.argument("source")
@click.option("--model", type=directory, required=True, help="A model of the shop's own words (`lookalike train`).")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The table to write, CSV.")
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), help="Also a page to look through, HTML.")
@click.option(
    "--precision",
    type=click.FloatRange(0.5, 0.999),
    default=0.95,
    show_default=True,
    help="Share of the filled cells that are to be right.",
)
@source_options
@hosts_option
def tag(
    source: str,
    model: Path,
    out: Path,
    page: Path | None,
    precision: float,
    web: "WebAccess",
    options: "SourceOptions",
) -> None:
    """Fill the empty cells of a table, and list those that are likely wrong.

    A cell is filled where the model is sure enough to be right as often as --precision asks, as it was on products that
    it had not learned from. Of products that it has learned from, what is told is what it said before it had. The table
    has a row a cell: first those to fill, then those to check, the likeliest mistakes first.
    """
    import models
    from commands.own_catalogue.products import products_of
    from models.runtime import LiteRTEmbedder
    from models.tagging.page import write_page
    from models.tagging.tags import FILLED, read_learned, require_targets, tags_of, thresholds

    embedder = LiteRTEmbedder(models.bundle_directory(model))
    targets = require_targets(embedder.card)
    learned = read_learned(embedder.bundle, embedder.card)
    products = products_of(source, web, options)
    if products.on_the_web:
        raise click.UsageError(f"{products.on_the_web} pictures are on the web. Fetch them first.")
    with progress_bar("picture") as progress:
        sound, probabilities, failures = _told(embedder, products, learned, progress)
    fill_from = thresholds(learned, precision)
    tags = tags_of([one.id for one in sound], [one.values for one in sound], targets, probabilities, fill_from)
    _write(tags, out)
    for failure in (*products.failures, *failures)[:5]:
        click.echo(f"left out: {failure}", err=True)
    for target in targets:
        filled = [one for one in tags if one.target == target.name and one.action == FILLED]
        doubted = [one for one in tags if one.target == target.name and one.action != FILLED]
        empty = sum(not one.values.get(target.name, "").strip() for one in sound)
        sure = f"from {fill_from[target.name]:.2f} on" if fill_from[target.name] <= 1 else "never sure enough"
        click.echo(f"{target.name}: {len(filled)} of {empty} empty cells filled ({sure}), {len(doubted)} to check")
    click.echo(f"{out}: {len(tags)} cells of {len(sound)} products.")
    if page is not None:
        write_page(tags, sound, page)
        click.echo(f"{page}: the likeliest mistakes, with their pictures.")


def _told(
    embedder: "LiteRTEmbedder", products: "Products", learned: "Learned", progress: "Progress"
) -> "tuple[list[Example], dict[str, NDArray[np.float32]], list[str]]":
    """Return the products that could be read, what is said of each by target, and why the others could not."""
    import numpy as np

    from models.errors import LookalikeError

    sound: list[Example] = []
    failures: list[str] = []
    rows: dict[str, list[NDArray[np.float32]]] = {one.name: [] for one in embedder.card.targets}

    def read(one: "Example") -> "int | View | LookalikeError":
        from models.pictures.decoding import decode

        try:
            data = one.picture.read()
            known = learned.rows.get(hashlib.sha256(data).hexdigest()[:_DIGITS])
            return embedder.prepare(decode(data)) if known is None else known
        except LookalikeError as error:
            return error

    with ThreadPoolExecutor() as readers:
        for start in range(0, len(products.examples), _AT_ONCE):
            some = products.examples[start : start + _AT_ONCE]
            seen = list(zip(some, readers.map(read, some), strict=True))
            views = [one for _, one in seen if not isinstance(one, int | LookalikeError)]
            answers = embedder.answers(views)
            at = 0
            for example, one in seen:
                if isinstance(one, LookalikeError):
                    failures.append(f"{example.id}: {one}")
                    continue
                sound.append(example)
                for name, kept in rows.items():
                    kept.append(learned.probabilities[name][one] if isinstance(one, int) else answers.targets[name][at])
                at += not isinstance(one, int)
            progress(min(start + _AT_ONCE, len(products.examples)), len(products.examples))
    widths = {one.name: len(one.values) for one in embedder.card.targets}
    arrays = {name: np.array(kept, np.float32).reshape(-1, widths[name]) for name, kept in rows.items()}
    return sound, arrays, failures


def _write(tags: "Sequence[Tag]", out: Path) -> None:
    from indexer.sources.tabular.safe_cells import safe_cell
    from models.files import written_whole

    with written_whole(out) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADINGS)
        for one in tags:
            cells = one.id, one.target, one.action, one.said, one.told
            writer.writerow([*map(safe_cell, cells), f"{one.probability:.3f}"])
