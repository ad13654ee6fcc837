"""The changes that training and the `looks` measure use."""

import numpy as np
import pytest

from models import augmentations
from models.datasets.fashion_mnist import Split

EVERY_CHANGE = {**augmentations.LOOKS, "erase": augmentations.erase}


@pytest.mark.parametrize("name", EVERY_CHANGE)
def test_a_change_keeps_shape_and_input_and_is_repeatable(name: str, test_split: Split) -> None:
    images = test_split.images[:64]
    before = images.copy()
    changed = EVERY_CHANGE[name](images, np.random.default_rng(5))
    again = EVERY_CHANGE[name](images, np.random.default_rng(5))
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


def test_a_quarter_turn_is_exact(test_split: Split) -> None:
    images = test_split.images[:8]
    turned = augmentations._warped(images, np.full(8, np.pi / 2), np.ones(8))
    assert any(np.abs(turned.astype(int) - np.rot90(images, k, axes=(1, 2))).max() <= 1 for k in (1, 3))


def test_for_some_changes_about_that_share(test_split: Split) -> None:
    images = test_split.images[:1000]
    flipped = augmentations.for_some(augmentations.flip, 0.3, images, np.random.default_rng(2))
    share = (flipped != images).any(axis=(1, 2)).mean()
    assert 0.25 < share < 0.35
    assert augmentations.for_some(augmentations.flip, 0.0, images, np.random.default_rng(2)) is images
