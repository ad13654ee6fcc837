"""Routes that find items: by a picture, by an item."""

import time
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, jsonify, request

from search_api.http import answers
from search_api.http.engine_access import current_engine, picture_urls, reading, signature, unless_known
from search_api.http.reading import requests

if TYPE_CHECKING:
    from search_api.engine_state import EngineState
    from search_api.query import Query

asking = Blueprint("asking", __name__)


@asking.post("/v1/search")
def search() -> Response:
    """Answer a picture or an item with its class and the items that look like it, words with those that say them."""
    question = requests.read_search(request)
    if question.image is None and question.item_id is None:
        return _words(question.query)
    if question.item_id is not None:
        source: answers.Json = {"source": "item", "item_id": question.item_id}
        with reading() as state:
            result = state.search_item(question.item_id, question.query)
    else:
        assert question.image is not None
        source = answers.picture_source(question.image, question.box)
        picture = current_engine().embed_picture(question.image, question.box)
        with reading() as state:
            result = state.search(picture, question.query)
    g.timings = result.timings
    return jsonify(
        answers.search_answer(result, source, picture_urls(), cutout=question.cutout, fields=question.query.fields)
    )


def _words(query: "Query") -> Response:
    started = time.perf_counter()
    with reading() as state:
        matches = state.search_words(query)
    g.timings = {"search": (time.perf_counter() - started) * 1000}
    answer: answers.Json = {"query": {"source": "words", "q": query.q}, "notes": list(matches.notes)}
    return jsonify(answer | answers.hits_answer(matches, picture_urls(), query.fields) | signature())


@asking.post("/v1/similar")
def similar_to_all() -> Response:
    """Answer the items most like several items together."""
    weights, query = requests.read_similar_to_all(request)
    with reading() as state:
        started = time.perf_counter()
        matches = state.similar_to_all(weights, query)
        g.timings = {"search": (time.perf_counter() - started) * 1000}
        answer: answers.Json = {"ids": list(weights), "notes": list(matches.notes)}
        answer |= answers.hits_answer(matches, picture_urls(), query.fields)
        weighed = answers.weights_answer(state.look(query), state.weights(query))
    return jsonify(answer | weighed | signature())


@asking.get("/v1/items/<item_id:item_id>/similar")
def similar(item_id: str) -> Response:
    """Answer the items most like an item."""
    query = requests.read_similar(request)

    def found(state: "EngineState") -> answers.Json:
        started = time.perf_counter()
        matches = state.similar(item_id, query)
        g.timings = {"search": (time.perf_counter() - started) * 1000}
        weighed = answers.weights_answer(state.look(query), state.weights(query))
        hits = answers.hits_answer(matches, picture_urls(), query.fields)
        return {"item_id": item_id, **hits, **weighed, "notes": list(matches.notes)}

    return unless_known(found)
