"""The changes that training and the `looks` measure use."""

import numpy as np
import pytest

from models import augmentations
from models.datasets.fashion_mnist import Split

EVERY_AUGMENTATION = {**augmentations.AUGMENTATIONS, "erase": augmentations.erase}


@pytest.mark.parametrize("name", EVERY_AUGMENTATION)
def test_a_change_keeps_shape_and_input_and_is_repeatable(name: str, test_split: Split) -> None:
    images = test_split.images[:64]
    before = images.copy()
    changed = EVERY_AUGMENTATION[name](images, np.random.default_rng(5))
    again = EVERY_AUGMENTATION[name](images, np.random.default_rng(5))
    assert changed.shape == images.shape
    assert changed.dtype == np.uint8
    assert np.array_equal(images, before)
    assert np.array_equal(changed, again)
    assert not np.array_equal(changed, images)


def test_a_warp_of_nothing_changes_nothing(test_split: Split) -> None:
    images = test_split.images[:64]
    rng = np.random.default_rng(0)
    assert np.array_equal(augmentations.rotate(images, rng, most=0), images)
    assert np.array_equal(augmentations.scale(images, rng, most=0), images)
    assert np.array_equal(augmentations.shift(images, rng, most=0), images)


def test_a_quarter_turn_is_exact_and_a_positive_angle_turns_clockwise(test_split: Split) -> None:
    images = test_split.images[:8]
    for quarters in (1, 3):
        turned = augmentations._warped(images, np.full(8, quarters * np.pi / 2), np.ones(8))
        expected = np.rot90(images, -quarters, axes=(1, 2))
        assert np.abs(turned.astype(int) - expected).max() <= 1, quarters


def test_a_small_turn_moves_what_is_right_of_the_centre_down_by_its_sine() -> None:
    image = np.zeros((1, 29, 29), np.uint8)
    image[0, 14, 24] = 255  # ten pixels right of the centre
    for degrees in (-20, 20):
        turned = augmentations._warped(image, np.radians([degrees]), np.ones(1))[0].astype(float)
        rows, columns = np.mgrid[:29, :29]
        down, across = ((turned * (grid - 14)).sum() / turned.sum() for grid in (rows, columns))
        assert down == pytest.approx(10 * np.sin(np.radians(degrees)), abs=0.3)
        assert across == pytest.approx(10 * np.cos(np.radians(degrees)), abs=0.3)


def test_a_scale_above_one_enlarges() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 7:21, 7:21] = 255
    larger, smaller = (augmentations._warped(image, np.zeros(1), np.array([by]))[0] > 127 for by in (1.5, 0.5))
    assert larger.sum() == pytest.approx(21 * 21, rel=0.3)
    assert smaller.sum() == pytest.approx(7 * 7, rel=0.3)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_drawn_for_a_warp_is_what_is_applied(seed: int, test_split: Split) -> None:
    """Each image gets the angle, or the scale, that the generator draws for it, and no other."""
    images = test_split.images[:16]
    angles = np.radians(np.random.default_rng(seed).uniform(-10, 10, 16))
    rotated = augmentations.rotate(images, np.random.default_rng(seed))
    assert np.array_equal(rotated, augmentations._warped(images, angles, np.ones(16)))
    scales = np.random.default_rng(seed).uniform(0.85, 1.15, 16)
    scaled = augmentations.scale(images, np.random.default_rng(seed))
    assert np.array_equal(scaled, augmentations._warped(images, np.zeros(16), scales))


def test_for_some_changes_about_that_share(test_split: Split) -> None:
    images = test_split.images[:1000]
    flipped = augmentations.for_some(augmentations.flip, 0.3, images, np.random.default_rng(2))
    share = (flipped != images).any(axis=(1, 2)).mean()
    assert 0.25 < share < 0.35
    assert augmentations.for_some(augmentations.flip, 0.0, images, np.random.default_rng(2)) is images
