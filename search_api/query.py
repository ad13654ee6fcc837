"""What is asked of a search, whatever it starts from: a picture, a view or an item."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING, cast

from indexer.fields import ALL, NOT, WORDS
from models.errors import InvalidWeights
from search_api.errors import KOutOfRange, LookOutOfRange, OptionOutOfRange, OptionsConflict
from search_api.parameters import DIVERSITY, GROUP_SIZE, HITS, LOOK, MIN_RELEVANCE, Q_WEIGHT

if TYPE_CHECKING:
    from indexer.records import Where


@dataclass(frozen=True, slots=True)
class Query:
    """Which items are wanted, and what counts as similar.

    `k`, 1 to 1,000, is how many items are found at most; `limit` is another name of it, to give it by and to read
    (`dataclasses.replace` wants both where it changes one). `where` says which items may be found, and `q` which words
    they must say; neither changes what a picture is taken for. `weights`, 0 to 1 by the names of the vector's parts,
    say what counts as similar, as `models.vector_parts.weighted` does; `look`, 0 to 1, is short for some: a hit's score
    is then `(1 - look) * cosine of the kind + look * cosine of the look`, so 0 asks for the same kind of thing, 1 for
    the same look. With neither, the model's own weights count. `exclude` holds the ids of items that are not found, or
    is a filter like `where`, and what it allows is not found; an empty one excludes nothing.

    With `q_weight`, 0 to 1, words leave out nothing: a score is `(1 - q_weight) * score + q_weight * words`, where
    `words` is the score of `CatalogueState.words`, 0 where it has none.

    With `collapse` "duplicates", a hit whose picture is a copy of a better hit's is left out, and another takes its
    place. With `group_by`, an attribute or "predicted.class", only `group_size` hits (1 where it is None) of each of
    its values are found; items that lack it stand for themselves. `diversity`, 0 to 1, is how much it counts that a hit
    is unlike those before it. Hits of less than `min_relevance`, 0 to 1, are not found.
    `search_api.searching.selection` says how.

    `cursor` is the `next` of the page before. `fields` names what is told of each hit where hits become JSON, all
    where it is None; records hold all.

    Raises KOutOfRange, LookOutOfRange, OptionOutOfRange, OptionsConflict for a group_size without group_by, a
    q_weight without words or a limit beside another k, and InvalidWeights where there are both weights and a look.
    """

    k: int = cast("int", HITS.default)
    where: "Where | None" = None
    look: float | None = None
    weights: Mapping[str, float] | None = None
    exclude: "tuple[str, ...] | Where" = ()
    collapse: str | None = None
    diversity: float | None = None
    group_by: str | None = None
    group_size: int | None = None
    min_relevance: float | None = None
    cursor: str | None = None
    fields: tuple[str, ...] | None = None
    q: str | None = None
    q_weight: float | None = None
    limit: InitVar[int | None] = None

    def __post_init__(self, limit: int | None) -> None:
        """Refuse numbers that are out of range, and options that don't go together."""
        if limit is not None:
            if self.k not in (HITS.default, limit):
                raise OptionsConflict("limit and k are two names of one thing. Give one of them.")
            object.__setattr__(self, "k", limit)
        if not HITS.allows(self.k):
            raise KOutOfRange(f"limit (or k) must be between {HITS.minimum} and {HITS.maximum}, not {self.k}.")
        if self.look is not None and not LOOK.allows(self.look):
            raise LookOutOfRange(f"look must be between 0 (same kind) and 1 (same look), not {self.look}.")
        for parameter in (DIVERSITY, GROUP_SIZE, MIN_RELEVANCE, Q_WEIGHT):
            value = getattr(self, parameter.name)
            if value is not None and not parameter.allows(value):
                raise OptionOutOfRange(
                    f"{parameter.name} must be between {parameter.minimum} and {parameter.maximum}, not {value}."
                )
        if self.group_size is not None and self.group_by is None:
            raise OptionsConflict("group_size says how many hits of each value are found. Say of what with group_by.")
        if self.q_weight is not None and not has_words(self.q):
            raise OptionsConflict("q_weight says how much words count. Say which with q.")
        if self.look is not None and self.weights is not None:
            raise InvalidWeights("A look stands for weights of its own. Give a look or weights, not both.")

    @property
    def selects(self) -> bool:
        """Whether hits are chosen otherwise than by their scores alone."""
        return bool(self.collapse or self.group_by or self.diversity or self.min_relevance)

    @property
    def excluded_ids(self) -> tuple[str, ...]:
        """The ids of `exclude`; none where it is a filter."""
        return () if isinstance(self.exclude, Mapping) else tuple(self.exclude)

    @property
    def unwanted(self) -> "Where | None":
        """The filter of `exclude`; None where there is none."""
        return self.exclude if isinstance(self.exclude, Mapping) and self.exclude else None

    @property
    def wanted(self) -> "Where | None":
        """The filter of what may be found: what is asked for, with its words, without what is excluded."""
        wanted = with_words(self.where, self.q) if self.q_weight is None else self.where
        if self.unwanted is None:
            return wanted
        unwanted = {NOT: self.unwanted}
        return {ALL: [wanted, unwanted]} if wanted else unwanted


def has_words(q: str | None) -> bool:
    """Tell whether a text asks for words, be they signs alone; blanks ask for nothing."""
    return q is not None and q.strip() != ""


def with_words(where: "Where | None", q: str | None) -> "Where | None":
    """Return the filter of the items that another allows and that say the words of a text, if it has any."""
    if not has_words(q):
        return where
    return {ALL: [where, {WORDS: q}]} if where else {WORDS: q}


Query.limit = property(lambda query: query.k)  # type: ignore[attr-defined]  # in the class, it would be the default

ANY = Query()
"""The query that asks for nothing in particular."""
