"""The precision that training chooses, by times that are given; and that a run keeps the one that it began in."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from models.datasets import fashion_mnist
from models.errors import CheckpointMismatch
from models.training import trainer
from models.training.precision import BFLOAT16, FLOAT32, PRECISIONS, Probe, probe
from models.training.recipes import RECIPES, Recipe
from models.training.stages import TrainingStage
from models.training.trainer import TrainingData, train

TINY = Recipe("tiny", epochs=2, batch_size=64, width=8, validation=256)


class Processor:
    """One that takes given seconds for each step, the first of which compiles it; it counts the steps."""

    def __init__(self, **seconds: list[float]) -> None:
        self.now = 0.0
        self.steps = dict.fromkeys(seconds, 0)
        self._seconds = {name: [100.0, *times] for name, times in seconds.items()}

    def build(self, precision: str) -> Callable[[], None]:
        def step() -> None:
            times = self._seconds[precision]
            self.now += times[min(self.steps[precision], len(times) - 1)]
            self.steps[precision] += 1

        return step

    def probe(self) -> Probe:
        return probe(self.build, lambda: self.now)


@pytest.mark.parametrize(
    ("float32", "bfloat16", "chosen"),
    [
        ([0.19], [1.6], FLOAT32),
        ([0.06], [0.04], BFLOAT16),
        ([0.06], [0.058], FLOAT32),  # not worth its rounding
        ([0.5, 0.06], [0.04], BFLOAT16),  # somebody else was busy for a moment
        ([0.06], [0.5, 0.5, 0.5, 0.04], FLOAT32),  # given up by then
        ([0.06], [0.08, 0.08, 0.04], BFLOAT16),
    ],
)
def test_the_faster_precision_is_chosen_by_its_fastest_step(
    float32: list[float], bfloat16: list[float], chosen: str
) -> None:
    assert Processor(float32=float32, mixed_bfloat16=bfloat16).probe().precision == chosen


def test_a_hopeless_precision_is_given_up_after_a_step_and_compiling_is_not_timed() -> None:
    processor = Processor(float32=[0.2], mixed_bfloat16=[1.6])
    found = processor.probe()
    assert processor.steps == {FLOAT32: 5, BFLOAT16: 2}
    assert found.step_seconds == pytest.approx({FLOAT32: 0.2, BFLOAT16: 1.6})
    assert found.describe() == (
        "training in float32, the fastest on this processor (a step: float32 200 ms, mixed_bfloat16 1600 ms)"
    )


@pytest.fixture(scope="module")
def data() -> TrainingData:
    split = fashion_mnist.load("train")
    return TrainingData.split(split.images[:512], split.labels[:512], fashion_mnist.CLASSES, TINY.validation, TINY.seed)


class Stop(Exception):
    """Ends a run after an epoch."""


def stop(report: object) -> None:
    raise Stop


def test_a_run_is_probed_once_on_the_real_network_and_goes_on_in_what_was_chosen(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe takes real steps; which is faster here does not matter."""
    probed: list[Probe] = []

    def watched(build: Callable[[str], Callable[[], object]]) -> Probe:
        probed.append(probe(build))
        return replace(probed[-1], precision=BFLOAT16)  # what this processor would perhaps not have chosen

    monkeypatch.setattr(trainer, "probe", watched)
    said: list[str] = []
    with pytest.raises(Stop):
        train(TINY, data, tmp_path, on_epoch=stop, log=said.append)
    assert set(probed[0].step_seconds) == set(PRECISIONS)
    assert all(seconds > 0 for seconds in probed[0].step_seconds.values())
    assert said[0].startswith("training in mixed_bfloat16, the fastest on this processor")
    assert json.loads((tmp_path / "state.json").read_text())["precision"] == BFLOAT16

    with pytest.raises(CheckpointMismatch, match="in mixed_bfloat16, not in float32"):
        train(replace(TINY, precision=FLOAT32), data, tmp_path)
    resumed = train(TINY, data, tmp_path)
    assert len(probed) == 1, "a run that goes on is not probed again"
    assert resumed.precision == BFLOAT16
    assert [report.epoch for report in resumed.history] == [1, 2]
    assert {weight.dtype for weight in resumed.network.weights} == {"float32"}


def test_a_recipe_that_insists_is_not_probed(
    data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(build: object) -> Probe:
        raise AssertionError("probed")

    monkeypatch.setattr(trainer, "probe", refuse)
    trained = train(replace(TINY, epochs=1, precision=FLOAT32), data, tmp_path)
    assert trained.precision == FLOAT32
    assert TrainingStage(TINY, trained).training.precision == FLOAT32


def test_a_checkpoint_of_before_there_was_a_choice_goes_on_in_its_recipes_precision(
    data: TrainingData, tmp_path: Path
) -> None:
    with pytest.raises(Stop):
        train(replace(TINY, precision=FLOAT32), data, tmp_path, on_epoch=stop)
    state = json.loads((tmp_path / "state.json").read_text())
    del state["precision"]
    (tmp_path / "state.json").write_text(json.dumps(state))
    assert train(TINY, data, tmp_path).precision == FLOAT32


def test_a_recipe_is_known_again_whatever_its_precision_and_by_nothing_else() -> None:
    for recipe in RECIPES.values():
        assert recipe.precision == "auto"
        kept = recipe.to_dict()
        assert recipe.is_kept_as({**kept, "precision": BFLOAT16})
        assert recipe.throughout(precision=FLOAT32).is_kept_as(kept)
        assert {one.precision for one in recipe.throughout(precision=FLOAT32).prerequisites()} <= {FLOAT32}
        assert not recipe.is_kept_as({**kept, "epochs": recipe.epochs + 1})
        assert not recipe.is_kept_as({})
        assert {"begins_as", "kept_share", "others_rate", "belief_share"} <= kept.keys()
