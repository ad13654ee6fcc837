"""Questions of a batch over HTTP: each read from JSON by itself, and answered or refused by itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from models.errors import LookalikeError
from search_api.batches import (
    ItemSearch,
    KnownItem,
    PictureSearch,
    SimilarItems,
    SimilarToAll,
    Strips,
    WordsSearch,
    check_questions,
)
from search_api.errors import InvalidField, NoQuery, SeveralQueries
from search_api.http import answers
from search_api.http.problems import problem_answer, problem_of
from search_api.http.reading.json_bodies import (
    IDS,
    read_examples,
    read_id_in,
    read_list_in,
    read_object_in,
    read_picture_in,
)
from search_api.http.reading.parameters import read, read_box, read_query, refuse_texts
from search_api.http.reading.requests import SOURCES
from search_api.http.strips import read_strips, strips_answer
from search_api.parameters import CUTOUT, PICTURE, QUERY, names_of
from search_api.query import has_words

if TYPE_CHECKING:
    from indexer.records import Item
    from search_api.batches import Question
    from search_api.engine_state import Answer, EngineState
    from search_api.http.answers import Json, PictureUrl
    from search_api.query import Query
    from search_api.recommending.recommendations import Recommendations
    from search_api.results import Matches, SearchResult

EXAMPLE = '{"questions": [{"similar": {"item_id": "ID"}}]}'


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question of a batch, its kind and what it says; or the error where it can't be understood."""

    kind: str
    fields: Mapping[str, Any]
    question: "Question | LookalikeError"


def read_questions(body: Mapping[str, Any]) -> list[AskedQuestion]:
    """Read the questions of a batch; what is wrong with one is told by it.

    Raises InvalidField and UnknownField where it is no batch, and TooManyQuestions.
    """
    listed = read_list_in(read_object_in(body, ("questions",), "The body").get("questions"), "questions")
    check_questions(len(listed))
    return [_read_question(one) for one in listed]


def questions_answer(
    asked: list[AskedQuestion], state: "EngineState", found: "list[Answer]", url: "PictureUrl", instance: str
) -> "list[Json]":
    """Return an answer or a problem, with its status, for each question. `found` is of those that were understood."""
    rest = iter(found)
    return [
        _answer(one, state, one.question if isinstance(one.question, LookalikeError) else next(rest), url, instance)
        for one in asked
    ]


def _read_question(value: Any) -> AskedQuestion:
    kind, fields = "", dict[str, Any]()
    try:
        named = read_object_in(value, tuple(_READERS), "A question")
        if len(named) != 1:
            raise InvalidField(f"A question must have exactly one of {', '.join(_READERS)}.")
        ((kind, said),) = named.items()
        fields = {"item_id": said} if kind == "item" and isinstance(said, str) else said
        return AskedQuestion(kind, fields, _READERS[kind](fields))
    except LookalikeError as error:
        return AskedQuestion(kind, fields, error)


def _read_search(said: Any) -> "Question":
    fields = read_object_in(said, (*SOURCES, *names_of(*QUERY, *PICTURE)), "search")
    refuse_texts(fields, *QUERY, *PICTURE)
    picture = read_picture_in(fields)
    if picture is not None and fields.get("item_id") is not None:
        raise SeveralQueries("There is both a picture and an item_id. Send one of the two.")
    read(fields, CUTOUT)
    box, query = read_box(fields, of_picture=picture is not None), read_query(fields)
    if picture is not None:
        return PictureSearch(picture, query, box)
    if fields.get("item_id") is not None:
        return ItemSearch(_id_in(fields), query)
    if not has_words(query.q):
        raise NoQuery("There is nothing to search with. Send an image, its image_url, an item_id, or words as q.")
    return WordsSearch(query)


def _read_similar(said: Any) -> "Question":
    fields = read_object_in(said, ("item_id", IDS, *names_of(*QUERY)), "similar")
    refuse_texts(fields, *QUERY)
    if IDS in fields:
        if "item_id" in fields:
            raise SeveralQueries(f"There is both an item_id and {IDS}. Send one of the two.")
        return SimilarToAll(read_examples(fields[IDS]), read_query(fields))
    return SimilarItems(_id_in(fields), read_query(fields))


def _read_item(said: Any) -> "Question":
    return KnownItem(_id_in(read_object_in(said, ("item_id",), "item")))


def _id_in(fields: Mapping[str, Any]) -> str:
    if "item_id" not in fields:
        raise NoQuery("There is nothing to search with. Send an item_id.")
    return read_id_in(fields["item_id"], "item_id")


_READERS: "Mapping[str, Callable[[Any], Question]]" = {
    "search": _read_search,
    "similar": _read_similar,
    "recommend": read_strips,
    "item": _read_item,
}


def _answer(asked: AskedQuestion, state: "EngineState", found: "Answer", url: "PictureUrl", instance: str) -> "Json":
    if isinstance(found, LookalikeError):
        problem = problem_of(found)
        return {"status": problem.status, "problem": problem_answer(problem, instance)}
    match asked.question:
        case PictureSearch(image, query, box):
            source = answers.picture_source(image, box)
            result, cutout = cast("SearchResult", found), read(asked.fields, CUTOUT)
            answer = answers.search_answer(result, source, url, cutout=cutout, fields=query.fields)
        case ItemSearch(item_id, query):
            source = {"source": "item", "item_id": item_id}
            result, cutout = cast("SearchResult", found), read(asked.fields, CUTOUT)
            answer = answers.search_answer(result, source, url, cutout=cutout, fields=query.fields)
        case WordsSearch(query):
            answer = {"query": {"source": "words", "q": query.q}, **_hits(cast("Matches", found), query, url)}
        case SimilarItems(item_id, query):
            weighed = answers.weights_answer(state.look(query), state.weights(query))
            answer = {"item_id": item_id, **_hits(cast("Matches", found), query, url), **weighed}
        case SimilarToAll(weights, query):
            weighed = answers.weights_answer(state.look(query), state.weights(query))
            answer = {"ids": list(weights), **_hits(cast("Matches", found), query, url), **weighed}
        case Strips():
            answer = strips_answer(cast("Recommendations", found), asked.fields, url)
        case _:
            answer = answers.item_answer(cast("Item", found), url)
    return {"status": 200, "answer": answer}


def _hits(matches: "Matches", query: "Query", url: "PictureUrl") -> "Json":
    return {**answers.hits_answer(matches, url, query.fields), "notes": list(matches.notes)}
