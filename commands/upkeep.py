"""`lookalike verify`, `backup` and `restore`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.indexing import SOME_FAILED
from commands.options import catalogue_option, json_option, model_option
from commands.terminal import print_json, print_others, progress_bar

if TYPE_CHECKING:
    from indexer.upkeep.findings import Finding, Verification
    from indexer.upkeep.metadata_checks import Identity


@click.command(epilog="Example: lookalike verify --catalogue catalogues/shop --repair")
@catalogue_option
@click.option("--repair", is_flag=True, help="Rebuild what can be; leave out, and name, the items that can't.")
@model_option
@json_option
@click.pass_context
def verify(ctx: click.Context, /, catalogue: Path, repair: bool, model: Path | None, as_json: bool) -> None:
    """Check every file, row and vector of a catalogue.

    Says what is not as it was written, item by item where items are affected. Without --repair nothing is changed.
    With it, index files are built again, and a damaged database is written anew from all that is sound; the damaged
    one is kept beside it as catalogue.damaged.sqlite. Items that can't be rebuilt are left out: index their source
    again, and they are added. Of a catalogue that was reindexed, the one in use is checked, and the file `current` that
    says which that is; those beside it are only told of.

    The model is asked only when the catalogue no longer knows which one it is of.

    Exit codes: 0 sound, or made whole again; 1 damage was found, or can't be repaired; 3 repaired, without the items
    that were lost.
    """
    from indexer.upkeep import repair as repairing
    from indexer.upkeep import verification

    with progress_bar("item") as progress:
        if repair:
            before, after = repairing.repair(catalogue, lambda: _identity(model), progress)
        else:
            before = after = verification.verify(catalogue, lambda: _identity(model), progress)
    code = 0 if before.is_sound else 1 if not after.is_sound else SOME_FAILED if before.lost else 0
    if as_json:
        print_json(_answer(before, after, repair))
    else:
        _print(before, after, repair)
    ctx.exit(code)


@click.command(epilog="Example: lookalike backup --catalogue catalogues/shop --to backups/")
@catalogue_option
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path),
    help="A new file; or a directory, in which the file is named after the catalogue and the time.",
)
def backup(catalogue: Path, to: Path) -> None:
    """Write a catalogue into one file, as it is now, even while it is being written to.

    The file is verified before it gets its name, so that an interrupted backup leaves none.
    """
    from indexer.upkeep.backup import back_up, back_up_into

    with progress_bar("step") as progress:
        if to.is_dir() or not to.suffix:
            to, items = back_up_into(catalogue, to, progress)
        else:
            items = back_up(catalogue, to, progress)
    click.echo(f"{to}: {items} items, {to.stat().st_size / 2**20:.1f} MiB, verified.")


@click.command(epilog="Example: lookalike restore backups/shop-20260701-120000.lookalike --catalogue catalogues/shop")
@click.argument("backup_file", metavar="BACKUP", type=click.Path(dir_okay=False, path_type=Path))
@catalogue_option
@click.option(
    "--force",
    is_flag=True,
    help="Replace the catalogue that is there, and what reindexing kept beside it; nothing must have it open.",
)
def restore(backup_file: Path, catalogue: Path, force: bool) -> None:
    """Make a catalogue of the file BACKUP.

    The backup is verified first; then it takes its place in one step, and the index is built.
    """
    from indexer.upkeep import backup as backups

    with progress_bar("item") as progress:
        items = backups.restore(backup_file, catalogue, force, progress)
    click.echo(f"{catalogue}: {items} items restored.")


@click.command(epilog="Example: lookalike compact --catalogue catalogues/shop")
@catalogue_option
def compact(catalogue: Path) -> None:
    """Give back the room of what was deleted.

    The catalogue's database is written anew, and its index without what is gone. Servers go on answering meanwhile, and
    writing waits. It takes as much room again as the catalogue has, for as long as it lasts.
    """
    from indexer.upkeep import compacting

    with progress_bar("item") as progress:
        done = compacting.compact(catalogue, progress)
    click.echo(f"{catalogue}: {done.items} items, {done.before / 2**20:.1f} MiB before, {done.after / 2**20:.1f} now.")


def _identity(model: Path | None) -> "Identity":
    import models
    from indexer.upkeep.metadata_checks import Identity

    card = models.load(model).card
    return Identity(card.fingerprint, card.dim, tuple(card.classes))


def _answer(before: "Verification", after: "Verification", is_repaired: bool) -> dict[str, object]:
    return {
        "catalogue": str(before.directory),
        "sound": after.is_sound,
        "repaired": is_repaired and not before.is_sound and after.is_sound,
        "items": after.items,
        "lost_items": before.lost_items,
        "files": dict(after.files),
        "others": [str(place) for place in after.others],
        "findings": [asdict(finding) for finding in before.findings],
    }


def _print(before: "Verification", after: "Verification", is_repaired: bool) -> None:
    for name, state in before.files.items():
        click.echo(f"{state:<13} {name}")
    print_others(after.directory, after.others)
    for finding in before.findings:
        click.echo(_line(finding, is_repaired and after.is_sound))
    lost = before.lost_items
    what = "what was written last" if lost is None else f"{lost} item{'s' * (lost != 1)}"
    told = "Items that were written last were" if lost is None else f"{lost} were"
    if before.is_sound:
        click.echo(f"{before.directory}: sound. {before.items} items, each with its vector and picture.")
    elif not is_repaired:
        click.echo(
            f"{before.directory}: damaged. {before.items} items are whole; {what} can't be rebuilt. "
            "Repair it with: lookalike verify --repair"
        )
    elif after.is_sound:
        click.echo(
            f"{before.directory}: repaired, with {after.items} items. "
            + (f"{told} lost: index their source again, and they are added." if lost != 0 else "Nothing was lost.")
        )
    else:
        click.echo(f"{before.directory}: still damaged: {after.findings[0].problem}. Is the disk failing?")


def _line(finding: "Finding", is_repaired: bool) -> str:
    from indexer.database.locations import CURRENT

    what = finding.id or finding.file
    if finding.is_derived:
        remedy = "rebuilt" if is_repaired else "can be rebuilt"
    elif finding.file == CURRENT:
        remedy = "nothing tells what it said: write into it the sub-directory with the catalogue, or . for none"
    else:
        remedy = "left out: index it again" if is_repaired else "can't be rebuilt: index it again after --repair"
    return f"  {what}: {finding.problem} ({remedy})"
