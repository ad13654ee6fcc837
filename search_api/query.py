"""What is asked of a search, whatever it starts from: a picture, a view or an item."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from search_api.errors import KOutOfRange, LookOutOfRange
from search_api.limits import DEFAULT_K, MAX_K

if TYPE_CHECKING:
    from indexer.records import Where


@dataclass(frozen=True, slots=True)
class Query:
    """Which items are wanted, and what counts as similar.

    `k`, 1 to 100, is how many items are found at most. `where` says which items may be found; it never changes what a
    picture is taken for. With `look`, 0 to 1, a hit's score is `(1 - look) * cosine of the kind + look * cosine of the
    look`: 0 asks for the same kind of thing, 1 for the same look, and None for the model's own share. Items whose ids
    are in `exclude` are not found.

    Raises KOutOfRange and LookOutOfRange.
    """

    k: int = DEFAULT_K
    where: "Where | None" = None
    look: float | None = None
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse numbers that are out of range."""
        if not 1 <= self.k <= MAX_K:
            raise KOutOfRange(f"k must be between 1 and {MAX_K}, not {self.k}.")
        if self.look is not None and not 0 <= self.look <= 1:  # nor is NaN
            raise LookOutOfRange(f"look must be between 0 (same kind) and 1 (same look), not {self.look}.")


ANY = Query()
"""The query that asks for nothing in particular."""
