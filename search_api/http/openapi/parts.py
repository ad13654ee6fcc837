"""What the description of the API is built from: schemas of values, operations, and how parameters are written."""

import json
from typing import Any, TypeAlias

from search_api.parameters import Parameter

Json: TypeAlias = dict[str, Any]

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
WHOLE: Json = {"type": "integer"}
SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}
ITEM_ID: Json = {
    "name": "item_id",
    "in": "path",
    "required": True,
    "schema": TEXT,
    "description": "Slashes in it may be written as %2F.",
}


def ref(name: str) -> Json:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Json) -> Json:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def object_of(*, optional: Json | None = None, **properties: Json) -> Json:
    """Return the schema of an object with properties that are always there, and optional ones."""
    return {"type": "object", "required": list(properties), "properties": properties | (optional or {})}


def schema_of(parameter: Parameter) -> Json:
    """Return the JSON schema of a parameter's value, described."""
    bounds = {"minimum": parameter.minimum, "maximum": parameter.maximum, "default": parameter.default}
    schema: Json = _kind_of(parameter) | {name: value for name, value in bounds.items() if value is not None}
    if parameter.example is not None:
        is_json = parameter.example.startswith(("[", "{"))
        schema["examples"] = [json.loads(parameter.example) if is_json else parameter.example]
    if parameter.kind == "names":
        schema["examples"] = [(parameter.example or "").split(",")]
    return schema | {"description": parameter.description}


def _kind_of(parameter: Parameter) -> Json:
    match parameter.kind:
        case "text":
            return {"type": "string"}
        case "choice":
            return {"type": "string", "enum": list(parameter.choices)}
        case "filter" | "weights":
            return {"type": "object"}
        case "names":
            return array({"type": "string", "enum": list(parameter.choices)}) | {"minItems": 1}
        case "ids or filter":
            return {"oneOf": [array(TEXT), {"type": "object"}]}
        case _:
            return {"type": parameter.kind}


def as_text(schema: Json) -> Json:
    """Return the schema of a value as it is written in a form's field or an address."""
    if schema.get("type") == "object":
        return as_json_text(schema)
    if schema.get("type") == "array" or "oneOf" in schema:
        told = {name: schema[name] for name in ("description",) if name in schema}
        return {**TEXT, **told}
    return schema


def in_address(*parameters: Parameter) -> list[Json]:
    """Return parameters as they are given in an address, where an object is JSON."""
    return [
        {
            "name": parameter.name,
            "in": "query",
            "required": False,
            "schema": as_text(schema_of(parameter)),
            "description": parameter.description,
        }
        for parameter in parameters
    ]


def as_json_text(schema: Json) -> Json:
    """Return the schema of an object that is sent as JSON text."""
    return {"type": "string", "contentMediaType": "application/json", "contentSchema": schema}


def responses(schema: str) -> Json:
    """Return the answers of an operation: its own, and a problem."""
    problem = {"application/problem+json": {"schema": ref("Problem")}}
    return {
        "200": {"description": "The answer", "content": {"application/json": {"schema": ref(schema)}}},
        "default": {"description": "A problem (RFC 9457)", "content": problem},
    }


def get(summary: str, schema: str, parameters: list[Json]) -> Json:
    """Return an operation that reads."""
    return {"summary": summary, "parameters": parameters, "responses": responses(schema)}
