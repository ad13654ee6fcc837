"""Phone photographs: which classes are right, what is kept unseen, what is learned, and what is said of them."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.card import PHOTOGRAPHS_FILE
from models.datasets.fashion_mnist import CLASSES
from models.datasets.photographs import (
    RIGHT_CLASSES,
    Photograph,
    find_photographs,
    right_classes,
    unseen_by,
    write_seen,
)
from models.errors import DatasetMissing, UnknownKind
from models.evaluation.photo_metrics import evaluate_photographs
from models.evaluation.photo_report import PAGE, write_sheet
from models.preprocessing import FASHION_MNIST
from models.runtime import LiteRTEmbedder
from models.training.photo_augmentations import augmented_photograph
from models.training.photo_training_set import PhotographViews


def test_every_right_class_is_one_of_the_models() -> None:
    assert all(set(right) <= set(CLASSES) for right in RIGHT_CLASSES.values())
    assert right_classes("longsleeve", CLASSES).nonzero()[0].tolist() == [0, 2, 6]
    assert not right_classes("hat", CLASSES).any()


def test_photographs_are_found_by_kind_and_known_by_their_bytes(photographs: Path) -> None:
    found = find_photographs(photographs)
    assert {one.kind for one in found} == {path.name for path in photographs.iterdir()}
    for one in found[:5]:
        assert one.digest == hashlib.sha256(one.path.read_bytes()).hexdigest()


def test_the_same_photograph_is_always_on_the_same_side_of_the_split(all_photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "hat").mkdir()
    for path in sorted((all_photographs / "hat").iterdir()):
        shutil.copy(path, tmp_path / "hat" / f"another-name-{path.name}")
    here = {one.digest: (one.is_unseen, one.is_held_out) for one in find_photographs(tmp_path)}
    there = {one.digest: (one.is_unseen, one.is_held_out) for one in find_photographs(all_photographs)}
    assert here == {digest: sides for digest, sides in there.items() if digest in here}
    unseen, held_out = (np.mean([sides[part] for sides in there.values()]) for part in (0, 1))
    assert unseen == pytest.approx(0.15, abs=0.03)
    assert held_out == pytest.approx(0.10, abs=0.03)
    assert not any(all(sides) for sides in there.values())


def test_what_is_no_picture_is_left_out_and_a_strange_name_is_named(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing, match="no sub-folder with pictures"):
        find_photographs(tmp_path)
    (tmp_path / "Hat").mkdir()
    (tmp_path / "Hat" / "notes.txt").write_text("no picture")
    with pytest.raises(DatasetMissing):
        find_photographs(tmp_path)
    shutil.copy(next((photographs / "hat").iterdir()), tmp_path / "Hat")
    assert [one.kind for one in find_photographs(tmp_path)] == ["hat"]
    (tmp_path / "teapots").mkdir()
    with pytest.raises(UnknownKind, match="teapots"):
        find_photographs(tmp_path)


def test_what_a_model_has_seen_is_not_measured(photographs: Path, tmp_path: Path) -> None:
    found = find_photographs(photographs)
    assert unseen_by([tmp_path], found) == found
    write_seen(found[:4], tmp_path / PHOTOGRAPHS_FILE)
    assert unseen_by([tmp_path], found) == found[4:]
    write_seen(found, tmp_path / PHOTOGRAPHS_FILE)
    with pytest.raises(DatasetMissing, match="every one"):
        unseen_by([tmp_path], found)


def test_a_photograph_taken_anew_is_another_picture_of_the_same_size(photographs: Path) -> None:
    pixels = find_photographs(photographs)[0].read().pixels
    first, again, other = (augmented_photograph(pixels, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.dtype == np.uint8
    assert first.shape == other.shape
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert augmented_photograph(pixels[:, :, 0], np.random.default_rng(1)).ndim == 3


def test_a_turned_photograph_has_no_black_corners() -> None:
    white = np.full((300, 200, 3), 255, np.uint8)
    for seed in range(20):
        assert augmented_photograph(white, np.random.default_rng(seed)).min() > 100


@pytest.mark.parametrize("seed", range(12))
def test_a_photograph_is_turned_by_the_angle_that_is_drawn_and_the_right_way_round(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two marks say where the picture went: along the drawn angle, mirrored or not, and never by another."""
    drawn: dict[tuple[float, float], float] = {}

    class Watched:
        def __init__(self, rng: np.random.Generator) -> None:
            self._rng = rng

        def random(self) -> float:
            return 1.0  # not mirrored

        def uniform(self, low: float, high: float, size: int | None = None) -> Any:
            if (low, high) in {(0.9, 1.1), (0.85, 1)}:
                return 1.0  # neither stretched nor from nearer: lengths are kept
            value = self._rng.uniform(low, high, size)
            if size is None:
                drawn[low, high] = value
            return value

    pixels = np.zeros((199, 199, 3), np.uint8)
    pixels[95:104, 35:44], pixels[95:104, 155:164] = (255, 0, 0), (0, 0, 255)  # left red, right blue
    changed = augmented_photograph(pixels, Watched(np.random.default_rng(seed))).astype(float)  # type: ignore[arg-type]
    rows, columns = np.mgrid[:199, :199]

    def place(mark: int, other: int) -> NDArray[np.float64]:
        weight = np.maximum(changed[:, :, mark] - changed[:, :, other], 0)
        return np.array([(weight * grid).sum() / weight.sum() for grid in (columns, rows)])

    across, down = place(2, 0) - place(0, 2)
    angle = drawn[-12, 12]
    assert np.degrees(np.arctan2(down, across)) == pytest.approx(-angle, abs=0.5)
    assert np.hypot(across, down) == pytest.approx(120, abs=1)


def test_a_training_set_aims_at_right_classes_alone_and_at_none_for_what_is_none(photographs: Path) -> None:
    views = PhotographViews.of(find_photographs(photographs), 0, CLASSES, FASHION_MNIST)
    training_set = views.training_set(3, None)
    n = len(views.photographs)
    assert training_set.images.shape == (3 * n, 28, 28)
    assert training_set.images.dtype == np.uint8
    np.testing.assert_array_equal(training_set.images[:n], views.views)
    np.testing.assert_allclose(training_set.targets.sum(axis=1), 1, atol=1e-6)
    for number, photograph in enumerate(views.photographs):
        for row in (number, n + 2 * number, n + 2 * number + 1):
            if photograph.is_mapped:
                assert (training_set.targets[row] > 0).tolist() == right_classes(photograph.kind, CLASSES).tolist()
            else:
                np.testing.assert_allclose(training_set.targets[row], 0.1, atol=1e-6)
    np.testing.assert_array_equal(training_set.images, views.training_set(3, None).images)


# --- the shipped model ---


def test_unseen_photographs_are_recognised_and_those_of_no_class_noticed(
    embedder: LiteRTEmbedder, unseen_photographs: tuple[Photograph, ...]
) -> None:
    figures = evaluate_photographs(embedder, unseen_photographs).figures()
    recorded = {name: value for name, value in embedder.card.metrics.items() if name.startswith("photographs")}
    assert {name: round(value, 4) for name, value in figures.items()} == pytest.approx(recorded, abs=0.01)
    assert figures["photographs"] >= 0.80
    assert figures["photographs_of_none"] >= 0.90
    assert figures["photographs_familiar"] >= 0.70


def test_the_sheet_shows_every_photograph_with_its_verdict(
    embedder: LiteRTEmbedder, photographs: Path, tmp_path: Path
) -> None:
    findings = evaluate_photographs(embedder, find_photographs(photographs))
    page = write_sheet(findings, "a <model>", tmp_path / "new")
    assert page.name == PAGE
    text = page.read_text(encoding="utf-8")
    assert "a &lt;model&gt;" in text
    assert text.count("data:image/webp;base64,") == 2 * len(findings.verdicts)
    assert text.count("data:image/png;base64,") == len(findings.verdicts)
    for verdict in findings.verdicts:
        assert verdict.label in text


def test_a_sheet_shows_a_picture_that_was_taken_as_it_is(embedder: LiteRTEmbedder, tmp_path: Path) -> None:
    (tmp_path / "Bag").mkdir()
    Image.fromarray(np.tri(28, dtype=np.uint8) * 200).save(tmp_path / "Bag" / "tile.png")
    findings = evaluate_photographs(embedder, find_photographs(tmp_path))
    assert findings.verdicts[0].view.cutout is None
    assert write_sheet(findings, "model", tmp_path / "report").exists()
