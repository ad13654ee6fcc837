"""What a network learns from: images, what is to be said of each, and the batches they are learned in."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.arrays import Images, Probabilities
from models.augmentations import strongly_augmented, weakly_augmented
from models.training.recipes import Recipe

Labels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Images uint8 (n, height, width), and the class loss's targets, float32 (n, classes), rows that sum to 1."""

    images: Images
    targets: Probabilities

    def __add__(self, other: "TrainingSet") -> "TrainingSet":
        return TrainingSet(np.concatenate([self.images, other.images]), np.concatenate([self.targets, other.targets]))


def class_targets(recipe: Recipe, labels: Labels, soft_labels: Probabilities | None, classes: int) -> Probabilities:
    """Return what the class loss aims at for labelled images, given the teachers' soft labels of them, if any."""
    hard = np.eye(classes, dtype=np.float32)[labels]
    targets = (1 - recipe.label_smoothing) * hard + np.float32(recipe.label_smoothing / classes)
    if soft_labels is None:
        return targets
    mixed: Probabilities = (1 - recipe.teacher_share) * targets + recipe.teacher_share * soft_labels
    return mixed


def batches(
    recipe: Recipe, training_set: TrainingSet, epoch: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Make the batches of one pass over the training images, each while the one before is learned from."""
    order = np.random.default_rng([recipe.seed, epoch]).permutation(len(training_set.images))
    steps = len(order) // recipe.batch_size
    with ThreadPoolExecutor(1) as ahead:
        coming = [ahead.submit(_batch, recipe, training_set, epoch, 0, order)]
        for step in range(steps):
            if step + 1 < steps:
                coming.append(ahead.submit(_batch, recipe, training_set, epoch, step + 1, order))
            yield coming.pop(0).result()


def _batch(
    recipe: Recipe, training_set: TrainingSet, epoch: int, step: int, order: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return views, float32 (n, height, width, 1), and what the class loss aims at, float32 (n, classes).

    The images are augmented weakly, as the class loss likes it; behind them stand second views of the first of them,
    augmented in all the ways under which an item must still be recognised.
    """
    size, pairs = recipe.batch_size, pairs_of(recipe)
    chosen = order[step * size : (step + 1) * size]
    rng = np.random.default_rng([recipe.seed, epoch, step])
    images, targets = training_set.images[chosen], training_set.targets[chosen]
    views = np.concatenate([weakly_augmented(images, rng, recipe.erase), strongly_augmented(images[:pairs], rng)])
    return views[..., None].astype(np.float32), np.concatenate([targets, targets[:pairs]])


def pairs_of(recipe: Recipe) -> int:
    """Return how many images of a batch are seen twice."""
    return round(recipe.second_views * recipe.batch_size)
