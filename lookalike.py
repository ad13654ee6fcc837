"""The command: parse, call the rooms, print. Results go to stdout, progress and errors to stderr.

Rooms are imported inside the commands, so that `--help` and usage errors answer at once.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.embedder import Embedder
    from search_api.engine import Engine

DEFAULT_CATALOGUE = "catalogues/fashion-mnist"
CATALOGUE_VARIABLE = "LOOKALIKE_CATALOGUE"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 1 for a known failure or 130 when interrupted. Usage errors exit with 2."""
    options = _parser().parse_args(arguments)
    from models.errors import LookalikeError

    try:
        command: Callable[[argparse.Namespace], None] = options.command
        command(options)
        sys.stdout.flush()
    except LookalikeError as error:
        print(f"lookalike: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nlookalike: interrupted. Run the same command again to go on.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output has what it wanted; keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _train(options: argparse.Namespace) -> None:
    import models
    from models.recipes import RECIPES

    with _progress("step") as progress:
        card = models.train(
            RECIPES[options.recipe],
            options.out,
            data_dir=options.data_dir,
            progress=progress,
            say=progress.say,
        )
    print(f"{options.out}: {card.name}, fingerprint {card.fingerprint[:12]}")
    for name in ("accuracy", "precision_at_10", "map_at_r", "looks_mean"):
        print(f"  {name:<18} {card.metrics[name]:.4f}")


def _index(options: argparse.Namespace) -> None:
    import models
    from indexer import pipeline, sources
    from indexer.catalogue import Catalogue

    with _progress("B") as progress:
        source = sources.open_source(options.source, data_dir=options.data_dir, progress=progress)
    embedder = models.load(options.model)
    card = embedder.card
    with (
        closing(Catalogue.create(options.catalogue, card.fingerprint, card.dim, card.classes)) as catalogue,
        _progress("item") as progress,
    ):
        report = pipeline.index(source, embedder, catalogue, progress=progress)
        total = len(catalogue)
    if report.added or report.updated:
        print(f"{options.catalogue}: {report.added} added, {report.updated} updated, {total} items.")
    else:
        print(f"{options.catalogue}: nothing to do, all {total} items are there.")


def _search(options: argparse.Namespace) -> None:
    from search_api.answers import search_answer

    with _engine(options) as engine:
        result = engine.search(_read_picture(options.image), k=options.k, where=_where(options.where))
    if options.json:
        _print_json(search_answer(result))
        return
    best = result.predictions[0]
    print(f"{best.label} ({best.probability:.0%})")
    for note in result.notes:
        print(f"  {note}")
    _print_hits(result.hits)


def _similar(options: argparse.Namespace) -> None:
    from search_api.answers import hit_answer

    with _engine(options) as engine:
        hits = engine.similar(options.id, k=options.k, where=_where(options.where))
    if options.json:
        _print_json([hit_answer(hit) for hit in hits])
    else:
        _print_hits(hits)


def _serve(options: argparse.Namespace) -> None:
    from search_api.server import serve

    def make_app() -> Any:
        # In the worker, after the fork: FAISS, SQLite and the runtime must not be loaded before.
        import webui.app

        return webui.app.create_app(lambda: _open_engine(options))

    serve(
        make_app,
        host=options.host,
        port=options.port,
        threads=options.threads,
        workers=options.workers,
        on_ready=lambda address: print(f"Lookalike is ready on {address}  (Ctrl-C stops it)", file=sys.stderr),
    )


def _info(options: argparse.Namespace) -> None:
    from search_api.answers import info_answer

    with _engine(options) as engine:
        info = info_answer(engine.info())
        counts = engine.counts()
    if options.json:
        _print_json({**info, "counts": counts})
        return
    print(f"catalogue  {options.catalogue}: {info['items']} items, generation {info['generation']}")
    for label, items in counts.items():
        print(f"           {items:>7}  {label}")
    print(f"model      {info['name']}, {info['model'][:12]}, {info['dim']} dimensions, trained {info['trained_at']}")
    for name, value in info["metrics"].items():
        print(f"           {value:>7.4f}  {name}")


def _open_engine(options: argparse.Namespace) -> "Engine":
    """Compose the product: the embedder, the catalogue made with it, and the engine over both."""
    import models
    from indexer.catalogue import Catalogue
    from search_api.engine import Engine

    embedder: Embedder = models.load(options.model)
    catalogue: Catalogue = Catalogue.open(options.catalogue, fingerprint=embedder.card.fingerprint)
    return Engine(embedder, catalogue)


@contextmanager
def _engine(options: argparse.Namespace) -> Iterator["Engine"]:
    with closing(_open_engine(options)) as engine:
        yield engine


def _read_picture(path: str) -> bytes:
    from models.errors import LookalikeError

    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise LookalikeError(f"{path} can't be read: {error.strerror}.") from error


def _where(conditions: Sequence[str]) -> dict[str, Any] | None:
    """Turn `field=value`, `field>=value` and `field<=value` into a filter; repeating `field=` means any of them."""
    from indexer.conditions import parse_conditions

    return parse_conditions(conditions) or None


def _print_json(answer: Any) -> None:
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def _print_hits(hits: Sequence[Any]) -> None:
    width = max((len(hit.item.id) for hit in hits), default=0)
    for rank, hit in enumerate(hits, 1):
        print(f"{rank:>3}  {hit.score:.3f}  {hit.item.id:<{width}}  {hit.item.label}")


class _Progress:
    """A bar on stderr with rate and remaining time, quiet where nobody watches."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        from tqdm import tqdm

        if self._bar is None:
            scaled = self._unit == "B"
            self._bar = tqdm(
                total=total,
                initial=0,
                unit=self._unit,
                unit_scale=scaled,
                file=sys.stderr,
                dynamic_ncols=True,
                mininterval=0.2 if sys.stderr.isatty() else 10,
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


@contextmanager
def _progress(unit: str) -> Iterator[_Progress]:
    with closing(_Progress(unit)) as progress:
        yield progress


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lookalike",
        description="Visual search for fashion catalogues.",
        epilog="Try: lookalike index fashion-mnist && lookalike serve",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(
        name: str, run: Callable[[argparse.Namespace], None], summary: str, example: str
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, help=summary, description=summary, epilog=f"Example: {example}", allow_abbrev=False
        )
        command.set_defaults(command=run)
        return command

    train = add(
        "train",
        _train,
        "Train a model and write it as a bundle.",
        "lookalike train --recipe quick --out my-model",
    )
    train.add_argument(
        "--recipe", choices=["quick"], default="quick", help="how to train (default: quick, about 10 minutes)"
    )
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the bundle goes")
    _add_data_dir(train)

    index = add("index", _index, "Put the items of a source into a catalogue.", "lookalike index fashion-mnist")
    index.add_argument("source", metavar="SOURCE", help="what to index: fashion-mnist")
    _add_data_dir(index)
    _add_catalogue(index)

    search = add("search", _search, "Find the items that look like a picture.", "lookalike search photo.jpg -k 5")
    search.add_argument("image", metavar="IMAGE", help="a picture file, or - for standard input")
    _add_query(search)

    similar = add("similar", _similar, "Find the items that look like an item.", "lookalike similar test-00042 --json")
    similar.add_argument("id", metavar="ID", help="the id of an item in the catalogue")
    _add_query(similar)

    serve = add("serve", _serve, "Serve the page and the API.", "lookalike serve --port 8000")
    _add_catalogue(serve)
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=_integer(0, 65535), default=8000, help="port, 0 for any free one (default: 8000)")
    serve.add_argument("--threads", type=_integer(1, 256), default=8, help="threads of a process (default: 8)")
    serve.add_argument("--workers", type=_integer(1, 64), default=1, help="processes (default: 1)")

    info = add("info", _info, "Say what a catalogue and its model are.", "lookalike info --json")
    _add_catalogue(info)
    info.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_data_dir(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="where Fashion-MNIST's files are, or go (default: $LOOKALIKE_DATA_DIR, then Keras's own cache)",
    )


def _add_catalogue(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--catalogue",
        type=Path,
        metavar="DIR",
        default=Path(os.environ.get(CATALOGUE_VARIABLE, DEFAULT_CATALOGUE)),
        help=f"the catalogue's directory (default: ${CATALOGUE_VARIABLE}, then {DEFAULT_CATALOGUE})",
    )
    command.add_argument("--model", type=Path, metavar="DIR", help="a model bundle (default: the one that ships)")


def _add_query(command: argparse.ArgumentParser) -> None:
    _add_catalogue(command)
    command.add_argument("-k", type=int, default=12, help="how many items, 1 to 100 (default: 12)")
    command.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="only items with that value, as in label=Sneaker; may be repeated",
    )
    command.add_argument("--json", action="store_true", help="print JSON")


def _integer(low: int, high: int) -> Callable[[str], int]:
    def integer(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{value} is not between {low} and {high}")
        return value

    return integer


if __name__ == "__main__":
    sys.exit(main())
