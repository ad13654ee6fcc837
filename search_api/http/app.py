"""The Engine over HTTP: every route reads a question, asks the Engine, and shapes the answer."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple
from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app, jsonify, request
from werkzeug.exceptions import HTTPException

from models.errors import LookalikeError
from models.pictures.decoding import MAX_BYTES
from search_api.engine import Engine
from search_api.http import answers, openapi, requests
from search_api.http.problems import Problem, problem_of, problem_response
from search_api.http.security import secure
from search_api.http.urls import ItemIdConverter, KeepEncodedSlashes

ENGINE = "lookalike"
"""The key of the Engine in `app.extensions`."""

FORM_OVERHEAD = 256 * 1024
"""Bytes of a body that are not the picture: part headers and fields."""

PICTURE_MAX_AGE = 300
"""Seconds that a browser may show an item's picture without asking again."""

ProblemPage = Callable[[Problem], Response]
"""Makes a page for people out of a problem."""

api = Blueprint("api", __name__)


def create_app(open_engine: Callable[[], Engine], problem_page: ProblemPage | None = None) -> Flask:
    """Return the API as a WSGI application. `open_engine` is called once, here.

    `problem_page` makes the answer to an error outside `/v1` when the client prefers HTML; without it, and
    for every other client, errors are `application/problem+json`. What `open_engine` raises passes through.
    """
    app = Flask("lookalike", static_folder=None, template_folder=None)
    app.request_class = requests.ApiRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES + FORM_OVERHEAD
    app.config["MAX_FORM_PARTS"] = requests.MAX_FORM_PARTS
    app.config["MAX_FORM_MEMORY_SIZE"] = requests.MAX_FORM_FIELD
    cast("Any", app.json).sort_keys = False
    cast("Any", app.json).ensure_ascii = False
    app.url_map.merge_slashes = False
    app.url_map.converters["item_id"] = ItemIdConverter
    app.wsgi_app = KeepEncodedSlashes(app.wsgi_app)  # type: ignore[method-assign]
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
        return problem_response(problem, request.path)

    @app.after_request
    def sign(response: Response) -> Response:
        response.headers["Lookalike-Model"] = engine.card.fingerprint
        with suppress(LookalikeError):  # an error about the catalogue must still be told
            response.headers["Lookalike-Generation"] = str(engine.generation)
        return secure(response)

    engine = open_engine()
    app.extensions[ENGINE] = engine
    return app


def _engine() -> Engine:
    return cast("Engine", current_app.extensions[ENGINE])


def _wants_page() -> bool:
    accepted = request.accept_mimetypes
    prefers_html = accepted["text/html"] > max(accepted["application/json"], accepted["application/problem+json"])
    return prefers_html and not request.path.startswith("/v1/")


def picture_url(item_id: str) -> str:
    """Return the path of an item's picture. Needs a request."""
    return request.script_root + answers.picture_path(item_id)


@api.post("/v1/search")
def search() -> Response:
    """Answer a picture or an item with its class and the items that look like it."""
    question = requests.read_search(request)
    engine = _engine()
    if question.item_id is not None:
        result = engine.search_item(question.item_id, question.k, question.where, question.look)
        source: answers.Json = {"source": "item", "item_id": question.item_id}
    else:
        assert question.image is not None
        result = engine.search(question.image, question.k, question.where, question.look, question.box)
        source = {"source": "image", "bytes": len(question.image)}
        if question.box is not None:
            source["box"] = astuple(question.box)
    return jsonify(answers.search_answer(result, source, picture_url, cutout=question.cutout))


@api.get("/v1/items")
def items() -> Response:
    """Answer one page of items in order of id."""
    question = requests.read_browse(request)
    page = _engine().browse(question.where, question.offset, question.limit)
    listed = [answers.item_answer(item, picture_url) for item in page.items]
    return jsonify(
        {"items": listed, "total": page.total, "offset": question.offset, "limit": question.limit} | _signature()
    )


@api.get("/v1/items/<item_id:item_id>")
def item(item_id: str) -> Response:
    """Answer one item."""
    requests.no_parameters(request)
    return jsonify(answers.item_answer(_engine().item(item_id), picture_url) | _signature())


@api.get("/v1/items/<item_id:item_id>/image")
def item_image(item_id: str) -> Response:
    """Answer the display copy of an item's picture."""
    requests.no_parameters(request)
    display = _engine().display(item_id)
    response = Response(display.data, content_type=display.media_type)
    response.set_etag(hashlib.sha256(display.data).hexdigest()[:32])
    response.cache_control.public = True
    response.cache_control.max_age = PICTURE_MAX_AGE
    return cast("Response", response.make_conditional(request))


@api.get("/v1/items/<item_id:item_id>/similar")
def similar(item_id: str) -> Response:
    """Answer the items most like an item."""
    k, where, look = requests.read_similar(request)
    engine = _engine()
    matches = engine.similar(item_id, k, where, look)
    found: answers.Json = {
        "item_id": item_id,
        **answers.hits_answer(matches, picture_url),
        "look": engine.look_share if look is None else look,
    }
    return jsonify(found | _signature())


@api.get("/v1/classes")
def classes() -> Response:
    """Answer the classes of the model and how many items each has."""
    requests.no_parameters(request)
    return jsonify({"classes": answers.counts_answer(_engine().counts())} | _signature())


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
    """Answer that questions can be answered, and what is being served."""
    info = _engine().info()
    return jsonify({"status": "ready", "items": info.items} | _signature())


def _signature() -> answers.Json:
    engine = _engine()
    return {"model": engine.card.fingerprint, "generation": engine.generation}
