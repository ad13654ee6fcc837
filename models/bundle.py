"""From a recipe to a model bundle: trained, calibrated, exported, checked, measured, and only then put in place."""

import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from models import fashion_mnist, garment_view, plots
from models.calibration import fit_temperature
from models.card import (
    CARD_FILE,
    CONFIDENCE_FILE,
    FAMILIARITY_FILE,
    KERAS_FILE,
    RUNTIME_FILE,
    ModelCard,
    file_sha256,
    fingerprint_of,
    read_card,
    write_card,
)
from models.changes import Images
from models.classifier import VIEW_SIDE, build_embedder
from models.confidence import MatchConfidence
from models.download import Progress
from models.embedder import Probabilities
from models.errors import BundleDamaged, CheckpointMismatch
from models.evaluation import evaluate
from models.familiarity import Familiarity
from models.fashion_mnist import CLASSES, FILES, Split
from models.native_output import silenced
from models.parts import LOOK, VectorPart
from models.recipes import Recipe
from models.runtime import LiteRTEmbedder
from models.teaching import taught_by
from models.training import EpochReport, Training, TrainingData, predict, train

AGREEMENT = 0.9999
"""The least cosine between the runtime's vector and Keras's for one image."""

CHECKPOINTS = "checkpoints"

_FILES = KERAS_FILE, RUNTIME_FILE, FAMILIARITY_FILE, CONFIDENCE_FILE

_TAUGHT = "taught.npy"

_KNOWN = 20_000
"""Training images that say where known vectors lie."""


def train_bundle(
    recipe: Recipe,
    out: Path,
    data_dir: Path | None = None,
    progress: Progress = lambda done, total: None,
    say: Callable[[str], None] = lambda text: None,
) -> ModelCard:
    """Train by the recipe on Fashion-MNIST and leave a bundle in the directory `out`; return its card.

    A stopped run goes on from its last finished epoch; a finished one is returned as it is. `progress` counts
    training steps, `say` hears a line about each epoch and stage. Raises CheckpointMismatch when `out` holds a bundle
    or an unfinished run by another recipe, DatasetMissing or DatasetDamaged.
    """
    if (out / CARD_FILE).exists():
        card = read_card(out)
        if card.training.get("recipe") != asdict(recipe):
            raise CheckpointMismatch(f"{out} holds a model by another recipe. Choose another --out.")
        say(f"{out} is already trained by this recipe.")
        return card
    started = time.monotonic()
    learn, test = fashion_mnist.load("train", data_dir), fashion_mnist.load("test", data_dir)
    data = TrainingData.split(learn.images, learn.labels, recipe.validation, recipe.seed)

    now: list[float] = []

    def on_epoch(report: EpochReport) -> None:
        now.append(report.seconds)
        say(
            f"epoch {report.epoch:>3}/{report.epochs}  loss {report.loss:.3f}  "
            f"accuracy {report.accuracy:.3f}, held out {report.held_out_accuracy:.4f}  {report.seconds:.0f} s"
        )

    checkpoints = out / CHECKPOINTS
    teacher, taught = None, None
    if recipe.teacher_epochs:
        if not (checkpoints / _TAUGHT).exists():
            say("training the teacher")
        part = _part(progress, recipe, 0, recipe.teacher_epochs)
        teacher = train(recipe.teacher(), data, checkpoints / "teacher", part, on_epoch)
        taught = _taught(teacher, data, checkpoints / _TAUGHT, say)
    part = _part(progress, recipe, recipe.teacher_epochs, recipe.epochs)
    training = train(recipe, data, checkpoints, part, on_epoch, taught)
    epochs = [report.seconds for run in (teacher, training) if run is not None for report in run.history]
    card = write_bundle(training, recipe, data, test, started - (sum(epochs) - sum(now)), out, say, teacher)
    shutil.rmtree(checkpoints)
    return card


def _part(progress: Progress, recipe: Recipe, before: int, epochs: int) -> Progress:
    """Return a progress that counts the steps of some epochs among those of teacher and network together."""

    def counted(done: int, total: int) -> None:
        steps = total // epochs
        progress(before * steps + done, (recipe.teacher_epochs + recipe.epochs) * steps)

    return counted


def _taught(teacher: Training, data: TrainingData, kept: Path, say: Callable[[str], None]) -> Probabilities:
    if not kept.exists():
        say("asking the teacher")
        draft = kept.with_name(f"draft-{kept.name}")
        np.save(draft, taught_by(teacher.network, data.images))
        draft.replace(kept)
    taught: Probabilities = np.load(kept)
    return taught


def write_bundle(
    training: Training,
    recipe: Recipe,
    data: TrainingData,
    test: Split,
    started: float,
    out: Path,
    say: Callable[[str], None] = lambda text: None,
    teacher: Training | None = None,
) -> ModelCard:
    """Calibrate, export, check, measure and put the bundle at `out`; return its card.

    `started` is the monotonic time at which the training would have begun, had it never been stopped; the card tells
    of the `teacher`, if any. Raises BundleDamaged when the exported graph does not agree with Keras.
    """
    say("calibrating and exporting")
    logits = predict(training.network, data.held_out_images)["logits"]
    temperature = fit_temperature(logits, data.held_out_labels)
    model = build_embedder(training.network, recipe.look_share, temperature)

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as draft_name:
        draft = Path(draft_name)
        model.save(draft / KERAS_FILE)
        with silenced():
            model.export(draft / RUNTIME_FILE, format="litert", verbose=False)
        fit_answers(model, data, draft)
        card = _card_of(draft, recipe, training, temperature, teacher)
        write_card(card, draft)
        embedder = LiteRTEmbedder(draft)
        _check_agreement(embedder, model, data.held_out_images[:512])
        say("measuring on the test images")
        found = evaluate(embedder, test)
        card = replace(
            card,
            metrics={name: round(value, 4) for name, value in found.figures().items()},
            training={**card.training, "seconds": round(time.monotonic() - started, 1)},
        )
        write_card(card, draft)
        plots.draw_curves(card.training["history"], draft / "curves.png")
        if found.recognition is not None:
            plots.draw_confusion(found.recognition.confusion, CLASSES, draft / "confusion.png")
        out.mkdir(exist_ok=True)
        # The card goes last: a bundle without one is no bundle.
        for file in sorted(draft.iterdir(), key=lambda file: file.name == CARD_FILE):
            shutil.move(file, out / file.name)
    return card


def fit_answers(model: keras.Model, data: TrainingData, bundle: Path) -> None:
    """Write into a bundle directory how its model's answers are to be read: what is familiar, what a score means."""
    known = predict(model, data.images[:_KNOWN])["vector"]
    held_out = predict(model, data.held_out_images)
    Familiarity.fit(known, data.labels[:_KNOWN], held_out["vector"]).save(bundle / FAMILIARITY_FILE)
    predicted = held_out["probabilities"].argmax(axis=1)
    confidence = MatchConfidence.fit(held_out["vector"], data.held_out_labels, predicted, len(CLASSES))
    confidence.save(bundle / CONFIDENCE_FILE)


def _card_of(
    bundle: Path, recipe: Recipe, training: Training, temperature: float, teacher: Training | None
) -> ModelCard:
    files = {name: file_sha256(bundle / name) for name in _FILES}
    return ModelCard(
        name="fashion-mnist",
        fingerprint=fingerprint_of(files, garment_view.PREPROCESSING),
        dim=recipe.kind_dim + recipe.look_dim,
        classes=CLASSES,
        input_shape=(VIEW_SIDE, VIEW_SIDE),
        preprocessing=garment_view.PREPROCESSING,
        files=files,
        trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
        training={
            "temperature": temperature,
            **_told(recipe, training),
            **({} if teacher is None else {"teacher": _told(recipe.teacher(), teacher)}),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("tensorflow", "keras", "numpy", "ai-edge-litert", "lookalike")},
            },
            "data": {name: spec.sha256 for name, spec in FILES.items()},
        },
        parts=_parts_of(recipe),
    )


def _told(recipe: Recipe, training: Training) -> dict[str, Any]:
    return {
        "recipe": asdict(recipe),
        "parameters": training.network.count_params(),
        "epoch_seconds": round(sum(report.seconds for report in training.history), 1),
        "history": [asdict(report) for report in training.history],
    }


def _parts_of(recipe: Recipe) -> tuple[VectorPart, ...]:
    share = recipe.look_share
    if not 0 < share < 1:  # one part is all zeros, and nothing can weigh it anew
        return ()
    return VectorPart("kind", recipe.kind_dim, 1 - share), VectorPart(LOOK, recipe.look_dim, share)


def _check_agreement(embedder: LiteRTEmbedder, model: keras.Model, images: Images) -> None:
    expected = predict(model, images)["vector"]
    actual, _ = embedder.embed(images)
    least = float(np.einsum("nd,nd->n", expected, actual).min())
    if least < AGREEMENT:
        raise BundleDamaged(
            f"The exported graph's vectors differ from Keras's (least cosine {least:.5f}). "
            "Install the versions in constraints.txt and train again."
        )
