"""Recipes of several networks: teachers first, weights handed on, photographs learned from, all of it resumed."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import models
from models.card import PHOTOGRAPHS_FILE
from models.datasets import fashion_mnist
from models.datasets.fashion_mnist import CLASSES, Split
from models.datasets.photographs import find_photographs
from models.errors import CheckpointMismatch
from models.preprocessing import FASHION_MNIST
from models.training.recipes import RECIPES, Recipe
from models.training.stages import train_stages
from models.training.trainer import TrainingData, predict

TINY = Recipe("tiny", epochs=2, batch_size=64, width=8, validation=256, precision="float32")
WIDE = replace(TINY, name="wide", width=10)
FIRST = replace(TINY, name="first", teachers=(WIDE,))
SECOND = replace(TINY, name="second", teachers=(WIDE, FIRST), init_from=FIRST, photograph_views=2)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> dict[str, Split]:
    """A little of Fashion-MNIST in place of all of it."""
    learn, test = fashion_mnist.load("train"), fashion_mnist.load("test").first(200)
    splits = {"train": Split(learn.images[:1024], learn.labels[:1024]), "test": test}
    monkeypatch.setattr(fashion_mnist, "load", lambda split, data_dir=None: splits[split])
    return splits


@pytest.fixture(scope="module")
def first_trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints of FIRST and of what comes before it, for tests that go on from there. Only for copying."""
    learn = fashion_mnist.load("train").first(1024)
    directory = tmp_path_factory.mktemp("first")
    data = TrainingData.split(learn.images, learn.labels, fashion_mnist.CLASSES, 256, 0)
    train_stages(FIRST, data, None, directory, quiet, lambda text: None)
    return directory


def quiet(done: int, total: int) -> None:
    """Count nothing."""


def test_what_comes_before_is_trained_once_and_in_order() -> None:
    assert [recipe.name for recipe in SECOND.prerequisites()] == ["wide", "first"]
    assert TINY.prerequisites() == ()
    for recipe in RECIPES.values():
        assert recipe.init_from is None or recipe.init_from in recipe.teachers
        assert len({one.name for one in (*recipe.prerequisites(), recipe)}) == len(recipe.prerequisites()) + 1


def test_a_seed_goes_to_every_network() -> None:
    seeded = SECOND.throughout(seed=5)
    assert {one.seed for one in (*seeded.prerequisites(), seeded)} == {5}
    assert seeded.init_from in seeded.prerequisites()


def test_a_recipe_tells_itself_in_json() -> None:
    told = SECOND.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["teachers"] == ["wide", "first"]
    assert told["begins_as"] == "first"


def test_a_network_begins_with_the_weights_of_another(
    few: dict[str, Split], first_trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(first_trained, tmp_path, dirs_exist_ok=True)
    data = TrainingData.split(few["train"].images, few["train"].labels, fashion_mnist.CLASSES, 256, 0)
    first = train_stages(FIRST, data, None, tmp_path, quiet, lambda text: None)[-1]
    still = replace(SECOND, epochs=1, peak_learning_rate=0.0)
    later = train_stages(still, data, None, tmp_path, quiet, lambda text: None)[-1]
    for before, after in zip(
        first.training.network.trainable_weights, later.training.network.trainable_weights, strict=True
    ):
        np.testing.assert_allclose(before.numpy(), after.numpy(), atol=1e-3)


def test_a_share_of_the_first_weights_is_kept(few: dict[str, Split], first_trained: Path, tmp_path: Path) -> None:
    shutil.copytree(first_trained, tmp_path, dirs_exist_ok=True)
    data = TrainingData.split(few["train"].images, few["train"].labels, fashion_mnist.CLASSES, 256, 0)
    first = train_stages(FIRST, data, None, tmp_path, quiet, lambda text: None)[-1].training.network
    weights = {}
    for share in (0.0, 0.5):
        recipe = replace(SECOND, name=f"kept-{share}", init_weight=share, photograph_views=0)
        weights[share] = train_stages(recipe, data, None, tmp_path, quiet, lambda text: None)[-1].training.network
    layers = zip(first.layers, weights[0.0].layers, weights[0.5].layers, strict=True)
    for before, after, halfway in ([layer.trainable_weights for layer in three] for three in layers):
        for old, new, mean in zip(before, after, halfway, strict=True):
            np.testing.assert_allclose(mean.numpy(), (old.numpy() + new.numpy()) / 2, atol=1e-5)
    statistics = [network.non_trainable_weights[0].numpy() for network in (first, *weights.values())]
    assert not np.allclose(statistics[2], (statistics[0] + statistics[1]) / 2, atol=1e-4), "they are taken anew"


def stop_after(wanted: str, said: list[str]) -> Callable[[str], None]:
    """Return a listener that interrupts once it has heard a line that begins like that after one about `second`."""

    def listen(text: str) -> None:
        said.append(text)
        if text.startswith(wanted) and "training second" in said:
            raise KeyboardInterrupt

    return listen


def test_teachers_come_first_and_a_stopped_run_goes_on_where_it_was(
    few: dict[str, Split], photographs: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        models.train(SECOND, tmp_path / "bundle", say=stop_after("epoch   1/2", said), photographs=photographs)
    asked = "asking the teacher"
    told = [text for text in said if not text.startswith("epoch")]
    assert told[1:] == ["training wide", "training first", asked, "training second", asked]
    assert told[0].startswith("looking at ")

    again: list[str] = []
    counted: list[tuple[int, int]] = []
    card = models.train(
        SECOND,
        tmp_path / "bundle",
        progress=lambda *step: counted.append(step),
        say=again.append,
        photographs=photographs,
    )
    assert [text[:11] for text in again[1:]] == ["epoch   2/2", "calibrating", "measuring o"]
    assert counted[-1][0] == counted[-1][1]
    assert [epoch["epoch"] for epoch in card.training["history"]] == [1, 2]
    assert [one["recipe"]["name"] for one in card.training["before"]] == ["wide", "first"]
    assert [epoch["epoch"] for epoch in card.epochs] == [1, 2, 3, 4]
    assert [epoch["loss"] for epoch in card.epochs[2:]] == [epoch["loss"] for epoch in card.training["history"]]
    assert not (tmp_path / "bundle" / "checkpoints").exists()

    found = find_photographs(photographs)
    seen = [one for one in found if not one.is_unseen]
    assert card.training["photographs"]["learned"] + card.training["photographs"]["held_out"] == len(seen)
    assert (tmp_path / "bundle" / PHOTOGRAPHS_FILE).read_text().split() == sorted(one.digest[:16] for one in seen)
    assert 0 <= card.metrics["photographs"] <= 1
    assert len(models.load(tmp_path / "bundle").known.others) == 3  # type: ignore[attr-defined]


def test_a_bundle_of_another_recipe_is_not_overwritten(few: dict[str, Split], tmp_path: Path) -> None:
    models.train(replace(TINY, epochs=1), tmp_path / "bundle")
    with pytest.raises(CheckpointMismatch, match="another recipe"):
        models.train(TINY, tmp_path / "bundle")


def test_photographs_are_learned(few: dict[str, Split], photographs: Path, tmp_path: Path) -> None:
    """A network that learns a few photographs for long knows them."""
    from models.training.photo_training_set import PhotographViews

    data = TrainingData.split(few["train"].images[:320], few["train"].labels[:320], fashion_mnist.CLASSES, 256, 0)
    views = PhotographViews.of(
        [one for one in find_photographs(photographs) if one.is_mapped], 0, CLASSES, FASHION_MNIST
    )
    recipe = replace(TINY, epochs=30, photograph_views=3)
    network = train_stages(recipe, data, views, tmp_path, quiet, lambda text: None)[-1].training.network
    answers = predict(network, views.views)["logits"].argmax(axis=1)
    assert views.right[np.arange(len(answers)), answers].mean() > 0.6
