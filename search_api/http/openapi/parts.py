"""What the description of the API is built from: schemas of values, and how parameters are written."""

import json
from typing import Any, TypeAlias

from indexer.fields import LONGEST_ID
from search_api.cursors import LONGEST
from search_api.http.reading.json_bodies import LONGEST_ADDRESS
from search_api.http.reading.parameters import LONGEST_BOX
from search_api.parameters import OFFSET, K, Parameter

Json: TypeAlias = dict[str, Any]

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
WHOLE: Json = {"type": "integer"}
SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}
BYTES: Json = {"type": "string", "format": "binary"}
NAME: Json = {"type": "string", "format": "printable", "minLength": 1, "maxLength": LONGEST_ID}
"""What an item's id may be."""

ENCODED: Json = {
    "type": "string",
    "format": "byte",
    "minLength": 1,
    "contentEncoding": "base64",
    "description": "The bytes of a picture's file in base64, or a data: URI of them",
}
NOTHING: Json = {"type": "null"}
ADDRESS: Json = {
    "type": "string",
    "format": "uri",
    "maxLength": LONGEST_ADDRESS,
    "description": "The address of a picture, http or https, at a host that the server fetches pictures from: none "
    "unless its operator has named it with --allow-image-host",
    "examples": ["https://images.shop.example/sku-1.jpg"],
}
ITEM_ID: Json = {
    "name": "item_id",
    "in": "path",
    "required": True,
    "schema": NAME,
    "description": "Slashes in it may be written as %2F.",
}

_TEXTS: dict[str, Json] = {
    "box": {"format": "box", "maxLength": LONGEST_BOX},
    "cursor": {"format": "cursor", "maxLength": LONGEST},
    "sort": {"format": "order"},
    "fields": {"format": "fields"},
}
"""What a text may be, by the parameter's name. The formats are our own; the descriptions say what they mean."""


def ref(name: str) -> Json:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Json) -> Json:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def object_of(*, optional: Json | None = None, **properties: Json) -> Json:
    """Return the schema of an object with properties that are always there, and optional ones."""
    return {"type": "object", "required": list(properties), "properties": properties | (optional or {})}


def only(schema: Json) -> Json:
    """Return the schema of an object that has no other properties: what a body may be."""
    return schema | {"additionalProperties": False}


def in_json(parameter: Parameter) -> Json:
    """Return the schema of a parameter's value in JSON, described. What has no default may be null."""
    kind = _kind_in_json(parameter)
    if parameter.default is None:
        kind = _or_null(kind)
    return kind | _told(parameter)


def in_text(parameter: Parameter) -> Json:
    """Return the schema of a parameter's value as it is written in an address or a form's field, described."""
    match parameter.kind:
        case "filter" | "ids or filter" | "weights":
            kind: Json = {**TEXT, "format": parameter.kind.replace(" ", "-")}
        case "names":
            one = f"({'|'.join(parameter.choices)})"
            kind = {**TEXT, "pattern": f"^{one}(,{one})*$"}
        case _:
            kind = _kind_in_json(parameter)
    return kind | _told(parameter, as_text=True)


def in_address(*parameters: Parameter) -> list[Json]:
    """Return parameters as they are given in an address."""
    return [
        {
            "name": parameter.name,
            "in": "query",
            "required": False,
            "schema": in_text(parameter),
            "description": parameter.description,
        }
        for parameter in parameters
    ]


def as_json_text(schema: Json) -> Json:
    """Return the schema of an object that is sent as JSON text."""
    told = {name: schema[name] for name in ("description",) if name in schema}
    return {
        "type": "string",
        "format": "attributes",
        "contentMediaType": "application/json",
        "contentSchema": schema,
        **told,
    }


def _told(parameter: Parameter, *, as_text: bool = False) -> Json:
    bounds = {"minimum": parameter.minimum, "maximum": parameter.maximum, "default": parameter.default}
    if parameter in (K, OFFSET):  # clients send defaults, and these contradict another option
        del bounds["default"]
    told: Json = {name: value for name, value in bounds.items() if value is not None}
    if (example := parameter.example) is not None:
        if as_text or parameter.kind == "text":
            told["examples"] = [example]
        else:
            told["examples"] = [example.split(",") if parameter.kind == "names" else json.loads(example)]
    return told | {"description": parameter.description}


def _kind_in_json(parameter: Parameter) -> Json:
    match parameter.kind:
        case "text":
            return TEXT | _TEXTS.get(parameter.name, {})
        case "choice":
            return {"type": "string", "enum": list(parameter.choices)}
        case "filter":
            return {"anyOf": [ref("Filter"), {**TEXT, "format": "filter"}]}
        case "weights":
            return {"anyOf": [ref("Weights")]}
        case "names":
            return array({"type": "string", "enum": list(parameter.choices)}) | {"minItems": 1}
        case "ids or filter":
            return {"anyOf": [array(TEXT), ref("Filter")]}
        case _:
            return {"type": parameter.kind}


def _or_null(schema: Json) -> Json:
    if "anyOf" in schema:
        return {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "enum" in schema:
        return schema | {"type": ["string", "null"], "enum": [*schema["enum"], None]}
    return schema | {"type": [schema["type"], "null"]}
