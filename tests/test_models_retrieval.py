"""Retrieval measures against hand-computed cases, scikit-learn and degenerate inputs."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from models.datasets.fashion_mnist import Split
from models.evaluation.retrieval_metrics import average_precision_at_r, class_retrieval, instance_recall


@pytest.mark.parametrize(
    ("relevant", "total", "expected"),
    [
        ([1, 1, 1], 3, 1.0),
        ([0, 0, 0], 3, 0.0),
        ([1, 0, 1, 1], 3, (1 + 2 / 3) / 3),  # the fourth rank lies beyond R
        ([0, 1], 2, 0.25),
        ([1], 0, 0.0),
    ],
)
def test_average_precision_at_r_matches_cases_worked_by_hand(relevant: list[int], total: int, expected: float) -> None:
    assert average_precision_at_r(np.array(relevant, bool), total) == pytest.approx(expected)


def test_average_precision_agrees_with_scikit_learn_when_all_relevant_items_are_within_r() -> None:
    relevant = np.array([1, 0, 1, 1, 0, 1], bool)
    # Over the whole ranking the two definitions meet: put every relevant item within the first R ranks.
    ours = average_precision_at_r(np.concatenate([relevant[:1], relevant[2:4], relevant[5:]]), 4)
    assert ours == pytest.approx(average_precision_score([1, 1, 1, 1], [4, 3, 2, 1]))


def test_two_tight_classes_are_retrieved_perfectly_and_scattered_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    centres = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    tight = centres[labels] + rng.normal(0, 0.01, (40, 3)).astype(np.float32)
    tight /= np.linalg.norm(tight, axis=1, keepdims=True)
    found = class_retrieval(tight, labels)
    assert (found.precision_at_1, found.precision_at_10, found.map_at_r) == (1, 1, 1)
    scattered = class_retrieval(tight, rng.permutation(labels))
    assert scattered.map_at_r < 0.5


def test_class_retrieval_agrees_with_a_plain_loop_over_real_pictures(test_split: Split) -> None:
    images, labels = test_split.images[:300], test_split.labels[:300].astype(int)
    vectors = images.reshape(300, -1).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tens, averages = [], []
    for query in range(300):
        scores = vectors @ vectors[query]
        order = [i for i in np.argsort(-scores, kind="stable") if i != query]
        relevant = labels[order] == labels[query]
        tens.append(relevant[:10].mean())
        averages.append(average_precision_at_r(relevant, int(relevant.sum())))
    found = class_retrieval(vectors, labels)
    assert found.precision_at_10 == pytest.approx(np.mean(tens), abs=1e-6)
    assert found.map_at_r == pytest.approx(np.mean(averages), abs=1e-4)


def test_raw_pixels_see_the_looks_that_they_are_known_to_see(test_split: Split) -> None:
    def pixels(images: np.ndarray) -> np.ndarray:
        flat = images.reshape(len(images), -1).astype(np.float32)
        return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1)

    recall = instance_recall(pixels, test_split.images, queries=300)
    assert set(recall) == {"shift", "rotate", "scale", "tone", "jpeg", "flip", "occlude", "blur", "noise", "mean"}
    assert recall["tone"] > 0.95, "a cosine barely feels the tone"
    assert recall["noise"] > 0.95
    assert recall["shift"] < 0.7, "pixels move"
    assert recall["mean"] == pytest.approx(np.mean([recall[name] for name in recall if name != "mean"]))
