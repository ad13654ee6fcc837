"""What makes vectors out of pictures: the view, and the protocol that every embedder keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.arrays import Images, Probabilities, Vectors
from models.card import ModelCard

if TYPE_CHECKING:
    from models.pictures.boxes import Box
    from models.pictures.decoding import Picture


SHOWN_SIDE = 80
"""Longest side of a view as a page shows it (pixels)."""

_GROUND_FADES = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One picture as the model sees it: all that `Embedder.embed` is given of it.

    `pixels` is uint8 in the card's `input_shape`. A model that needs more than pixels has its preprocessing put that
    into a field of its own here. `notes` and `cutout` are only shown: sentences for a person about the steps taken and
    any doubt about them, and, uint8 (height, width, 4), the photograph made smaller, opaque where the garment was
    found; None for a picture that was taken as it is. `frame` is the part of the picture that pixels and cutout show:
    left, top, width and height as shares of the picture, all of it where None; beyond it where ground was added.
    """

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...] = ()
    cutout: NDArray[np.uint8] | None = None
    frame: tuple[float, float, float, float] | None = None

    def shown(self) -> NDArray[np.uint8]:
        """Return the pixels as a page shows them: those of a large view averaged, its ground faded by the outline."""
        factor = -(-max(self.pixels.shape[:2]) // SHOWN_SIDE)
        if factor == 1:
            return self.pixels
        if self.pixels.shape[2:] != (4,):
            return np.asarray(Image.fromarray(self.pixels).reduce(factor))
        colours = Image.fromarray(self.pixels[:, :, :3]).reduce(factor)  # apart: what is clear keeps its colour
        outline = np.asarray(Image.fromarray(self.pixels[:, :, 3]).reduce(factor), np.float32)
        return np.dstack([np.asarray(colours), (255 - (255 - outline) * _GROUND_FADES).astype(np.uint8)])

    def without_display(self) -> "View":
        """Return the view without what is only shown: light to send to another process."""
        return replace(self, notes=(), cutout=None)


def as_views(images: Images) -> list[View]:
    """Return images that are as a model sees them already, uint8 (n, ...), as n views."""
    return [View(image) for image in images]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """All that a model says of n pictures: vectors float32 (n, dim), unit rows; probabilities float32 (n, classes).

    `targets` are the probabilities, float32 (n, values), of what its card says is told beside the class, by name.
    """

    vectors: Vectors
    probabilities: Probabilities
    targets: Mapping[str, Probabilities] = field(default_factory=dict)


class Embedder(Protocol):
    """A model ready to answer. Safe to call from several threads at once."""

    @property
    def card(self) -> ModelCard: ...

    def prepare(self, picture: "Picture", box: "Box | None" = None) -> View:
        """Return the model's own input made from a picture, the same for queries and for catalogue items.

        A `box` says where in the picture the garment is, and is trusted. Raises BlankPicture for one with nothing in
        it.
        """
        ...

    def embed(self, views: Sequence[View]) -> tuple[Vectors, Probabilities]:
        """Return unit vectors and class probabilities of `n >= 0` views from one forward pass.

        Raises ValueError when the shape or dtype of a view's pixels is not the card's.
        """
        ...

    def answers(self, views: Sequence[View]) -> Answers:
        """Return all that the model says of `n >= 0` views, from one forward pass. Raises what `embed` does."""
        ...

    def familiarity(self, vectors: Vectors, *, others: bool = False) -> NDArray[np.float32]:
        """Return the share of pictures of known classes that are as strange as each of n vectors or more.

        Float32 (n,), 0 to 1. `models.ood_score.is_familiar` says from where on it is enough. With `others`, garments
        that are known and of none of the classes, such as hats, are no stranger than those of a class.
        """
        ...

    def confidence(
        self, predicted: NDArray[np.integer], cosines: NDArray[np.float32], familiarity: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the chance that hits are of the same kind as their query, float32 (n, k), 0 to 1.

        `predicted` is the number of the class that each of n queries is taken for, `cosines` float32 (n, k) those of
        whole vectors, `familiarity` float32 (n,) that of the queries: a strange one may be of none of the classes, and
        a class that it is taken for then says little.
        """
        ...
