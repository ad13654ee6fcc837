"""The shipped graph against smaller ones made of the same weights: size, speed, and what they cost in quality."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import models
from benchmarks.harness.gallery import CLASSIFIER
from benchmarks.harness.measuring import Comparison, Measured, Say, Section, in_turns, less, median_seconds
from models.arrays import Images
from models.card import RUNTIME_FILE, file_sha256, fingerprint_of, write_card
from models.datasets import fashion_mnist
from models.datasets.fashion_mnist import Split
from models.embedder import as_views
from models.errors import BundleDamaged
from models.evaluation.classification_metrics import classification_metrics
from models.evaluation.retrieval_metrics import class_retrieval, instance_recall
from models.runtime import LiteRTEmbedder

SHIPPED = "float32 (shipped)"
_SAMPLE = 500
"""Training images that the ranges of an all-integer graph are taken from."""

_CALLS = {1: 200, 256: 5}


def run(say: Say, quick: bool) -> Section:
    """Export each form, load it as a bundle, and measure it as the shipped one is measured."""
    test = fashion_mnist.load("test").first(2_000 if quick else 10_000)
    refused: list[str] = []
    embedders = {SHIPPED: LiteRTEmbedder(models.PRETRAINED)}
    with tempfile.TemporaryDirectory() as directory:
        for name, bundle in _smaller(Path(directory), say):
            try:
                embedders[name] = LiteRTEmbedder(bundle)
            except BundleDamaged as error:
                refused.append(f"{name}: refused, {str(error).partition(': ')[2]}.")
    comparisons: list[Comparison] = []
    for size, title in ((1, "one image"), (256, "batch of 256")):
        timed = {name: _timed(embedder, test.images[:size]) for name, embedder in embedders.items()}
        rounds = in_turns(timed, 2 if quick else 8, lambda text, title=title: say(f"{title}, {text}"))  # type: ignore[misc]
        comparisons += [less(title, "ms", rounds[SHIPPED], name, rounds[name]) for name in embedders if name != SHIPPED]
    shipped = embedders[SHIPPED]
    comparisons += [
        Comparison(
            "graph",
            "kB",
            Measured(shipped.graph_bytes / 1e3),
            name,
            Measured(embedder.graph_bytes / 1e3),
            Measured(embedder.graph_bytes / shipped.graph_bytes),
            "times the size",
        )
        for name, embedder in embedders.items()
        if name != SHIPPED
    ]
    return Section(
        name="quantization",
        title="the shipped graph against smaller forms of it",
        comparisons=tuple(comparisons),
        notes=(*(_quality(name, embedder, shipped, test, say) for name, embedder in embedders.items()), *refused),
    )


def _smaller(directory: Path, say: Say) -> Iterator[tuple[str, Path]]:
    import keras
    import tensorflow as tf

    model = keras.models.load_model(CLASSIFIER)
    sample = fashion_mnist.load("train").images[:_SAMPLE, None, :, :, None].astype(np.float32)

    def images() -> Iterator[list[np.ndarray]]:
        for image in sample:
            yield [image]

    by_default = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    forms: dict[str, dict[str, Any]] = {
        "float16 weights": {**by_default, "target_spec": {"supported_types": [tf.float16]}},
        "int8 weights": by_default,
        "int8 throughout": {**by_default, "representative_dataset": images},
    }
    for name, options in forms.items():
        say(f"exporting {name}")
        bundle = Path(shutil.copytree(models.PRETRAINED, directory / name))
        model.export(bundle / RUNTIME_FILE, format="litert", verbose=False, **options)
        card = models.load().card
        files = {**card.files, RUNTIME_FILE: file_sha256(bundle / RUNTIME_FILE)}
        changed = replace(card, files=files, fingerprint=fingerprint_of(files, card.preprocessing))
        write_card(changed, bundle)
        yield name, bundle


def _timed(embedder: LiteRTEmbedder, images: Images) -> Callable[[], float]:
    embedder.embed(as_views(images))
    return lambda: 1000 * median_seconds(partial(embedder.embed, as_views(images)), _CALLS[len(images)])


def _quality(name: str, embedder: LiteRTEmbedder, shipped: LiteRTEmbedder, test: Split, say: Say) -> str:
    say(f"measuring {name}")
    views = as_views(test.images)
    vectors, probabilities = embedder.embed(views)
    least = float(np.einsum("nd,nd->n", vectors, shipped.embed(views)[0]).min())
    found, named = class_retrieval(vectors, test.labels), classification_metrics(probabilities, test.labels)
    seen = instance_recall(lambda images: embedder.embed(as_views(images))[0], test.images)["mean"]
    return (
        f"{name}: accuracy {named.accuracy:.4f}, P@10 {found.precision_at_10:.4f}, mAP@R {found.map_at_r:.4f}, "
        f"looks {seen:.4f}, calibration error {named.expected_calibration_error:.4f}; least cosine {least:.4f}."
    )
