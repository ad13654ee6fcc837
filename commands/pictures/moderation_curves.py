"""`lookalike moderate --report`: how a policy tells pictures that are wanted from each kind of those that are not."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from commands.pictures.judging import judged_rows
from commands.terminal import progress_bar
from models.errors import LookalikeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexer.sources.named_sources import NamedSource
    from models.evaluation.moderation_report import JudgedPictures
    from search_api.engine import Engine

WANTED = "wanted"


class NothingToDraw(LookalikeError):
    """There is no picture that can be read of what is wanted, or of what is not."""

    code = "nothing-to-draw"


def draw_curves(
    engine: "Engine",
    wanted: "Sequence[tuple[str, NamedSource]]",
    unwanted: "Sequence[tuple[str, NamedSource]]",
    report: Path,
) -> Path:
    """Judge the pictures of named sources and write a page of curves; return its path.

    Of an unwanted folder each sub-folder is a kind. What can't be read is told, and left out. Raises ReportUnavailable,
    NotWritable, or NothingToDraw.
    """
    import models

    write = models.moderation_report_writer()
    (of_wanted,) = _judged(engine, wanted, by_kind=False) or (None,)
    kinds = _judged(engine, unwanted, by_kind=True)
    if of_wanted is None or not kinds:
        raise NothingToDraw(f"There is no picture that can be read of what is {'un' * bool(of_wanted)}wanted.")
    for one in kinds:
        click.echo(f"{one.kind}: {one.held_up.mean():.1%} of {len(one.held_up)} held up.", err=True)
    click.echo(f"{WANTED}: {of_wanted.held_up.mean():.1%} of {len(of_wanted.held_up)} held up.", err=True)
    return write(of_wanted, kinds, engine.policy.name, report)


def _judged(engine: "Engine", sources: "Sequence[tuple[str, NamedSource]]", *, by_kind: bool) -> "list[JudgedPictures]":
    from models.evaluation.moderation_report import JudgedPictures

    suspicions: dict[str, list[dict[str, float]]] = defaultdict(list)
    held_up: dict[str, list[bool]] = defaultdict(list)
    for kind, told, is_held_up in _each(engine, sources):
        suspicions[kind if by_kind else WANTED].append(told)
        held_up[kind if by_kind else WANTED].append(is_held_up)
    return [
        JudgedPictures(
            kind, {check: np.array([one[check] for one in some]) for check in some[0]}, np.array(held_up[kind])
        )
        for kind, some in suspicions.items()
    ]


def _each(
    engine: "Engine", sources: "Sequence[tuple[str, NamedSource]]"
) -> "Iterator[tuple[str, dict[str, float], bool]]":
    """Yield of each picture the kind, how suspicious it is to each check, and whether it is held up."""
    from search_api.moderation.suspicion import suspicions_of

    policy, done = engine.policy, 0
    with progress_bar("picture") as progress:
        for name, source in sources:
            for id_, verdict, found in judged_rows(engine, source):
                done += 1
                progress(done, 0)
                if found is None:
                    click.echo(f"{id_}: {verdict.reasons[0].sentence}", err=True)
                    continue
                yield _kind_of(name, id_), suspicions_of(policy, found), verdict.verdict != "allow"


def _kind_of(source: str, id_: str) -> str:
    """Return what a picture of a source is called as a kind: its sub-folder, or what all of the source is."""
    inside = Path(id_).parts
    return inside[0] if Path(source).is_dir() and len(inside) > 1 else Path(source).stem or source
