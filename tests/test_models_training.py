"""Training on a few real images: small by size, real in everything else."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import models
from models import fashion_mnist
from models.bundle import AGREEMENT, write_bundle
from models.card import KERAS_FILE, RUNTIME_FILE, read_card
from models.classifier import build_network
from models.errors import CheckpointMismatch
from models.fashion_mnist import Split
from models.recipes import RECIPES, Recipe
from models.runtime import LiteRTEmbedder
from models.training import TrainingData, instance_contrastive_loss, predict, train

TINY = Recipe("tiny", epochs=3, batch_size=64, width=8, validation=256, precision="float32")


@pytest.fixture(scope="module")
def data() -> TrainingData:
    split = fashion_mnist.load("train")
    return TrainingData.split(split.images[:1536], split.labels[:1536], TINY.validation, TINY.seed)


def test_held_out_images_are_never_learned_from(data: TrainingData) -> None:
    learned = {image.tobytes() for image in data.images}
    assert len(data.images) == 1280
    assert not learned & {image.tobytes() for image in data.held_out_images}


def test_every_recipe_keeps_within_a_million_parameters_and_128_dimensions() -> None:
    for recipe in RECIPES.values():
        network = build_network(recipe, 10)
        assert network.count_params() <= 1_000_000
        assert recipe.kind_dim + recipe.look_dim <= 128


def test_the_contrastive_loss_matches_a_case_worked_by_hand() -> None:
    # Three images, two of them seen twice, all at right angles: each of the other three views scores 0.
    vectors = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1]]
    expected = -np.log(np.exp(1 / 0.5) / (np.exp(1 / 0.5) + 3))
    assert float(instance_contrastive_loss(vectors, 2, 0.5)) == pytest.approx(expected, rel=1e-5)
    shuffled = vectors[[0, 1, 2, 1, 0]]  # each partner is now another image
    assert float(instance_contrastive_loss(shuffled, 2, 0.5)) > expected


def test_a_run_stopped_between_epochs_ends_like_one_that_was_not(data: TrainingData, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop_after_first(report: object) -> None:
        raise Stop

    whole = train(TINY, data, tmp_path / "whole")
    with pytest.raises(Stop):
        train(TINY, data, tmp_path / "stopped", on_epoch=stop_after_first)
    resumed = train(TINY, data, tmp_path / "stopped")
    assert [report.epoch for report in resumed.history] == [1, 2, 3]
    expected, actual = (predict(run.network, data.held_out_images)["kind"] for run in (whole, resumed))
    assert np.einsum("nd,nd->n", expected, actual).min() > 0.99999
    assert whole.history[-1].held_out_accuracy > 0.2, "it learns something even from a thousand images"


def test_a_checkpoint_of_another_recipe_is_refused(data: TrainingData, tmp_path: Path) -> None:
    short = replace(TINY, epochs=1)
    train(short, data, tmp_path)
    with pytest.raises(CheckpointMismatch, match="another recipe"):
        train(TINY, data, tmp_path)


def test_a_run_killed_at_any_moment_goes_on(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from models import fashion_mnist
from models.recipes import Recipe
from models.training import TrainingData, train
recipe = Recipe("tiny", epochs=50, batch_size=64, width=8, validation=256, precision="float32")
split = fashion_mnist.load("train")
data = TrainingData.split(split.images[:512], split.labels[:512], 256, 0)
train(recipe, data, Path(sys.argv[1]), on_epoch=lambda report: print(report.epoch, flush=True))
"""
    reached = []
    for lines_before_kill in (2, 1):
        run = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parent.parent,
        )
        assert run.stdout is not None
        epochs = [int(run.stdout.readline()) for _ in range(lines_before_kill)]
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
        reached.append(epochs)
        state = json.loads((tmp_path / "state.json").read_text())
        assert (tmp_path / state["weights"]).exists()
    assert reached[0] == [1, 2]
    assert reached[1][0] >= 3, "the second run did not begin again"


def test_a_bundle_holds_both_outputs_and_agrees_with_keras(data: TrainingData, tmp_path: Path) -> None:
    import keras

    split = fashion_mnist.load("test")
    test = Split(split.images[:600], split.labels[:600])
    out = tmp_path / "bundle"
    said: list[str] = []
    training = train(TINY, data, tmp_path / "checkpoints")
    card = write_bundle(training, TINY, data, test, 0.0, out, said.append)

    assert sorted(file.name for file in out.iterdir()) == [
        "card.json",
        "classifier.keras",
        "confusion.png",
        "curves.png",
        "embedder.tflite",
    ]
    assert read_card(out) == card
    assert set(card.files) == {KERAS_FILE, RUNTIME_FILE}
    assert len(said) == 2
    embedder = models.load(out)
    assert isinstance(embedder, LiteRTEmbedder)
    vectors, probabilities = embedder.embed(test.images)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    outputs = predict(keras.saving.load_model(out / KERAS_FILE), test.images)
    assert np.einsum("nd,nd->n", outputs["vector"], vectors).min() >= AGREEMENT
    assert card.metrics["accuracy"] == pytest.approx(
        (outputs["probabilities"].argmax(axis=1) == test.labels).mean(), abs=0.01
    )
