"""The report of an evaluation: one page that needs nothing beside it, for people to read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from models.arrays import Images
from models.augmentations import AUGMENTATIONS
from models.datasets.download import writing
from models.evaluation.item_map import COLOURS, draw_map
from models.evaluation.measure import RECALL_QUERIES, Evaluation
from models.evaluation.plots import (
    DARK,
    LIGHT,
    Palette,
    draw_confusion,
    draw_curves,
    draw_ood_distances,
    draw_reliability,
)
from models.evaluation.retrieval_sheets import Sheet, choose_sheets
from models.evaluation.summary import titles
from models.pictures.inline_png import drawn_uri, garment_uri

PAGE = "index.html"

AUGMENTATION_TITLES = {
    "shift": ("Shift", "up to 3 pixels"),
    "rotate": ("Rotate", "up to 10 degrees"),
    "scale": ("Scale", "up to 15 %"),
    "tone": ("Tone", "0.6 to 1.3 times"),
    "jpeg": ("JPEG", "quality 30, 4 times the size"),
    "flip": ("Flip", "left and right"),
    "occlude": ("Occlude", "a square of 8 pixels"),
    "blur": ("Blur", "sigma 1 pixel"),
    "noise": ("Noise", "sigma 20 levels"),
}
"""What people call each augmentation, and how much it changes."""


class Draw(Protocol):
    """Saves one chart."""

    def __call__(self, target: IO[bytes], *, palette: Palette) -> None: ...


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart in the colours of light and of dark pages, as data URIs; `title` says whose it is."""

    title: str
    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class Tile:
    """One item as a data URI, its class, and whether that is the query's."""

    picture: str
    label: str
    right: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A query and, for each evaluation, its ten nearest."""

    query: Tile
    nearest: tuple[tuple[str, tuple[Tile, ...]], ...]


def write_report(evaluations: Sequence[Evaluation], directory: Path) -> Path:
    """Write the page into a directory, made if need be, and return its path.

    The first evaluation is what the page is about; a second one, on the same test images, is set beside it.
    Raises NotWritable.
    """
    page = directory / PAGE
    text = render_report(evaluations)
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    return page


def render_report(evaluations: Sequence[Evaluation]) -> str:
    """Return the page as HTML that refers to nothing outside itself."""
    first = evaluations[0]
    environment = Environment(
        loader=PackageLoader("models.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(percent=_percent, thousands=lambda number: f"{number:,}")
    return environment.get_template("report.html").render(
        subject=first.subject,
        facts=_facts(evaluations),
        items=len(first.test.labels),
        recall_queries=min(RECALL_QUERIES, len(first.test.labels)),
        compared=tuple(zip(titles(evaluations), evaluations, strict=True)),
        figures=tuple(evaluation.figures() for evaluation in evaluations),
        augmentations=_augmented(first.test.images),
        side=first.test.images.shape[1],
        sheets=tuple((sheet, _found(sheet, evaluations)) for sheet in choose_sheets(first)),
        confusions=_charts(evaluations, _confusion),
        reliabilities=_charts(evaluations, _reliability),
        hit_reliabilities=_charts(evaluations, _hit_reliability),
        familiarities=_charts(evaluations, _familiarity),
        losses=_charts(evaluations, partial(_curves, part="loss")),
        accuracies=_charts(evaluations, partial(_curves, part="accuracy")),
        maps=tuple(
            (title, drawn_uri(partial(draw_map, one.vectors, one.test.images, one.test.labels)))
            for title, one in zip(titles(evaluations), evaluations, strict=True)
        ),
        legend=tuple(zip(first.subject.classes, np.resize(COLOURS, len(first.subject.classes)), strict=True)),
    )


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f}"


def _facts(evaluations: Sequence[Evaluation]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return what else there is to know of the first evaluation, by name: a text for it and for each other."""
    first, *others = (_facts_of(evaluation) for evaluation in evaluations)
    return tuple((name, (text, *(other.get(name, "–") for other in others))) for name, text in first.items())


def _facts_of(evaluation: Evaluation) -> dict[str, str]:
    figures, subject, speed = evaluation.figures(), evaluation.subject, evaluation.speed
    facts = {
        "P@1": f"{_percent(figures['precision_at_1'])} %",
        "mAP@100": f"{_percent(figures['map_at_100'])} %",
        "Vector": f"{subject.dim} dimensions",
    }
    if subject.parameters is not None:
        facts["Parameters"] = f"{subject.parameters:,}"
    if subject.bytes is not None:
        facts["Runtime graph"] = f"{subject.bytes / 1e6:.2f} MB"
    if speed is not None:
        facts["One image"] = f"{speed.one_image_ms:.2f} ms"
        facts["Batch of 256"] = f"{speed.batch_of_256_ms:.0f} ms"
    return facts


def _charts(evaluations: Sequence[Evaluation], chart_of: Callable[[Evaluation], Draw | None]) -> tuple[Chart, ...]:
    drawn = ((title, chart_of(evaluation)) for title, evaluation in zip(titles(evaluations), evaluations, strict=True))
    return tuple(
        Chart(title, *(drawn_uri(partial(draw, palette=palette)) for palette in (LIGHT, DARK)))
        for title, draw in drawn
        if draw is not None
    )


def _confusion(evaluation: Evaluation) -> Draw | None:
    found = evaluation.classification
    return partial(draw_confusion, found.confusion, evaluation.subject.classes) if found else None


def _reliability(evaluation: Evaluation) -> Draw | None:
    found = evaluation.classification
    return partial(draw_reliability, found.reliability) if found else None


def _hit_reliability(evaluation: Evaluation) -> Draw | None:
    return partial(draw_reliability, evaluation.reliability.hits) if evaluation.reliability else None


def _familiarity(evaluation: Evaluation) -> Draw | None:
    found = evaluation.reliability
    return partial(draw_ood_distances, found.known, found.ood_distances, found.limit) if found else None


def _curves(evaluation: Evaluation, part: str) -> Draw | None:
    history = evaluation.subject.history
    return partial(draw_curves, history, parts=(part,)) if history else None


def _augmented(images: Images) -> tuple[tuple[str, str, str, str], ...]:
    """Return each augmentation, its title and extent, and one and the same item changed by it."""
    return tuple(
        (name, *AUGMENTATION_TITLES[name], garment_uri(augment(images[:1], np.random.default_rng(seed))[0]))
        for seed, (name, augment) in enumerate(AUGMENTATIONS.items())
    )


def _found(sheet: Sheet, evaluations: Sequence[Evaluation]) -> tuple[Found, ...]:
    test, classes = evaluations[0].test, evaluations[0].subject.classes

    def tile(item: int, query: int) -> Tile:
        same = test.labels[item] == test.labels[query]
        return Tile(garment_uri(test.images[item]), classes[test.labels[item]], bool(same))

    return tuple(
        Found(
            tile(query, query),
            tuple(
                (title, tuple(tile(int(item), query) for item in evaluation.rankings.nearest[query]))
                for title, evaluation in zip(titles(evaluations), evaluations, strict=True)
            ),
        )
        for query in sheet.queries
    )
