"""Training: epochs with checkpoints, resumed where a stopped run left off, and a bundle at the end."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# With oneDNN, TensorFlow leaves half of a virtual machine's cores alone, taking them for hyperthreads.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(os.cpu_count() or 1))

import keras
import numpy as np
from numpy.typing import NDArray

from models.arrays import Images, Probabilities
from models.datasets.fashion_mnist import CLASSES
from models.errors import CheckpointMismatch
from models.files import written_whole
from models.training.blocks import Normalization
from models.training.muon import Muon
from models.training.network import build_network
from models.training.recipes import Recipe
from models.training.training_set import Labels, Lesson, batches, class_targets, pairs_of
from models.training.weight_averaging import average

_STATISTICS = 150
"""Batches that the statistics of normalisation are taken from."""


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One finished epoch: training loss and accuracy as the batches saw them, accuracy on the held-out images.

    The training accuracy is measured against the class that the loss aims at most.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    held_out_accuracy: float
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """A finished training run: the network with the last epoch's weights in float32, and its history."""

    network: keras.Model
    history: tuple[EpochReport, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """Images uint8 (n, 28, 28) and labels uint8 (n,) to learn from, and those held out of learning."""

    images: Images
    labels: Labels
    held_out_images: Images
    held_out_labels: Labels

    @classmethod
    def split(cls, images: Images, labels: Labels, held_out: int, seed: int) -> "TrainingData":
        """Hold `held_out` images out, drawn by the seed."""
        order = np.random.default_rng(seed).permutation(len(images))
        kept, out = order[held_out:], order[:held_out]
        return cls(images[kept], labels[kept], images[out], labels[out])


def train(
    recipe: Recipe,
    data: TrainingData,
    checkpoints: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
    taught: Probabilities | None = None,
    besides: Lesson | None = None,
    begin_with: Sequence[NDArray[np.float32]] | None = None,
) -> Training:
    """Train by the recipe, keeping a checkpoint of every finished epoch in the directory `checkpoints`.

    `taught`, float32 (n, classes), is what teachers say of each image to learn from; `besides` is learned together
    with these images; `begin_with` are the first weights, of which the recipe may keep a share at the end. A run
    stopped at any moment goes on after the last finished epoch when called again. `progress` counts steps of the whole
    run; `on_epoch` hears of each epoch as it ends. Raises CheckpointMismatch when the directory holds a run by another
    recipe.
    """
    keras.utils.set_random_seed(recipe.seed)
    lesson = Lesson(data.images, class_targets(recipe, data.labels, taught))
    if besides is not None:
        lesson += besides
    steps = len(lesson.images) // recipe.batch_size
    trainee = _compiled(recipe, steps)
    if begin_with is not None:
        trainee.set_weights([*begin_with, *trainee.get_weights()[len(begin_with) :]])
    history = _restore(trainee, recipe, checkpoints)
    for epoch in range(len(history), recipe.epochs):
        started = time.monotonic()
        sums = {"loss": 0.0, "accuracy": 0.0}
        for step, (views, targets) in enumerate(batches(recipe, lesson, epoch), start=1):
            found = trainee.train_on_batch(views, targets, return_dict=True)
            sums = {name: total + float(found[name]) for name, total in sums.items()}
            progress(epoch * steps + step, recipe.epochs * steps)
        logits = predict(trainee, data.held_out_images)["logits"]
        report = EpochReport(
            epoch=epoch + 1,
            epochs=recipe.epochs,
            loss=sums["loss"] / steps,
            accuracy=sums["accuracy"] / steps,
            held_out_accuracy=float((logits.argmax(axis=1) == data.held_out_labels).mean()),
            seconds=time.monotonic() - started,
        )
        history.append(report)
        _checkpoint(trainee, recipe, history, checkpoints)
        on_epoch(report)
    keras.config.set_dtype_policy("float32")
    network = build_network(recipe, len(CLASSES))
    network.set_weights(trainee.get_weights()[: len(network.weights)])
    if begin_with is not None and recipe.kept_share:
        more = islice(batches(recipe, lesson, recipe.epochs), _STATISTICS)
        average(network, begin_with, recipe.kept_share, (views for views, _ in more))
    return Training(network, tuple(history))


def predict(network: keras.Model, images: Images) -> dict[str, NDArray[np.float32]]:
    """Return the network's outputs, by name, for images (n, 28, 28)."""
    outputs: dict[str, NDArray[np.float32]] = network.predict(
        images[..., None].astype(np.float32), batch_size=500, verbose=0
    )
    return outputs


class Trainee(keras.Model):
    """The network with its losses: cross-entropy on the class, NT-Xent on the look."""

    recipe: Recipe

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        del x, sample_weight, training
        recipe = self.recipe
        class_loss = keras.ops.mean(keras.losses.categorical_crossentropy(y, y_pred["logits"], from_logits=True))
        look, pairs = y_pred["look"], pairs_of(recipe)
        twice = keras.ops.concatenate([look[:pairs], look[-pairs:]])
        look_loss = instance_contrastive_loss(twice, pairs, recipe.contrast_temperature)
        return class_loss + recipe.contrast * look_loss

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        del x, sample_weight
        self.accuracy.update_state(y, y_pred["logits"])
        return self.get_metrics_result()


def instance_contrastive_loss(vectors: Any, pairs: int, temperature: float) -> Any:
    """Return NT-Xent (Chen et al., arXiv 2002.05709, eq. 1), a scalar >= 0.

    `vectors` is (n, dim) of unit rows. The last `pairs` rows are second views of the images in the first `pairs`
    rows, in their order; all other rows are different images, and count as negatives only.
    """
    n = keras.ops.shape(vectors)[0]
    firsts, seconds = keras.ops.arange(pairs), keras.ops.arange(n - pairs, n)
    anchors = keras.ops.concatenate([firsts, seconds])
    partners = keras.ops.concatenate([seconds, firsts])
    similarity = keras.ops.matmul(keras.ops.take(vectors, anchors, axis=0), keras.ops.transpose(vectors)) / temperature
    similarity = similarity - 1e9 * keras.ops.one_hot(anchors, n)
    return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(partners, similarity, from_logits=True))


def _compiled(recipe: Recipe, steps: int) -> Trainee:
    keras.config.set_dtype_policy(recipe.precision)
    network = build_network(recipe, len(CLASSES), _normalization())
    trainee = Trainee(network.input, dict(zip(network.output_names, network.outputs, strict=True)))
    trainee.recipe = recipe
    trainee.accuracy = keras.metrics.CategoricalAccuracy(name="accuracy")
    warm_up = int(recipe.warm_up_epochs * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, recipe.epochs * steps - warm_up),
        warmup_target=recipe.peak_learning_rate,
        warmup_steps=warm_up,
    )
    trainee.compile(Muon(rate, others=recipe.others_rate))
    trainee.optimizer.build(trainee.trainable_variables)
    return trainee


def _normalization() -> Normalization:
    if keras.backend.backend() != "tensorflow":
        plain: Normalization = keras.layers.BatchNormalization
        return plain
    from models.training.normalization import FusedBatchNormalization

    return FusedBatchNormalization


def _checkpoint(trainee: Trainee, recipe: Recipe, history: list[EpochReport], directory: Path) -> None:
    """Write weights first, then the state that points at them, each by renaming: a kill leaves the one before."""
    directory.mkdir(parents=True, exist_ok=True)
    weights = directory / f"epoch-{len(history):04d}.weights.h5"
    with written_whole(weights, directory / "unfinished.weights.h5") as draft:
        trainee.save_weights(draft)
    state = {
        "recipe": recipe.told(),
        "weights": weights.name,
        "history": [asdict(report) for report in history],
    }
    with written_whole(directory / "state.json", directory / "state.json.draft") as draft:
        draft.write_text(json.dumps(state), encoding="utf-8")
    for older in directory.glob("epoch-*.weights.h5"):
        if older != weights:
            older.unlink()


def _restore(trainee: Trainee, recipe: Recipe, directory: Path) -> list[EpochReport]:
    path = directory / "state.json"
    if not path.exists():
        return []
    state = json.loads(path.read_text(encoding="utf-8"))
    if state["recipe"] != recipe.told():
        raise CheckpointMismatch(
            f"{directory} holds an unfinished run by another recipe. Choose another directory or delete that one."
        )
    trainee.load_weights(directory / state["weights"])
    return [EpochReport(**report) for report in state["history"]]
