"""Routes that write: single items, and many at once."""

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Iterator
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import orjson
from flask import Blueprint, Response, current_app, g, jsonify, request

from indexer.errors import CatalogueBusy, CatalogueNotWritable, CatalogueReplaced
from models.errors import LookalikeError
from search_api.errors import InvalidField, NothingWritten
from search_api.http import answers
from search_api.http.engine_access import current_engine, picture_urls, reading, signature
from search_api.http.problems import Problem, problem_of, problem_response
from search_api.http.reading import requests
from search_api.http.urls import path_of
from search_api.http.writes import TRIED_BEFORE
from search_api.http.writes.changes import LINES, Line, read_image, read_item, read_lines, read_only_if, read_patch
from search_api.http.writes.repeats import Answered, Repeats
from search_api.results import WriteResult, WriteStatus

if TYPE_CHECKING:
    from search_api.item_changes import OnlyIf
    from search_api.writing import Outcome

MOST_SECONDS = 40.0
"""After which no further line of a request is begun: proxies give up after a minute, and a worker that takes two is
taken for stuck.
"""

_LONGEST_KEY = 255
_KEPT_HEADERS = ("Content-Type", "ETag", "Location")
_REPEATS = "lookalike.repeats"

View = Callable[..., Response]

writing = Blueprint("writing", __name__)
log = logging.getLogger(__name__)


def answered_once(view: View) -> View:
    """Let a request with an Idempotency-Key be carried out once, and give its answer again to those that repeat it."""

    @wraps(view)
    def answer(**values: Any) -> Response:
        key = _idempotency_key()
        if key is None:
            return view(**values)
        repeats = _repeats()
        begun = repeats.begin(
            key,
            _digest(),
            request.headers.get("X-Request-Id", ""),
            tried_before=bool(request.environ.get(TRIED_BEFORE)),
        )
        if isinstance(begun, Answered):
            repeated = Response(begun.body, begun.status, {**begun.headers, "Idempotency-Replayed": "true"})
            if "Content-Type" not in begun.headers:
                del repeated.headers["Content-Type"]
            return repeated
        g.tried_before = begun
        try:
            response = view(**values)
        except Exception as error:  # told here, so that it can be told again
            response = problem_response(problem_of(_told(error)), path_of(request))
        if response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
            repeats.answer(key, Answered(response.status_code, headers, response.get_data()))
        else:
            repeats.forget(key)
        return response

    return answer


@writing.put("/v1/items/<item_id:item_id>")
@answered_once
def put_item(item_id: str) -> Response:
    """Add an item, or replace it."""
    change = read_item(request, item_id)
    return _written(lambda only_if: current_engine().writer.put(item_id, change.attributes, change.image, only_if))


@writing.patch("/v1/items/<item_id:item_id>")
@answered_once
def patch_item(item_id: str) -> Response:
    """Change some attributes of an item."""
    patch = read_patch(request)
    return _written(lambda only_if: current_engine().writer.patch(item_id, patch, only_if))


@writing.put("/v1/items/<item_id:item_id>/image")
@answered_once
def put_item_image(item_id: str) -> Response:
    """Give an item another picture."""
    image = read_image(request)
    return _written(lambda only_if: current_engine().writer.put_image(item_id, image, only_if))


@writing.delete("/v1/items/<item_id:item_id>")
@answered_once
def delete_item(item_id: str) -> Response:
    """Take an item out."""
    requests.no_parameters(request)
    return _written(lambda only_if: current_engine().writer.delete(item_id, only_if))


@writing.post("/v1/items")
@answered_once
def post_items() -> Response:
    """Write many items, and answer a line for each line."""
    lines = read_lines(request)
    begun: deque[Line] = deque()

    def changes() -> "Iterator[Any]":
        for line in lines:
            begun.append(line._replace(change=NOT_KEPT))
            yield line.change

    outcomes = current_engine().writer.write(changes(), MOST_SECONDS)
    body = b"".join(_line_answer(begun.popleft(), outcome) for outcome in outcomes)
    with reading():  # what this is signed with
        return Response(body, content_type=LINES)


NOT_KEPT = LookalikeError()
"""Stands for a change that has been handed on: its picture must not stay in memory until its answer is written."""


def _written(write: "Callable[[OnlyIf], WriteResult]") -> Response:
    only_if = read_only_if(request, tried_before=g.get("tried_before", False))
    try:
        result = write(only_if)
    except LookalikeError as error:
        raise _told(error) from error
    with reading():
        if result.item is None:
            return _without_content()
        response = jsonify(answers.versioned_item_answer(result.item, picture_urls()) | signature())
    response.set_etag(result.item.version)
    if result.status is WriteStatus.CREATED:
        response.status_code = HTTPStatus.CREATED
        response.headers["Location"] = request.script_root + answers.item_path(result.id)
    return response


def _without_content() -> Response:
    """Return an answer that has no body, and says nothing of the type of one."""
    response = Response(status=HTTPStatus.NO_CONTENT)
    del response.headers["Content-Type"]
    return response


def _line_answer(line: Line, outcome: "Outcome") -> bytes:
    told: answers.Json = {"line": line.number, "id": line.id}
    if isinstance(outcome, WriteResult):
        told |= {"status": outcome.status, "version": None if outcome.item is None else outcome.item.version}
    else:
        told |= {"status": "failed", "problem": _problem_answer(problem_of(_told(outcome)))}
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def _problem_answer(problem: Problem) -> answers.Json:
    return {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
    }


def _told(error: Exception) -> Exception:
    """Return what is to be told of an error: of the catalogue's own, what it means for who writes."""
    if isinstance(error, CatalogueReplaced):
        reason = "The catalogue has been made anew with another model, which this server has yet to load."
    elif isinstance(error, CatalogueNotWritable):
        reason = "The catalogue can be read and not written to; why has been logged for its operator."
    elif isinstance(error, CatalogueBusy):
        reason = "Others have been writing to the catalogue for too long."
    else:
        return error
    log.error("A request could not be written: %s", error)
    return NothingWritten(f"{reason} Nothing of this was written. Try again in a few seconds.")


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    key = key.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 0 < len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidField(f"An Idempotency-Key is 1 to {_LONGEST_KEY} printable ASCII characters.")
    return key


def _digest() -> bytes:
    """Return what tells this request from others."""
    described = [
        request.method,
        request.full_path,
        *(request.headers.get(name, "") for name in ("Content-Type", "If-Match", "If-None-Match")),
    ]
    digest = hashlib.sha256(orjson.dumps([text.encode(errors="surrogateescape").hex() for text in described]))
    digest.update(request.get_data())
    return digest.digest()


def _repeats() -> Repeats:
    extensions = current_app.extensions
    if _REPEATS not in extensions:
        extensions[_REPEATS] = Repeats(current_engine().directory)
    return cast("Repeats", extensions[_REPEATS])
