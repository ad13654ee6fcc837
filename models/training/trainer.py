"""Training: epochs with checkpoints, resumed where a stopped run left off, and a bundle at the end."""

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
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
from models.errors import CheckpointMismatch
from models.files import written_whole
from models.training.blocks import Normalization
from models.training.muon import Muon
from models.training.network import build_network
from models.training.precision import AUTO, probe
from models.training.recipes import Recipe
from models.training.training_set import Labels, TrainingSet, batches, class_targets, pairs_of
from models.training.weight_averaging import average

_STATISTICS = 150
"""Batches that the statistics of normalisation are taken from."""

_PREDICTED_AT_ONCE = 500


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

    def describe(self) -> str:
        """Return one line for a person."""
        return (
            f"epoch {self.epoch:>3}/{self.epochs}  loss {self.loss:.3f}  "
            f"accuracy {self.accuracy:.3f}, held out {self.held_out_accuracy:.4f}  {self.seconds:.0f} s"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """A finished training run: the network with the last epoch's weights in float32, its history, its precision."""

    network: keras.Model
    history: tuple[EpochReport, ...]
    precision: str


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """Images uint8 (n, height, width) and labels uint8 (n,) to learn from, and those held out of learning.

    A label is an index into `classes`.
    """

    images: Images
    labels: Labels
    held_out_images: Images
    held_out_labels: Labels
    classes: tuple[str, ...]

    @classmethod
    def split(
        cls, images: Images, labels: Labels, classes: tuple[str, ...], held_out: int, seed: int
    ) -> "TrainingData":
        """Hold `held_out` images out, drawn by the seed."""
        order = np.random.default_rng(seed).permutation(len(images))
        kept, out = order[held_out:], order[:held_out]
        return cls(images[kept], labels[kept], images[out], labels[out], classes)

    @property
    def view_shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.images.shape[1:]


def train(
    recipe: Recipe,
    data: TrainingData,
    checkpoints: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
    soft_labels: Probabilities | None = None,
    extra: TrainingSet | None = None,
    init_weights: Sequence[NDArray[np.float32]] | None = None,
    log: Callable[[str], None] = lambda text: None,
) -> Training:
    """Train by the recipe, keeping a checkpoint of every finished epoch in the directory `checkpoints`.

    `soft_labels`, float32 (n, classes), are the teachers' of each image to learn from; `extra` is learned together
    with these images; `init_weights` are the initial weights, of which the recipe may keep a share at the end. A run
    stopped at any moment goes on after the last finished epoch when called again, in the precision that it began in.
    `progress` counts steps of the whole run; `on_epoch` hears of each epoch as it ends, `log` a line about the
    precision that is chosen. Raises CheckpointMismatch when the directory holds a run by another recipe, or in another
    precision than the recipe insists on.
    """
    training_set = TrainingSet(data.images, class_targets(recipe, data.labels, soft_labels, len(data.classes)))
    if extra is not None:
        training_set += extra
    steps = len(training_set.images) // recipe.batch_size
    state = _read_state(recipe, checkpoints)
    if state is not None:
        precision = state.precision
    elif recipe.precision == AUTO:
        found = probe(partial(_step, recipe, training_set, data))
        log(found.describe())
        precision = found.precision
    else:
        precision = recipe.precision
    keras.utils.set_random_seed(recipe.seed)
    trainee = _compiled(recipe, steps, data, precision)
    if init_weights is not None:
        trainee.set_weights([*init_weights, *trainee.get_weights()[len(init_weights) :]])
    if state is not None:
        trainee.load_weights(state.weights)
    history = [] if state is None else list(state.history)
    for epoch in range(len(history), recipe.epochs):
        started = time.monotonic()
        sums = {"loss": 0.0, "accuracy": 0.0}
        for step, (views, targets) in enumerate(batches(recipe, training_set, epoch), start=1):
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
        _checkpoint(trainee, recipe, precision, history, checkpoints)
        on_epoch(report)
    keras.config.set_dtype_policy("float32")
    network = build_network(recipe, len(data.classes), data.view_shape)
    network.set_weights(trainee.get_weights()[: len(network.weights)])
    if init_weights is not None and recipe.init_weight:
        more = islice(batches(recipe, training_set, recipe.epochs), _STATISTICS)
        average(network, init_weights, recipe.init_weight, (views for views, _ in more))
    return Training(network, tuple(history), precision)


def predict(network: keras.Model, images: Images) -> dict[str, NDArray[np.float32]]:
    """Return the network's outputs, by name, for images uint8 (n, height, width)."""
    # As even as can be: each new size of a batch has Keras trace the network again.
    parts = np.array_split(images, max(1, math.ceil(len(images) / _PREDICTED_AT_ONCE)))
    answers = [network.predict_on_batch(part[..., None].astype(np.float32)) for part in parts]
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


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


def _step(recipe: Recipe, training_set: TrainingSet, data: TrainingData, precision: str) -> Callable[[], object]:
    """Return what takes a step of a new network's training, always on the same batch."""
    trainee = _compiled(recipe, 1, data, precision)
    (batch,) = islice(batches(recipe, training_set, 0), 1)
    return lambda: trainee.train_on_batch(*batch)


def _compiled(recipe: Recipe, steps: int, data: TrainingData, precision: str) -> Trainee:
    keras.config.set_dtype_policy(precision)
    network = build_network(recipe, len(data.classes), data.view_shape, _normalization())
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
    trainee.compile(Muon(rate, non_kernel_lr=recipe.non_kernel_lr))
    trainee.optimizer.build(trainee.trainable_variables)
    return trainee


def _normalization() -> Normalization:
    if keras.backend.backend() != "tensorflow":
        plain: Normalization = keras.layers.BatchNormalization
        return plain
    from models.training.normalization import FusedBatchNormalization

    return FusedBatchNormalization


def _checkpoint(trainee: Trainee, recipe: Recipe, precision: str, history: list[EpochReport], directory: Path) -> None:
    """Write weights first, then the state that points at them, each by renaming: a kill leaves the one before."""
    directory.mkdir(parents=True, exist_ok=True)
    weights = directory / f"epoch-{len(history):04d}.weights.h5"
    with written_whole(weights, directory / "unfinished.weights.h5") as draft:
        trainee.save_weights(draft)
    state = {
        "recipe": recipe.to_dict(),
        "precision": precision,
        "weights": weights.name,
        "history": [asdict(report) for report in history],
    }
    with written_whole(directory / "state.json", directory / "state.json.draft") as draft:
        draft.write_text(json.dumps(state), encoding="utf-8")
    for older in directory.glob("epoch-*.weights.h5"):
        if older != weights:
            older.unlink()


@dataclass(frozen=True, slots=True)
class _State:
    """Where an unfinished run stands: its precision, the file of its weights, its epochs."""

    precision: str
    weights: Path
    history: tuple[EpochReport, ...]


def _read_state(recipe: Recipe, directory: Path) -> _State | None:
    """Return where a run of the recipe stands, None where none has begun. Raises CheckpointMismatch."""
    path = directory / "state.json"
    if not path.exists():
        return None
    state = json.loads(path.read_text(encoding="utf-8"))
    if not recipe.is_kept_as(state["recipe"]):
        raise CheckpointMismatch(
            f"{directory} holds an unfinished run by another recipe. Choose another directory or delete that one."
        )
    precision = state.get("precision", state["recipe"]["precision"])  # earlier versions trained in the recipe's own
    if recipe.precision not in {AUTO, precision}:
        raise CheckpointMismatch(
            f"{directory} holds an unfinished run in {precision}, not in {recipe.precision}. Go on in that, choose "
            "another directory or delete that one."
        )
    return _State(precision, directory / state["weights"], tuple(EpochReport(**report) for report in state["history"]))
