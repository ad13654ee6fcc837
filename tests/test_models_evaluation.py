"""Every measure against cases worked by hand, scikit-learn, ties and degenerate inputs; the command."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, confusion_matrix, precision_recall_fscore_support

import models
from models.augmentations import AUGMENTATIONS
from models.calibration import expected_calibration_error, reliability_bins
from models.datasets.fashion_mnist import CLASSES, Split
from models.embedder import as_views
from models.errors import BundleMissing
from models.evaluation.classification_metrics import class_figures, classification_metrics
from models.evaluation.classification_metrics import confusion_matrix as our_confusion_matrix
from models.evaluation.measure import Evaluation, evaluate, evaluate_pixels, measure_speed, pixel_vectors
from models.evaluation.retrieval_metrics import average_precision_at, instance_recall, rank_all
from models.evaluation.summary import evaluation_answer, evaluation_text, titles
from models.runtime import LiteRTEmbedder

FEW = 300


@pytest.fixture(scope="module")
def few(test_split: Split) -> Split:
    return test_split.first(FEW)


@pytest.fixture(scope="module")
def evaluation(embedder: LiteRTEmbedder, few: Split) -> Evaluation:
    return evaluate(embedder, few)


@pytest.fixture(scope="module")
def pixels(few: Split) -> Evaluation:
    return evaluate_pixels(few, CLASSES)


# Naming the class


def test_confusion_precision_recall_and_f1_of_a_case_worked_by_hand() -> None:
    matrix = our_confusion_matrix(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0]), 3)
    assert matrix.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    first, second, never = class_figures(matrix)
    assert (first.precision, first.recall, first.f1, first.items) == pytest.approx((2 / 3, 2 / 3, 2 / 3, 3))
    assert (second.precision, second.recall, second.f1, second.items) == pytest.approx((1 / 2, 1 / 2, 1 / 2, 2))
    assert (never.precision, never.recall, never.f1, never.items) == (0, 0, 0, 0)


def test_recognition_agrees_with_scikit_learn_on_the_real_model(
    evaluation: Evaluation, embedder: LiteRTEmbedder, few: Split
) -> None:
    found = evaluation.classification
    assert found is not None
    answers = embedder.embed(as_views(few.images))[1].argmax(axis=1)
    assert np.array_equal(found.confusion, confusion_matrix(few.labels, answers, labels=range(10)))
    expected = precision_recall_fscore_support(few.labels, answers, labels=range(10), zero_division=0)
    actual = [(one.precision, one.recall, one.f1, one.items) for one in found.classes]
    np.testing.assert_allclose(np.array(actual).T, np.array(expected), atol=1e-12)
    assert found.accuracy == pytest.approx((few.labels == answers).mean())


@pytest.mark.parametrize("seed", range(5))
def test_class_figures_agree_with_scikit_learn_whatever_is_missing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(0, 4, 40), rng.integers(1, 6, 40)  # some classes never true, some never answered
    expected = precision_recall_fscore_support(labels, predicted, labels=range(6), zero_division=0)
    ours = class_figures(our_confusion_matrix(labels, predicted, 6))
    np.testing.assert_allclose(np.array([(o.precision, o.recall, o.f1, o.items) for o in ours]).T, expected)


def test_equally_probable_classes_are_answered_by_the_first() -> None:
    found = classification_metrics(np.full((4, 5), 0.2, np.float32), np.array([0, 1, 0, 4]))
    assert found.accuracy == 0.5
    assert [row[0] for row in found.confusion] == [2, 1, 0, 0, 1]


# How far to be believed


def test_reliability_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.full(10, 0.3), 2_000).astype(np.float32)
    labels = rng.integers(0, 10, 2_000)
    correct, confidence = probabilities.argmax(axis=1) == labels, probabilities.max(axis=1)
    bins = [one for one in reliability_bins(probabilities, labels) if one.items]
    share, sure = calibration_curve(correct, confidence.astype(float), n_bins=15)
    np.testing.assert_allclose([one.accuracy for one in bins], share, atol=1e-7)
    np.testing.assert_allclose([one.confidence for one in bins], sure, atol=1e-7)
    assert sum(one.items for one in bins) == 2_000


def test_a_confidence_on_an_edge_counts_to_the_bin_below_it() -> None:
    bins = reliability_bins(np.array([[0.5, 0.5], [1, 0]], np.float32), np.array([0, 1]), bins=2)
    assert [(one.low, one.high, one.items, one.confidence, one.accuracy) for one in bins] == [
        (0, 0.5, 1, 0.5, 1),
        (0.5, 1, 1, 1, 0),
    ]


def test_no_answers_have_empty_bins_and_no_error() -> None:
    nothing = np.empty((0, 10), np.float32)
    assert {one.items for one in reliability_bins(nothing, np.empty(0, int))} == {0}
    assert expected_calibration_error(nothing, np.empty(0, int)) == 0


# Finding


@pytest.mark.parametrize(
    ("relevant", "total", "depth", "expected"),
    [
        ([1, 0, 1, 0], 3, 4, (1 + 2 / 3) / 3),
        ([1, 0, 1, 0], 3, 2, 1 / 2),  # at most two could stand there
        ([1, 1, 0, 0], 2, 100, 1.0),
        ([0, 0, 1, 1], 2, 2, 0.0),
        ([0, 0, 0, 0], 0, 100, 0.0),
    ],
)
def test_average_precision_at_a_depth_matches_cases_worked_by_hand(
    relevant: list[int], total: int, depth: int, expected: float
) -> None:
    found = average_precision_at(np.array([relevant], bool), np.array([total]), depth)
    assert found.tolist() == pytest.approx([expected])


def test_average_precision_over_the_whole_ranking_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    relevant = rng.random((20, 60)) < 0.3
    ours = average_precision_at(relevant, relevant.sum(axis=1), 60)
    falling = np.arange(60, 0, -1)
    np.testing.assert_allclose(ours, [average_precision_score(row, falling) for row in relevant])


def test_ties_go_to_the_earlier_item_however_many_there_are() -> None:
    # 150 items on four axes: whatever stands on another axis is equally far, far more of it than ranks are looked at.
    labels = np.arange(150) % 4
    vectors = np.eye(4, dtype=np.float32)[labels]
    nearest = rank_all(vectors, np.zeros(150, int)).nearest
    for query in range(150):
        same = [item for item in range(150) if labels[item] == labels[query] and item != query]
        assert nearest[query].tolist() == same[:10]
    equal = rank_all(np.ones((150, 1), np.float32), np.arange(150) % 2)
    assert equal.nearest[0].tolist() == list(range(1, 11))
    assert equal.nearest[5].tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]


def test_ranking_is_right_for_negative_and_zero_cosines() -> None:
    angles = np.linspace(0, np.pi, 21)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    rankings = rank_all(vectors, np.zeros(21, int))
    assert rankings.nearest[0].tolist() == list(range(1, 11))
    assert rankings.nearest[20].tolist() == list(range(19, 9, -1))


def test_an_item_that_is_the_only_one_of_its_class_finds_nothing_and_breaks_nothing() -> None:
    vectors = np.eye(12, dtype=np.float32)
    found = rank_all(vectors, np.arange(12)).means()
    assert (found.precision_at_1, found.precision_at_10, found.map_at_100, found.map_at_r) == (0, 0, 0, 0)


def test_a_model_that_sees_nothing_finds_only_the_first_item(test_split: Split) -> None:
    recall = instance_recall(lambda images: np.ones((len(images), 1), np.float32), test_split.images[:50], queries=50)
    assert set(recall.values()) == {1 / 50}


def test_raw_pixels_are_of_unit_length_and_blank_images_stay_nothing() -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[1, :2, :2] = 10
    vectors = pixel_vectors(images)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1).tolist() == [0, 1]


# All together


def test_evaluation_is_the_parts_put_together(evaluation: Evaluation, embedder: LiteRTEmbedder, few: Split) -> None:
    vectors, probabilities = embedder.embed(as_views(few.images))
    means = rank_all(vectors, few.labels).means()
    figures = evaluation.figures()
    assert figures["accuracy"] == pytest.approx((probabilities.argmax(axis=1) == few.labels).mean())
    assert figures["expected_calibration_error"] == expected_calibration_error(probabilities, few.labels)
    assert (figures["precision_at_1"], figures["map_at_100"]) == (means.precision_at_1, means.map_at_100)
    assert {name for name in figures if name.startswith("looks_")} == {
        f"looks_{name}" for name in [*AUGMENTATIONS, "mean"]
    }
    assert all(0 <= value <= 1 for value in figures.values())
    assert evaluation.subject.bytes == (models.PRETRAINED / "embedder.tflite").stat().st_size
    assert evaluation.subject.parameters == embedder.card.training["parameters"]


def test_a_card_and_an_evaluation_call_the_figures_alike(evaluation: Evaluation, embedder: LiteRTEmbedder) -> None:
    without_photographs = {name for name in embedder.card.metrics if not name.startswith("photographs")}
    assert without_photographs <= set(evaluation.figures())


def test_pixels_name_no_class_and_are_a_worse_eye(evaluation: Evaluation, pixels: Evaluation) -> None:
    assert pixels.classification is None
    assert pixels.speed is None
    assert "accuracy" not in pixels.figures()
    assert pixels.figures()["looks_mean"] < evaluation.figures()["looks_mean"]


def test_speed_is_the_median_of_calls_after_a_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    now, costs = 0.0, iter([9.0, 1, 2, 60, 9, 4, 4, 4])  # the 9s warm up
    sizes = []

    def embed(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nonlocal now
        now += next(costs)
        sizes.append(len(images))
        return images, images

    monkeypatch.setattr("models.evaluation.measure.time", SimpleNamespace(perf_counter=lambda: now))
    speed = measure_speed(embed, as_views(np.zeros((3, 28, 28), np.uint8)), calls=3, batches=3)
    assert (speed.one_image_ms, speed.batch_of_256_ms) == (2000, 4000)
    assert sizes == [1] * 4 + [256] * 4


def test_progress_runs_to_its_end_over_both(few: Split) -> None:
    seen: list[tuple[int, int]] = []
    found = models.evaluate(None, models.PIXELS, few.first(40), lambda done, total: seen.append((done, total)))
    assert titles(found) == ("fashion-mnist", "pixels")
    assert [done for done, _ in seen] == list(range(1, seen[-1][1] + 1))
    assert len({total for _, total in seen}) == 1


def test_what_to_compare_with_is_looked_for_before_anything_is_measured(few: Split, tmp_path: Path) -> None:
    with pytest.raises(BundleMissing):
        models.evaluate(None, tmp_path / "none", few, lambda done, total: pytest.fail("something was measured"))


def test_two_of_one_name_are_told_apart_by_fingerprint(evaluation: Evaluation) -> None:
    first, second = titles([evaluation, evaluation])
    assert first == second == f"fashion-mnist {evaluation.subject.fingerprint[:6]}"  # type: ignore[index]


def test_table_and_json_say_the_same(evaluation: Evaluation, pixels: Evaluation) -> None:
    answer = json.loads(json.dumps(evaluation_answer([evaluation, pixels])))
    text = evaluation_text([evaluation, pixels])
    rows = {line.split("  ")[0]: line.split() for line in text.splitlines() if line and not line.startswith(" ")}
    assert rows["mAP@R"][-2:] == [
        f"{answer['figures']['map_at_r']:.4f}",
        f"{answer['against']['figures']['map_at_r']:.4f}",
    ]
    assert rows["accuracy"][-2:] == [f"{answer['figures']['accuracy']:.4f}", "-"]
    assert rows["Sneaker"][-1] == f"{answer['classes'][7]['f1']:.4f}"
    assert sum(map(sum, answer["confusion"])) == answer["items"] == FEW
    assert "classes" not in answer["against"]
    assert "against" not in evaluation_answer([evaluation])


# The command


def _lookalike(project: Path, *arguments: str | Path, without: str = "") -> subprocess.CompletedProcess[str]:
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({without.split()!r})); import lookalike; "
        "lookalike.main(standalone_mode=False); "
        "print(*{'tensorflow', 'keras', 'matplotlib'} & set(sys.modules), file=sys.stderr)"
    )
    if without:
        script = script.replace("standalone_mode=False", "")
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, cwd=project
    )


def test_the_command_prints_json_and_loads_neither_training_nor_charts(project: Path, evaluation: Evaluation) -> None:
    done = _lookalike(project, "evaluate", "--items", str(FEW), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["figures"] == pytest.approx(evaluation.figures(), abs=1e-3)
    assert answer["model"]["fingerprint"] == evaluation.subject.fingerprint
    assert done.stderr.splitlines()[-1] == "", "a heavy package was imported"
    assert "11/11" in done.stderr


def test_the_command_sets_another_bundle_beside_the_first(project: Path) -> None:
    done = _lookalike(project, "evaluate", "--items", "100", "--against", models.PRETRAINED)
    assert done.returncode == 0, done.stderr
    header = next(line for line in done.stdout.splitlines() if line.startswith("mAP@R"))
    left, right = header.split()[1:]
    assert left == right


def test_a_report_without_what_draws_it_says_what_to_install_before_measuring(project: Path, tmp_path: Path) -> None:
    done = _lookalike(project, "evaluate", "--items", "100", "--report", tmp_path / "r", without="matplotlib seaborn")
    assert (done.returncode, done.stdout) == (1, "")
    assert "lookalike[train]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "r").exists()


def test_evaluating_works_without_what_draws_reports(project: Path) -> None:
    done = _lookalike(project, "evaluate", "--items", "100", without="matplotlib seaborn keras tensorflow")
    assert done.returncode == 0, done.stderr
    assert "mAP@R" in done.stdout


@pytest.mark.parametrize("arguments", [["--model", "none"], ["--against", "none"]])
def test_a_missing_bundle_is_one_line(arguments: list[str], project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "lookalike.py", "evaluate", "--items", "100", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=project,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == ["Error: none holds no model: card.json is not there."]
