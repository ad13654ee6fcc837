"""What a model knows of itself: what is strange to it, and what a score is worth."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

import models
from models.arrays import Images, Probabilities, Vectors
from models.datasets.fashion_mnist import CLASSES, Split
from models.datasets.photographs import Photograph
from models.embedder import as_views
from models.errors import DatasetMissing
from models.evaluation.ood_images import DRAWN, draw_ood_images, shuffled
from models.evaluation.reliability import measure_reliability, photographed
from models.evaluation.retrieval_metrics import rank_all
from models.match_confidence import STRANGE, MatchConfidence, Strangers
from models.ood_score import OodScore, auroc, is_familiar
from models.runtime import LiteRTEmbedder

KINDS = [*DRAWN, "garments in 4 pieces", "garments in 16 pieces"]


@pytest.fixture(scope="module")
def drawn(test_split: Split) -> Mapping[str, Images]:
    return draw_ood_images(test_split.images)


@pytest.fixture(scope="module")
def usual_distances(embedder: LiteRTEmbedder, test_answers: tuple[Vectors, Probabilities]) -> NDArray[np.floating]:
    """How far off the shipped model finds each test image."""
    vectors, _ = test_answers
    return embedder.known.distance(vectors)


def known(n: int = 3000, dim: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Two round classes about (1, 0, ...) and (0, 1, ...), ten times as wide along the last axis."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    spread = rng.normal(0, 0.01, (n, dim)) * np.array([1] * (dim - 1) + [10])
    return (np.eye(dim)[labels] + spread).astype(np.float32), labels


# --- familiar ---


def test_the_distance_counts_in_standard_deviations_from_the_nearest_mean() -> None:
    vectors, labels = known()
    found = OodScore.fit(vectors, labels, vectors)
    step = np.zeros((2, 6), np.float32)
    step[0, 2], step[1, 5] = 0.05, 0.5
    for mean in np.eye(6, dtype=np.float32)[:2]:
        np.testing.assert_allclose(found.distance(mean + step), 5, rtol=0.1)
        assert found.distance(mean[None])[0] < 0.2


def test_the_accepted_share_of_held_out_vectors_is_familiar() -> None:
    vectors, labels = known()
    held_out, _ = known(1000)
    found = OodScore.fit(vectors, labels, held_out)
    familiarity = found.of(held_out)
    assert np.mean([is_familiar(float(one)) for one in familiarity]) == pytest.approx(0.95, abs=0.01)
    np.testing.assert_array_equal(found.distance(held_out) <= found.limit, familiarity >= 0.05)
    assert familiarity.min() >= 0
    assert familiarity.max() <= 1
    far = np.full((1, 6), 9, np.float32)
    assert found.of(far)[0] == 0
    order = np.argsort(found.distance(held_out))
    assert np.all(np.diff(familiarity[order]) <= 0), "the farther, the less familiar"


def test_what_is_familiar_survives_a_file(tmp_path: Path) -> None:
    vectors, labels = known()
    found = OodScore.fit(vectors, labels, vectors)
    found.save(tmp_path / "familiarity.npz")
    again = OodScore.load(tmp_path / "familiarity.npz", classes=2, dim=6)
    np.testing.assert_array_equal(again.distance(vectors), found.distance(vectors))
    with pytest.raises(ValueError, match="shape"):
        OodScore.load(tmp_path / "familiarity.npz", classes=3, dim=6)


@pytest.mark.parametrize("decimals", [8, 1, 0])
def test_auroc_is_that_of_scikit_learn_ties_included(decimals: int) -> None:
    rng = np.random.default_rng(3)
    inside, outside = rng.normal(0, 1, 500).round(decimals), rng.normal(0.7, 2, 300).round(decimals)
    truth = np.r_[np.zeros(500), np.ones(300)]
    assert auroc(inside, outside) == pytest.approx(roc_auc_score(truth, np.r_[inside, outside]))


def test_auroc_of_cases_worked_by_hand() -> None:
    assert auroc(np.array([1.0, 2]), np.array([3.0])) == 1
    assert auroc(np.array([1.0, 2]), np.array([0.0])) == 0
    assert auroc(np.array([1.0, 1]), np.array([1.0])) == 0.5
    assert auroc(np.array([1.0, 2, 3]), np.array([2.0])) == 0.5
    assert auroc(np.array([1.0, 3]), np.array([2.0, 4])) == 0.75


def test_most_test_images_are_familiar(embedder: LiteRTEmbedder, test_answers: tuple[Vectors, Probabilities]) -> None:
    vectors, _ = test_answers
    assert 0.93 <= (embedder.familiarity(vectors) >= 0.05).mean() <= 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_strangers_are_noticed(
    kind: str, embedder: LiteRTEmbedder, usual_distances: NDArray[np.floating], drawn: Mapping[str, Images]
) -> None:
    vectors, _ = embedder.embed(as_views(drawn[kind]))
    assert auroc(usual_distances, embedder.known.distance(vectors)) >= 0.95


@pytest.mark.parametrize("kind", ["hat", "shorts", "skirt"])
def test_unseen_photographs_of_other_clothes_are_noticed(
    kind: str,
    embedder: LiteRTEmbedder,
    usual_distances: NDArray[np.floating],
    unseen_photographs: tuple[Photograph, ...],
) -> None:
    unseen = [one for one in unseen_photographs if one.kind == kind]
    assert len(unseen) >= 10
    vectors, _ = embedder.embed([embedder.prepare(one.read()) for one in unseen])
    assert auroc(usual_distances, embedder.known.distance(vectors)) >= 0.95


def test_what_lies_nearer_to_something_else_counts_as_further_off() -> None:
    vectors, labels = known()
    elsewhere = np.zeros((1, 6), np.float32)
    elsewhere[0, 2] = 0.2
    alone, beside = (OodScore.fit(vectors, labels, vectors, others=others) for others in (None, elsewhere))
    np.testing.assert_allclose(beside.distance(vectors), alone.distance(vectors), rtol=1e-5)
    np.testing.assert_allclose(beside.distance(elsewhere), 5 * alone.distance(elsewhere), rtol=1e-3)


def test_a_class_has_a_place_in_each_domain_and_directions_between_domains_count_less() -> None:
    vectors, labels = known()
    elsewhere, sideways = np.zeros((2, 6), np.float32)
    elsewhere[2] = sideways[3] = 0.2
    both, twice = np.concatenate([vectors, vectors + elsewhere]), np.tile(labels, 2)
    domains = np.repeat([0, 1], len(labels))
    in_one, in_two = OodScore.fit(vectors, labels, vectors), OodScore.fit(both, twice, both, domains=domains)
    means = np.eye(6, dtype=np.float32)[:2]
    np.testing.assert_allclose(in_one.distance(means + elsewhere), 20, rtol=0.1)
    assert in_two.distance(means + elsewhere).max() < 0.2
    # A third domain, as far off again: nearer than what is as far off in a direction in which no domains differ.
    assert (in_two.distance(means + 2 * elsewhere) < in_two.distance(means + sideways) / 3).all()


def test_held_out_vectors_count_by_their_weights() -> None:
    vectors, labels = known()
    near, far = vectors[:100], vectors[:100] + np.float32(0.1)
    weights = np.repeat([1.0, 0.0], 100)
    mixed = OodScore.fit(vectors, labels, np.concatenate([near, far]), weights=weights)
    assert mixed.limit == pytest.approx(OodScore.fit(vectors, labels, near).limit, rel=0.05)
    equal = OodScore.fit(vectors, labels, np.concatenate([near, far]), weights=np.ones(200))
    assert equal.limit == pytest.approx(OodScore.fit(vectors, labels, np.concatenate([near, far])).limit, rel=0.05)


# --- strangers ---


def test_every_stranger_is_a_view_and_drawn_the_same_each_time(test_split: Split, drawn: Mapping[str, Images]) -> None:
    again = draw_ood_images(test_split.images)
    assert list(drawn) == KINDS
    for kind, images in drawn.items():
        assert images.shape == (500, 28, 28)
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, again[kind])
        assert len({image.tobytes() for image in images}) > 450, "they differ from one another"
        assert all(np.ptp(image) > 0 for image in images), "there is something to see"


@pytest.mark.parametrize("side", [7, 14])
def test_pieces_are_the_same_pixels_elsewhere(side: int, test_split: Split) -> None:
    images = test_split.images[:50]
    mixed = shuffled(images, np.random.default_rng(0), side)
    for before, after in zip(images, mixed, strict=True):
        assert (before != after).any()
        patches = [
            sorted(image[y : y + side, x : x + side].tobytes() for y in range(0, 28, side) for x in range(0, 28, side))
            for image in (before, after)
        ]
        assert patches[0] == patches[1]


def _square_of(colour: str | tuple[int, ...]) -> Image.Image:
    picture = Image.new("RGB", (40, 30), "white")
    picture.paste(colour, (10, 5, 30, 25))
    return picture


def test_a_folder_of_pictures_is_read_by_sub_folder(embedder: LiteRTEmbedder, tmp_path: Path) -> None:
    for kind, colour in (("red", "red"), ("blue", "blue")):
        (tmp_path / kind).mkdir()
        _square_of(colour).save(tmp_path / kind / "one.png")
    (tmp_path / "red" / "notes.txt").write_text("no picture")
    (tmp_path / "blank").mkdir()
    Image.new("RGB", (40, 30), "red").save(tmp_path / "blank" / "one.png")
    (tmp_path / "empty").mkdir()
    found = photographed(embedder, tmp_path)
    shapes = {kind: [view.pixels.shape for view in views] for kind, views in found.items()}
    assert shapes == {"blue": [(28, 28)], "red": [(28, 28)]}
    with pytest.raises(DatasetMissing, match="sub-folder"):
        photographed(embedder, tmp_path / "empty")
    with pytest.raises(DatasetMissing, match="sub-folder"):
        photographed(embedder, tmp_path / "nowhere")


def test_strangers_that_were_learned_from_are_not_measured(
    embedder: LiteRTEmbedder, all_photographs: Path, unseen_photographs: tuple[Photograph, ...], tmp_path: Path
) -> None:
    unseen = next(one for one in unseen_photographs if one.kind == "hat")
    known = {one.path for one in unseen_photographs}
    learned = next(path for path in sorted((all_photographs / "hat").iterdir()) if path not in known)
    (tmp_path / "hat").mkdir()
    (tmp_path / "hat" / "learned.jpg").symlink_to(learned)
    with pytest.raises(DatasetMissing, match="learned from every picture"):
        photographed(embedder, tmp_path)
    (tmp_path / "hat" / "unseen.jpg").symlink_to(unseen.path)
    views = photographed(embedder, tmp_path)["hat"]
    np.testing.assert_array_equal([view.pixels for view in views], [embedder.prepare(unseen.read()).pixels])


def test_strangers_given_by_a_folder_are_measured_too(tmp_path: Path, test_split: Split) -> None:
    (tmp_path / "grey").mkdir()
    for level in range(60, 200, 10):
        _square_of((level,) * 3).save(tmp_path / "grey" / f"{level}.png")
    (found,) = models.evaluate(None, None, test_split.first(200), strangers=tmp_path)
    assert found.reliability is not None
    figures = found.figures()
    assert len(found.reliability.ood_distances["grey"]) == 14
    assert figures["unfamiliar_worst"] == min(figures[f"unfamiliar_{kind}"] for kind in (*KINDS, "grey"))


# --- confidence ---


def test_the_chance_rises_with_the_cosine_and_is_right_on_average() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 2000)
    angles = np.where(labels == 0, 0, 0.5) + rng.normal(0, 0.3, 2000)
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    predicted = (angles > 0.25).astype(int)
    found = MatchConfidence.fit(vectors, labels, predicted, classes=3)
    assert found.chances.shape[0] == 3
    assert np.all(np.diff(found.chances, axis=1) >= 0)
    assert not found.chances[2].any(), "a class that is never predicted promises nothing"
    nearest = found.of(np.array([0, 1]), np.ones((2, 1), np.float32), np.ones(2, np.float32))[:, 0]
    truth = [(labels[predicted == label] == label).mean() for label in (0, 1)]
    assert (nearest > 0.5).all()
    np.testing.assert_allclose(nearest, truth, atol=0.25)


def test_chances_between_two_cosines_are_interpolated_and_those_outside_are_the_ends() -> None:
    chances = np.linspace(0, 1, 401, dtype=np.float32)[None] ** 2
    found = MatchConfidence(chances, np.zeros(401, np.float32))
    familiar = np.ones(1, np.float32)
    cosines = np.array([[-1.5, -1, 0, 0.123456, 1, 1.5]], np.float32)
    expected = np.interp(np.clip(cosines[0], -1, 1), np.linspace(-1, 1, 401), chances[0])
    np.testing.assert_allclose(found.of(np.array([0]), cosines, familiar)[0], expected, atol=1e-5)
    assert found.of(np.array([0]), np.empty((1, 0), np.float32), familiar).shape == (1, 0)


def test_a_strangers_hits_are_worth_what_its_own_kind_is_found_by() -> None:
    """Of pictures of no class, those of one kind lie together: a hit is worth little far off, and much near."""
    rng = np.random.default_rng(2)
    kinds = np.repeat(np.arange(4), 50)
    angles = kinds * 0.6 + rng.normal(0, 0.1, 200)
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    strangers = Strangers.among(vectors, kinds, np.flatnonzero(kinds > 1))
    assert strangers.cosines.shape == strangers.are_alike.shape == (100, 199)
    found = MatchConfidence.fit(vectors, kinds, kinds, 4, strangers)
    cosines = np.array([[0.999, 0.5]], np.float32)
    near, far = found.of(np.array([0]), cosines, np.zeros(1, np.float32))[0]
    assert near > 0.8
    assert far < 0.2
    as_known = found.of(np.array([0]), cosines, np.full(1, STRANGE, np.float32))[0]
    between = found.of(np.array([0]), cosines, np.full(1, STRANGE / 2, np.float32))[0]
    np.testing.assert_allclose(between, np.mean([as_known, [near, far]], axis=0), atol=1e-6)


def test_confidence_survives_a_file(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    found = MatchConfidence(random.random((10, 401), np.float32), random.random(401, np.float32))
    found.save(tmp_path / "confidence.npz")
    again = MatchConfidence.load(tmp_path / "confidence.npz", 10)
    np.testing.assert_array_equal(again.chances, found.chances)
    np.testing.assert_array_equal(again.of_strangers, found.of_strangers)
    with pytest.raises(ValueError, match="shape"):
        MatchConfidence.load(tmp_path / "confidence.npz", 9)


def test_confidence_in_hits_comes_true_on_test_images(
    embedder: LiteRTEmbedder, test_split: Split, test_answers: tuple[Vectors, Probabilities]
) -> None:
    vectors, probabilities = test_answers
    rankings = rank_all(vectors, test_split.labels)
    found = measure_reliability(
        embedder, vectors, probabilities, test_split.labels, rankings, {"none": as_views(test_split.images)}
    )
    figures = found.figures()
    assert figures["hit_confidence_error"] <= 0.03
    assert sum(one.items for one in found.hits) == 100_000
    assert figures["unfamiliar_none"] == pytest.approx(0.5)
    every = np.arange(len(CLASSES))
    confidence = embedder.confidence(every, np.ones((len(CLASSES), 1), np.float32), np.ones(len(CLASSES), np.float32))
    assert confidence.min() > 0.6
