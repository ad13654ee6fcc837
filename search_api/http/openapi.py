"""The API's description for machines (OpenAPI 3.1), served at /v1/openapi.json."""

import json
from typing import Any

from search_api.parameters import PAGE, PICTURE, QUERY, Parameter

Json = dict[str, Any]


def document() -> Json:
    """Return the whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lookalike",
            "version": "1",
            "description": "A picture in, its class and the items of the catalogue that look like it out.",
        },
        "paths": {
            "/v1/search": {"post": _search()},
            "/v1/items": {"get": _get("One page of items in order of id", "Page", _in_address(*PAGE))},
            "/v1/items/{item_id}": {"get": _get("One item", "SignedItem", [_ITEM_ID])},
            "/v1/items/{item_id}/image": {"get": _image()},
            "/v1/items/{item_id}/similar": {
                "get": _get("The items most like an item, never itself", "Similar", [_ITEM_ID, *_in_address(*QUERY)])
            },
            "/v1/classes": {"get": _get("The classes and how many items each has", "Classes", [])},
            "/v1/openapi.json": {"get": {"summary": "This description", "responses": {"200": {"description": "It"}}}},
        },
        "components": {"schemas": _SCHEMAS},
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _array(items: Json) -> Json:
    return {"type": "array", "items": items}


def _object(*, optional: Json | None = None, **properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties | (optional or {})}


def _schema(parameter: Parameter) -> Json:
    """Return the JSON schema of a parameter's value, described."""
    kind = {"text": "string", "choice": "string", "filter": "object", "weights": "object"}.get(
        parameter.kind, parameter.kind
    )
    bounds = {"minimum": parameter.minimum, "maximum": parameter.maximum, "default": parameter.default}
    schema: Json = {"type": kind} | {name: value for name, value in bounds.items() if value is not None}
    if parameter.example is not None:
        schema["examples"] = [json.loads(parameter.example) if kind == "object" else parameter.example]
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    return schema | {"description": parameter.description}


def _in_address(*parameters: Parameter) -> list[Json]:
    """Return parameters as they are given in an address, where an object is JSON."""
    return [
        {
            "name": parameter.name,
            "in": "query",
            "required": False,
            "schema": _as_json_text(schema) if (schema := _schema(parameter))["type"] == "object" else schema,
            "description": parameter.description,
        }
        for parameter in parameters
    ]


def _as_json_text(schema: Json) -> Json:
    return {"type": "string", "contentMediaType": "application/json", "contentSchema": schema}


def _responses(schema: str) -> Json:
    problem = {"application/problem+json": {"schema": _ref("Problem")}}
    return {
        "200": {"description": "The answer", "content": {"application/json": {"schema": _ref(schema)}}},
        "default": {"description": "A problem (RFC 9457)", "content": problem},
    }


def _get(summary: str, schema: str, parameters: list[Json]) -> Json:
    return {"summary": summary, "parameters": parameters, "responses": _responses(schema)}


def _image() -> Json:
    operation = _get("The picture of an item", "Problem", [_ITEM_ID])
    operation["responses"]["200"] = {"description": "The picture", "content": {"image/*": {}}}
    return operation


def _search() -> Json:
    picture = {"type": "string", "format": "binary"}
    options = {parameter.name: _schema(parameter) for parameter in (*QUERY, *PICTURE)}
    as_text = {name: _as_json_text(one) if one["type"] == "object" else one for name, one in options.items()}
    form = {"type": "object", "properties": {"image": picture, "item_id": _TEXT, **as_text}}
    of_item = {name: one for name, one in options.items() if name != "box"}
    by_item = {"type": "object", "required": ["item_id"], "properties": {"item_id": _TEXT, **of_item}}
    return {
        "summary": "The class of a picture or an item, and the items that look like it",
        "description": "Exactly one of a picture and an item. k, where, look, weights, collapse, cutout and, with a "
        "picture, box go into the form or the JSON object; with a bare picture they go into the address.",
        "parameters": _in_address(*QUERY, *PICTURE),
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "application/json": {"schema": by_item},
                "image/*": {"schema": picture},
                "application/octet-stream": {"schema": picture},
            },
        },
        "responses": _responses("Search"),
    }


_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "number"}
_WHOLE: Json = {"type": "integer"}
_SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}
_LOOK_USED: Json = {
    "type": ["number", "null"],
    "description": "The share of the look in the scores, 0 to 1; null for a model that does not tell it apart",
}
_ITEM_ID: Json = {
    "name": "item_id",
    "in": "path",
    "required": True,
    "schema": _TEXT,
    "description": "Slashes in it may be written as %2F.",
}

_SIGNATURE: Json = {
    "model": {**_TEXT, "description": "Fingerprint of the model"},
    "generation": {**_WHOLE, "description": "Generation of the catalogue's index"},
    "state": {**_TEXT, "description": "Version of the catalogue's state: another after every write"},
}
_COLOURS: Json = {
    **_array(_object(name=_TEXT, hex=_TEXT, share=_SHARE)),
    "description": "The dominant colours of the garment, at most three, the largest share first; none where none was "
    "cut out, as of a grey picture",
}
_WEIGHTS_USED: Json = {
    "type": ["object", "null"],
    "additionalProperties": _SHARE,
    "description": "What each part of the vector counts in the scores, adding up to 1; null for a model without parts",
}
_ITEM: Json = {
    "id": _TEXT,
    "label": _TEXT,
    "probability": _SHARE,
    "attributes": {"type": "object"},
    "colours": _COLOURS,
    "picture": _object(url=_TEXT, width=_WHOLE, height=_WHOLE, media_type=_TEXT),
}
_HITS: Json = {
    "hits": _array(_ref("Hit")),
    "no_good_match": {
        "type": "boolean",
        "description": "Whether no hit has a confidence of 0.5 or more: then they are the nearest there are, far off",
    },
    "exact": {"type": "boolean", "description": "Whether every item was compared, so that no better hit exists"},
}
_SCHEMAS: Json = {
    "Item": _object(**_ITEM),
    "SignedItem": _object(**_ITEM, **_SIGNATURE),
    "Hit": _object(
        item=_ref("Item"),
        score={**_NUMBER, "description": "Weighted cosine, -1 to 1"},
        confidence={
            **_SHARE,
            "description": "The chance that the item is of the query's kind, as counted on held-out pictures",
        },
        optional={
            "copies": {
                **_array(_TEXT),
                "description": "Only where hits are collapsed: the ids of those whose pictures are copies of it",
            }
        },
    ),
    "Prediction": _object(label=_TEXT, probability=_SHARE),
    "Garment": _object(
        box={
            "type": "array",
            "items": _SHARE,
            "minItems": 4,
            "maxItems": 4,
            "description": "Left, top, width and height as shares of the upright picture: to be sent as box, joined by "
            "commas, to search with this garment",
        },
        label=_TEXT,
        probability=_SHARE,
        searched={"type": "boolean", "description": "Whether this is the garment that was searched with"},
    ),
    "Search": _object(
        query={"type": "object"},
        label=_TEXT,
        probability=_SHARE,
        predictions={
            **_array(_ref("Prediction")),
            "description": "Every class, best first; of an item, only what is stored: the best class",
        },
        view={**_TEXT, "description": "What the model saw, a PNG as data: URI"},
        notes=_array(_TEXT),
        colours=_COLOURS,
        familiar={
            "type": "boolean",
            "description": "Whether the picture is like those of the model's classes; 95 % of them count as such",
        },
        familiarity={
            **_SHARE,
            "description": "The share of pictures of the model's classes that are as strange as this one or more",
        },
        garments={
            **_array(_ref("Garment")),
            "description": "The garments of the picture, the largest first: one, or several of which one was searched "
            "with, the largest where no box says which; a box around none of them comes first. None for an item",
        },
        **_HITS,
        look=_LOOK_USED,
        weights=_WEIGHTS_USED,
        **_SIGNATURE,
        took_ms=_NUMBER,
        optional={
            "cutout": {
                "type": ["string", "null"],
                "description": "Only where asked for: the garment as it was cut out of its photograph, a PNG with "
                "alpha as data: URI; null for a picture that is taken whole, such as Fashion-MNIST's own",
            }
        },
    ),
    "Page": _object(items=_array(_ref("Item")), total=_WHOLE, offset=_WHOLE, limit=_WHOLE, **_SIGNATURE),
    "Similar": _object(item_id=_TEXT, **_HITS, look=_LOOK_USED, weights=_WEIGHTS_USED, **_SIGNATURE),
    "Classes": _object(classes=_array(_object(label=_TEXT, items=_WHOLE)), **_SIGNATURE),
    "Problem": _object(type=_TEXT, title=_TEXT, status=_WHOLE, detail=_TEXT, code=_TEXT, instance=_TEXT),
}
