"""What a policy of moderation holds up, as curves: each kind of unwanted pictures against those that are wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from models.datasets.download import writing
from models.evaluation.plots import DARK, LIGHT, RocCurve, draw_rocs
from models.ood_score import auroc
from models.pictures.inline_png import drawn_uri

PAGE = "moderation.html"

_MOST_CURVES = 3
_TELLING = 0.6
"""Curves of a chart at most, and the least area of one beside the best."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPictures:
    """Pictures of one kind: by the name of each check, how suspicious they are to it, (n,), and who is held up, (n,).

    Every kind has the same checks, and one picture at least.
    """

    kind: str
    suspicions: Mapping[str, NDArray[np.floating]]
    held_up: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class KindPanel:
    """One kind on the page: its chart in the colours of light and of dark pages, as data URIs."""

    kind: str
    pictures: int
    held_up: float
    light: str
    dark: str


def curves_of(wanted: JudgedPictures, unwanted: JudgedPictures) -> list[RocCurve]:
    """Return the curves of the checks that tell a kind from what is wanted: the best first, three at most."""
    areas = {check: auroc(wanted.suspicions[check], suspicions) for check, suspicions in unwanted.suspicions.items()}
    best_first = sorted(areas, key=lambda check: -areas[check])
    telling = [check for check in best_first if areas[check] >= _TELLING]
    return [
        RocCurve(check, areas[check], *_shares_above(wanted.suspicions[check], unwanted.suspicions[check]))
        for check in (telling or best_first[:1])[:_MOST_CURVES]
    ]


def write_moderation_report(
    wanted: JudgedPictures, unwanted: Sequence[JudgedPictures], policy: str, directory: Path
) -> Path:
    """Write the page into a directory, made if need be, and return its path. `policy` is its name.

    The page refers to nothing outside itself. Raises NotWritable.
    """
    environment = Environment(
        loader=PackageLoader("models.evaluation"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    text = environment.get_template("moderation.html").render(
        policy=policy,
        wanted=len(wanted.held_up),
        wanted_held_up=float(wanted.held_up.mean()),
        panels=[_panel(wanted, kind) for kind in unwanted],
    )
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / PAGE).write_text(text, encoding="utf-8")
    return directory / PAGE


def _panel(wanted: JudgedPictures, kind: JudgedPictures) -> KindPanel:
    point = float(wanted.held_up.mean()), float(kind.held_up.mean())
    draw = partial(draw_rocs, curves_of(wanted, kind), point)
    light, dark = (drawn_uri(partial(draw, palette=palette)) for palette in (LIGHT, DARK))
    return KindPanel(kind.kind, len(kind.held_up), point[1], light, dark)


def _shares_above(
    wanted: NDArray[np.floating], unwanted: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the shares of both that are at or above each threshold, from none to all."""
    thresholds = np.unique(np.concatenate([wanted, unwanted]))[::-1]
    known, other = (
        np.concatenate([[0.0], 1 - np.searchsorted(np.sort(some), thresholds) / len(some)])
        for some in (wanted, unwanted)
    )
    return known, other
