"""What is learned from photographs: their views, and which classes are right for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from models.arrays import Images
from models.datasets.photographs import Photograph, right_classes
from models.pictures.decoding import Picture
from models.preprocessing import fashion_mnist_tile
from models.training.distillation import taught_by
from models.training.photo_augmentations import photographed_anew
from models.training.training_set import Lesson


@dataclass(frozen=True, slots=True, eq=False)
class PhotographViews:
    """Photographs, and the view of each as it is, uint8 (n, 28, 28)."""

    photographs: tuple[Photograph, ...]
    views: Images
    seed: int

    @classmethod
    def of(
        cls, photographs: Sequence[Photograph], seed: int, say: Callable[[str], None] = lambda text: None
    ) -> "PhotographViews":
        """Make the views of photographs."""
        say(f"looking at {len(photographs):,} photographs")
        views = np.stack([fashion_mnist_tile.prepare(photograph.read()).pixels for photograph in photographs])
        return cls(tuple(photographs), views, seed)

    def where(self, chosen: Callable[[Photograph], bool]) -> "PhotographViews":
        """Return those of some photographs alone."""
        kept = [number for number, photograph in enumerate(self.photographs) if chosen(photograph)]
        return PhotographViews(tuple(self.photographs[number] for number in kept), self.views[kept], self.seed)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which classes are right for each, bool (n, classes)."""
        return np.stack([right_classes(photograph.kind) for photograph in self.photographs])

    def counts(self) -> dict[str, int]:
        """Return how many are learned from and how many held out."""
        held_out = sum(photograph.is_held_out for photograph in self.photographs)
        return {"learned": len(self.photographs) - held_out, "held_out": held_out}

    def lesson(self, views: int, network: keras.Model | None) -> Lesson:
        """Return so many views of each photograph to learn from, the first as it is, the others changed.

        Among several right classes, half is left to what the network says, if there is one; nothing is to be said of
        what belongs to none (Hendrycks et al., arXiv 1812.04606).
        """
        right = np.where(self.right.any(axis=1, keepdims=True), self.right, True).astype(np.float32)
        targets = right / right.sum(axis=1, keepdims=True)
        if network is not None:
            said = right * taught_by(network, self.views)
            none = ~self.right.any(axis=1, keepdims=True)
            targets = np.where(none, targets, (targets + said / said.sum(axis=1, keepdims=True)) / 2)
        changed = [
            fashion_mnist_tile.prepare(
                Picture(photographed_anew(photograph.read().pixels, np.random.default_rng([self.seed, number, view])))
            ).pixels
            for number, photograph in enumerate(self.photographs)
            for view in range(1, views)
        ]
        height, width = self.views.shape[1:]
        every = np.concatenate([self.views, np.asarray(changed, np.uint8).reshape(-1, height, width)])
        return Lesson(every, np.concatenate([targets, np.repeat(targets, views - 1, axis=0)]).astype(np.float32))
