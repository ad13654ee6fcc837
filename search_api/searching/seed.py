"""What a search starts from: one vector or several, and how likely a hit is to be of their kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from search_api.errors import NothingInCommon

if TYPE_CHECKING:
    from models.arrays import Vectors
    from models.embedder import Embedder

_SHORTEST = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """One picture or item, or several together.

    `vectors` is float32 (n, dim), rows of unit length; `kinds`, (n,), the numbers of the classes that they are taken
    for; `shares`, (n,), positive, what each counts, adding up to 1; `ids` those of the items among them, which are
    never found.
    """

    vectors: "Vectors"
    kinds: NDArray[np.int64]
    shares: NDArray[np.float64]
    ids: tuple[str, ...] = ()

    @classmethod
    def of_one(cls, vectors: "Vectors", kind: int, ids: tuple[str, ...] = ()) -> "Seed":
        """Return what is made of one vector, float32 (1, dim)."""
        return cls(vectors, np.array([kind]), np.ones(1), ids)

    def direction(self) -> "Vectors":
        """Return what is like all of them: the weighted mean of the vectors, float32 (1, dim), of unit length.

        Raises NothingInCommon where opposites leave nothing of it.
        """
        if len(self.vectors) == 1:
            return self.vectors
        mean = self.shares @ self.vectors.astype(np.float64)
        length = np.linalg.norm(mean)
        if length < _SHORTEST:
            raise NothingInCommon("Nothing is like all of these items together. Ask for fewer of them, or one by one.")
        unit: Vectors = (mean / length).astype(np.float32)[np.newaxis]
        return unit

    def relevance(self, embedder: "Embedder", cosines: NDArray[np.float32]) -> Sequence[float]:
        """Return the chance that each of some hits is of the kind that was searched with, 0 to 1.

        `cosines`, float32 (n, hits), are those of whole vectors. Of several, it is the mean of the chances that the hit
        is of each one's kind, so what is like one of two different things has about half of the chance.
        """
        chances = embedder.confidence(self.kinds, cosines, embedder.familiarity(self.vectors))
        if len(self.vectors) == 1:
            return chances[0].tolist()  # type: ignore[no-any-return]
        return np.clip(self.shares @ chances, 0, 1).tolist()  # type: ignore[no-any-return]
