"""The API's description for machines (OpenAPI 3.1), served at /v1/openapi.json: operations by what they are about."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from search_api.http.openapi import asking, items, moderating, option_values, recommending, schemas, writing
from search_api.http.openapi.operations import TOPICS, operation
from search_api.http.openapi.parts import Json
from search_api.http.openapi.security import SCHEMES, WITH_OR_WITHOUT, security_of

if TYPE_CHECKING:
    from search_api.access.gate import Gate

_OF_ITSELF: Json = {
    "/v1/openapi.json": {
        "get": operation(
            "get_openapi_document",
            "service",
            "This description",
            {"200": {"description": "It", "content": {"application/json": {"schema": {"type": "object"}}}}},
            (400, 429, 503),
        )
    }
}
_DESCRIPTION = """A picture in, its class and the items of the catalogue that look like it out.

Every problem is told as application/problem+json (RFC 9457). A request that is no HTTP as the server reads it is \
answered 400, 408, 414, 417 or 431, a method that an address has not 405, and a mistake of ours 500.

Texts have formats of their own: filter (conditions like price<40;brand!=Acme, or JSON), ids-or-filter, weights \
(kind:0.5,colour:0.5, or JSON), box, order, fields, colour, cursor; printable and attribute are texts without control \
characters, the latter without quotes and backslashes, too."""


def document(classes: Sequence[str], gate: "Gate | None" = None) -> Json:
    """Return the whole description of a server whose model knows these classes, and whose gate says who may ask."""
    paths: Json = {}
    for operations in (
        asking.PATHS,
        recommending.PATHS,
        moderating.PATHS,
        items.PATHS,
        writing.PATHS,
        _OF_ITSELF,
    ):
        for path, methods in operations.items():
            paths.setdefault(path, {}).update(
                {
                    method: described | {"security": security_of(method.upper(), path, gate)}
                    for method, described in methods.items()
                }
            )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lookalike", "version": "1", "description": _DESCRIPTION},
        "tags": [{"name": name, "description": description} for name, description in TOPICS.items()],
        "security": WITH_OR_WITHOUT,
        "paths": paths,
        "components": {
            "schemas": schemas.SCHEMAS
            | {"Class": {"type": "string", "enum": list(classes), "description": "A class of the model"}}
            | option_values.OPTION_SCHEMAS
            | asking.SEARCH_SCHEMAS
            | recommending.SCHEMAS
            | moderating.MODERATION_SCHEMAS
            | writing.SCHEMAS,
            "securitySchemes": SCHEMES,
        },
    }
