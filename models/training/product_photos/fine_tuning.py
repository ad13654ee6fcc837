"""Fine-tuning the trunk: to know garments, whatever lies around them and in whatever light, and to forget nothing.

A frozen copy of the trunk, the *teacher*, looks at a view as it is and with its garment on white; the trunk itself sees
it in other light, on other ground. It learns to say what the teacher said (as in Romero et al., arXiv 1412.6550), which
kind of photograph it is, which of the ten classes, and that those of a kind are near each other (supervised contrast,
Khosla et al., arXiv 2004.11362). Nothing here asks for TensorFlow: any of Keras's backends will do.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from models.arrays import Images
from models.preprocessing.product_photo import SIDE
from models.progress import Progress
from models.training.product_photos.network import LATE_WEIGHT, MIDDLE_WEIGHT, centred
from models.training.product_photos.trunk import Weights, trunk, weights_of

BATCH = 128
SHARES = 0.625, 0.125, 0.25
"""Of a batch: photographs, drawn products, Fashion-MNIST's images."""


class TrunkTraining(NamedTuple):
    """How the trunk is tuned: what unlikeness to the teacher and the contrast count beside the cross-entropies.

    Steps are fewer than fifty, or some multiple of it.
    """

    steps: int
    learning_rate: float
    teaching: float
    contrast: float


TRUNK_TRAININGS = TrunkTraining(900, 2e-4, 10, 0), TrunkTraining(3_000, 4e-4, 10, 0.3), TrunkTraining(2_600, 3e-4, 3, 0)
"""Their weights are averaged, and kept a little on the side of those that they began with."""

BEGUN_WITH = 0.2
"""What the weights that fine-tuning began with count in the end (Wortsman et al., arXiv 2109.01903, 2203.05482)."""

_LEAST_RATE, _WARM_UP, _WEIGHT_DECAY = 0.05, 0.1, 1e-2
_AVERAGED_OVER = 0.995
_SHARPNESS, _TEMPERATURE = 16.0, 0.1
_CENTRE_VIEWS = 512
_STEPS_KEPT = 50
"""Steps after which a run is kept, to go on from there."""

Labelled = Mapping[str, NDArray[Any]]
"""`views`, uint8 (n, 224, 224, 4), the number of each one's `folder` or -1, and which classes are `right`, (n, 10)."""


def fine_tuned(
    weights: Weights,
    sets: Sequence[Labelled],
    folders: int,
    kept: Path,
    seed: int,
    progress: Progress,
    trainings: Sequence[TrunkTraining] = TRUNK_TRAININGS,
) -> Weights:
    """Return the trunk's weights, tuned to sets of views in SHARES and averaged; `progress` counts views.

    Each training is kept in the directory `kept` as it goes, and goes on from there.
    """
    total, begun = sum(one.steps for one in trainings) * BATCH, 0
    shares = [BEGUN_WITH, *[(1 - BEGUN_WITH) / len(trainings)] * len(trainings)]
    found = [weights]
    for number, training in enumerate(trainings):
        before = begun

        def told(done: int, _: int, before: int = before) -> None:
            progress(min(total, before + done), total)

        found.append(_tuned(weights, sets, folders, training, kept / f"trunk-{number}", seed, told))
        begun += training.steps * BATCH
    return {
        name: np.asarray(sum(one[name] * share for one, share in zip(found, shares, strict=True)), np.float32)
        for name in found[-1]
    }


def _tuned(
    weights: Weights,
    sets: Sequence[Labelled],
    folders: int,
    training: TrunkTraining,
    kept: Path,
    seed: int,
    progress: Progress,
) -> Weights:
    steps = training.steps
    keras.utils.set_random_seed(seed)
    tuning = FineTuning(weights, sets, folders, training, seed)
    highest = training.learning_rate
    rate = keras.optimizers.schedules.CosineDecay(
        highest * _LEAST_RATE, steps, warmup_target=highest, warmup_steps=max(1, round(steps * _WARM_UP))
    )
    tuning.compile(
        optimizer=keras.optimizers.AdamW(
            rate, _WEIGHT_DECAY, clipnorm=5.0, use_ema=True, ema_momentum=min(_AVERAGED_OVER, 1 - 1 / (1 + steps))
        )
    )
    tuning(sets[0]["views"][:1])  # what is kept can be restored into a built model alone
    batches = _Batches(sets, min(steps, _STEPS_KEPT), seed)
    keep = keras.callbacks.BackupAndRestore(kept, delete_checkpoint=False)
    telling = _Telling(batches, progress, steps)
    tuning.fit(batches, epochs=math.ceil(steps / _STEPS_KEPT), verbose=0, callbacks=[keep, telling])
    return weights_of(tuning.trunk)


class FineTuning(keras.Model):  # type: ignore[misc]
    """The trunk beside its teacher: of views, uint8 (n, 224, 224, 4), it makes what the losses are made of."""

    def __init__(
        self,
        weights: Weights,
        sets: Sequence[Labelled],
        folders: int,
        training: TrunkTraining,
        seed: int,
    ) -> None:
        super().__init__()
        self.trunk, self.teacher = _means(weights), _means(weights)
        self.teacher.trainable = False
        for layer in self.trunk.layers:
            layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
        self.folders = keras.layers.Dense(folders, name="folders", kernel_initializer="zeros")
        self.classes = keras.layers.Dense(sets[0]["right"].shape[1], name="classes", kernel_initializer="zeros")
        self._centres, self._training = _centres(self.teacher, sets), training
        self._chance = keras.random.SeedGenerator(seed)

    def call(self, views: Any) -> Mapping[str, Any]:
        """Return unit vectors of changed views, how like the teacher's they are, and logits of both kinds of label."""
        ops = keras.ops
        moved = _moved(ops.cast(views, "float32"), self._chance)
        pixels, outline = moved[..., :3], moved[..., 3:] / 255.0
        found = self._whole(self.trunk(_relit(_on_other_ground(pixels, outline, self._chance), self._chance)))
        on_white = pixels * outline + 255.0 * (1 - outline)
        taught = (self._whole(self.teacher(pixels)) + self._whole(self.teacher(on_white))) / 2
        return {
            "found": found,
            "alike": ops.sum(found * ops.stop_gradient(taught), axis=1),
            "folders": self.folders(found * _SHARPNESS),
            "classes": self.classes(found * _SHARPNESS),
        }

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, *_: Any, **__: Any) -> Any:  # noqa: ARG002
        """Return the loss of a batch of labels `y` and what `call` made of its views."""
        ops = keras.ops
        folder, right = y["folder"], ops.cast(y["right"], "float32")
        folders = ops.log_softmax(y_pred["folders"], axis=1)
        of_folder = -ops.sum(ops.one_hot(folder, folders.shape[1]) * folders, axis=1)  # -1 is none, so nothing
        shares = ops.sum(ops.softmax(y_pred["classes"], axis=1) * right, axis=1)
        of_class = -ops.log(shares + 1e-6) * ops.max(right, axis=1)
        group = ops.where(folder >= 0, folder, folders.shape[1] + ops.argmax(right, axis=1))
        unlike = self._training.teaching * ops.mean(1 - y_pred["alike"])
        apart = self._training.contrast * _contrast(y_pred["found"], group)
        return unlike + apart + ops.mean(of_folder) + ops.mean(of_class)

    def _whole(self, means: Mapping[str, Any]) -> Any:
        norm = math.sqrt(1 + LATE_WEIGHT**2 + MIDDLE_WEIGHT**2)
        return centred(means, self._centres, keras.ops) / norm


class _Batches(keras.utils.PyDataset):  # type: ignore[misc] # Keras tells no types
    """Views drawn by chance from each of the sets, others in each `round` and the same for each seed."""

    def __init__(self, sets: Sequence[Labelled], steps: int, seed: int) -> None:
        super().__init__(workers=4)
        self._sets, self._steps, self._seed = sets, steps, seed
        self.round = 0

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple[Images, Labelled]:
        rng = np.random.default_rng([self._seed, self.round, index])
        parts = []
        for labelled, share in zip(self._sets, SHARES, strict=True):
            chosen = rng.integers(0, len(labelled["views"]), round(BATCH * share))
            parts.append({name: values[chosen] for name, values in labelled.items()})
        joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return joined.pop("views"), joined


class _Telling(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells batches which round it is, also after a stop, and how far it is."""

    def __init__(self, batches: _Batches, progress: Progress, steps: int) -> None:
        super().__init__()
        self._batches, self._progress, self._steps = batches, progress, steps

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002
        self._batches.round = epoch

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002
        done = self._batches.round * len(self._batches) + batch + 1
        self._progress(done * BATCH, self._steps * BATCH)


def _means(weights: Weights) -> keras.Model:
    pixels = keras.Input((SIDE, SIDE, 3))
    mean = keras.layers.GlobalAveragePooling2D
    return keras.Model(pixels, {name: mean()(one) for name, one in trunk(pixels, weights)._asdict().items()})


def _centres(means: keras.Model, sets: Sequence[Labelled]) -> list[NDArray[np.float32]]:
    """Return where the means of the three maps begin: the mean of the sets' own, each counting the same."""
    found: list[Mapping[str, NDArray[np.float32]]] = []
    for labelled in sets:
        views = labelled["views"][:: max(1, len(labelled["views"]) // _CENTRE_VIEWS)]
        batches = [views[start : start + 32, ..., :3].astype(np.float32) for start in range(0, len(views), 32)]
        seen = [means.predict_on_batch(batch) for batch in batches]
        found.append({name: np.concatenate([one[name] for one in seen]).mean(axis=0) for name in seen[0]})
    return [np.mean([one[name] for one in found], axis=0) for name in ("last", "late", "middle")]


def _contrast(found: Any, group: Any) -> Any:
    """Return how far views of a group are from each other, beside the others (supervised contrast)."""
    ops = keras.ops
    itself = ops.eye(ops.shape(group)[0])
    same = ops.cast(group[:, None] == group[None, :], "float32") * (1 - itself)
    likely = ops.log_softmax(ops.matmul(found, ops.transpose(found)) / _TEMPERATURE - 1e9 * itself, axis=1)
    of_each = -ops.sum(ops.where(same > 0, likely, 0.0), axis=1) / ops.maximum(ops.sum(same, axis=1), 1.0)
    return ops.mean(of_each)


def _chosen(views: Any, low: float, high: float, chance: Any, columns: int = 1) -> Any:
    return keras.random.uniform((keras.ops.shape(views)[0], columns), low, high, seed=chance)


def _moved(views: Any, chance: Any) -> Any:
    """Turn, mirror, stretch and shift views, and look at them from nearer or farther."""
    ops = keras.ops
    angle, zoom = _chosen(views, -0.3, 0.3, chance), _chosen(views, 0.65, 1.1, chance)
    mirror = ops.where(_chosen(views, 0, 1, chance) < 0.5, -1.0, 1.0)
    stretch = ops.exp(_chosen(views, -0.15, 0.15, chance)) * mirror
    cos, sin = zoom * ops.cos(angle), zoom * ops.sin(angle)
    a, b, c, d = cos * stretch, -sin, sin * stretch, cos
    across, down = (_chosen(views, -0.1, 0.1, chance) * SIDE for _ in range(2))
    middle, zero = (SIDE - 1) / 2, ops.zeros_like(a)
    rows = [a, b, middle * (1 - a - b) + across, c, d, middle * (1 - c - d) + down, zero, zero]
    return ops.image.affine_transform(views, ops.concatenate(rows, axis=1), "bilinear", fill_mode="reflect")


def _on_other_ground(pixels: Any, outline: Any, chance: Any) -> Any:
    """Set garments on white, on a colour, on what another view shows, or leave them where they are."""
    ops = keras.ops
    colour = ops.reshape(_chosen(pixels, 0, 255, chance, 3), (-1, 1, 1, 3))
    choice = ops.reshape(_chosen(pixels, 0, 1, chance), (-1, 1, 1, 1))
    ground = ops.where(choice < 0.6, ops.roll(pixels, 1, axis=0), pixels)
    ground = ops.where(choice < 0.45, colour, ground)
    ground = ops.where(choice < 0.3, 255.0, ground)
    return pixels * outline + ground * (1 - outline)


def _relit(pixels: Any, chance: Any) -> Any:
    """Change exposure, white balance, contrast and saturation, and now and then swap the channels."""
    ops = keras.ops

    def each(low: float, high: float, columns: int = 1) -> Any:
        return ops.reshape(_chosen(pixels, low, high, chance, columns), (-1, 1, 1, columns))

    x = ops.power(ops.maximum(pixels / 255.0, 1e-4), ops.exp(each(-0.4, 0.4)))
    x = x * each(0.75, 1.15) * each(0.88, 1.12, 3)
    mean = ops.mean(x, axis=(1, 2), keepdims=True)
    x = (x - mean) * each(0.7, 1.3) + mean
    grey = ops.mean(x, axis=3, keepdims=True)
    x = grey + (x - grey) * each(0.0, 1.5)
    x = ops.where(each(0, 1) < 0.25, ops.roll(x, 1, axis=3), x)
    return ops.clip(x, 0.0, 1.0) * 255.0
