"""Questions of any kind that are answered together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from search_api.errors import TooManyQuestions
from search_api.query import ANY, Query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexer.sources.web.addresses import Address
    from models.pictures.boxes import Box
    from search_api.recommending.strips import Strip

MOST_QUESTIONS = 64

MOST_SECONDS = 30.0
"""After which no further picture of those that were sent together is begun, and no further question of a batch."""


@dataclass(frozen=True, slots=True)
class PictureSearch:
    """What `Engine.search` answers: a picture, the bytes of its file or its address, and maybe where the garment is."""

    image: "bytes | Address"
    query: Query = ANY
    box: "Box | None" = None


@dataclass(frozen=True, slots=True)
class ItemSearch:
    """What `EngineState.search_item` answers."""

    item_id: str
    query: Query = ANY


@dataclass(frozen=True, slots=True)
class WordsSearch:
    """What `EngineState.search_words` answers."""

    query: Query


@dataclass(frozen=True, slots=True)
class SimilarItems:
    """What `EngineState.similar` answers."""

    item_id: str
    query: Query = ANY


@dataclass(frozen=True, slots=True)
class SimilarToAll:
    """What `EngineState.similar_to_all` answers: the weights of items by their ids."""

    weights: "Mapping[str, float]"
    query: Query = ANY


@dataclass(frozen=True, slots=True)
class Strips:
    """What `Engine.recommend` answers."""

    strips: "Sequence[Strip]"
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class KnownItem:
    """What `EngineState.item` answers."""

    item_id: str


Question: TypeAlias = PictureSearch | ItemSearch | WordsSearch | SimilarItems | SimilarToAll | Strips | KnownItem


def pictures_of(question: Question) -> "list[tuple[bytes | Address, Box | None]]":
    """Return the pictures that a question needs seen, and where in them the garment is."""
    match question:
        case PictureSearch(image, _, box):
            return [(image, box)]
        case Strips(strips):
            opinions = (one.subject for strip in strips for one in (*strip.likes, *strip.dislikes))
            return [(subject, None) for subject in opinions if not isinstance(subject, str)]
        case _:
            return []


def check_questions(number: int) -> None:
    """Raise TooManyQuestions unless there are 1 to 64."""
    if not 1 <= number <= MOST_QUESTIONS:
        raise TooManyQuestions(f"Ask 1 to {MOST_QUESTIONS} questions at a time, not {number}.")
