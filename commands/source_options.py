"""Options that say how a source is read: which files of a folder, which columns of a table."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from commands.options import Command

_OPTIONS: Sequence[Callable[..., Any]] = (
    click.option(
        "--follow-links-out",
        is_flag=True,
        help="Follow symbolic links that lead out of the folder of pictures, too: only where all is your own.",
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="PATTERN",
        help="Of a folder, leave out the files and folders that match, like raw or drafts/**/*.png (repeatable).",
    ),
    click.option(
        "--include",
        multiple=True,
        metavar="PATTERN",
        help="Of a folder, take only pictures whose path or name matches, like *-front.jpg (repeatable).",
    ),
)


def source_options(command: Command) -> Command:
    """Give a command these options, and hand it the `options` that they make."""

    @functools.wraps(command)
    def with_options(
        *,
        include: Sequence[str],
        exclude: Sequence[str],
        follow_links_out: bool,
        **given: Any,
    ) -> Any:
        from indexer.sources.source_options import SourceOptions

        if (include or exclude) and not Path(given["source"]).is_dir():
            raise click.UsageError("--include and --exclude go with a folder of pictures.")
        options = SourceOptions(include, exclude, follow_links_out)
        return command(options=options, **given)

    for option in _OPTIONS:
        with_options = option(with_options)
    return with_options  # type: ignore[return-value]
