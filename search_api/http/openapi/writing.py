"""The operations that write."""

from search_api.http.openapi.parts import ITEM_ID, TEXT, WHOLE, Json, as_json_text, object_of, ref, responses

ATTRIBUTES: Json = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean", "null", "array"]},
    "description": "All attributes that the item is to have",
    "examples": [{"brand": "Acme", "price": 30}],
}
IMAGE: Json = {
    **TEXT,
    "description": "A picture in base64, or a data: URI of one. The item is added or replaced; without it, it must be "
    "there, and its attributes are replaced",
}
PATCHED: Json = object_of(
    attributes={
        "type": "object",
        "description": "Attributes to change; null takes one away. Others stay (RFC 7396)",
        "examples": [{"price": 30, "old": None}],
    }
)
LINE: Json = object_of(
    id=TEXT,
    optional={
        "attributes": ATTRIBUTES,
        "image": IMAGE,
        "delete": {"const": True, "description": "Take the item out; stands alone beside the id"},
    },
)
LINE_ANSWER: Json = object_of(
    line={**WHOLE, "description": "Number of the line that it answers, from 1"},
    id={"type": ["string", "null"]},
    status={
        **TEXT,
        "enum": ["created", "updated", "deleted", "unchanged", "failed"],
        "description": "All but failed are durable, and found by the next search",
    },
    optional={"version": {"type": ["string", "null"]}, "problem": ref("LineProblem")},
)
SCHEMAS: Json = {
    "Change": LINE,
    "ChangeAnswer": LINE_ANSWER,
    "LineProblem": object_of(type=TEXT, title=TEXT, status=WHOLE, detail=TEXT, code=TEXT),
}

_IF_MATCH = (
    'Write only if the item has this version, as ETag and version of its last answer say: "..."; or *, if it is there'
)
_IF_NONE_MATCH = "Only *: write only if there is no such item yet"
_KEY = "The same request with the same key is carried out once, and answered alike for a day"


def _header(name: str, description: str) -> Json:
    return {"name": name, "in": "header", "required": False, "schema": TEXT, "description": description}


def _operation(
    summary: str,
    content: Json | None,
    statuses: tuple[str, ...] = ("200",),
    *,
    conditions: tuple[str, ...] = ("If-Match",),
) -> Json:
    """Return an operation on one item; `content` is what may be sent, by content type."""
    told = {"If-Match": _IF_MATCH, "If-None-Match": _IF_NONE_MATCH}
    headers = [*(_header(name, told[name]) for name in conditions), _header("Idempotency-Key", _KEY)]
    answers = responses("SignedItem")
    answered = answers.pop("200") | {"headers": {"ETag": {"schema": TEXT, "description": "The version, in quotes"}}}
    operation: Json = {
        "summary": summary,
        "parameters": [ITEM_ID, *headers],
        "responses": {status: {"description": "Done"} if status == "204" else answered for status in statuses}
        | answers,
    }
    if content is not None:
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _many() -> Json:
    of_lines = {"schema": {**TEXT, "description": "A Change a line"}, "itemSchema": ref("Change")}
    of_answers = {"schema": {**TEXT, "description": "A ChangeAnswer a line"}, "itemSchema": ref("ChangeAnswer")}
    return {
        "summary": "Write many items, a JSON object a line, and answer a line for each",
        "description": "At most 50,000 lines and 20 MiB a request; send more in several, two at a time. Lines are "
        "written in batches as they come, and one that fails costs no other. What 40 seconds were not enough for fails "
        "with no-time-left: send it again.",
        "parameters": [_header("Idempotency-Key", _KEY)],
        "requestBody": {"required": True, "content": {"application/x-ndjson": of_lines}},
        "responses": {
            "200": {"description": "An answer a line", "content": {"application/x-ndjson": of_answers}},
            "default": responses("Problem")["default"],
        },
    }


_PICTURE: Json = {"schema": {**TEXT, "format": "binary"}}
_FORM: Json = {"type": "object", "properties": {"image": _PICTURE["schema"], "attributes": as_json_text(ATTRIBUTES)}}
_ITEM: Json = {"type": "object", "properties": {"attributes": ATTRIBUTES, "image": IMAGE}}

PATHS: Json = {
    "/v1/items": {"post": _many()},
    "/v1/items/{item_id}": {
        "put": _operation(
            "Add an item (201) or replace it (200)",
            {"application/json": {"schema": _ITEM}, "multipart/form-data": {"schema": _FORM}},
            ("200", "201"),
            conditions=("If-Match", "If-None-Match"),
        ),
        "patch": _operation(
            "Change some attributes of an item",
            {"application/merge-patch+json": {"schema": PATCHED}, "application/json": {"schema": PATCHED}},
        ),
        "delete": _operation("Take an item out", None, ("204",)),
    },
    "/v1/items/{item_id}/image": {
        "put": _operation("Give an item another picture", {"image/*": _PICTURE, "application/octet-stream": _PICTURE})
    },
}
