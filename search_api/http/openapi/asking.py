"""The operations that find items."""

from search_api.http.openapi.parts import (
    ITEM_ID,
    NUMBER,
    TEXT,
    Json,
    array,
    as_text,
    get,
    in_address,
    object_of,
    responses,
    schema_of,
)
from search_api.http.reading.json_bodies import MOST_EXAMPLES
from search_api.parameters import PICTURE, QUERY


def _search() -> Json:
    picture = {"type": "string", "format": "binary"}
    options = {parameter.name: schema_of(parameter) for parameter in (*QUERY, *PICTURE)}
    texts = {name: as_text(one) for name, one in options.items()}
    form = {"type": "object", "properties": {"image": picture, "item_id": TEXT, **texts}}
    of_item = {name: one for name, one in options.items() if name != "box"}
    by_item = {"type": "object", "required": ["item_id"], "properties": {"item_id": TEXT, **of_item}}
    encoded = {**TEXT, "contentEncoding": "base64", "description": "The picture's bytes, or a data: URI of them"}
    by_picture = {"type": "object", "required": ["image"], "properties": {"image": encoded, **options}}
    return {
        "summary": "The class of a picture or an item, and the items that look like it",
        "description": "Exactly one of a picture and an item. The options go into the form or the JSON object, with a "
        "bare picture into the address; a box only with a picture.",
        "parameters": in_address(*QUERY, *PICTURE),
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "application/json": {"schema": {"anyOf": [by_item, by_picture]}},
                "image/*": {"schema": picture},
                "application/octet-stream": {"schema": picture},
            },
        },
        "responses": responses("Search"),
    }


def _similar_to_all() -> Json:
    weighed = object_of(id=TEXT, optional={"weight": {**NUMBER, "exclusiveMinimum": 0, "default": 1}})
    several = {**array({"oneOf": [TEXT, weighed]}), "minItems": 1, "maxItems": MOST_EXAMPLES}
    options = {parameter.name: schema_of(parameter) for parameter in QUERY}
    body = object_of(ids={"oneOf": [TEXT, several]}, optional=options)
    return {
        "summary": "The items most like several items together, none of these among them",
        "description": "Ids that are unknown are passed over and named in notes; where all are, that is a 404.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": responses("SimilarToAll"),
    }


PATHS: Json = {
    "/v1/similar": {"post": _similar_to_all()},
    "/v1/search": {"post": _search()},
    "/v1/items/{item_id}/similar": {
        "get": get("The items most like an item, never itself", "Similar", [ITEM_ID, *in_address(*QUERY)])
    },
}
