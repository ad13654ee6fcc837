"""What is recommended: records that HTTP and the command only translate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.match_confidence import GOOD_MATCH

if TYPE_CHECKING:
    from indexer.records import Item
    from search_api.results import Match


@dataclass(frozen=True, slots=True)
class Because:
    """The like that an item is there for: its place among those of the strip, from 0, and its id if it is an item."""

    like: int
    item_id: str | None


@dataclass(frozen=True, slots=True)
class Recommended:
    """An item of a strip, and why it is there.

    The `score` of the match is the weighted cosine with the mean of the mode's likes, less what is taken off for
    dislikes nearby; its relevance the chance that the item is of one kind with the like that it is `because_of`, the
    nearest of its mode. Both are None in a cold start; `copies` are then told here, else by the match.
    """

    item: "Item"
    match: "Match | None" = None
    because_of: Because | None = None
    copies: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Mode:
    """Likes of one kind: their places among the likes of the strip, from 0, and their share of all weights, 0 to 1."""

    likes: tuple[int, ...]
    share: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One strip: items, best first, the modes taking turns.

    `unknown` are the ids of likes and dislikes that no item has; `cold_start` says what was shown because nothing was
    liked, else it is None; `exact` that every item was compared; `notes` are sentences for a person; `fields`
    are those of the strip.
    """

    name: str | None
    hits: tuple[Recommended, ...]
    modes: tuple[Mode, ...]
    unknown: tuple[str, ...]
    cold_start: str | None
    exact: bool
    weights: Mapping[str, float] | None
    notes: tuple[str, ...]
    fields: tuple[str, ...] | None = None

    @property
    def no_good_match(self) -> bool:
        """Whether no item is more likely than not of one kind with what it is there for; never in a cold start."""
        matches = [hit.match for hit in self.hits if hit.match is not None]
        return self.cold_start is None and all(match.relevance < GOOD_MATCH for match in matches)


@dataclass(frozen=True, slots=True)
class Recommendations:
    """Strips in the order in which they were asked for, all from one state of the catalogue.

    `model`, `generation`, `state` and `timings` as in a `SearchResult`.
    """

    strips: tuple[Recommendation, ...]
    model: str
    generation: int
    state: str
    timings: Mapping[str, float]
