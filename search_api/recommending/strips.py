"""What is asked for: strips of items, each by what is liked and disliked, and what has been seen already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from search_api.errors import (
    ContradictoryOpinion,
    InvalidField,
    LimitOutOfRange,
    OpinionOutOfRange,
    OptionsConflict,
    TooManyOpinions,
)
from search_api.parameters import COLD_START, OPINION_WEIGHT, RECOMMENDED
from search_api.query import Query

if TYPE_CHECKING:
    from indexer.records import Where
    from indexer.sources.web.addresses import Address

MOST_OPINIONS = 256
"""Likes of one strip, and dislikes."""

MOST_SEEN = 10_000
"""Ids that one strip may name as seen."""

MOST_STRIPS = 16

Rated: TypeAlias = "str | bytes | Address"
"""What an opinion may be of: an item by its id, a picture by its bytes or its address."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is liked or disliked: the id of an item, the bytes of a picture's file or its address; and how much, 0 to
    1000.

    Only proportions between weights count; what weighs 0 counts for nothing, and is not shown either. Raises
    OpinionOutOfRange.
    """

    subject: Rated
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a weight that is out of range, NaN among them."""
        if not OPINION_WEIGHT.allows(self.weight):
            least, most = OPINION_WEIGHT.minimum, OPINION_WEIGHT.maximum
            raise OpinionOutOfRange(f"A weight must be between {least} and {most}, not {self.weight:g}.")


@dataclass(frozen=True, slots=True)
class Strip:
    """One strip: up to `limit` items, 1 to 1,000, by up to 256 `likes` and 256 `dislikes`.

    Items liked, disliked, or `seen` (up to 10,000 ids; those that are unknown do no harm) are not shown. `where`, `q`,
    `exclude`, `weights`, `look`, `diversity`, `group_by`, `group_size`, `collapse`, `min_relevance` and `fields` are
    what they are in a `Query`, of the strip as a whole: no two modes have copies of one picture. With nothing that is
    liked, `diversity` and `min_relevance`, which are about likeness, do nothing, and `cold_start` says what is shown:
    "newest", what was written last; "varied", items that stand for all there are; "by", items of each value of the
    attribute `by` in turn ("predicted.class" is what is predicted).

    Raises TooManyOpinions, ContradictoryOpinion where one item is both liked and disliked, LimitOutOfRange,
    InvalidField, OptionsConflict for a `by` without its cold start, and what `Query` does.
    """

    likes: Sequence[Opinion] = ()
    dislikes: Sequence[Opinion] = ()
    seen: Sequence[str] = ()
    where: "Where | None" = None
    limit: int = cast("int", RECOMMENDED.default)
    weights: Mapping[str, float] | None = None
    cold_start: str = COLD_START.choices[0]
    by: str | None = None
    name: str | None = None
    q: str | None = None
    look: float | None = None
    exclude: "tuple[str, ...] | Where" = ()
    diversity: float | None = None
    group_by: str | None = None
    group_size: int | None = None
    collapse: str | None = None
    min_relevance: float | None = None
    fields: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what no strip can be made of."""
        for kind, given, most in (
            ("likes", self.likes, MOST_OPINIONS),
            ("dislikes", self.dislikes, MOST_OPINIONS),
            ("seen", self.seen, MOST_SEEN),
        ):
            if len(given) > most:
                raise TooManyOpinions(f"There are {len(given):,} {kind}; {most:,} are the most. Send the latest ones.")
        disliked = {opinion.subject for opinion in self.dislikes}
        if both := next((one.subject for one in self.likes if one.subject in disliked), None):
            told = f"The item {both[:80]!r}" if isinstance(both, str) else "One picture"
            raise ContradictoryOpinion(f"{told} is both liked and disliked. Send it as the one or the other.")
        if not RECOMMENDED.allows(self.limit):
            raise LimitOutOfRange(
                f"limit must be between {RECOMMENDED.minimum} and {RECOMMENDED.maximum:,}, not {self.limit}."
            )
        if self.cold_start not in COLD_START.choices:
            raise InvalidField(f"cold_start must be {' or '.join(COLD_START.choices)}.")
        if (self.cold_start == "by") != (self.by is not None):
            raise OptionsConflict("by names the attribute of a cold_start that is by one. Give both, or neither.")
        assert self.query.k == self.limit

    @property
    def query(self) -> Query:
        """What is asked of the strip's hits, as a search is asked it. Raises what `Query` does."""
        return Query(
            self.limit,
            where=self.where,
            look=self.look,
            weights=self.weights,
            exclude=self.exclude,
            collapse=self.collapse,
            diversity=self.diversity,
            group_by=self.group_by,
            group_size=self.group_size,
            min_relevance=self.min_relevance,
            fields=self.fields,
            q=self.q,
        )


def check_number(strips: Sequence[Strip]) -> None:
    """Raise TooManyOpinions unless there are 1 to 16 strips."""
    if not 1 <= len(strips) <= MOST_STRIPS:
        raise TooManyOpinions(f"Ask for 1 to {MOST_STRIPS} strips at a time, not {len(strips)}.")
