"""From a recipe to a model bundle: trained, calibrated, exported, checked, measured, and only then put in place."""

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.arrays import Images, Vectors
from models.calibration import fit_temperature
from models.card import (
    CARD_FILE,
    CONFIDENCE_FILE,
    KERAS_FILE,
    OOD_SCORE_FILE,
    PHOTOGRAPHS_FILE,
    RUNTIME_FILE,
    ModelCard,
    file_sha256,
    fingerprint_of,
    read_card,
    write_card,
)
from models.datasets import fashion_mnist
from models.datasets.fashion_mnist import CLASSES, FILES, Split
from models.datasets.photographs import Photograph, find_photographs, write_seen
from models.embedder import as_views
from models.errors import BundleDamaged, CheckpointMismatch
from models.evaluation import plots
from models.evaluation.measure import evaluate
from models.match_confidence import MatchConfidence
from models.native_output import silenced
from models.ood_score import OodScore
from models.preprocessing import FASHION_MNIST
from models.progress import Progress
from models.runtime import LiteRTEmbedder
from models.training.network import build_embedder, main_axes
from models.training.photo_training_set import PhotographViews
from models.training.recipes import Recipe
from models.training.stages import TrainingStage, train_stages
from models.training.trainer import TrainingData, predict
from models.training.training_set import Labels
from models.vector_parts import LOOK, VectorPart

AGREEMENT = 0.9999
"""The least cosine between the runtime's vector and Keras's for one image."""

CHECKPOINTS = "checkpoints"

_FILES = KERAS_FILE, RUNTIME_FILE, OOD_SCORE_FILE, CONFIDENCE_FILE, PHOTOGRAPHS_FILE

_KNOWN = 20_000
"""Training images that say where known vectors lie."""

_PHOTOGRAPHS_SAY = 0.1
"""What held-out photographs count beside held-out images where it is said how far is usual."""

_PHOTOGRAPH_COUNTS = 4
"""Images that a photograph counts for beside them, since there are so much fewer."""


def train_bundle(
    recipe: Recipe,
    out: Path,
    data_dir: Path | None = None,
    progress: Progress = lambda done, total: None,
    log: Callable[[str], None] = lambda text: None,
    photographs: Path | None = None,
) -> ModelCard:
    """Train by the recipe on Fashion-MNIST and leave a bundle in the directory `out`; return its card.

    Most of the `photographs` in a folder, if given, are learned from too, where the recipe has a place for them. A
    stopped run goes on from its last finished epoch; a finished one is returned as it is. `progress` counts training
    steps, `log` hears a line about each epoch and stage. Raises CheckpointMismatch when `out` holds a bundle or an
    unfinished run by another recipe, DatasetMissing, DatasetDamaged or UnknownKind.
    """
    if (out / CARD_FILE).exists():
        card = read_card(out)
        if not recipe.is_kept_as(card.training.get("recipe", {})):
            raise CheckpointMismatch(f"{out} holds a model by another recipe. Choose another --out.")
        log(f"{out} is already trained by this recipe.")
        return card
    learn, test = fashion_mnist.load("train", data_dir), fashion_mnist.load("test", data_dir)
    data = TrainingData.split(learn.images, learn.labels, CLASSES, recipe.validation, recipe.seed)
    found = () if photographs is None else find_photographs(photographs)
    seen = None
    if recipe.photograph_views and found:
        learnable = [one for one in found if not one.is_unseen]
        seen = PhotographViews.of(learnable, recipe.seed, CLASSES, FASHION_MNIST, log)
    learned = None if seen is None else seen.where(lambda photograph: not photograph.is_held_out)
    checkpoints = out / CHECKPOINTS
    stages = train_stages(recipe, data, learned, checkpoints, progress, log)
    card = write_bundle(stages, data, test, out, log, seen, [one for one in found if one.is_unseen])
    shutil.rmtree(checkpoints)
    return card


def write_bundle(
    stages: Sequence[TrainingStage],
    data: TrainingData,
    test: Split,
    out: Path,
    log: Callable[[str], None] = lambda text: None,
    photographs: PhotographViews | None = None,
    unseen: Sequence[Photograph] = (),
) -> ModelCard:
    """Calibrate, export, check and measure the last of some stages, and put its bundle at `out`; return its card.

    `photographs` are those learned from and those held out; `unseen` others, to measure. Raises BundleDamaged when the
    exported graph does not agree with Keras.
    """
    recipe, training = stages[-1].recipe, stages[-1].training
    started = time.monotonic()
    log("calibrating and exporting")
    logits = predict(training.network, data.held_out_images)["logits"]
    temperature = fit_temperature(logits, data.held_out_labels)
    kinds = predict(training.network, data.images[:_KNOWN])["kind"]
    axes = main_axes(kinds, recipe.kind_dim - len(data.classes))
    model = build_embedder(training.network, recipe, temperature, axes)

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as draft_name:
        draft = Path(draft_name)
        model.save(draft / KERAS_FILE)
        with silenced():
            model.export(draft / RUNTIME_FILE, format="litert", verbose=False)
        fit_answers(model, recipe, data, draft, photographs)
        if photographs is not None:
            write_seen(photographs.photographs, draft / PHOTOGRAPHS_FILE)
        card = _card_of(draft, stages, data, temperature, photographs)
        write_card(card, draft)
        embedder = LiteRTEmbedder(draft)
        _check_agreement(embedder, model, data.held_out_images[:512])
        log("measuring on the test images")
        found = evaluate(embedder, test, photographs=unseen)
        card = replace(
            card,
            metrics={name: round(value, 4) for name, value in found.figures().items()},
            training={**card.training, "seconds": round(_epoch_seconds(stages) + time.monotonic() - started, 1)},
        )
        write_card(card, draft)
        plots.draw_curves(card.epochs, draft / "curves.png")
        if found.classification is not None:
            plots.draw_confusion(found.classification.confusion, data.classes, draft / "confusion.png")
        out.mkdir(exist_ok=True)
        # The card goes last: a bundle without one is no bundle.
        for file in sorted(draft.iterdir(), key=lambda file: file.name == CARD_FILE):
            shutil.move(file, out / file.name)
    return card


def fit_answers(
    model: keras.Model, recipe: Recipe, data: TrainingData, bundle: Path, photographs: PhotographViews | None = None
) -> None:
    """Write into a bundle directory how its model's answers are to be read: what is familiar, what a score means."""
    known, labels = predict(model, data.images[:_KNOWN])["vector"], data.labels[:_KNOWN]
    # The posterior of the classes says least of what belongs to none.
    used = np.ones(known.shape[1], np.bool_)
    used[recipe.kind_dim - len(data.classes) : recipe.kind_dim] = False
    held_out = predict(model, data.held_out_images)
    if photographs is None:
        familiarity = OodScore.fit(known, labels, held_out["vector"], used=used)
    else:
        familiarity = _familiarity_with(photographs, model, known, labels, held_out["vector"], used)
    familiarity.save(bundle / OOD_SCORE_FILE)
    predicted = held_out["probabilities"].argmax(axis=1)
    confidence = MatchConfidence.fit(held_out["vector"], data.held_out_labels, predicted, len(data.classes))
    confidence.save(bundle / CONFIDENCE_FILE)


def _familiarity_with(
    photographs: PhotographViews,
    model: keras.Model,
    known: Vectors,
    labels: Labels,
    held_out: Vectors,
    used: NDArray[np.bool_],
) -> OodScore:
    """Let photographs say, too, where classes lie and how far is usual, and those of no class what lies elsewhere."""
    learned = photographs.where(lambda one: one.is_mapped and not one.is_held_out)
    others = photographs.where(lambda one: not one.is_mapped and not one.is_held_out)
    asked = photographs.where(lambda one: one.is_mapped and one.is_held_out)
    found = predict(model, learned.views)
    chosen = (learned.right * found["probabilities"]).argmax(axis=1).astype(np.uint8)
    usual = predict(model, asked.views)["vector"]
    return OodScore.fit(
        np.concatenate([known, np.repeat(found["vector"], _PHOTOGRAPH_COUNTS, axis=0)]),
        np.concatenate([labels, np.repeat(chosen, _PHOTOGRAPH_COUNTS)]),
        np.concatenate([held_out, usual]),
        weights=np.repeat(
            [(1 - _PHOTOGRAPHS_SAY) / len(held_out), _PHOTOGRAPHS_SAY / len(usual)], [len(held_out), len(usual)]
        ),
        others=_means_by_kind(others, model),
        used=used,
    )


def _means_by_kind(photographs: PhotographViews, model: keras.Model) -> Vectors | None:
    kinds = np.asarray([photograph.kind for photograph in photographs.photographs])
    if not len(kinds):
        return None
    vectors = predict(model, photographs.views)["vector"]
    return np.stack([vectors[kinds == kind].mean(axis=0) for kind in sorted(set(kinds))])


def _card_of(
    bundle: Path,
    stages: Sequence[TrainingStage],
    data: TrainingData,
    temperature: float,
    photographs: PhotographViews | None,
) -> ModelCard:
    *before, last = stages
    recipe = last.recipe
    files = {name: file_sha256(bundle / name) for name in _FILES if (bundle / name).exists()}
    return ModelCard(
        name="fashion-mnist",
        fingerprint=fingerprint_of(files, FASHION_MNIST.name),
        dim=recipe.kind_dim + recipe.look_dim,
        classes=data.classes,
        input_shape=data.view_shape,
        preprocessing=FASHION_MNIST.name,
        files=files,
        trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
        training={
            "temperature": temperature,
            **_stage_dict(last),
            **({"before": [_stage_dict(one) for one in before]} if before else {}),
            **({} if photographs is None else {"photographs": photographs.counts()}),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("tensorflow", "keras", "numpy", "ai-edge-litert", "lookalike")},
            },
            "data": {name: spec.sha256 for name, spec in FILES.items()},
        },
        parts=_parts_of(recipe),
    )


def _stage_dict(one: TrainingStage) -> dict[str, Any]:
    return {
        "recipe": one.recipe.to_dict(),
        "precision": one.training.precision,
        "parameters": one.training.network.count_params(),
        "epoch_seconds": round(_epoch_seconds([one]), 1),
        "history": [asdict(report) for report in one.training.history],
    }


def _epoch_seconds(stages: Sequence[TrainingStage]) -> float:
    return sum(report.seconds for one in stages for report in one.training.history)


def _parts_of(recipe: Recipe) -> tuple[VectorPart, ...]:
    share = recipe.look_share
    if not 0 < share < 1:  # one part is all zeros, and nothing can weigh it anew
        return ()
    return VectorPart("kind", recipe.kind_dim, 1 - share), VectorPart(LOOK, recipe.look_dim, share)


def _check_agreement(embedder: LiteRTEmbedder, model: keras.Model, images: Images) -> None:
    expected = predict(model, images)["vector"]
    actual, _ = embedder.embed(as_views(images))
    least = float(np.einsum("nd,nd->n", expected, actual).min())
    if least < AGREEMENT:
        raise BundleDamaged(
            f"The exported graph's vectors differ from Keras's (least cosine {least:.5f}). "
            "Install the versions in constraints.txt and train again."
        )
