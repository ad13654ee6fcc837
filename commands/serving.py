"""`lookalike serve` and `info`."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.composition import open_engine, prepare_engine
from commands.options import catalogue_option, image_hosts_option, json_option, model_option, policy_option
from commands.server.exposing import Exposing, exposing_options
from commands.server.settings import SettingsCommand, print_settings
from commands.terminal import print_json, print_others

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask


@click.command(cls=SettingsCommand, epilog="Example: lookalike serve --port 8000")
@catalogue_option
@model_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port, 0 for any free one."
)
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer; 2 where there are two cores.")
@click.option(
    "--threads",
    type=click.IntRange(1, 128),
    default=2,
    show_default=True,
    help="Threads of a worker, beside the one that decodes pictures and the one that writes.",
)
@click.option("--prefix", default="", metavar="PATH", help="Path under which clients see the pages, like /vs.")
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="NETWORK",
    help="Address or network of proxies whose X-Forwarded headers are believed. May be repeated.",
)
@click.option("--access-log", metavar="FILE", help="Write a line of JSON for each answer to FILE, or to stderr: -")
@policy_option
@image_hosts_option
@click.option("--reuse-port", is_flag=True, help="Let several servers share the port, to exchange them without a gap.")
@exposing_options
@click.pass_context
def serve(
    context: click.Context,
    catalogue: Path,
    model: Path | None,
    host: str,
    port: int,
    workers: int | None,
    threads: int,
    prefix: str,
    trusted_proxies: tuple[str, ...],
    access_log: str | None,
    policy: Path | None,
    image_hosts: tuple[str, ...],
    reuse_port: bool,
    exposing: Exposing,
    check: bool,
) -> None:
    """Serve the page and the API until Ctrl-C. SIGHUP loads catalogue and model anew."""
    from search_api.access.image_hosts import ImageHosts

    allowed = ImageHosts(image_hosts)
    if check:
        from search_api.server.front.proxies import Proxies

        Proxies(trusted_proxies, prefix)  # says what is wrong with them
        if policy is not None:
            from search_api.moderation.policy_file import read_policy

            read_policy(policy)
        print_settings(context)
        click.echo(f"# {exposing.gate.summary}")
        if reuse_port and exposing.admission.counts:
            click.echo(
                "# Each server on a port counts limits by itself: while two share it, twice as much may be asked."
            )
        return
    from search_api.server import serving

    def prepare() -> "Callable[[], Flask]":
        # In the process that workers are forked from: what is imported and read here is shared by all.
        import webui.app

        make_engine = prepare_engine(catalogue, model, policy, allowed)
        return lambda: webui.app.create_app(make_engine, exposing.exposure)

    def tell(address: str) -> None:
        click.echo(f"Lookalike is ready on {address}{serving_prefix} (Ctrl-C stops it)", err=True)

    serving_prefix = prefix.rstrip("/")
    serving.serve(
        prepare,
        host,
        port,
        threads=threads,
        workers=workers,
        on_ready=tell,
        reuse_port=reuse_port,
        prefix=prefix,
        trusted_proxies=trusted_proxies,
        access_log=access_log,
        admission=exposing.admission,
        fetches=bool(allowed),
    )


@click.command(epilog="Example: lookalike info --json")
@catalogue_option
@model_option
@json_option
def info(catalogue: Path, model: Path | None, as_json: bool) -> None:
    """Say what a catalogue and its model are."""
    from indexer.database.locations import beside, located
    from search_api.http.answers import info_answer

    with closing(open_engine(catalogue, model)) as engine:
        facts = info_answer(engine.info())
        counts = engine.counts()
    others = beside(catalogue, located(catalogue))
    if as_json:
        print_json({**facts, "counts": counts, "others": [str(place) for place in others]})
        return
    click.echo(f"catalogue  {catalogue}: {facts['items']} items, generation {facts['generation']}")
    if facts["recall"] is not None:
        click.echo(f"           searched through a graph, recall@10 {facts['recall']:.4f}")
    for label, items in counts.items():
        click.echo(f"           {items:>7}  {label}")
    click.echo(f"model      {facts['name']}, {facts['model'][:12]}, {facts['dim']}-d, trained {facts['trained_at']}")
    for name, value in facts["metrics"].items():
        click.echo(f"           {value:>7.4f}  {name}")
    print_others(catalogue, others)
