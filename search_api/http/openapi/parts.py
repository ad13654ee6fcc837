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


def in_address(*parameters: Parameter) -> list[Json]:
    """Return parameters as they are given in an address, where an object is JSON."""
    return [
        {
            "name": parameter.name,
            "in": "query",
            "required": False,
            "schema": as_json_text(schema) if (schema := schema_of(parameter))["type"] == "object" else schema,
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
