"""Indexing 10,000 items durably, against the time that their vectors alone take."""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import models
from benchmarks.harness.gallery import CLASSIFIER
from benchmarks.harness.measuring import BenchmarkFailed, Figure, Say, Section, in_turns, less, more, seconds
from models.arrays import Images
from models.datasets import fashion_mnist
from models.embedder import Embedder, View, as_views

TIMES_THE_RUNTIME = 2.5
"""What the project promises: at most so many times the bare runtime's time."""

BATCH = 256

PIPELINE, RUNTIME, KERAS = "pipeline", "the bare runtime", "Keras predict, np.savez"


def run(say: Say, quick: bool) -> Section:
    """Index the test images into a new catalogue each round: conversion, display copies, vectors, durable commits and
    a published generation; against the runtime's forward passes alone, and Keras's saved to a file.
    """
    split = fashion_mnist.load("test")
    embedder = models.load()
    with TemporaryDirectory(prefix="lookalike-benchmark-") as name:
        directory = Path(name)
        ways: dict[str, Callable[[], object]] = {
            PIPELINE: partial(_pipeline, split, embedder, (directory / str(number) for number in count()).__next__),
            RUNTIME: partial(_embed, embedder, as_views(split.images)),
            KERAS: _keras(split.images, directory / "vectors.npz"),
        }
        timed = {name: partial(seconds, way) for name, way in ways.items()}
        in_turns(timed, 1, lambda _: say("warming up"))
        rounds = in_turns(timed, 2 if quick else 9, say)
    items = len(split.images)
    over_runtime = more(
        "index, durable and published", "s", rounds[PIPELINE], RUNTIME, rounds[RUNTIME], "times the time"
    )
    return Section(
        name="indexing",
        title=f"{items:,} images, in batches of {BATCH}",
        comparisons=(over_runtime, less("index, durable and published", "s", rounds[PIPELINE], KERAS, rounds[KERAS])),
        figures=(
            Figure("indexing, of the bare runtime's time", over_runtime.ratio.value, TIMES_THE_RUNTIME, at_least=False),
        ),
        notes=(f"{items / over_runtime.ours.value:,.0f} items a second.",),
    )


def _pipeline(split: fashion_mnist.Split, embedder: Embedder, new_directory: Callable[[], Path]) -> None:
    from indexer.catalogue.local import LocalCatalogue
    from indexer.pipeline import indexing
    from indexer.sources.fashion_mnist import FashionMNIST

    card = embedder.card
    with closing(LocalCatalogue.create(new_directory(), card.fingerprint, card.dim, card.classes)) as catalogue:
        report = indexing.index(FashionMNIST(split, "test"), embedder, catalogue)
        if report.added != len(split.images) or report.generation != 1:
            raise BenchmarkFailed(f"The pipeline did not index everything: {report}.")


def _embed(embedder: Embedder, views: Sequence[View]) -> None:
    for start in range(0, len(views), BATCH):
        embedder.embed(views[start : start + BATCH])


def _keras(images: Images, file: Path) -> Callable[[], None]:
    import keras

    model = keras.models.load_model(CLASSIFIER)

    def index() -> None:
        output = model.predict(images[..., np.newaxis].astype(np.float32), batch_size=BATCH, verbose=0)
        np.savez(file, **output)

    return index
