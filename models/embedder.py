"""What makes vectors out of pictures: the array types, the view, and the protocol every embedder keeps."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.card import ModelCard
    from models.pictures.boxes import Box
    from models.pictures.decoding import Picture

Views: TypeAlias = NDArray[np.uint8]
"""(n, height, width) or (n, height, width, 3), as the card's input says."""

Vectors: TypeAlias = NDArray[np.float32]
"""(n, dim), every row of L2 norm 1, so that an inner product is a cosine."""

Probabilities: TypeAlias = NDArray[np.float32]
"""(n, classes), rows sum to 1, columns in the card's order of classes."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One picture as the model sees it.

    `pixels` is uint8 in the shape of one row of `Views`; `notes` are sentences for a person about the steps taken
    and any doubt about them. `cutout`, uint8 (height, width, 4), is the photograph made smaller, opaque where the
    garment was found; None for a picture that was taken as it is.
    """

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...] = ()
    cutout: NDArray[np.uint8] | None = None


class Embedder(Protocol):
    """A model ready to answer. Safe to call from several threads at once."""

    @property
    def card(self) -> "ModelCard": ...

    def prepare(self, picture: "Picture", box: "Box | None" = None) -> View:
        """Return the model's own input made from a picture, the same for queries and for catalogue items.

        A `box` says where in the picture the garment is, and is trusted.
        """
        ...

    def embed(self, views: Views) -> tuple[Vectors, Probabilities]:
        """Return unit vectors and class probabilities of `n >= 0` views from one forward pass.

        Raises ValueError when the shape or dtype is not the card's.
        """
        ...

    def familiarity(self, vectors: Vectors) -> NDArray[np.float32]:
        """Return the share of pictures of known classes that are as strange as each of n vectors or more.

        Float32 (n,), 0 to 1. `models.ood_score.is_familiar` says from where on it is enough.
        """
        ...

    def confidence(self, predicted: NDArray[np.integer], cosines: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the chance that hits are of the same true class as their query, float32 (n, k), 0 to 1.

        `predicted` is the number of the class that each of n queries is taken for, `cosines` float32 (n, k) those of
        whole vectors.
        """
        ...
