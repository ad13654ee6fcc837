"""One phone photograph, from the bytes of its file to the answer, against plain decoding of those bytes."""

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

import models
from benchmarks.harness.measuring import Figure, Say, Section, in_turns, less, median_seconds
from indexer.catalogue.local import LocalCatalogue
from indexer.predictions import predicted_class
from indexer.records import Record
from indexer.thumbnails import display_copy
from models.embedder import Embedder
from models.pictures.decoding import Picture
from sample_shop.products import products
from search_api.engine import Engine

MOST_MS, MOST_MS_IN_COLOUR = 25.0, 30.0
"""What an answer may take, in milliseconds, of the model for Fashion-MNIST and of the one for photographs."""

_ITEMS = 10_000
_WIDTH, _HEIGHT = 864, 1152
"""About a megapixel, as a messenger sends a phone's picture."""

_CALLS = 20


def run(say: Say, quick: bool) -> Section:
    """Measure the garment found, the view made, the forward pass and the search, with either shipped model."""
    data = taken_on_a_floor()
    items = 500 if quick else _ITEMS
    with (
        tempfile.TemporaryDirectory() as directory,
        _engine(Path(directory) / "grey", models.load(), items, say) as grey,
        _engine(Path(directory) / "colour", models.load(models.PHOTOGRAPHS), items, say) as in_colour,
    ):
        rounds = in_turns(
            {
                "grey": partial(_milliseconds, partial(grey.search, data)),
                "in colour": partial(_milliseconds, partial(in_colour.search, data)),
                "theirs": partial(_milliseconds, partial(_decoded, data)),
            },
            2 if quick else 12,
            say,
        )
    comparison = less("bytes to answer", "ms", rounds["grey"], "plain decoding", rounds["theirs"])
    coloured = less("bytes to answer, in colour", "ms", rounds["in colour"], "plain decoding", rounds["theirs"])
    return Section(
        name="photograph",
        title=f"a JPEG of {_WIDTH * _HEIGHT / 1e6:.1f} megapixels, {len(data) / 1e3:,.0f} kB, answered in process",
        comparisons=(comparison, coloured),
        figures=(
            Figure("bytes to answer", comparison.ours.value, MOST_MS, at_least=False, unit="ms"),
            Figure("bytes to answer, in colour", coloured.ours.value, MOST_MS_IN_COLOUR, at_least=False, unit="ms"),
        ),
    )


def taken_on_a_floor(seed: int = 0) -> bytes:
    """Return the JPEG of a drawn garment lying on a wooden floor, with a shade and a camera's noise."""
    random = np.random.default_rng(seed)
    boards = np.repeat(random.normal(0, 9, 12), _WIDTH // 12)[None, :, None]
    shade = np.linspace(-18, 18, _HEIGHT)[:, None, None]
    floor = np.array([168, 128, 88]) + boards + shade
    product = products()[0].draw()
    side = (_WIDTH * 3 // 4, _HEIGHT * 3 // 4)
    garment = np.asarray(Image.fromarray(product).resize(side, Image.Resampling.BICUBIC), np.float64)
    top, left = (_HEIGHT - side[1]) // 2, (_WIDTH - side[0]) // 2
    place = floor[top : top + side[1], left : left + side[0]]
    place[...] = np.where(garment.min(axis=2, keepdims=True) > 245, place, garment)
    noisy = floor + random.normal(0, 4, floor.shape)
    buffer = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


@contextmanager
def _engine(directory: Path, embedder: Embedder, items: int, say: Say) -> Iterator[Engine]:
    """Give an engine over a catalogue of so many items, whose vectors are drawn at random: a search costs the same."""
    say(f"making {items:,} items for {embedder.card.name}")
    card, random = embedder.card, np.random.default_rng(0)
    picture = display_copy(Picture(np.zeros((28, 28), np.uint8)))
    with LocalCatalogue.create(directory, card.fingerprint, card.dim, card.classes) as catalogue:
        vectors = random.normal(size=(items, card.dim)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        catalogue.upsert(
            [
                Record(f"{number:05}", predicted_class(card.classes[number % 10], 0.9), one, picture)
                for number, one in enumerate(vectors)
            ]
        )
        catalogue.publish()
        yield Engine(embedder, catalogue)


def _decoded(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        np.asarray(image.convert("RGB"))


def _milliseconds(action: Callable[[], object]) -> float:
    return 1000 * median_seconds(action, _CALLS)
