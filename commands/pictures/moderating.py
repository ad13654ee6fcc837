"""`lookalike moderate`."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sized
from contextlib import ExitStack, closing
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.composition import engine_without_items
from commands.indexing import web_access
from commands.options import data_dir_option, hosts_option, model_option, policy_option
from commands.terminal import progress_bar

if TYPE_CHECKING:
    from indexer.sources.items import Failure, SourceItem
    from indexer.sources.named_sources import NamedSource
    from indexer.sources.web.access import WebAccess
    from indexer.sources.web.fetcher import Fetcher
    from models.pictures.decoding import Picture
    from search_api.engine import Engine
    from search_api.results import Verdict

NOT_ALL_ALLOWED = 3
"""The exit code where a picture is to be reviewed or rejected."""


@click.command(epilog="Example: lookalike moderate products.csv --policy policy.toml --json")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@policy_option
@model_option
@data_dir_option
@hosts_option
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each picture.")
@click.pass_context
def moderate(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    policy: Path | None,
    model: Path | None,
    data_dir: Path | None,
    hosts: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say of each picture whether it may be shown: allow, review or reject, and why.

    SOURCE is what `lookalike index` takes (a folder, a table whose other columns are attributes, fashion-mnist, sample,
    or - for JSON Lines), a picture file, or a quoted pattern like 'photos/*.jpg'. A picture that can't be read is to be
    reviewed. The exit code is 0 where all are allowed, and 3 where any is to be reviewed or rejected.
    """
    opened = [_opened(name, data_dir, web_access(hosts)) for name in sources]
    for note in chain.from_iterable(source.notes for source in opened):
        click.echo(note, err=True)
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        engine = stack.enter_context(engine_without_items(model, policy))
        total = sum(len(source) if isinstance(source, Sized) else 0 for source in opened)
        # On a terminal, the lines tell how far it is.
        progress = None if sys.stdout.isatty() else stack.enter_context(progress_bar("picture"))
        for id_, verdict in _verdicts(engine, chain.from_iterable(opened)):
            _print(id_, verdict, as_json=as_json)
            counts[verdict.verdict] += 1
            if progress is not None:
                progress(counts.total(), total)
    told = f"{counts['allow']} allowed, {counts['review']} to be reviewed, {counts['reject']} rejected."
    click.echo(f"{counts.total()} pictures: {told}", err=True)
    ctx.exit(NOT_ALL_ALLOWED if counts["review"] or counts["reject"] else 0)


def _opened(name: str, data_dir: Path | None, web: "WebAccess") -> "NamedSource":
    from indexer.sources.loose_pictures import LoosePictures, pictures_named
    from indexer.sources.named_sources import open_source

    if paths := pictures_named(name):
        return LoosePictures(paths)
    with progress_bar("B") as progress:
        return open_source(name, data_dir, progress, getattr(sys.stdin, "buffer", None), web)


def _verdicts(engine: "Engine", rows: "Iterable[SourceItem | Failure]") -> "Iterator[tuple[str, Verdict]]":
    """Yield the name and the verdict of each row of a source; what can't be read is to be reviewed."""
    from indexer.sources.items import Failure
    from indexer.sources.web.access import Limits
    from indexer.sources.web.fetcher import Fetcher
    from models.errors import LookalikeError
    from search_api.moderation.moderator import MODERATED_AT_ONCE
    from search_api.moderation.submissions import Submission

    remaining = iter(rows)
    with closing(Fetcher(Limits())) as fetcher:
        while batch := list(islice(remaining, MODERATED_AT_ONCE)):
            failed: dict[int, tuple[str, str]] = {}
            submissions: dict[int, Submission] = {}
            for place, row in enumerate(batch):
                if isinstance(row, Failure):
                    failed[place] = row.code, row.message
                    continue
                try:
                    submissions[place] = Submission(_read(row, fetcher), row.attributes)
                except LookalikeError as error:
                    failed[place] = error.code, str(error)
            verdicts: dict[int, Verdict] = {}
            for place, answer in zip(submissions, engine.moderate_all(list(submissions.values())), strict=True):
                if isinstance(answer, LookalikeError):
                    failed[place] = answer.code, str(answer)
                else:
                    verdicts[place] = answer
            verdicts |= {place: _unreadable(engine, *why) for place, why in failed.items()}
            for place, row in enumerate(batch):
                yield str(row.id or row.place), verdicts[place]


def _read(item: "SourceItem", fetcher: "Fetcher") -> "bytes | Picture":
    from indexer.sources.web.access import WebPicture
    from models.pictures.decoding import Picture

    picture = item.picture
    if isinstance(picture, Picture):
        return picture
    return fetcher.fetch(picture).data or b"" if isinstance(picture, WebPicture) else picture.read()


def _unreadable(engine: "Engine", code: str, sentence: str) -> "Verdict":
    from search_api.results import Reason, Verdict

    reason = Reason(code, sentence, "review")
    return Verdict("review", (reason,), (), 0.0, (), engine.card.fingerprint, engine.policy.name, {})


def _print(id_: str, verdict: "Verdict", *, as_json: bool) -> None:
    from search_api.http.verdict_answers import verdict_answer

    if as_json:
        click.echo(json.dumps({"id": id_, **verdict_answer(verdict)}, ensure_ascii=False))
    else:
        sentences = " ".join(reason.sentence for reason in verdict.reasons)
        click.echo("\t".join((verdict.verdict, id_, sentences)).rstrip())
