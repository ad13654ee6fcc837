"""Heads over what the trunk says: a hidden layer, the part of the vector that is learned, and a classifier a target.

A part is the penultimate layer: a unit vector, and each target's logits are its cosines with the values' directions,
times a learned scale (Wang et al., arXiv 1704.06369). So products of one value lie near each other. Pairs of products
are mixed (Zhang et al., arXiv 1710.09412), which keeps probabilities honest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.files import written_whole
from models.training.own_catalogue.examples import Learnable
from models.training.own_catalogue.seeing import Features
from models.vector_parts import LOOK

KIND, COLOUR = "kind", "colour"


@dataclass(frozen=True, slots=True)
class Branch:
    """A part of the vector that is learned: its name, dimensions, and which of the features it is made of."""

    name: str
    dim: int
    inputs: tuple[str, ...]


BRANCHES: Mapping[str, Branch] = {
    KIND: Branch(KIND, 96, ("last", "late", "middle", "quarters")),
    LOOK: Branch(LOOK, 48, ("fine", "late", "middle", "quarters")),
    COLOUR: Branch(COLOUR, 48, ("colours", "fine", "last", "middle", "quarters")),
}


@dataclass(frozen=True, slots=True)
class HeadRecipe:
    """How a branch is fitted."""

    epochs: int = 32
    batch: int = 256
    hidden: int = 512
    learning_rate: float = 2e-3
    weight_decay: float = 2e-3
    input_dropout: float = 0.3
    dropout: float = 0.5
    smoothing: float = 0.05
    mixed: float = 0.4
    patience: int = 12


RECIPE = HeadRecipe()

_WARM_UP = 0.1
_SCALE = 16.0
_CLIPPED = 5.0
_LEAST_SPREAD = 0.3
"""The least standard deviation that a feature is divided by, as a share of the mean of all: some hardly vary."""

_BALANCE = 0.1
"""How far rare values count more: each example by the power of this of how rare its value is."""


@keras.saving.register_keras_serializable("lookalike")
class CosineClassifier(keras.layers.Layer):
    """Logits of unit vectors, (n, dim): cosines with each value's direction, times a scale, and a bias: (n, values)."""

    def __init__(self, values: int, **options: Any) -> None:
        super().__init__(**options)
        self.values = values

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.directions = self.add_weight(shape=(input_shape[-1], self.values), initializer="glorot_uniform")
        self.bias = self.add_weight(shape=(self.values,), initializer="zeros")
        self.scale = self.add_weight(shape=(), initializer=keras.initializers.Constant(_SCALE))

    def call(self, vectors: Any) -> Any:
        return self.scale * keras.ops.matmul(vectors, _unit_columns(self.directions)) + self.bias

    def as_dense(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return kernel and bias of the dense layer that says the same."""
        kernel = keras.ops.convert_to_numpy(self.scale * _unit_columns(self.directions))
        return kernel, keras.ops.convert_to_numpy(self.bias)


def _unit_columns(x: Any) -> Any:
    return x / keras.ops.sqrt(keras.ops.sum(x * x, axis=0, keepdims=True) + 1e-9)


def inputs_of(features: Features, branch: Branch) -> NDArray[np.float32]:
    """Return what a branch is given of n pictures, float32 (n, width)."""
    return np.concatenate([features[name] for name in branch.inputs], axis=1).astype(np.float32)


def build_branch(
    branch: Branch, given: NDArray[np.float32], targets: Sequence[Learnable], recipe: HeadRecipe
) -> keras.Model:
    """Return a branch not yet fitted: from (n, width) its part, a unit vector, and logits `target_0` and on.

    `given`, float32 (m, width), says what is usual.
    """
    usual = given.std(axis=0)
    usual = np.maximum(usual, _LEAST_SPREAD * usual.mean() + 1e-4)
    inputs = keras.Input((given.shape[1],), name="given")
    x = keras.layers.Normalization(mean=given.mean(axis=0), variance=usual**2, name=f"{branch.name}_usual")(inputs)
    x = keras.ops.clip(x, -_CLIPPED, _CLIPPED)
    x = keras.layers.Dropout(recipe.input_dropout)(x)
    x = keras.layers.Dense(recipe.hidden, use_bias=False, name=f"{branch.name}_hidden")(x)
    x = keras.layers.BatchNormalization(name=f"{branch.name}_even", momentum=0.95)(x)
    x = keras.layers.Dropout(recipe.dropout)(keras.layers.ReLU()(x))
    part = keras.layers.UnitNormalization(name=branch.name)(
        keras.layers.Dense(branch.dim, name=f"{branch.name}_part")(x)
    )
    logits = [CosineClassifier(len(one.values), name=f"logits_{at}")(part) for at, one in enumerate(targets)]
    return keras.Model(inputs, {"part": part, **dict(zip(_outputs(targets), logits, strict=True))})


def _outputs(targets: Sequence[Learnable]) -> list[str]:
    return [f"target_{at}" for at in range(len(targets))]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A branch that is fitted: the network, and of each epoch the loss of what was learned from and what was not."""

    network: keras.Model
    targets: tuple[Learnable, ...]
    history: tuple[Mapping[str, float], ...]

    def part(self, given: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the part of the vector, float32 (n, dim), unit rows."""
        part: NDArray[np.float32] = self._said(given)["part"]
        return part

    def logits(self, given: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Return the logits of each target, float32 (n, values)."""
        said = self._said(given)
        return {one.name: said[name] for one, name in zip(self.targets, _outputs(self.targets), strict=True)}

    def _said(self, given: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        return said_by(self.network, given)


def said_by(network: keras.Model, given: Any) -> Mapping[str, NDArray[np.float32]]:
    """Return what a small network says, called as it is: to compile it for one answer would take longer."""
    return {name: keras.ops.convert_to_numpy(of) for name, of in network(given, training=False).items()}


def fit_branch(
    branch: Branch,
    given: NDArray[np.float32],
    targets: Sequence[Learnable],
    learned: NDArray[np.bool_],
    seed: int,
    checkpoint: Path,
    recipe: HeadRecipe = RECIPE,
    epoch_done: Callable[[], None] = lambda: None,
) -> Fitted:
    """Fit a branch to the examples that are `learned`, bool (n,), and return it as it was after its best epoch.

    The best is the one in which it says best what the others are; where there are none, the last. The file
    `checkpoint` is written after each epoch, and a stopped run goes on from there: the same seed gives the same
    weights, stopped or not.
    """
    keras.utils.set_random_seed(seed)
    rows, others = np.flatnonzero(learned), np.flatnonzero(~learned)
    network = build_branch(branch, given[rows], targets, recipe)
    batch = min(recipe.batch, max(16, len(rows) // 8))
    steps = max(1, len(rows) // batch)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        steps * recipe.epochs,
        warmup_target=recipe.learning_rate,
        warmup_steps=max(1, int(steps * recipe.epochs * _WARM_UP)),
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)
    optimizer.build(network.trainable_variables)
    names = _outputs(targets)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    network.compile(optimizer, loss=dict.fromkeys(names, loss), jit_compile=False)
    wanted = [_wanted(one, recipe.smoothing) for one in targets]
    weights = [_weights(one) for one in targets]
    state = _State(network, optimizer, checkpoint)
    history, best, kept = state.restored()
    since = len(history) - 1 - best if history else 0
    for epoch in range(len(history), recipe.epochs):
        if len(others) and since >= recipe.patience:
            break
        random = np.random.default_rng((seed, epoch))
        order = random.permutation(rows)
        order = order[: steps * batch] if len(order) >= batch else order
        x, y, w = _mixed(given, wanted, weights, order, batch, recipe.mixed, random)
        told = [
            network.train_on_batch(
                x[some],
                {name: of[some] for name, of in zip(names, y, strict=True)},
                {name: of[some] for name, of in zip(names, w, strict=True)},
                return_dict=True,
            )["loss"]
            for some in (slice(start, start + batch) for start in range(0, len(order), batch))
        ]
        line = {"loss": float(np.mean(told))}
        if len(others):
            line |= _held_out_loss(network, given[others], [one.labels[others] for one in targets], names)
            if best < 0 or line["held_out_loss"] < history[best]["held_out_loss"]:
                best, kept, since = epoch, state.weights(), 0
            else:
                since += 1
        else:
            best, kept = epoch, None
        history.append(line)
        state.keep(history, best, kept)
        epoch_done()
    if kept is not None:
        network.set_weights(kept)
    checkpoint.unlink(missing_ok=True)
    return Fitted(network, tuple(targets), tuple(history))


def _wanted(target: Learnable, smoothing: float) -> NDArray[np.float32]:
    """Return what is wanted of each example, (n, values); for one without a value anything, as it weighs nothing."""
    count = len(target.values)
    rows = np.full((len(target.labels), count), smoothing / count, np.float32)
    known = np.flatnonzero(target.labels >= 0)
    rows[known, target.labels[known]] += 1 - smoothing
    return rows


def _weights(target: Learnable) -> NDArray[np.float32]:
    """Return what each example counts, (n,): nothing without a value, more the rarer its value is, 1 on average."""
    counts = np.maximum(target.counts, 1)
    weights = np.where(target.labels >= 0, counts[target.labels] ** -_BALANCE, 0)
    return np.asarray(weights * (target.labels >= 0).sum() / weights.sum(), np.float32)


def _mixed(
    given: NDArray[np.float32],
    wanted: Sequence[NDArray[np.float32]],
    weights: Sequence[NDArray[np.float32]],
    order: NDArray[np.int64],
    batch: int,
    mixed: float,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Return an epoch's examples, each mixed with another of its batch: what is given, wanted, and weighs."""
    partners = np.concatenate(
        [random.permutation(order[start : start + batch]) for start in range(0, len(order), batch)]
    )
    share = random.beta(mixed, mixed, (len(order), 1)).astype(np.float32)
    x = given[order] * share + given[partners] * (1 - share)
    y, w = [], []
    for rows, counts in zip(wanted, weights, strict=True):
        own, other = share[:, 0] * counts[order], (1 - share[:, 0]) * counts[partners]
        both = own + other
        of = own / np.maximum(both, 1e-6)
        y.append(rows[order] * of[:, None] + rows[partners] * (1 - of[:, None]))
        w.append(both)
    return x, y, w


def _held_out_loss(
    network: keras.Model, given: NDArray[np.float32], labels: Sequence[NDArray[np.int64]], names: Sequence[str]
) -> dict[str, float]:
    said = said_by(network, given)
    losses = []
    for name, of in zip(names, labels, strict=True):
        known = np.flatnonzero(of >= 0)
        logits = said[name][known].astype(np.float64)
        raised = logits - logits.max(axis=1, keepdims=True)
        right = raised[np.arange(len(known)), of[known]]
        losses.append(float((np.log(np.exp(raised).sum(axis=1)) - right).mean()) if len(known) else 0.0)
    return {"held_out_loss": sum(losses)}


class _State:
    """All that a run is made of after an epoch, in a file."""

    def __init__(self, network: keras.Model, optimizer: keras.Optimizer, file: Path) -> None:
        self._network = network
        self._variables = [*network.variables, *optimizer.variables]
        self._file = file

    def weights(self) -> list[NDArray[Any]]:
        weights: list[NDArray[Any]] = self._network.get_weights()
        return weights

    def keep(self, history: Sequence[Mapping[str, float]], best: int, kept: Sequence[NDArray[Any]] | None) -> None:
        names = sorted(history[0])
        arrays = {f"v{at}": keras.ops.convert_to_numpy(one) for at, one in enumerate(self._variables)}
        arrays |= {f"k{at}": one for at, one in enumerate(kept or ())}
        told = np.array([[line[name] for name in names] for line in history])
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(self._file) as draft, draft.open("wb") as file:
            np.savez(file, allow_pickle=False, history=told, names=np.array(names), best=np.array(best), **arrays)

    def restored(self) -> tuple[list[Mapping[str, float]], int, list[NDArray[Any]] | None]:
        if not self._file.exists():
            return [], -1, None
        with np.load(self._file, allow_pickle=False) as held:
            for at, variable in enumerate(self._variables):
                variable.assign(held[f"v{at}"])
            names = [str(name) for name in held["names"]]
            history: list[Mapping[str, float]] = [
                dict(zip(names, map(float, row), strict=True)) for row in held["history"]
            ]
            kept = [held[f"k{at}"] for at in range(sum(name.startswith("k") for name in held.files))]
            return history, int(held["best"]), kept or None
