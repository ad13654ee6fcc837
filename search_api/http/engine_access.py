"""What every route needs: the engine that answers, one state of its catalogue, and an answer signed with that."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from flask import Response, current_app, g, jsonify, request

from search_api.http import answers, transfer
from search_api.http.kept_answers import KEEP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from search_api.engine import Engine
    from search_api.engine_state import EngineState

ENGINE = "lookalike"
"""The key of the Engine in `app.extensions`."""

PUBLIC_URL = "LOOKALIKE_PUBLIC_URL"
"""The key, in `app.config`, of the address under which clients see the application; empty where nobody tells."""

GATE = "LOOKALIKE_GATE"
"""The key, in `app.config`, of the gate that says who may ask; None where everybody may."""


def current_engine() -> "Engine":
    """Return the engine that answers. Needs a request."""
    return cast("Engine", current_app.extensions[ENGINE])


@contextmanager
def reading() -> "Iterator[EngineState]":
    """Give one state of the catalogue to the request, which answers all of it from there and is signed with it."""
    with current_engine().reading() as state:
        g.reading = state.reading
        yield state


def picture_urls() -> answers.PictureUrl:
    """Return what makes the address of a picture out of its path: a path, or whole under the public address.

    Needs a request.
    """
    root = current_app.config[PUBLIC_URL] or request.script_root
    return lambda path: root + path


def picture_paths() -> answers.PictureUrl:
    """Return what makes the address of a picture out of its path for our own pages. Needs a request."""
    root = request.script_root
    return lambda path: root + path


def unless_known(answer: "Callable[[EngineState], answers.Json]") -> Response:
    """Answer from one state, named by an ETag; with 304, and without asking anything, who has that answer already."""
    with reading() as state:
        etag = transfer.etag_of(request, state.reading, state.card.fingerprint)
        if transfer.has_already(request.headers.get("If-None-Match"), etag):
            response = Response(status=304)
        else:
            response = jsonify(answer(state) | signature())
            request.environ[KEEP] = state.reading.version
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "no-cache"
    return response


def signature() -> answers.Json:
    """Return what names the model and the state that a request was answered from."""
    return {
        "model": current_engine().card.fingerprint,
        "generation": g.reading.generation,
        "state": g.reading.version,
    }
