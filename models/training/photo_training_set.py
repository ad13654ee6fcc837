"""What is learned from photographs: their views, and which classes are right for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
from numpy.typing import NDArray

from models.arrays import Images
from models.datasets.photographs import Photograph, right_classes
from models.pictures.decoding import Picture
from models.preprocessing import Preprocessing
from models.training.distillation import soft_labels
from models.training.photo_augmentations import augmented_photograph
from models.training.training_set import TrainingSet


@dataclass(frozen=True, slots=True, eq=False)
class PhotographViews:
    """Photographs, and the view of each as it is, uint8 (n, height, width); `classes` are those to be told apart."""

    photographs: tuple[Photograph, ...]
    views: Images
    seed: int
    classes: tuple[str, ...]
    preprocessing: Preprocessing

    @classmethod
    def of(
        cls,
        photographs: Sequence[Photograph],
        seed: int,
        classes: tuple[str, ...],
        preprocessing: Preprocessing,
        log: Callable[[str], None] = lambda text: None,
    ) -> "PhotographViews":
        """Make the views of photographs."""
        log(f"looking at {len(photographs):,} photographs")
        views = np.stack([preprocessing.prepare(photograph.read(), None).pixels for photograph in photographs])
        return cls(tuple(photographs), views, seed, classes, preprocessing)

    def where(self, chosen: Callable[[Photograph], bool]) -> "PhotographViews":
        """Return those of some photographs alone."""
        kept = [number for number, photograph in enumerate(self.photographs) if chosen(photograph)]
        return replace(self, photographs=tuple(self.photographs[number] for number in kept), views=self.views[kept])

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which classes are right for each, bool (n, classes)."""
        return np.stack([right_classes(photograph.kind, self.classes) for photograph in self.photographs])

    def counts(self) -> dict[str, int]:
        """Return how many are learned from and how many held out."""
        held_out = sum(photograph.is_held_out for photograph in self.photographs)
        return {"learned": len(self.photographs) - held_out, "held_out": held_out}

    def training_set(self, views: int, network: keras.Model | None) -> TrainingSet:
        """Return so many views of each photograph to learn from, the first as it is, the others augmented.

        Among several right classes, half is left to the network's soft labels, if there is one; what belongs to none
        is to get the same probability for each class (Hendrycks et al., arXiv 1812.04606).
        """
        right = np.where(self.right.any(axis=1, keepdims=True), self.right, True).astype(np.float32)
        targets = right / right.sum(axis=1, keepdims=True)
        if network is not None:
            shares = right * soft_labels(network, self.views)
            none = ~self.right.any(axis=1, keepdims=True)
            targets = np.where(none, targets, (targets + shares / shares.sum(axis=1, keepdims=True)) / 2)
        augmented = [
            self.preprocessing.prepare(
                Picture(
                    augmented_photograph(photograph.read().pixels, np.random.default_rng([self.seed, number, view]))
                ),
                None,
            ).pixels
            for number, photograph in enumerate(self.photographs)
            for view in range(1, views)
        ]
        height, width = self.views.shape[1:]
        every = np.concatenate([self.views, np.asarray(augmented, np.uint8).reshape(-1, height, width)])
        return TrainingSet(every, np.concatenate([targets, np.repeat(targets, views - 1, axis=0)]).astype(np.float32))
