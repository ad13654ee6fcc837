"""What is asked of a search, whatever it starts from: a picture, a view or an item."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from models.errors import InvalidWeights
from search_api.errors import KOutOfRange, LookOutOfRange
from search_api.parameters import LOOK, K

if TYPE_CHECKING:
    from indexer.records import Where


@dataclass(frozen=True, slots=True)
class Query:
    """Which items are wanted, and what counts as similar.

    `k`, 1 to 100, is how many items are found at most. `where` says which items may be found; it never changes what a
    picture is taken for. `weights`, 0 to 1 by the names of the vector's parts, say what counts as similar, as
    `models.vector_parts.weighted` does; `look`, 0 to 1, is short for some: a hit's score is then `(1 - look) * cosine
    of the kind + look * cosine of the look`, so 0 asks for the same kind of thing, 1 for the same look. With neither,
    the model's own weights count. Items whose ids are in `exclude` are not found.
    With `collapse` "duplicates", a hit whose picture is a copy of a better hit's is left out, and another takes its
    place.

    Raises KOutOfRange, LookOutOfRange, and InvalidWeights where there are both weights and a look.
    """

    k: int = cast("int", K.default)
    where: "Where | None" = None
    look: float | None = None
    weights: Mapping[str, float] | None = None
    exclude: tuple[str, ...] = ()
    collapse: str | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that are out of range."""
        if not K.allows(self.k):
            raise KOutOfRange(f"k must be between {K.minimum} and {K.maximum}, not {self.k}.")
        if self.look is not None and not LOOK.allows(self.look):
            raise LookOutOfRange(f"look must be between 0 (same kind) and 1 (same look), not {self.look}.")
        if self.look is not None and self.weights is not None:
            raise InvalidWeights("A look stands for weights of its own. Give a look or weights, not both.")


ANY = Query()
"""The query that asks for nothing in particular."""
