"""Routes of what a catalogue holds: its items, their pictures, what they have in common."""

import hashlib
from typing import TYPE_CHECKING, cast

from flask import Blueprint, Response, abort, request
from werkzeug.http import quote_etag

from search_api.http import answers
from search_api.http.engine_access import picture_urls, reading, unless_known
from search_api.http.reading import requests
from search_api.http.transfer import has_already
from search_api.picture_sizes import size_named

if TYPE_CHECKING:
    from search_api.engine_state import EngineState

PICTURE_MAX_AGE = 300
"""Seconds that a browser may show an item's picture without asking again."""

FOR_GOOD = "public, max-age=31536000, immutable"
"""How long a picture in a size may be kept: its address is another when it is."""

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


@holdings.get("/v1/items/<item_id:item_id>/images/<name>")
def sized_image(item_id: str, name: str) -> Response:
    """Answer an item's picture in one of its sizes, or lead from one that it has no more to one that it has."""
    requests.no_parameters(request)
    with reading() as state:
        size = size_named(state.item(item_id).picture, name)
        if size is None:
            abort(404)
        if size.name != name:
            address = picture_urls()(answers.sized_path(item_id, size))
            # With the type of a picture: what pages of other origins may show, they may be led to.
            headers = {"Location": address, "Cache-Control": "no-cache", "Content-Type": size.media_type}
            return Response(status=302, headers=headers)
        etag = quote_etag(name)
        if has_already(request.headers.get("If-None-Match"), etag):
            response = Response(status=304)
        else:
            response = Response(state.sized(item_id, size).data, content_type=size.media_type)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = FOR_GOOD
    return response
