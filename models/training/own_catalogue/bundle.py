"""From a shop's products to a bundle that answers in the shop's words."""

import hashlib
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.calibration import fit_temperature
from models.card import (
    CARD_FILE,
    CONFIDENCE_FILE,
    KERAS_FILE,
    OOD_SCORE_FILE,
    RUNTIME_FILE,
    ModelCard,
    Target,
    file_sha256,
    fingerprint_of,
    read_card,
    write_card,
)
from models.embedder import as_views
from models.errors import BundleDamaged, NothingGained, TooFewProducts
from models.match_confidence import MatchConfidence
from models.native_output import silenced
from models.ood_score import OodScore
from models.pictures.decoding import decode
from models.progress import Progress
from models.runtime import LiteRTEmbedder
from models.tagging.tags import LEARNED_FILE
from models.training.own_catalogue.examples import (
    LEAST_PRODUCTS,
    RAREST,
    Example,
    Learnable,
    folds_of,
    learnable,
)
from models.training.own_catalogue.heads import (
    BRANCHES,
    COLOUR,
    KIND,
    RECIPE,
    Branch,
    CosineClassifier,
    Fitted,
    HeadRecipe,
    fit_branch,
    inputs_of,
    said_by,
)
from models.training.own_catalogue.judging import (
    TargetFigures,
    figures_of,
    joined,
    mean_of,
    precision_at_10,
)
from models.training.own_catalogue.parts import part_of
from models.training.own_catalogue.seeing import Features, Sight, base_network, build_seeing, see
from models.training.product_photos.bundle import AGREEMENT, export_halved, save_packed
from models.training.product_photos.colours import FINE, palette
from models.vector_parts import LOOK, VectorPart

NAME = "own-catalogue"
SEEN_FOLDER = "seen"
"""What the trunk said of each picture, kept beside the bundle so that a grown catalogue need not be seen again."""

OF_BASE = "last", "late", "middle", "quarters", "colours"
"""The features that the base answers by."""

GIVEN = *OF_BASE, "fine"
"""The features that a learned bundle answers by."""

OWN, BASE, BOTH = "own", "base", "both"
"""What a part of the vector may be made of."""

_AT_ONCE = 1024
_CHECKPOINTS = "checkpoints"
_FILES = KERAS_FILE, RUNTIME_FILE, OOD_SCORE_FILE, CONFIDENCE_FILE
ROOTS_SHARE = 0.6
"""What the roots of the probabilities of a part's targets contribute to its cosine, the first twice as much as others.

Their inner product is the Bhattacharyya coefficient: 1 for two products of one sure value, 0 for those of different
ones. So what is surely of another kind lies further off than any difference in colour.
"""

_MOST_VALUES = 256
"""Values up to which a target's roots are part of the vector."""

_MANY = 1_000
"""Pictures from which on a twentieth is enough to say what is familiar; else it is an eighth."""

_FOLDS = 4
_SMALLEST_LOOK = 0.04
_ENOUGH_QUERIES = 30
_RIDGE_OF_FAMILIARITY = 0.1
_CHECKED = 24
_UNREAD_TOLD = 10


SEED = 2026


@dataclass(frozen=True, slots=True)
class OwnTraining:
    """What is to be learned: the targets, which part each belongs to where that is said, and what is rare."""

    targets: tuple[str, ...]
    parts: Mapping[str, str]
    rarest: int = RAREST
    seed: int = SEED
    recipe: HeadRecipe = RECIPE


@dataclass(frozen=True, slots=True, eq=False)
class _HeldOut:
    """What is said of every example by heads that did not learn from it: logits by target, and figures of finding."""

    logits: Mapping[str, NDArray[np.float32]]
    parts: Mapping[str, NDArray[np.float32]]
    histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]]


def train_own(
    examples: Sequence[Example],
    training: OwnTraining,
    out: Path,
    base: Path,
    progress: Progress = lambda done, total: None,
    log: Callable[[str], None] = lambda text: None,
    goes_on: Path | None = None,
) -> ModelCard:
    """Learn a shop's words from its products and leave a bundle in the directory `out`; return its card.

    `base` is a bundle for product pictures, whose trunk is used as it is. Every product is held out once, in folds, and
    all figures are of such products; the last fit leaves out a tenth, by which it says what is familiar. A stopped run
    goes on after the last whole epoch. `progress` counts pictures, then epochs. `goes_on` is an earlier bundle of a
    smaller catalogue: what it has seen is not looked at again. A finished run is returned as it is.

    Raises TargetUnusable, TooFewProducts, or NothingGained where the base finds products as well.
    """
    if (out / CARD_FILE).exists():
        log(f"{out} is already trained.")
        return read_card(out)
    started = time.monotonic()
    for name in training.targets:
        learnable(examples, name, training.rarest)  # says at once what can't be learned
    kept = out / _CHECKPOINTS
    kept.mkdir(parents=True, exist_ok=True)
    seeing = build_seeing(base)
    known = () if goes_on is None else (goes_on / SEEN_FOLDER,)
    sight = see(examples, seeing, kept / SEEN_FOLDER, known, progress)
    for one in sight.unread[:_UNREAD_TOLD]:
        log(f"left out: {one.id}: {one.reason}")
    if len(sight.unread) > _UNREAD_TOLD:
        log(f"left out: {len(sight.unread) - _UNREAD_TOLD} more pictures that can't be read")
    if len(sight.examples) < LEAST_PRODUCTS:
        raise TooFewProducts(
            f"Only {len(sight.examples)} pictures could be read, and {LEAST_PRODUCTS} are needed. "
            "The shipped model answers without any."
        )
    targets = [learnable(sight.examples, name, training.rarest) for name in training.targets]
    branches = _branches(targets, sight.features, training, log)
    for target in targets:
        log(_told(target))
    pieces = 5 if len(sight.examples) >= _MANY else 2
    places = folds_of(
        [one.id for one in sight.examples], sight.digests, targets[0].labels, _FOLDS * pieces, training.seed
    )
    fits = sum(_FOLDS + 1 for _ in branches) * training.recipe.epochs
    counted = _Counting(progress, fits)
    fits_kept = kept / f"fits-{_identity(sight, targets, branches, places, training)}"
    fits_kept.mkdir(exist_ok=True)
    held_out = _held_out(sight.features, branches, targets, places // pieces, training, fits_kept, counted)
    temperatures = {one.name: _temperature(held_out.logits[one.name], one) for one in targets}
    probabilities = {one.name: _softmax(held_out.logits[one.name] / temperatures[one.name]) for one in targets}
    figures = {one.name: figures_of(probabilities[one.name], one) for one in targets}
    base_parts, base_vectors = _of_base(base, sight.features)
    folds = places // pieces
    alike = joined(targets)
    before = _found(base_vectors, alike, folds)
    learned_parts = {
        branch.name: with_roots(held_out.parts[branch.name], [probabilities[one.name] for one in of], np)
        for branch, of in branches
    }
    composition = _best_composition(learned_parts, base_parts, alike, folds)
    after = composition.found
    log(f"a vector is made of {_composed(composition)}")
    log("share of the ten nearest that share it, before and after: " + _compared(before, after))
    gained = _mean(after) - _mean(before)
    if gained <= 0:
        raise NothingGained(
            f"What was learned finds products that share {', '.join(alike)} in {_mean(after):.3f} of the cases, the "
            f"shipped model in {_mean(before):.3f}: it is kept. Learn from more products."
        )
    last_out = places == 0
    final = {
        branch.name: fit_branch(
            branch,
            inputs_of(sight.features, branch),
            of,
            ~last_out,
            training.seed,
            fits_kept / f"{branch.name}-last.npz",
            replace(training.recipe, patience=training.recipe.epochs),
            counted.epoch,
        )
        for branch, of in branches
    }
    log("exporting")
    answering = build_answering(base, final, branches, composition, temperatures, [one.name for one in targets])
    model = build_model(seeing, answering)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as draft_name:
        draft = Path(draft_name)
        save_packed(model, draft / KERAS_FILE)
        with silenced():
            export_halved(model, draft / RUNTIME_FILE)
        _save_answers(answering, sight.features, targets[0], last_out, _dims(base, composition, branches)[KIND], draft)
        _save_learned(sight, targets, probabilities, draft / LEARNED_FILE)
        found = {"shipped": before, "own": after}
        card = _card_of(base, draft, targets, branches, composition, training, held_out, figures, found, sight)
        card = replace(card, training={**card.training, "seconds": round(time.monotonic() - started, 1)})
        write_card(card, draft)
        _check_agreement(draft, model, sight)
        for file in sorted(draft.iterdir(), key=lambda file: file.name == CARD_FILE):
            if file.name != CARD_FILE:
                shutil.move(file, out / file.name)
        seen = out / SEEN_FOLDER
        seen.mkdir(exist_ok=True)
        for folder in (kept / SEEN_FOLDER, *known):
            for file in folder.glob("*.npz"):
                shutil.copyfile(file, seen / file.name)
        # The card goes last: a bundle without one is no bundle.
        shutil.move(draft / CARD_FILE, out / CARD_FILE)
    shutil.rmtree(kept)
    return card


def _branches(
    targets: Sequence[Learnable], features: Features, training: OwnTraining, log: Callable[[str], None]
) -> list[tuple[Branch, list[Learnable]]]:
    """Return the parts that are learned, with the targets of each: as was said, else by what tells them better."""
    of: dict[str, list[Learnable]] = {}
    for one in targets:
        part = training.parts.get(one.name)
        if part is None:
            choice = part_of(one, features, training.seed)
            part = choice.part
            log(f"{one.name} belongs to the {part}: {choice.reason}")
        of.setdefault(part, []).append(one)
    return [(branch, of[name]) for name, branch in BRANCHES.items() if name in of]


def _identity(
    sight: Sight,
    targets: Sequence[Learnable],
    branches: Sequence[tuple[Branch, Sequence[Learnable]]],
    places: NDArray[np.int64],
    training: OwnTraining,
) -> str:
    """Return what names a run: one over other products, targets or settings does not go on with its fits."""
    parts = {branch.name: [one.name for one in of] for branch, of in branches}
    said = [sight.digests, [(one.name, one.values) for one in targets], parts, training.seed, asdict(training.recipe)]
    digest = hashlib.sha256(json.dumps(said).encode())
    for array in (places, *(one.labels for one in targets)):
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def _told(target: Learnable) -> str:
    told = f"{target.name}: {len(target.values)} values for {int((target.labels >= 0).sum())} products"
    if target.gathered:
        told += f", {len(target.gathered)} rare ones gathered as {target.values[-1]!r}"
    if target.few:
        told += f", {len(target.few)} with fewer than 20 products, which are learned badly"
    return told


class _Counting:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def epoch(self) -> None:
        self._done += 1
        self._progress(min(self._done, self._total), self._total)

    def fit_done(self, fits: int, epochs: int) -> None:
        """Count fits as a whole, which may have ended early."""
        self._done = fits * epochs
        self._progress(self._done, self._total)


def _held_out(
    features: Features,
    branches: Sequence[tuple[Branch, list[Learnable]]],
    targets: Sequence[Learnable],
    folds: NDArray[np.int64],
    training: OwnTraining,
    kept: Path,
    counted: _Counting,
) -> _HeldOut:
    n = len(folds)
    logits = {one.name: np.zeros((n, len(one.values)), np.float32) for one in targets}
    parts = {branch.name: np.zeros((n, branch.dim), np.float32) for branch, _ in branches}
    histories: dict[str, list[Sequence[Mapping[str, float]]]] = {branch.name: [] for branch, _ in branches}
    fits = 0
    for branch, of in branches:
        given = inputs_of(features, branch)
        for fold in range(_FOLDS):
            out = folds == fold
            done = kept / f"{branch.name}-{fold}-done.npz"
            if not done.exists():
                checkpoint = kept / f"{branch.name}-{fold}.npz"
                fitted = fit_branch(
                    branch, given, of, ~out, training.seed + fold, checkpoint, training.recipe, counted.epoch
                )
                _keep_fold(done, fitted, given[out])
                keras.backend.clear_session()
            with np.load(done, allow_pickle=False) as held:
                parts[branch.name][out] = held["part"]
                for one in of:
                    logits[one.name][out] = held[f"logits:{one.name}"]
                names = [str(name) for name in held["names"]]
                histories[branch.name].append([dict(zip(names, row, strict=True)) for row in held["history"].tolist()])
            fits += 1
            counted.fit_done(fits, training.recipe.epochs)
    return _HeldOut(logits, parts, histories)


def _keep_fold(file: Path, fitted: Fitted, given: NDArray[np.float32]) -> None:
    names = sorted(fitted.history[0])
    history = np.array([[line[name] for name in names] for line in fitted.history])
    logits = {f"logits:{name}": of for name, of in fitted.logits(given).items()}
    draft = file.with_suffix(".unfinished")
    with draft.open("wb") as opened:
        np.savez(opened, allow_pickle=False, part=fitted.part(given), history=history, names=np.array(names), **logits)
    draft.replace(file)


def _best(history: Sequence[Mapping[str, float]]) -> int:
    losses = [line["held_out_loss"] for line in history]
    return losses.index(min(losses))


def _temperature(logits: NDArray[np.float32], target: Learnable) -> float:
    known = target.labels >= 0
    return fit_temperature(logits[known], target.labels[known])


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def _of_base(base: Path, features: Features) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """Return the parts of the base's vectors, each of unit length, by name, and the whole vectors."""
    whole = base_network(base)
    answering = keras.Model(_tensors_of(whole), {"vector": whole.output["vector"]})
    vectors = np.concatenate([said_by(answering, some)["vector"] for some in _batches(features, OF_BASE)])
    parts, at = {}, 0
    for part in read_card(base).parts:
        piece = vectors[:, at : at + part.dim]
        parts[part.name] = piece / np.maximum(np.linalg.norm(piece, axis=1, keepdims=True), 1e-6)
        at += part.dim
    return parts, vectors


def _tensors_of(whole: keras.Model) -> list[Any]:
    """Return the tensors of a bundle's network that are OF_BASE, in that order."""
    means = [whole.get_layer(name).output for name in ("last", "late", "middle")]
    return [*means, whole.get_layer("look_axes").input, whole.get_layer("colour_axes").input]


def _found(
    vectors: NDArray[np.float32], alike: Mapping[str, NDArray[np.int64]], folds: NDArray[np.int64]
) -> dict[str, float]:
    """Return precision at 10 within each fold, on average."""
    return mean_of(
        [
            precision_at_10(vectors[folds == fold], {name: of[folds == fold] for name, of in alike.items()})
            for fold in range(_FOLDS)
        ]
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Composition:
    """What the vector is made of: the share of each part, and whether it is the own one, the base's, or of both."""

    shares: Mapping[str, float]
    made_of: Mapping[str, str]
    found: Mapping[str, float]


def _best_composition(
    learned: Mapping[str, NDArray[np.float32]],
    base: Mapping[str, NDArray[np.float32]],
    alike: Mapping[str, NDArray[np.int64]],
    folds: NDArray[np.int64],
) -> _Composition:
    """Return that with which products are found best, on average over what they may share."""

    def composed(shares: Mapping[str, float], made_of: Mapping[str, str]) -> _Composition:
        pieces = {name: _made(name, made_of.get(name, BASE), learned, base) for name in shares}
        return _Composition(shares, made_of, _found(_weighed(pieces, shares), alike, folds))

    def best(some: Iterable[_Composition]) -> _Composition:
        return max(some, key=lambda one: _mean(one.found))

    usual = {KIND: 0.6, LOOK: 0.15, COLOUR: 0.25}
    ways = product((OWN, BOTH, BASE), repeat=len(learned))
    first = best(composed(usual, dict(zip(learned, way, strict=True))) for way in ways)
    return best(
        composed({KIND: 1 - look - colour, LOOK: look, COLOUR: colour}, first.made_of)
        for look in (_SMALLEST_LOOK, 0.08, 0.15)
        for colour in (0.15, 0.25, 0.35, 0.45)
    )


def _made(
    name: str, of: str, learned: Mapping[str, NDArray[np.float32]], base: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return a part, unit rows: the own one, the base's, or both side by side."""
    if of == OWN:
        return learned[name]
    if of == BASE:
        return base[name]
    return np.concatenate([learned[name], base[name]], axis=1) * np.float32(0.5**0.5)


def _weighed(pieces: Mapping[str, NDArray[np.float32]], shares: Mapping[str, float]) -> NDArray[np.float32]:
    return np.concatenate([pieces[name] * np.float32(share**0.5) for name, share in shares.items()], axis=1)


def _composed(composition: _Composition) -> str:
    told = {OWN: "learned", BASE: "as shipped", BOTH: "both"}
    return ", ".join(
        f"{name} {share:.2f} ({told[composition.made_of.get(name, BASE)]})"
        for name, share in composition.shares.items()
    )


def _mean(figures: Mapping[str, float]) -> float:
    values = [value for value in figures.values() if not np.isnan(value)]
    return float(np.mean(values)) if values else 0.0


def _compared(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {before[name]:.3f} {after[name]:.3f}" for name in before)


def with_roots(part: Any, probabilities: Sequence[Any], ops: Any) -> Any:
    """Return a learned part, unit rows, and the roots of the probabilities of its targets beside it: unit rows again.

    `ops` is `keras.ops` for tensors and numpy for arrays.
    """
    told = [one for one in probabilities if one.shape[1] <= _MOST_VALUES]
    if not told:
        return part
    counts = [2.0, *[1.0] * (len(told) - 1)]
    shares = [ROOTS_SHARE * count / sum(counts) for count in counts]
    roots = [ops.sqrt(one) * share**0.5 for one, share in zip(told, shares, strict=True)]
    return ops.concatenate([part * (1 - ROOTS_SHARE) ** 0.5, *roots], axis=1)


def build_answering(
    base: Path,
    final: Mapping[str, Fitted],
    branches: Sequence[tuple[Branch, Sequence[Learnable]]],
    composition: _Composition,
    temperatures: Mapping[str, float],
    order: Sequence[str],
) -> keras.Model:
    """Return what answers by what was seen, features in the order of GIVEN.

    Outputs are `vector`, `probabilities` of the ten classes, and `target_0` and on in the `order` of their names.
    """
    made_of = {name: composition.made_of.get(name, BASE) for name in composition.shares}
    classes = _base_answers(base, [name for name, of in made_of.items() if of != OWN])
    given = {name: keras.Input((width,), name=name) for name, width in _widths(classes).items()}
    by_base = classes([given[name] for name in OF_BASE])
    parts = {name: of for name, of in by_base.items() if name != "probabilities"}
    outputs = {"probabilities": keras.layers.Identity(name="probabilities")(by_base["probabilities"])}
    for branch, targets in branches:
        network = final[branch.name].network
        inner = keras.Model(network.inputs[0], network.output["part"], name=f"own_{branch.name}")
        part = inner(keras.layers.Concatenate()([given[name] for name in branch.inputs]))
        told: list[Any] = []
        for at, one in enumerate(targets):
            layer = network.get_layer(f"logits_{at}")
            assert isinstance(layer, CosineClassifier)
            kernel, bias = layer.as_dense()
            number = order.index(one.name)
            dense = keras.layers.Dense(kernel.shape[1], name=f"target_{number}_logits")
            dense.build((None, kernel.shape[0]))
            dense.set_weights([kernel / temperatures[one.name], bias / temperatures[one.name]])
            outputs[f"target_{number}"] = keras.layers.Softmax(name=f"target_{number}")(dense(part))
            told.append(outputs[f"target_{number}"])
        whole = with_roots(part, told, keras.ops)
        if made_of[branch.name] == OWN:
            parts[branch.name] = whole
        elif made_of[branch.name] == BOTH:
            parts[branch.name] = keras.layers.Concatenate()([whole * 0.5**0.5, parts[branch.name] * 0.5**0.5])
    pieces = [parts[name] * share**0.5 for name, share in composition.shares.items()]
    outputs["vector"] = keras.layers.UnitNormalization(name="vector")(keras.layers.Concatenate()(pieces))
    return keras.Model([given[name] for name in GIVEN], outputs, name="answering")


def _widths(classes: keras.Model) -> dict[str, int]:
    widths = {name: int(tensor.shape[1]) for name, tensor in zip(OF_BASE, classes.inputs, strict=True)}
    return {name: widths.get(name, len(palette(FINE))) for name in GIVEN}


def build_model(seeing: keras.Model, answering: keras.Model) -> keras.Model:
    """Return the whole network, from views to answers."""
    views = keras.Input(seeing.inputs[0].shape[1:], name="views")
    found = seeing(views)
    return keras.Model(views, answering([found[name] for name in GIVEN]), name="own_catalogue")


def _base_answers(base: Path, wanted: Sequence[str]) -> keras.Model:
    """Return what makes, of features, the probabilities of the ten classes and some parts of the base's vectors."""
    whole = base_network(base)
    outputs = {"probabilities": whole.output["probabilities"]}
    at = 0
    for part in read_card(base).parts:
        if part.name in wanted:
            outputs[part.name] = keras.layers.UnitNormalization()(whole.output["vector"][:, at : at + part.dim])
        at += part.dim
    return keras.Model(_tensors_of(whole), outputs)


def _save_answers(
    answering: keras.Model,
    features: Features,
    target: Learnable,
    held_out: NDArray[np.bool_],
    kind_dim: int,
    bundle: Path,
) -> None:
    """Write into a bundle directory how answers are to be read: what is familiar, what a score means."""
    vectors, probabilities = _answers_of(answering, features)
    known = target.labels >= 0
    learned = known & ~held_out
    used = np.zeros(vectors.shape[1], np.bool_)
    used[:kind_dim] = True
    OodScore.fit(
        vectors[learned],
        target.labels[learned],
        vectors[held_out],
        used=used,
        ridge=_RIDGE_OF_FAMILIARITY,
    ).save(bundle / OOD_SCORE_FILE)
    asked = np.flatnonzero(known & held_out)
    predicted = probabilities[asked].argmax(axis=1)
    overall = MatchConfidence.fit(vectors[asked], target.labels[asked], np.zeros_like(predicted), 1).chances
    chances = np.repeat(overall, probabilities.shape[1], axis=0)
    often = np.flatnonzero(np.bincount(predicted, minlength=len(chances)) >= _ENOUGH_QUERIES)
    each = MatchConfidence.fit(vectors[asked], target.labels[asked], predicted, len(chances)).chances
    chances[often] = each[often]
    MatchConfidence(chances, np.zeros(chances.shape[1], np.float32)).save(bundle / CONFIDENCE_FILE)


def _answers_of(answering: keras.Model, features: Features) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return vectors and probabilities of the ten classes of pictures that were seen, from what was said of them."""
    found = [said_by(answering, some) for some in _batches(features, GIVEN)]
    vectors, probabilities = (np.concatenate([one[name] for one in found]) for name in ("vector", "probabilities"))
    return vectors, probabilities


def _batches(features: Features, names: Sequence[str]) -> Iterator[list[NDArray[np.float32]]]:
    for start in range(0, len(features[names[0]]), _AT_ONCE):
        yield [features[name][start : start + _AT_ONCE].astype(np.float32) for name in names]


def _save_learned(
    sight: Sight, targets: Sequence[Learnable], probabilities: Mapping[str, NDArray[np.float32]], file: Path
) -> None:
    """Write what is said of each picture by heads that did not learn from it: what `lookalike tag` judges it by."""
    arrays: dict[str, NDArray[Any]] = {
        f"probabilities_{at}": probabilities[one.name].astype(np.float16) for at, one in enumerate(targets)
    }
    arrays |= {f"labels_{at}": one.labels.astype(np.int32) for at, one in enumerate(targets)}
    with file.open("wb") as opened:
        np.savez_compressed(opened, allow_pickle=False, digests=np.array(sight.digests), **arrays)


def _dims(
    base: Path, composition: _Composition, branches: Sequence[tuple[Branch, Sequence[Learnable]]]
) -> dict[str, int]:
    """Return the dimensions of each part of the vector."""
    values = {branch.name: [len(one.values) for one in of] for branch, of in branches}
    of_base = {part.name: part.dim for part in read_card(base).parts}
    dims = {}
    for name in composition.shares:
        of = composition.made_of.get(name, BASE)
        own = 0 if of == BASE else BRANCHES[name].dim + sum(count for count in values[name] if count <= _MOST_VALUES)
        dims[name] = own + (0 if of == OWN else of_base[name])
    return dims


def _card_of(
    base: Path,
    bundle: Path,
    targets: Sequence[Learnable],
    branches: Sequence[tuple[Branch, Sequence[Learnable]]],
    composition: _Composition,
    training: OwnTraining,
    held_out: _HeldOut,
    figures: Mapping[str, TargetFigures],
    found: Mapping[str, Mapping[str, float]],
    sight: Sight,
) -> ModelCard:
    shipped = read_card(base)
    files = {name: file_sha256(bundle / name) for name in (*_FILES, LEARNED_FILE)}
    dims = _dims(base, composition, branches)
    part_names = {one.name: branch.name for branch, of in branches for one in of}
    return ModelCard(
        name=NAME,
        fingerprint=fingerprint_of(files, shipped.preprocessing),
        dim=sum(dims.values()),
        classes=shipped.classes,
        input_shape=shipped.input_shape,
        preprocessing=shipped.preprocessing,
        files=files,
        trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
        metrics={
            "held_out": {
                name: {key: round(value, 4) for key, value in asdict(of).items()} for name, of in figures.items()
            },
            "precision_at_10": {
                way: {name: round(value, 4) for name, value in of.items() if not np.isnan(value)}
                for way, of in found.items()
            },
        },
        training={
            "recipe": {"name": NAME, "seed": training.seed, "rarest": training.rarest, **asdict(training.recipe)},
            "history": [],
            "histories": {name: [list(map(dict, one)) for one in of] for name, of in held_out.histories.items()},
            "products": len({one.id for one in sight.examples}),
            "pictures": len(sight.examples),
            "left_out": len(sight.unread),
            "targets": {
                one.name: {
                    "part": part_names[one.name],
                    "products": dict(zip(one.values, map(int, one.counts), strict=True)),
                    "gathered": list(one.gathered),
                }
                for one in targets
            },
            "trunk": dict(shipped.training["trunk"]),
            "base": shipped.fingerprint,
            "made_of": dict(composition.made_of),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("tensorflow", "keras", "numpy", "ai-edge-litert", "lookalike")},
            },
            "data": {"pictures": hashlib.sha256("".join(sorted(sight.digests)).encode()).hexdigest()},
        },
        parts=tuple(VectorPart(name, dims[name], share) for name, share in composition.shares.items()),
        targets=tuple(Target(one.name, one.values, f"target_{at}") for at, one in enumerate(targets)),
    )


def _check_agreement(bundle: Path, model: keras.Model, sight: Sight) -> None:
    embedder = LiteRTEmbedder(bundle)
    chosen = sight.examples[:: max(1, len(sight.examples) // _CHECKED)][:_CHECKED]
    views = np.stack([embedder.prepare(decode(one.picture.read())).pixels for one in chosen])
    expected = model.predict_on_batch(views.astype(np.float32))["vector"]
    actual, _ = embedder.embed(as_views(views))
    least = float(np.einsum("nd,nd->n", expected, actual).min())
    if least < AGREEMENT:
        raise BundleDamaged(
            f"The exported graph's vectors differ from Keras's (least cosine {least:.5f}). "
            "Install the versions in constraints.txt and train again."
        )
