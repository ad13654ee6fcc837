"""The command: parse, call the rooms, print. Results go to stdout, progress and errors to stderr.

Rooms are imported inside the commands, so that `--help` and usage errors answer at once.
"""

from typing import Any

import click

from commands import (
    exporting,
    indexing,
    items,
    learning,
    reindexing,
    sampling,
    serving,
    upkeep,
)
from commands.asking import faceting, recommending, searching
from commands.pictures import duplicates, moderating
from commands.server import keys


class _Commands(click.Group):
    """Commands whose known failures are one line on stderr and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        from models.errors import LookalikeError

        try:
            return super().invoke(ctx)
        except LookalikeError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("\nInterrupted. Run the same command again to go on.", err=True)
            raise click.exceptions.Exit(130) from None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with: lookalike index fashion-mnist && lookalike serve",
)
def main() -> None:
    """Visual search for fashion catalogues."""


for command in (
    learning.train,
    learning.evaluate,
    sampling.sample,
    indexing.index_command,
    reindexing.reindex,
    items.items,
    faceting.facets,
    exporting.export_similar,
    duplicates.duplicates,
    searching.search,
    searching.similar,
    recommending.recommend,
    moderating.moderate,
    serving.serve,
    keys.keys,
    serving.info,
    upkeep.verify,
    upkeep.backup,
    upkeep.restore,
):
    main.add_command(command)
