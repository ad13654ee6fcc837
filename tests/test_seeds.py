"""The spread over seeds: told from bundles that differ in nothing else, and recorded in a card."""

import json
import shutil
from pathlib import Path

import pytest

import models
from benchmarks.harness.measuring import BenchmarkFailed
from benchmarks.seeds import FEWEST, main, spread_of
from models.card import CARD_FILE, read_card
from models.training.recipes import RECIPES

RECIPE = models.load().card.training["recipe"]["name"]
"""Of the shipped bundle."""


@pytest.fixture
def bundles(tmp_path: Path) -> list[Path]:
    """Three copies of the shipped bundle that say they are of other seeds and have other figures."""
    made = []
    for number, accuracy in enumerate((0.90, 0.92, 0.97)):
        bundle = Path(shutil.copytree(models.PRETRAINED, tmp_path / f"seed-{number}"))
        _edit(bundle, seed=number, accuracy=accuracy)
        made.append(bundle)
    return made


def _edit(bundle: Path, seed: int, accuracy: float, **recipe: object) -> None:
    card = json.loads((bundle / CARD_FILE).read_text())
    card["training"]["recipe"] |= {"seed": seed, **recipe}
    card["metrics"]["accuracy"] = accuracy
    (bundle / CARD_FILE).write_text(json.dumps(card))


def test_mean_and_deviation_are_those_of_the_figures(bundles: list[Path]) -> None:
    spread = spread_of([read_card(bundle) for bundle in bundles])
    assert spread["seeds"] == [0, 1, 2]
    assert spread["figures"]["accuracy"] == {"mean": 0.93, "deviation": pytest.approx(0.0361)}
    assert spread["figures"]["map_at_r"]["deviation"] == 0
    assert spread["precisions"] == [models.load().card.training["recipe"]["precision"]] * 3
    assert spread["trained_by"] == {
        name: value for name, value in models.load().card.training["recipe"].items() if name != "seed"
    }


def test_it_is_recorded_in_a_card_which_still_loads(
    bundles: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = Path(shutil.copytree(models.PRETRAINED, tmp_path / "target"))
    assert main([*map(str, bundles), "--into", str(target)]) == 0
    assert "0.9300 +- 0.0361  accuracy" in capsys.readouterr().out
    card = models.load(target).card
    before, found = models.load().card.training["spread"], card.training["spread"]
    assert found[RECIPE]["figures"]["accuracy"]["mean"] == 0.93
    assert {name: spread for name, spread in found.items() if name != RECIPE} == before, "what was noted stays"
    assert card.fingerprint == models.load().card.fingerprint


def test_the_shipped_card_tells_the_spread_of_the_quick_recipe() -> None:
    spread = models.load().card.training["spread"]["quick"]
    assert len(set(spread["seeds"])) >= FEWEST
    assert spread["figures"]["accuracy"]["mean"] >= 0.935
    assert spread["figures"]["looks_mean"]["mean"] >= 0.80
    assert max(spread["seconds"]) <= 600


def test_the_spread_is_of_the_quick_recipe_as_it_is_now_and_readme_tells_it(project: Path) -> None:
    """Whoever changes the recipe has to measure it anew, and whoever measures it to say so."""
    spread = models.load().card.training["spread"]["quick"]
    quick = RECIPES["quick"]
    assert quick.is_kept_as({**spread["trained_by"], "seed": quick.seed})
    assert len(spread["precisions"]) == len(spread["seeds"]) == len(spread["seconds"])
    told = [spread["figures"][name] for name in ("accuracy", "looks_mean")]
    right, looks = (f"{figure['mean']:.3f} ± {figure['deviation']:.3f}" for figure in told)
    readme = " ".join((project / "README.md").read_text(encoding="utf-8").split())
    assert f"{right} of the classes right, looks {looks}" in readme


def test_two_bundles_one_seed_twice_and_other_recipes_are_refused(
    bundles: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    cards = [read_card(bundle) for bundle in bundles]
    for wrong in (cards[:2], [*cards[:2], cards[0]]):
        with pytest.raises(BenchmarkFailed, match="seed of its own"):
            spread_of(wrong)
    _edit(bundles[2], seed=2, accuracy=0.9, epochs=1)
    with pytest.raises(BenchmarkFailed, match="different recipes"):
        spread_of([read_card(bundle) for bundle in bundles])
    assert main([str(bundle) for bundle in bundles]) == 1
    assert main([str(bundles[0] / "nowhere")] * 3) == 1
    assert "Traceback" not in capsys.readouterr().err
