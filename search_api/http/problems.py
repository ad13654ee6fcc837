"""The one table from named errors to HTTP, and the one shape of an error's answer: a problem of RFC 9457."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from flask import Response
from werkzeug.exceptions import HTTPException

from indexer import errors as indexer_errors
from indexer.sources import errors as source_errors
from models import errors as model_errors
from models.errors import LookalikeError
from search_api import errors as api_errors
from search_api.access import errors as access_errors

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = {"Retry-After": "5"}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="lookalike"'}
HEADERS: Mapping[int, Mapping[str, str]] = {401: CHALLENGE, 503: RETRY_AFTER}
"""What the answer to any error of a status holds besides."""

log = logging.getLogger(__name__)

Status: TypeAlias = tuple[int, str]

ASKER_ERRORS: Mapping[type[LookalikeError], Status] = {
    api_errors.BadRequest: (400, "The request is malformed"),
    api_errors.UnknownField: (400, "There is no such field"),
    api_errors.InvalidField: (400, "A field is malformed"),
    api_errors.NoQuery: (400, "Nothing to search with"),
    api_errors.SeveralQueries: (400, "More than one thing to search with"),
    indexer_errors.InvalidFilter: (400, "The filter is malformed"),
    indexer_errors.FilterTooLarge: (400, "The filter is too large"),
    indexer_errors.InvalidSort: (400, "There is nothing to sort by"),
    indexer_errors.InvalidFacet: (400, "There is nothing to count"),
    api_errors.InvalidCursor: (400, "The cursor is of no such question"),
    access_errors.UntrustedHost: (400, "The host is not the server's"),
    access_errors.KeyRequired: (401, "A key is needed"),
    access_errors.UnknownKey: (401, "The key is not known"),
    access_errors.ScopeMissing: (403, "The key does not allow this"),
    access_errors.ForeignWrite: (403, "Writing needs a key from here"),
    indexer_errors.UnknownItem: (404, "There is no such item"),
    model_errors.PictureTooLarge: (413, "The picture is too large"),
    api_errors.UnsupportedContentType: (415, "The content type is not supported"),
    model_errors.UnsupportedPicture: (415, "The picture format is not supported"),
    model_errors.DamagedPicture: (422, "The picture is damaged"),
    model_errors.UnusablePicture: (422, "The picture can't be searched with"),
    model_errors.BlankPicture: (422, "There is nothing to see in the picture"),
    model_errors.InvalidBox: (422, "The box does not lie in the picture"),
    source_errors.AddressRefused: (422, "The picture's address is not fetched from"),
    source_errors.AddressUnreachable: (422, "Nothing was heard from the picture's address"),
    source_errors.AddressTooSlow: (422, "The picture's address is too slow"),
    source_errors.AddressFailed: (422, "The picture's address failed"),
    source_errors.AddressHoldsNoPicture: (422, "There is no picture at the address"),
    source_errors.PictureMissing: (422, "There is nothing at the picture's address"),
    api_errors.KOutOfRange: (422, "The limit is out of range"),
    api_errors.LimitOutOfRange: (422, "The limit is out of range"),
    api_errors.OpinionOutOfRange: (422, "The weight of a like is out of range"),
    api_errors.ContradictoryOpinion: (422, "The same is both liked and disliked"),
    api_errors.TooManyOpinions: (422, "Too much at once"),
    api_errors.TooManyQuestions: (422, "Too many questions, or none"),
    api_errors.OptionOutOfRange: (422, "An option is out of range"),
    api_errors.OptionsConflict: (422, "Two options don't go together"),
    api_errors.StaleCursor: (409, "The catalogue has changed since that page"),
    api_errors.NothingInCommon: (422, "The items have nothing in common"),
    api_errors.LookOutOfRange: (422, "The look is out of range"),
    api_errors.LookNotAvailable: (422, "The model has no look of its own"),
    model_errors.UnknownPart: (422, "The model's vectors have no such part"),
    model_errors.UnknownColour: (422, "There is no such colour"),
    model_errors.InvalidWeights: (422, "The weights can't be searched with"),
    api_errors.PageOutOfRange: (422, "The page is out of range"),
    indexer_errors.VersionConflict: (412, "The item is not as it was to be"),
    indexer_errors.PictureFailed: (422, "The picture can't be read"),
    api_errors.InvalidItem: (422, "What was sent can't be an item"),
    api_errors.NoPicture: (422, "A new item needs a picture"),
    api_errors.TooManyLines: (413, "Too many lines"),
    api_errors.NoTimeLeft: (503, "There was no time left"),
    api_errors.NothingWritten: (503, "Nothing was written"),
    api_errors.KeyReused: (422, "The idempotency key belongs to another request"),
    api_errors.StillUnderWay: (409, "The first request is still under way"),
    api_errors.Busy: (503, "Too many searches at once"),
}
"""What the person who asks can mend: the sentence is for them."""

OPERATOR_ERRORS: Mapping[type[LookalikeError], Status] = {
    access_errors.KeysUnreadable: (503, "Keys can't be told apart"),
    indexer_errors.CatalogueBusy: (503, "The catalogue is being written"),
    indexer_errors.MemoryExhausted: (503, "There is not enough memory"),
    indexer_errors.CatalogueMissing: (503, "The catalogue is missing"),
    indexer_errors.CatalogueDamaged: (503, "The catalogue is damaged"),
    indexer_errors.CommitsLost: (503, "The catalogue is damaged"),
    indexer_errors.CatalogueTooNew: (503, "The catalogue needs a newer version"),
    indexer_errors.CatalogueNotWritable: (503, "The catalogue can't be written"),
    indexer_errors.CatalogueReplaced: (503, "The catalogue has been made anew with another model"),
    indexer_errors.ModelMismatch: (409, "The catalogue belongs to another model"),
    api_errors.PolicyMissing: (503, "The policy is missing"),
    api_errors.InvalidPolicy: (503, "The policy is malformed"),
    api_errors.UnknownPolicyKey: (503, "The policy is malformed"),
    api_errors.InvalidPolicyValue: (503, "The policy is malformed"),
    api_errors.PolicyNeedsPackage: (503, "The policy asks for what is not installed"),
    model_errors.NudityModelMissing: (503, "The model that looks for nudity is missing"),
    model_errors.BundleMissing: (503, "The model is missing"),
    model_errors.BundleDamaged: (503, "The model is damaged"),
    model_errors.BundleTooNew: (503, "The model needs a newer version"),
    model_errors.BundleTooOld: (503, "The model must be trained again"),
}
"""What only the operator can mend: the sentence, which may name directories, goes to the log."""

STATUSES: Mapping[type[LookalikeError], Status] = {**ASKER_ERRORS, **OPERATOR_ERRORS}
"""Every known error that a request can meet. One that is not here is a mistake of ours: 500."""

HTTP_PROBLEMS: Mapping[int, tuple[str, str, str]] = {
    404: ("not-found", "Not found", "There is nothing at this address. The API is described at /v1/openapi.json."),
    405: (
        "method-not-allowed",
        "Method not allowed",
        "This address does not answer that method; the Allow header names those that it does.",
    ),
    413: (
        "content-too-large",
        "Content too large",
        "The body, or one of its form fields, is larger than is accepted. Send a smaller picture, or fewer.",
    ),
}
"""Code, title and detail for what Flask and Werkzeug refuse before any question is read. Any other is a 400."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What an error's answer says. `detail` is a sentence for a person, `code` a constant for a program."""

    status: int
    title: str
    detail: str
    code: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """The URN that names this kind of problem."""
        return f"urn:lookalike:problem:{self.code}"


def problem_of(error: Exception) -> Problem:
    """Return what to answer to any error; one that is not expected is logged, and nothing of it is told."""
    if isinstance(error, MemoryError):
        error = indexer_errors.MemoryExhausted("There was not enough memory for a request: give the server more.")
    if isinstance(error, LookalikeError) and (kind := _known_kind(type(error))):
        status, title = STATUSES[kind]
        detail = str(error)
        if kind in OPERATOR_ERRORS:
            log.error("A request met a known failure: %s", error)
            detail = "The service can't answer at the moment; the reason has been logged for its operator."
        return Problem(status, title, detail, error.code, HEADERS.get(status, {}))
    if isinstance(error, HTTPException) and error.code is not None and 400 <= error.code < 500:
        return _http_problem(error, error.code)
    log.error("A request met an unexpected error", exc_info=error)
    return Problem(500, "Internal error", "Something went wrong on our side; it has been logged.", "internal-error")


def problem_answer(problem: Problem, instance: str) -> dict[str, Any]:
    """Return the JSON of a problem; `instance` is the path that was asked for."""
    return {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "instance": instance,
    }


def problem_response(problem: Problem, instance: str) -> Response:
    """Return the problem as `application/problem+json`; `instance` is the path that was asked for."""
    body = json.dumps(problem_answer(problem, instance))
    response = Response(body, status=problem.status, content_type=MEDIA_TYPE)
    response.headers.update(problem.headers)
    return response


def _known_kind(kind: type[LookalikeError]) -> type[LookalikeError] | None:
    return next((parent for parent in kind.__mro__ if parent in STATUSES), None)


def _http_problem(error: HTTPException, status: int) -> Problem:
    plain = ("bad-request", "Bad request", error.description or "The request is malformed.")
    code, title, detail = HTTP_PROBLEMS.get(status, plain)
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return Problem(status, title, detail, code, headers)
