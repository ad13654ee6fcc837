"""`lookalike serve` and `info`."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.composition import open_engine
from commands.options import catalogue_option, json_option, model_option
from commands.terminal import print_json, print_others

if TYPE_CHECKING:
    from flask import Flask


@click.command(epilog="Example: lookalike serve --port 8000")
@catalogue_option
@model_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port, 0 for any free one."
)
@click.option("--threads", type=click.IntRange(1, 256), default=8, show_default=True, help="Threads of a process.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
def serve(catalogue: Path, model: Path | None, host: str, port: int, threads: int, workers: int) -> None:
    """Serve the page and the API until Ctrl-C."""
    from search_api.server import gunicorn_server

    def make_app() -> "Flask":
        # In the worker, after the fork: FAISS, SQLite and the runtime must not be loaded before.
        import webui.app

        return webui.app.create_app(lambda: open_engine(catalogue, model))

    def tell(address: str) -> None:
        click.echo(f"Lookalike is ready on {address} (Ctrl-C stops it)", err=True)

    gunicorn_server.serve(make_app, host, port, threads=threads, workers=workers, on_ready=tell)


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
