"""The Engine over HTTP: every route reads a question, asks the Engine, and shapes the answer."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from typing import TYPE_CHECKING, cast

from flask import Blueprint, Flask, Response, current_app, g, jsonify, request
from werkzeug.exceptions import HTTPException

from models.pictures.decoding import MAX_BYTES
from search_api.http import answers, openapi, requests, transfer
from search_api.http.kept_answers import KEEP, KeptAnswers
from search_api.http.problems import Problem, problem_of, problem_response
from search_api.http.security import SecureHeaders
from search_api.http.urls import ItemIdConverter, KeepEncodedSlashes, path_of

if TYPE_CHECKING:
    from search_api.engine import Engine
    from search_api.engine_state import EngineState, Reading

ENGINE = "lookalike"
"""The key of the Engine in `app.extensions`."""

FORM_OVERHEAD = 256 * 1024
"""Bytes of a body that are not the picture: part headers and fields."""

PICTURE_MAX_AGE = 300
"""Seconds that a browser may show an item's picture without asking again."""

ProblemPage = Callable[[Problem], Response]
"""Makes a page for people out of a problem."""

api = Blueprint("api", __name__)


def create_app(open_engine: "Callable[[], Engine]", problem_page: ProblemPage | None = None) -> Flask:
    """Return the API as a WSGI application. `open_engine` is called once, here.

    `problem_page` makes the answer to an error outside `/v1` when the client prefers HTML; without it, and
    for every other client, errors are `application/problem+json`. What `open_engine` raises passes through.
    """
    app = Flask("lookalike", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES + FORM_OVERHEAD
    app.json = transfer.QuickJSON(app)
    app.url_map.merge_slashes = False
    app.url_map.converters["item_id"] = ItemIdConverter
    inner = SecureHeaders(KeepEncodedSlashes(app.wsgi_app))
    app.wsgi_app = KeptAnswers(inner, lambda: engine)  # type: ignore[method-assign]
    app.register_blueprint(api)

    @app.errorhandler(Exception)
    def answer_error(error: Exception) -> Response:
        if isinstance(error, HTTPException) and (error.code or 500) < 400:
            return cast("Response", error.get_response())
        problem = problem_of(error)
        if problem_page is not None and _wants_page():
            page = problem_page(problem)
            page.headers.update(problem.headers)
            return page
        return problem_response(problem, path_of(request))

    @app.after_request
    def sign(response: Response) -> Response:
        reading: Reading = g.get("reading", engine.last_read)
        response.headers["Lookalike-Model"] = engine.card.fingerprint
        response.headers["Lookalike-State"] = reading.version
        response.headers["Lookalike-Generation"] = str(reading.generation)
        if timings := g.get("timings"):
            response.headers["Server-Timing"] = ", ".join(f"{step};dur={ms:.3f}" for step, ms in timings.items())
        return transfer.compress(request, response)

    engine = open_engine()
    app.extensions[ENGINE] = engine
    return app


def current_engine() -> "Engine":
    """Return the engine that answers. Needs a request."""
    return cast("Engine", current_app.extensions[ENGINE])


@contextmanager
def reading() -> "Iterator[EngineState]":
    """Give one state of the catalogue to the request, which answers all of it from there and is signed with it."""
    with current_engine().reading() as state:
        g.reading = state.reading
        yield state


def _wants_page() -> bool:
    accepted = request.accept_mimetypes
    prefers_html = accepted["text/html"] > max(accepted["application/json"], accepted["application/problem+json"])
    return prefers_html and not request.path.startswith("/v1/")


def picture_urls() -> answers.PictureUrl:
    """Return what makes the path of an item's picture out of its id. Needs a request."""
    root = request.script_root
    return lambda item_id: root + answers.picture_path(item_id)


@api.post("/v1/search")
def search() -> Response:
    """Answer a picture or an item with its class and the items that look like it."""
    question = requests.read_search(request)
    if question.item_id is not None:
        source: answers.Json = {"source": "item", "item_id": question.item_id}
        with reading() as state:
            result = state.search_item(question.item_id, question.query)
    else:
        assert question.image is not None
        source = {"source": "image", "bytes": len(question.image)}
        if question.box is not None:
            source["box"] = astuple(question.box)
        picture = current_engine().embed_picture(question.image, question.box)
        with reading() as state:
            result = state.search(picture, question.query)
    g.timings = result.timings
    return jsonify(answers.search_answer(result, source, picture_urls(), cutout=question.cutout))


@api.get("/v1/items")
def items() -> Response:
    """Answer one page of items in order of id."""
    question = requests.read_browse(request)

    def page(state: "EngineState") -> answers.Json:
        found = state.browse(question.where, question.offset, question.limit)
        url = picture_urls()
        listed = [answers.item_answer(item, url) for item in found.items]
        return {"items": listed, "total": found.total, "offset": question.offset, "limit": question.limit}

    return _unless_known(page)


@api.get("/v1/items/<item_id:item_id>")
def item(item_id: str) -> Response:
    """Answer one item."""
    requests.no_parameters(request)
    return _unless_known(lambda state: answers.item_answer(state.item(item_id), picture_urls()))


@api.get("/v1/items/<item_id:item_id>/image")
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


@api.get("/v1/items/<item_id:item_id>/similar")
def similar(item_id: str) -> Response:
    """Answer the items most like an item."""
    query = requests.read_similar(request)

    def found(state: "EngineState") -> answers.Json:
        started = time.perf_counter()
        matches = state.similar(item_id, query)
        g.timings = {"search": (time.perf_counter() - started) * 1000}
        weighed = answers.weights_answer(state.look(query), state.weights(query))
        return {"item_id": item_id, **answers.hits_answer(matches, picture_urls()), **weighed}

    return _unless_known(found)


@api.get("/v1/classes")
def classes() -> Response:
    """Answer the classes of the model and how many items each has."""
    requests.no_parameters(request)
    return _unless_known(lambda state: {"classes": answers.counts_answer(state.counts())})


@api.get("/v1/openapi.json")
def openapi_document() -> Response:
    """Answer the API's description for machines."""
    requests.no_parameters(request)
    return jsonify(openapi.document())


@api.get("/healthz")
def healthz() -> Response:
    """Answer that the process is alive."""
    return jsonify({"status": "alive"})


@api.get("/readyz")
def readyz() -> Response:
    """Answer that questions can be answered, what is being served, and whether a newer catalogue waits for a reload."""
    with reading() as state:
        items = state.reading.items
    return jsonify(
        {"status": "ready", "items": items, "newer_catalogue": not current_engine().is_current} | _signature()
    )


def _unless_known(answer: "Callable[[EngineState], answers.Json]") -> Response:
    """Answer from one state, named by an ETag; with 304, and without asking anything, who has that answer already."""
    with reading() as state:
        etag = transfer.etag_of(request, state.reading, state.card.fingerprint)
        if transfer.has_already(request, etag):
            response = Response(status=304)
        else:
            response = jsonify(answer(state) | _signature())
            request.environ[KEEP] = state.reading.version
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "no-cache"
    return response


def _signature() -> answers.Json:
    return {
        "model": current_engine().card.fingerprint,
        "generation": g.reading.generation,
        "state": g.reading.version,
    }
