"""Training on a few real images: small by size, real in everything else."""

import json
import math
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

import models
from models.card import CONFIDENCE_FILE, KERAS_FILE, OOD_SCORE_FILE, RUNTIME_FILE, read_card
from models.datasets import fashion_mnist
from models.datasets.fashion_mnist import Split
from models.embedder import as_views
from models.errors import CheckpointMismatch
from models.runtime import LiteRTEmbedder
from models.training.distillation import soft_labels
from models.training.export import AGREEMENT, write_bundle
from models.training.muon import Muon, orthogonalised
from models.training.network import build_network
from models.training.recipes import RECIPES, Recipe
from models.training.stages import TrainingStage
from models.training.trainer import TrainingData, instance_contrastive_loss, predict, train
from models.training.training_set import class_targets

TINY = Recipe("tiny", epochs=3, batch_size=64, width=8, validation=256, precision="float32")
NARROW_WAISTED = replace(TINY, name="narrow-waisted", bottlenecks=2)


@pytest.fixture(scope="module")
def data() -> TrainingData:
    split = fashion_mnist.load("train")
    return TrainingData.split(
        split.images[:1536], split.labels[:1536], fashion_mnist.CLASSES, TINY.validation, TINY.seed
    )


def test_held_out_images_are_never_learned_from(data: TrainingData) -> None:
    learned = {image.tobytes() for image in data.images}
    assert len(data.images) == 1280
    assert not learned & {image.tobytes() for image in data.held_out_images}


def multiply_adds(network: keras.Model) -> int:
    """Count those of one image in convolutions and dense layers: each weight as often as it is used."""
    layers = keras.layers
    return sum(
        layer.kernel.shape.num_elements() * math.prod(layer.output.shape[1:-1])
        for layer in network.layers
        if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.Dense)
    )


def test_multiply_adds_are_counted_as_by_hand() -> None:
    layers = keras.layers
    counted = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(3, 3, 2, padding="same"),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )
    assert multiply_adds(counted) == 16 * (9 * 2 * 3) + 16 * (9 * 3) + 48 * 5


def test_every_recipe_keeps_within_its_limits_of_size_and_work() -> None:
    for recipe in RECIPES.values():
        network = build_network(recipe, 10, (28, 28))
        assert network.count_params() <= 1_000_000
        assert multiply_adds(network) <= 15_000_000
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
from models.datasets import fashion_mnist
from models.training.recipes import Recipe
from models.training.trainer import TrainingData, train
recipe = Recipe("tiny", epochs=50, batch_size=64, width=8, validation=256, precision="float32")
split = fashion_mnist.load("train")
data = TrainingData.split(split.images[:512], split.labels[:512], fashion_mnist.CLASSES, 256, 0)
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


@pytest.mark.parametrize("recipe", [TINY, NARROW_WAISTED], ids=lambda recipe: recipe.name)
def test_a_bundle_holds_both_outputs_and_agrees_with_keras(recipe: Recipe, data: TrainingData, tmp_path: Path) -> None:
    split = fashion_mnist.load("test")
    test = Split(split.images[:600], split.labels[:600])
    out = tmp_path / "bundle"
    said: list[str] = []
    training = train(recipe, data, tmp_path / "checkpoints")
    card = write_bundle([TrainingStage(recipe, training)], data, test, out, said.append)

    assert sorted(file.name for file in out.iterdir()) == [
        "card.json",
        "classifier.keras",
        "confidence.npz",
        "confusion.png",
        "curves.png",
        "embedder.tflite",
        "familiarity.npz",
    ]
    assert read_card(out) == card
    assert set(card.files) == {KERAS_FILE, RUNTIME_FILE, OOD_SCORE_FILE, CONFIDENCE_FILE}
    assert len(said) == 2
    embedder = models.load(out)
    assert isinstance(embedder, LiteRTEmbedder)
    vectors, probabilities = embedder.embed(as_views(test.images))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    outputs = predict(keras.saving.load_model(out / KERAS_FILE), test.images)
    assert np.einsum("nd,nd->n", outputs["vector"], vectors).min() >= AGREEMENT
    assert card.metrics["accuracy"] == pytest.approx(
        (outputs["probabilities"].argmax(axis=1) == test.labels).mean(), abs=0.01
    )


def test_a_direction_is_made_orthogonal_whichever_side_is_longer() -> None:
    rng = np.random.default_rng(0)
    for shape in ((12, 40), (40, 12), (20, 20)):
        scaled = rng.normal(size=shape).astype(np.float32) * 300
        found = keras.ops.convert_to_numpy(orthogonalised(keras.ops.convert_to_tensor(scaled)))
        assert found.shape == shape
        values = np.linalg.svd(found, compute_uv=False)
        assert 0.3 < values.min() <= values.max() < 1.3
        left, _, right = np.linalg.svd(scaled, full_matrices=False)
        assert (found * (left @ right)).sum() > 0.9 * min(shape) ** 0.5 * np.linalg.norm(found), (
            "it points the same way"
        )
    assert np.isfinite(keras.ops.convert_to_numpy(orthogonalised(keras.ops.zeros((3, 4))))).all()


def test_kernels_keep_their_length_and_turn_by_the_learning_rate() -> None:
    inputs = keras.Input((5,))
    layer = keras.layers.Dense(3)
    model = keras.Model(inputs, layer(inputs))
    model.compile(Muon(0.01, non_kernel_lr=3.0), loss="mse")
    rng = np.random.default_rng(0)
    views, targets = rng.normal(size=(64, 5)).astype(np.float32), rng.normal(size=(64, 3)).astype(np.float32)
    lengths, turns, losses = [], [], []
    for _ in range(60):
        before = layer.kernel.numpy()
        losses.append(model.train_on_batch(views, targets))
        after = layer.kernel.numpy()
        lengths.append(np.linalg.norm(after))
        turns.append(np.linalg.norm(after - before) / np.linalg.norm(before))
    np.testing.assert_allclose(lengths[1:], 3**0.5, rtol=0.02)
    assert all(0.002 < turn < 0.015 for turn in turns[1:])
    assert losses[-1] < losses[1]
    assert np.abs(layer.bias.numpy()).max() > 0, "what is no kernel is learned too"


def test_a_constrained_kernel_is_moved_like_any_other_variable() -> None:
    constrained = keras.Variable(np.eye(4, dtype=np.float32), name="proxies")
    constrained.constraint = keras.constraints.UnitNorm()
    free = keras.Variable(np.eye(4, dtype=np.float32), name="free")
    optimizer = Muon(0.5)
    optimizer.build([constrained, free])
    gradient = np.zeros((4, 4), np.float32)
    gradient[0, 1] = 1e-3
    optimizer.apply([keras.ops.convert_to_tensor(gradient)] * 2, [constrained, free])
    moved = [np.abs(variable.numpy() - np.eye(4)).max() for variable in (constrained, free)]
    assert moved[0] < 0.01, "a step as long as its gradient"
    assert moved[1] > 0.1, "a step of the learning rate, however small the gradient"


def test_a_teacher_says_the_mean_over_flips_and_shifts(data: TrainingData) -> None:
    network = build_network(TINY, 10, (28, 28))
    images = data.images[:20]
    taught = soft_labels(network, images)
    assert taught.shape == (20, 10)
    assert taught.dtype == np.float32
    np.testing.assert_allclose(taught.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(soft_labels(network, images[:, :, ::-1]), taught, atol=1e-4)

    def asked(dy: int, dx: int) -> np.ndarray:
        moved = np.zeros_like(images)
        moved[:, max(dy, 0) : 28 + min(dy, 0), max(dx, 0) : 28 + min(dx, 0)] = images[
            :, max(-dy, 0) : 28 + min(-dy, 0), max(-dx, 0) : 28 + min(-dx, 0)
        ]
        both = [predict(network, view)["logits"] for view in (moved, moved[:, :, ::-1])]
        return np.mean([np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True) for logits in both], axis=0)

    expected = np.mean([asked(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)], axis=0)
    np.testing.assert_allclose(taught, expected, atol=1e-5)


def test_the_class_loss_aims_at_labels_and_at_what_a_teacher_says() -> None:
    recipe = replace(TINY, label_smoothing=0.1, teacher_share=0.75)
    labels = np.array([3], np.uint8)
    alone = class_targets(recipe, labels, None, 10)
    assert alone[0, 3] == pytest.approx(0.91)
    assert alone[0, 0] == pytest.approx(0.01)
    taught = np.full((1, 10), 0.1, np.float32)
    assert class_targets(recipe, labels, taught, 10)[0, 3] == pytest.approx(0.25 * 0.91 + 0.75 * 0.1)
    assert class_targets(recipe, labels, taught, 10).sum() == pytest.approx(1)
