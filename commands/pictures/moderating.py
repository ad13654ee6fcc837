"""`lookalike moderate`."""

import json
import sys
from collections import Counter
from collections.abc import Sized
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.composition import engine_without_items
from commands.options import data_dir_option, directory, hosts_option, model_option, policy_option
from commands.pictures.judging import judged_rows, opened_source
from commands.source_options import web_access
from commands.terminal import progress_bar

if TYPE_CHECKING:
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
@click.option(
    "--report",
    type=directory,
    metavar="DIR",
    help="Print no line, and draw into DIR/moderation.html what is held up of --unwanted, by kind, against SOURCE.",
)
@click.option(
    "--unwanted",
    multiple=True,
    metavar="SOURCE",
    help="Pictures that should be held up, a sub-folder a kind, or all of one kind (repeatable; with --report).",
)
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
    report: Path | None,
    unwanted: tuple[str, ...],
) -> None:
    """Say of each picture whether it may be shown: allow, review or reject, and why.

    SOURCE is what `lookalike index` takes (a folder, a table whose other columns are attributes, fashion-mnist, sample,
    or - for JSON Lines), a picture file, or a quoted pattern like 'photos/*.jpg'. A picture that can't be read is to be
    reviewed. The exit code is 0 where all are allowed, and 3 where any is to be reviewed or rejected.

    With --report, SOURCE holds pictures that are wanted, and curves show how a policy tells them from --unwanted.
    """
    if (report is None) == bool(unwanted) or (report is not None and as_json):
        raise click.UsageError("--report DIR and --unwanted SOURCE go together, and without --json.")
    if report is not None:
        from commands.pictures.moderation_curves import draw_curves

        wanted, kinds = (
            [(name, opened_source(name, data_dir, web_access(hosts))) for name in some] for some in (sources, unwanted)
        )
        with engine_without_items(model, policy) as engine:
            click.echo(draw_curves(engine, wanted, kinds, report))
        return
    opened = [opened_source(name, data_dir, web_access(hosts)) for name in sources]
    for note in chain.from_iterable(source.notes for source in opened):
        click.echo(note, err=True)
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        engine = stack.enter_context(engine_without_items(model, policy))
        total = sum(len(source) if isinstance(source, Sized) else 0 for source in opened)
        # On a terminal, the lines tell how far it is.
        progress = None if sys.stdout.isatty() else stack.enter_context(progress_bar("picture"))
        for id_, verdict, _ in judged_rows(engine, chain.from_iterable(opened)):
            _print(id_, verdict, as_json=as_json)
            counts[verdict.verdict] += 1
            if progress is not None:
                progress(counts.total(), total)
    told = f"{counts['allow']} allowed, {counts['review']} to be reviewed, {counts['reject']} rejected."
    click.echo(f"{counts.total()} pictures: {told}", err=True)
    ctx.exit(NOT_ALL_ALLOWED if counts["review"] or counts["reject"] else 0)


def _print(id_: str, verdict: "Verdict", *, as_json: bool) -> None:
    from search_api.http.verdict_answers import verdict_answer

    if as_json:
        click.echo(json.dumps({"id": id_, **verdict_answer(verdict)}, ensure_ascii=False))
    else:
        sentences = " ".join(reason.sentence for reason in verdict.reasons)
        click.echo("\t".join((verdict.verdict, id_, sentences)).rstrip())
