"""The API's description for machines (OpenAPI 3.1), served at /v1/openapi.json."""

from typing import Any

from search_api.limits import DEFAULT_K, DEFAULT_LIMIT, MAX_K, MAX_LIMIT, MAX_OFFSET

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
            "/v1/items": {"get": _get("One page of items in order of id", "Page", _PAGING)},
            "/v1/items/{item_id}": {"get": _get("One item", "SignedItem", [_ITEM_ID])},
            "/v1/items/{item_id}/image": {"get": _image()},
            "/v1/items/{item_id}/similar": {
                "get": _get("The items most like an item, never itself", "Similar", [_ITEM_ID, *_QUERY])
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


def _parameter(name: str, schema: Json, description: str, place: str = "query") -> Json:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "schema": schema,
        "description": description,
    }


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
    form = {
        "type": "object",
        "properties": {
            "image": picture,
            "item_id": _TEXT,
            "k": _K,
            "where": {**_TEXT, "description": "JSON"},
            "look": _LOOK,
            "box": _BOX,
            "cutout": _CUTOUT,
        },
    }
    by_item = {
        "type": "object",
        "required": ["item_id"],
        "properties": {"item_id": _TEXT, "k": _K, "where": _WHERE, "look": _LOOK, "cutout": _CUTOUT},
    }
    return {
        "summary": "The class of a picture or an item, and the items that look like it",
        "description": "Exactly one of a picture and an item. k, where, look, cutout and, with a picture, box go into "
        "the form or the JSON object; with a bare picture they go into the address.",
        "parameters": [
            *_QUERY,
            _parameter("box", _BOX, _BOX["description"]),
            _parameter("cutout", _CUTOUT, _CUTOUT["description"]),
        ],
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
_K: Json = {"type": "integer", "minimum": 1, "maximum": MAX_K, "default": DEFAULT_K}
_LOOK: Json = {
    **_SHARE,
    "description": "From 0, the same kind, to 1, the same look. Without it, the model's own share of the look.",
}
_BOX: Json = {
    **_TEXT,
    "description": "Where in the upright picture the garment is: left, top, width and height as shares of the picture. "
    "Only with a picture. Without it, the garment is looked for.",
    "examples": ["0.1,0.2,0.5,0.6"],
}
_CUTOUT: Json = {
    "type": "boolean",
    "default": False,
    "description": "Whether the answer is to hold the cutout, which makes it some ten times larger.",
}
_LOOK_USED: Json = {
    "type": ["number", "null"],
    "description": "The share of the look in the scores, 0 to 1; null for a model that does not tell it apart",
}
_WHERE: Json = {
    "type": "object",
    "description": 'Each field maps to a value, a list of values, or bounds like {"gte": 1, "lte": 5}.',
    "examples": [{"label": "Bag"}, {"label": ["Coat", "Dress"]}],
}

_ITEM_ID = _parameter("item_id", _TEXT, "Slashes in it may be written as %2F.", place="path")
_QUERY = [
    _parameter("k", _K, "How many items to answer."),
    _parameter("where", {**_TEXT, "contentMediaType": "application/json", "contentSchema": _WHERE}, "A filter."),
    _parameter("look", _SHARE, _LOOK["description"]),
]
_PAGING = [
    _parameter("label", _TEXT, "Only items of this predicted class."),
    _parameter("offset", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0}, "Items to skip."),
    _parameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "Items on the page.",
    ),
]

_SIGNATURE: Json = {
    "model": {**_TEXT, "description": "Fingerprint of the model"},
    "generation": {**_WHOLE, "description": "Generation of the catalogue's index"},
    "state": {**_TEXT, "description": "Version of the catalogue's state: another after every write"},
}
_ITEM: Json = {
    "id": _TEXT,
    "label": _TEXT,
    "probability": _SHARE,
    "attributes": {"type": "object"},
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
            "description": "The chance that the item is of the query's class, as counted on held-out pictures",
        },
    ),
    "Prediction": _object(label=_TEXT, probability=_SHARE),
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
        familiar={
            "type": "boolean",
            "description": "Whether the picture is like those of the model's classes; 95 % of them count as such",
        },
        familiarity={
            **_SHARE,
            "description": "The share of pictures of the model's classes that are as strange as this one or more",
        },
        **_HITS,
        look=_LOOK_USED,
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
    "Similar": _object(item_id=_TEXT, **_HITS, look=_LOOK_USED, **_SIGNATURE),
    "Classes": _object(classes=_array(_object(label=_TEXT, items=_WHOLE)), **_SIGNATURE),
    "Problem": _object(type=_TEXT, title=_TEXT, status=_WHOLE, detail=_TEXT, code=_TEXT, instance=_TEXT),
}
