"""What the engine answers: records that command line, API and pages only translate."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from indexer.predictions import CLASS
from models.match_confidence import GOOD_MATCH
from models.ood_score import is_familiar

if TYPE_CHECKING:
    from indexer.predictions import Predicted, TargetPrediction
    from indexer.records import Facet, Item
    from models.card import ModelCard
    from models.colours.garment_colours import GarmentColour
    from models.embedder import View
    from models.pictures.boxes import Box


@dataclass(frozen=True, slots=True)
class Garment:
    """One of the garments in a picture: the box around it, and what is predicted of it, the best of each target.

    `searched` says that it is the one that was searched with.
    """

    box: "Box"
    predicted: "Predicted"
    searched: bool

    @property
    def best_class(self) -> "TargetPrediction":
        """The class that it is taken for."""
        return self.predicted[CLASS]


@dataclass(frozen=True, slots=True)
class Match:
    """An item found. `score` is its weighted cosine, -1 to 1.

    `relevance`, 0 to 1, is the chance that the item is truly of the query's kind, in a catalogue that has about as
    many items of each class. It comes from the cosine of the whole vectors, whatever the weights, so that it compares
    between queries; for a picture that is hardly familiar, not from the class that it is taken for. `copies` are the
    ids of hits whose pictures are copies of this one's, where they were collapsed; else None.
    """

    item: "Item"
    score: float
    relevance: float
    copies: tuple[str, ...] | None = None


class Matches(list[Match]):
    """One page of the matches of one query, best first.

    `exact` says that every item was compared, so that no better one exists; `next_cursor` is that of the page
    that follows, None at the end; `notes` tell what is to be said of the question.
    """

    def __init__(
        self,
        matches: Iterable[Match] = (),
        *,
        exact: bool = True,
        next_cursor: str | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(matches)
        self.exact = exact
        self.next_cursor = next_cursor
        self.notes = tuple(notes)

    @property
    def no_good_match(self) -> bool:
        """Whether none is more likely than not to be of the query's class."""
        return all(match.relevance < GOOD_MATCH for match in self)


@dataclass(frozen=True, slots=True, eq=False)
class SearchResult:
    """The answer to one query.

    `predicted` holds every value of each target, and their probabilities sum to 1; of an item, only what is stored: the
    best; `familiarity` is the share of
    pictures of the model's own classes that are as strange as this one or more, 0 to 1; `hits` are best first;
    `look` is the share of the look in their scores, 0 to 1, None for a model that does not tell it from the kind;
    `weights` are those of all parts of the vector, adding up to 1, None where it has none; `colours` the garment's;
    `view` is what the model saw, with `notes` about how it was made and about the query's filter; `model` is the
    model's fingerprint, `generation` that of the catalogue's index and `state` the version of the catalogue's
    state; `timings` are the milliseconds of each step: decode, embed, search. `garments` are those of the picture, the
    largest first, but before them a box that was given where it is around none of them: one or more, and none for an
    item or a view.
    """

    predicted: "Predicted"
    familiarity: float
    hits: Matches
    look: float | None
    weights: Mapping[str, float] | None
    colours: "tuple[GarmentColour, ...]"
    view: "View"
    notes: tuple[str, ...]
    model: str
    generation: int
    state: str
    timings: Mapping[str, float]
    garments: tuple[Garment, ...] = ()

    @property
    def best_class(self) -> "TargetPrediction":
        """The class that the picture, or the item, is taken for."""
        return self.predicted[CLASS]

    @property
    def took_ms(self) -> float:
        """The milliseconds of all steps together."""
        return sum(self.timings.values())

    @property
    def familiar(self) -> bool:
        """Whether the picture is like those of the model's classes; 95 % of them count as such."""
        return is_familiar(self.familiarity)


class WriteStatus(StrEnum):
    """What became of an item that was to be written."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of an item that was written, once it is durable, and the item as it is; None where it is gone."""

    id: str
    status: WriteStatus
    item: "Item | None" = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Some of the items that a filter allows, in the order that was asked for, and how many there are in all.

    `next` is the cursor of the page behind, None behind the last; `notes` tell what is to be said of the filter, of the
    order, and of a cursor that comes from an earlier state.
    """

    items: "tuple[Item, ...]"
    total: int
    next: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """What fields hold among the items that a filter allows, and how many items these are; `notes` as in a listing."""

    facets: "tuple[Facet, ...]"
    total: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What is being served: the model's card, the catalogue's number of items, its generation and its state.

    `recall` is the share of the ten nearest that searches through a graph find, 0 to 1; None while all are exact.
    """

    card: "ModelCard"
    items: int
    generation: int
    recall: float | None
    state: str


Decision: TypeAlias = Literal["allow", "review", "reject"]
"""What is to become of a picture: from the weakest to the strongest."""

DECISIONS: tuple[Decision, ...] = get_args(Decision)


@dataclass(frozen=True, slots=True)
class Reason:
    """What of a policy a picture meets, and what that asks for.

    `code` is for a program, `sentence` for a person. `measured` is what was found, `threshold` what the policy compares
    it with; None where there is nothing to compare. `item_id` is that of the refused picture it is like, if any.
    """

    code: str
    sentence: str
    verdict: Decision
    measured: str | float | None = None
    threshold: str | float | None = None
    item_id: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says of a picture: the strongest verdict of its reasons, `allow` where there are none.

    `predicted`, `familiarity` and `garments` are as in SearchResult; for a picture with
    nothing to see, there are none, and the familiarity is 0. `model` is the model's fingerprint, `policy` the policy's
    name; `timings` are the milliseconds of each step.
    """

    verdict: Decision
    reasons: tuple[Reason, ...]
    predicted: "Predicted"
    familiarity: float
    garments: tuple[Garment, ...]
    model: str
    policy: str
    timings: Mapping[str, float]

    @property
    def familiar(self) -> bool:
        """Whether the picture is like those of the model's classes; 95 % of them count as such."""
        return is_familiar(self.familiarity)
