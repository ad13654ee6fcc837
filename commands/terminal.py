"""What the command shows: progress on stderr while something takes long, answers on stdout."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.predictions import shop_words

if TYPE_CHECKING:
    from search_api.results import Garment, Matches, SearchResult


class ProgressBar:
    """A bar on stderr with rate and remaining time; a line now and then where nobody watches."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._bar: Any = None
        self._failures = 0

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done; the total is 0 while it is not known."""
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(
                unit=self._unit,
                unit_scale=self._unit == "B",
                dynamic_ncols=True,
                mininterval=0.1 if sys.stderr.isatty() else 10,
            )
        self._bar.total = total or None
        if self._failures:
            self._bar.set_postfix_str(f"{self._failures} failed", refresh=False)
        self._bar.update(done - self._bar.n)

    def count_failure(self) -> None:
        """Show one more failure, with the next step."""
        self._failures += 1

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)

    def close(self) -> None:
        """Leave the bar as it is and go to the next line."""
        if self._bar is not None:
            self._bar.close()


@contextmanager
def progress_bar(unit: str) -> Iterator[ProgressBar]:
    """Give a bar that counts such units and closes at the end."""
    with closing(ProgressBar(unit)) as progress:
        yield progress


def print_json(answer: Any) -> None:
    """Print an answer as JSON."""
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def print_notes(notes: Sequence[str]) -> None:
    """Print what is to be said of a question, on stderr, a line each."""
    for note in notes:
        click.echo(note, err=True)


def print_result(result: "SearchResult") -> None:
    """Print what a picture is taken for, what there is to say of it, and what was found."""
    best = result.best_class
    words = shop_words(result.predicted)
    told = ", ".join(f"{word.value} ({word.probability:.0%})" for word in words or [best])
    click.echo(told)
    strange = () if result.familiar else ("Unlike the pictures that the model learned from.",)
    for note in (*strange, *result.notes):
        click.echo(f"  {note}")
    if len(result.garments) > 1:
        click.echo(f"  Garments: {'; '.join(map(_garment_line, result.garments))}")
    print_hits(result.hits)


def _garment_line(garment: "Garment") -> str:
    """Return a garment with the box to search with it by."""
    from search_api.http.answers import box_answer

    box = ",".join(f"{share:g}" for share in box_answer(garment.box))
    best, searched = garment.best_class, ", searched" if garment.searched else ""
    return f"{best.value} ({best.probability:.0%}{searched}) --box {box}"


def print_hits(hits: "Matches") -> None:
    """Print items found, a line each: rank, score, chance of the same kind, id, predicted class."""
    if hits and hits.no_good_match:
        click.echo("No good match. The nearest are:")
    width = max((len(hit.item.id) for hit in hits), default=0)
    for rank, hit in enumerate(hits, 1):
        click.echo(
            f"{rank:>3}  {hit.score:.3f}  {hit.relevance:>4.0%}  {hit.item.id:<{width}}  {hit.item.best_class.value}"
        )


def print_others(catalogue: Path, places: Sequence[Path]) -> None:
    """Print where there are catalogues beside the one in use, a line each."""
    for place in places:
        click.echo(
            f"{place}: a catalogue beside the one in use, an earlier one or not finished. Delete it with: "
            f"lookalike reindex --catalogue {catalogue} --drop-previous"
        )
