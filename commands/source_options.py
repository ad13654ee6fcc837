"""Options that say how a source is read: which files of a folder, which columns of a table."""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.options import Command, directory

if TYPE_CHECKING:
    from indexer.sources.web.access import WebAccess

_OPTIONS: Sequence[Callable[..., Any]] = (
    click.option(
        "--user-agent",
        metavar="TEXT",
        help="As what to ask for pictures, where a server turns away strangers.",
    ),
    click.option(
        "--header",
        "headers",
        multiple=True,
        metavar="HOST: NAME: VALUE",
        help="A header for one host, like 'cdn.example.com: Authorization: Bearer 123', or @FILE with one a "
        "line, which no list of processes shows (repeatable).",
    ),
    click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="NAME=HEADING",
        help="Which column of a table is id, image or another attribute, like image=image_link (repeatable).",
    ),
    click.option(
        "--images-dir",
        type=directory,
        metavar="DIR",
        help="Where the paths of pictures in a table begin (default: the table's folder).",
    ),
    click.option(
        "--encoding",
        default="",
        metavar="NAME",
        help="What the text of a table is in, like cp1252 or gb18030 (default: found out, and told).",
    ),
    click.option(
        "--follow-links-out",
        is_flag=True,
        help="Let the paths of a table lead by symbolic links out of its folder: only where all is your own.",
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
    """Give a command these options, and hand it the `options` and the `web` access that they make."""

    @functools.wraps(command)
    def with_options(
        *,
        include: Sequence[str],
        exclude: Sequence[str],
        follow_links_out: bool,
        images_dir: Path | None,
        columns: Sequence[str],
        encoding: str,
        headers: Sequence[str],
        user_agent: str | None,
        **given: Any,
    ) -> Any:
        from indexer.sources.source_options import SourceOptions

        is_folder = os.path.isdir(given["source"] or "")  # noqa: PTH112 -- whatever was typed
        if (include or exclude) and not is_folder:
            raise click.UsageError("--include and --exclude go with a folder of pictures.")
        if (images_dir is not None or columns or follow_links_out or encoding) and is_folder:
            raise click.UsageError("--images-dir, --column, --encoding and --follow-links-out go with a table.")
        options = SourceOptions(include, exclude, follow_links_out, _columns(columns), images_dir, encoding)
        return command(options=options, web=web_access(given.pop("hosts"), headers, user_agent), **given)

    for option in _OPTIONS:
        with_options = option(with_options)
    return with_options  # type: ignore[return-value]


def _columns(given: Sequence[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for one in given:
        name, _, heading = one.partition("=")
        if not name.strip() or not heading.strip() or name.strip() in columns:
            raise click.BadParameter(f"{one!r} is not like image=image_link, each name once.", param_hint="--column")
        columns[name.strip()] = heading.strip()
    return columns


def web_access(hosts: Sequence[str], headers: Sequence[str] = (), user_agent: str | None = None) -> "WebAccess":
    """Return what of the web a person allows. Raises BadParameter for what is no host or no header."""
    from indexer.sources.errors import InvalidHeader, InvalidHost
    from indexer.sources.web.access import WebAccess
    from indexer.sources.web.addresses import AllowedHosts
    from indexer.sources.web.headers import RequestHeaders

    try:
        allowed = AllowedHosts(hosts)
    except InvalidHost as error:
        raise click.BadParameter(str(error), param_hint="--allow-host") from error
    try:
        return WebAccess(allowed, headers=RequestHeaders(list(_lines(headers)), user_agent))
    except (InvalidHost, InvalidHeader) as error:
        raise click.BadParameter(str(error), param_hint="--header") from error


def _lines(headers: Sequence[str]) -> Iterator[str]:
    for header in headers:
        if not header.startswith("@"):
            yield header
            continue
        try:
            text = Path(header[1:]).read_text(encoding="latin-1")
        except OSError as error:
            raise click.BadParameter(
                f"{header[1:]} can't be read ({error.strerror}).", param_hint="--header"
            ) from error
        yield from (line for line in text.splitlines() if line.strip())
