"""The two servers that are measured in turns, each over its own catalogue of the same items."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.baseline import BEFORE_THE_FRONT, Checkout, checked_out
from benchmarks.harness.gallery import QUERIES, png_file
from benchmarks.harness.measuring import Say
from benchmarks.harness.processes import Server, run_quietly, serving
from models.datasets import fashion_mnist

ITEMS = 10_000


@dataclass(frozen=True, slots=True)
class Side:
    """A tree of the project, and a catalogue that its own command has made."""

    name: str
    checkout: Checkout
    catalogue: Path

    def serve_command(self, *options: str, port: int = 0) -> list[str]:
        """Return the words that serve the catalogue with the defaults and these options."""
        return self.checkout.command("serve", "--catalogue", str(self.catalogue), "--port", str(port), *options)

    @contextmanager
    def serving(self, *options: str, port: int = 0) -> Iterator[Server]:
        """Serve the catalogue until the block ends. Raises what `processes.serving` raises."""
        with serving(self.serve_command(*options, port=port), self.checkout.root) as server:
            yield server


@dataclass(frozen=True, slots=True)
class Sides:
    """The tree at hand, an earlier commit, and pictures to ask both about."""

    ours: Side
    theirs: Side
    pictures: tuple[bytes, ...]


@contextmanager
def both_sides(against_checkout: Path | None, say: Say) -> Iterator[Sides]:
    """Let both trees index the 10,000 test images. The catalogues last as long as the block.

    Raises BenchmarkFailed when there is no such commit or checkout, or indexing fails.
    """
    earlier = Checkout.at(against_checkout) if against_checkout else checked_out(BEFORE_THE_FRONT, say)
    images = fashion_mnist.load("test").images
    with TemporaryDirectory(prefix="lookalike-benchmark-") as directory:
        ours = _indexed("lookalike", Checkout.here(), Path(directory) / "ours", say)
        theirs = _indexed(BEFORE_THE_FRONT, earlier, Path(directory) / "theirs", say)
        yield Sides(ours, theirs, tuple(png_file(image) for image in images[:: len(images) // QUERIES][:QUERIES]))


def _indexed(name: str, checkout: Checkout, catalogue: Path, say: Say) -> Side:
    say(f"indexing {ITEMS:,} items for {name}")
    data = str(fashion_mnist.locate())
    run_quietly(
        checkout.command("index", "fashion-mnist", "--data-dir", data, "--catalogue", str(catalogue)), checkout.root
    )
    return Side(name, checkout, catalogue)
