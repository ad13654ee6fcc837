"""What makes vectors out of pictures: the array types, the view, and the protocol every embedder keeps."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.card import ModelCard
    from models.pictures import Picture

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
    and any doubt about them.
    """

    pixels: NDArray[np.uint8]
    notes: tuple[str, ...] = ()


class Embedder(Protocol):
    """A model ready to answer. Safe to call from several threads at once."""

    @property
    def card(self) -> "ModelCard": ...

    def prepare(self, picture: "Picture") -> View:
        """Return the model's own input made from a picture, the same for queries and for catalogue items."""
        ...

    def embed(self, views: Views) -> tuple[Vectors, Probabilities]:
        """Return unit vectors and class probabilities of `n >= 0` views from one forward pass.

        Raises ValueError when the shape or dtype is not the card's.
        """
        ...
