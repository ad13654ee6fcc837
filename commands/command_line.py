"""The command: parse, call the rooms, print. Results go to stdout, progress and errors to stderr.

Rooms are imported inside the commands, so that `--help` and usage errors answer at once.
"""

import os
import resource
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
from commands.own_catalogue import tagging
from commands.pictures import duplicates, moderating
from commands.server import keys

_LEAST_MIB, _MIB_A_PROCESSOR = 720, 40
"""What a command takes of addresses, most of it never touched: with each processor its libraries set aside more."""

_NO_MEMORY = ("failed to map segment", "Cannot allocate memory", "cannot allocate memory")
"""What the system's loader says where a library does not fit into memory."""


class _Commands(click.Group):
    """Commands whose known failures are one line on stderr and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        from models.errors import LookalikeError

        _require_memory()
        try:
            return super().invoke(ctx)
        except LookalikeError as error:
            raise click.ClickException(str(error)) from error
        except (MemoryError, ImportError) as error:
            if isinstance(error, ImportError) and not any(sign in str(error) for sign in _NO_MEMORY):
                raise
            raise click.ClickException(
                "There is not enough memory. Give the process more (ulimit -v, or the container's limit), and run the "
                "same command again: nothing that was indexed is lost."
            ) from error
        except KeyboardInterrupt:
            click.echo("\nInterrupted. Run the same command again to go on.", err=True)
            raise click.exceptions.Exit(130) from None


def _require_memory() -> None:
    """Refuse a limit on memory under which libraries of machine code end the process without a word."""
    least = _LEAST_MIB + _MIB_A_PROCESSOR * (os.cpu_count() or 1)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < least * 2**20:
        raise click.ClickException(
            f"This process may have {limit / 2**20:.0f} MiB of memory, and Lookalike needs {least}. Raise the limit "
            "(ulimit -v), and run the same command again."
        )


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
    tagging.tag,
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
    upkeep.compact,
):
    main.add_command(command)
