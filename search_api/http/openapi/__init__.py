"""The API's description for machines (OpenAPI 3.1), served at /v1/openapi.json: operations by what they are about."""

from search_api.http.openapi import asking, items, moderating, recommending, writing
from search_api.http.openapi.parts import Json
from search_api.http.openapi.schemas import SCHEMAS
from search_api.http.openapi.security import FOR_ALL, SCHEMES, SECURITY


def document() -> Json:
    """Return the whole description."""
    description = {"summary": "This description", "security": FOR_ALL, "responses": {"200": {"description": "It"}}}
    paths: Json = {}
    description_of_itself = {"/v1/openapi.json": {"get": description}}
    for operations in (
        asking.PATHS,
        recommending.PATHS,
        moderating.PATHS,
        items.PATHS,
        writing.PATHS,
        description_of_itself,
    ):
        for path, methods in operations.items():
            paths.setdefault(path, {}).update(methods)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lookalike",
            "version": "1",
            "description": "A picture in, its class and the items of the catalogue that look like it out.",
        },
        "security": SECURITY,
        "paths": paths,
        "components": {
            "schemas": SCHEMAS | recommending.SCHEMAS | moderating.MODERATION_SCHEMAS | writing.SCHEMAS,
            "securitySchemes": SCHEMES,
        },
    }
