"""Routes of what a catalogue holds: its items, their pictures, its classes."""

import hashlib
from typing import TYPE_CHECKING, cast

from flask import Blueprint, Response, request

from search_api.http import answers
from search_api.http.engine_access import picture_urls, reading, unless_known
from search_api.http.reading import requests

if TYPE_CHECKING:
    from search_api.engine_state import EngineState

PICTURE_MAX_AGE = 300
"""Seconds that a browser may show an item's picture without asking again."""

holdings = Blueprint("holdings", __name__)


@holdings.get("/v1/items")
def items() -> Response:
    """Answer one page of the items that a filter allows."""
    question = requests.read_browse(request)

    def page(state: "EngineState") -> answers.Json:
        found = state.browse(question.where, question.offset, question.limit, question.sort, question.cursor)
        offset = question.offset if question.cursor is None else None
        return {**answers.listing_answer(found, picture_urls()), "offset": offset, "limit": question.limit}

    return unless_known(page)


@holdings.get("/v1/facets")
def facets() -> Response:
    """Answer what fields hold among the items that a filter allows."""
    question = requests.read_facets(request)
    return unless_known(
        lambda state: answers.facets_answer(state.facets(question.where, question.fields, question.limit))
    )


@holdings.get("/v1/items/<item_id:item_id>")
def item(item_id: str) -> Response:
    """Answer one item."""
    requests.no_parameters(request)
    return unless_known(lambda state: answers.versioned_item_answer(state.item(item_id), picture_urls()))


@holdings.get("/v1/items/<item_id:item_id>/image")
def item_image(item_id: str) -> Response:
    """Answer the display copy of an item's picture."""
    requests.no_parameters(request)
    with reading() as state:
        display = state.display(item_id)
    response = Response(display.data, content_type=display.media_type)
    response.set_etag(hashlib.sha256(display.data).hexdigest()[:32])
    response.cache_control.public = True
    response.cache_control.max_age = PICTURE_MAX_AGE
    return cast("Response", response.make_conditional(request))


@holdings.get("/v1/classes")
def classes() -> Response:
    """Answer the classes of the model and how many items each has."""
    requests.no_parameters(request)
    return unless_known(lambda state: {"classes": answers.counts_answer(state.counts())})
