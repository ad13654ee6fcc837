"""The forward pass alone: the serving runtime against Keras, in one process."""

from collections.abc import Callable
from functools import partial

import numpy as np

import models
from benchmarks.harness.gallery import CLASSIFIER
from benchmarks.harness.measuring import Comparison, Figure, Say, Section, in_turns, less, median_seconds
from models.arrays import Images, Vectors
from models.datasets import fashion_mnist
from models.embedder import as_views

AGREEMENT = 0.9999
"""The least cosine that is promised between a runtime's vector and Keras's of the same image."""

LITERT, PREDICT, FUNCTION = "LiteRT", "Keras predict", "tf.function"
SIZES = {1: "one image", 256: "batch of 256"}

_CALLS = {
    (LITERT, 1): 300,
    (PREDICT, 1): 12,
    (FUNCTION, 1): 100,
    (LITERT, 256): 6,
    (PREDICT, 256): 4,
    (FUNCTION, 256): 4,
}
"""Calls of each way and size in a round."""

Way = Callable[[Images], Vectors]


def run(say: Say, quick: bool) -> Section:
    """Measure uint8 images in, vectors out, for one image and for a batch, after a warm-up of each."""
    images = fashion_mnist.load("test").images
    ways = _ways()
    say("comparing the vectors of all test images")
    expected = ways[PREDICT](images)
    cosine = float(np.einsum("nd,nd->n", expected, ways[LITERT](images)).min())
    comparisons: list[Comparison] = []
    for size, title in SIZES.items():
        for way in ways.values():
            way(images[:size])
        timed = {
            name: partial(_milliseconds, partial(way, images[:size]), _CALLS[name, size]) for name, way in ways.items()
        }
        rounds = in_turns(timed, 2 if quick else 12, lambda text, title=title: say(f"{title}, {text}"))  # type: ignore[misc]
        comparisons += [less(title, "ms", rounds[LITERT], other, rounds[other]) for other in (PREDICT, FUNCTION)]
    return Section(
        name="runtime",
        title="one forward pass for vector and probabilities, uint8 images in",
        comparisons=tuple(comparisons),
        figures=(Figure("least cosine with Keras's vectors, 10,000 images", cosine, AGREEMENT, at_least=True),),
    )


def _milliseconds(action: Callable[[], object], calls: int) -> float:
    return 1000 * median_seconds(action, calls)


def _ways() -> dict[str, Way]:
    import keras
    import tensorflow as tf

    embedder = models.load()
    model = keras.models.load_model(CLASSIFIER)
    graph = tf.function(partial(model, training=False))

    def as_input(views: Images) -> np.ndarray:
        return views[..., np.newaxis].astype(np.float32)

    def predict(views: Images) -> Vectors:
        vectors: Vectors = model.predict(as_input(views), batch_size=256, verbose=0)["vector"]
        return vectors

    def call(views: Images) -> Vectors:
        output = graph(as_input(views))
        vectors: Vectors = output["vector"].numpy()
        output["probabilities"].numpy()
        return vectors

    return {LITERT: lambda images: embedder.embed(as_views(images))[0], PREDICT: predict, FUNCTION: call}
