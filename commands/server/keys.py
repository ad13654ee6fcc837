"""`lookalike keys create`, `list` and `revoke`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from commands.options import json_option
from commands.terminal import print_json

keys_option = click.option(
    "--keys",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The file of keys.",
)


@click.group("keys", epilog="Example: lookalike keys create shop --keys keys.json")
def keys() -> None:
    """Make, list and revoke the keys that programs ask a server with."""


@keys.command("create", epilog="Example: lookalike keys create importer --scope write --keys keys.json")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "write", "admin"]),
    default=("read",),
    show_default="read",
    help="What it allows: to ask, to write as well, or everything.",
)
@click.option("--limit", metavar="RATE", help="How much it may ask, like 100/minute, whatever serve --limit says.")
@keys_option
def create(name: str, scopes: Sequence[str], limit: str | None, keys: Path) -> None:
    """Make a key. It is shown once, on stdout; the file holds its SHA-256 alone."""
    from search_api.access.keys import Scope, create_key
    from search_api.access.rates import rate_of

    key, secret = create_key(keys, name, [Scope(scope) for scope in scopes], None if limit is None else rate_of(limit))
    click.echo(secret)
    click.echo(f"This is the only time that the key {key.name} is shown. Servers with this file know it now.", err=True)


@keys.command("list", epilog="Example: lookalike keys list --keys keys.json --json")
@keys_option
@json_option
def list_keys(keys: Path, as_json: bool) -> None:
    """List the keys of a file, a line each: id, scopes, when it was made, its own limit, name."""
    from search_api.access.keys import read_keys

    known = read_keys(keys)
    if as_json:
        shown = [asdict(key) | {"limit": None if key.limit is None else str(key.limit)} for key in known]
        print_json([{name: value for name, value in key.items() if name != "sha256"} for key in shown])
        return
    for key in known:
        limit = "-" if key.limit is None else str(key.limit)
        click.echo(f"{key.id}  {','.join(key.scopes):<10}  {key.created}  {limit:<12}  {key.name}")


@keys.command("revoke", epilog="Example: lookalike keys revoke importer --keys keys.json")
@click.argument("name_or_id", metavar="NAME|ID")
@keys_option
def revoke(name_or_id: str, keys: Path) -> None:
    """Revoke a key. Running servers refuse it from then on."""
    from search_api.access.keys import revoke_key

    key = revoke_key(keys, name_or_id)
    click.echo(f"The key {key.name} ({key.id}) opens nothing any more.")
