"""The operations that write."""

from search_api.http.openapi.attribute_values import ATTRIBUTE_VALUES
from search_api.http.openapi.operations import WRITTEN, answer, in_body, operation
from search_api.http.openapi.parts import (
    ADDRESS,
    BYTES,
    ENCODED,
    ITEM_ID,
    NAME,
    NOTHING,
    TEXT,
    WHOLE,
    Json,
    as_json_text,
    object_of,
    only,
    ref,
)

ATTRIBUTES: Json = ATTRIBUTE_VALUES | {"description": "All attributes that the item is to have"}
IMAGE: Json = {
    **ENCODED,
    "type": ["string", "null"],
    "description": "A picture in base64, or a data: URI of one. The item is added or replaced; without it, it must be "
    "there, and its attributes are replaced",
}
PATCHED: Json = only(
    object_of(
        attributes=ATTRIBUTE_VALUES
        | {
            "description": "Attributes to change; null takes one away. Others stay (RFC 7396)",
            "examples": [{"price": 30, "old": None}],
        }
    )
)
LINE: Json = only(
    object_of(
        id=NAME,
        optional={
            "attributes": ATTRIBUTES,
            "image": IMAGE,
            "image_url": {**ADDRESS, "type": ["string", "null"]},
            "delete": {"type": "boolean", "description": "Only true: take the item out; stands alone beside the id"},
        },
    )
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
    "WrittenItem": only(
        {"type": "object", "properties": {"attributes": ATTRIBUTES, "image": IMAGE, "image_url": NOTHING}}
    ),
    "ItemByAddress": only(object_of(image_url=ADDRESS, optional={"attributes": ATTRIBUTES, "image": NOTHING})),
    "SentPicture": only(object_of(image=ENCODED, optional={"image_url": NOTHING})),
    "PictureByAddress": only(object_of(image_url=ADDRESS, optional={"image": NOTHING})),
    "Patch": PATCHED,
    "Change": LINE,
    "ChangeAnswer": LINE_ANSWER,
    "LineProblem": object_of(type=TEXT, title=TEXT, status=WHOLE, detail=TEXT, code=TEXT),
}

_IF_MATCH = (
    'Write only if the item has this version, as ETag and version of its last answer say: "..."; or *, if it is there'
)
_IF_NONE_MATCH = "Only *: write only if there is no such item yet"
_KEY = "The same request with the same key is carried out once, and answered alike for a day"


_SENT: Json = {
    "If-Match": TEXT,
    "If-None-Match": {**TEXT, "enum": ["*"]},
    "Idempotency-Key": {**TEXT, "maxLength": 255, "pattern": "^[ -~]*[!-~][ -~]*$"},
}


def _header(name: str, description: str) -> Json:
    return {"name": name, "in": "header", "required": False, "schema": _SENT[name], "description": description}


_ETAG: Json = {"ETag": {"required": True, "schema": TEXT, "description": "The version, in quotes"}}
_LOCATION: Json = {"Location": {"required": True, "schema": TEXT, "description": "Path of the item"}}


def _write(
    name: str,
    summary: str,
    body: Json | None,
    statuses: tuple[str, ...],
    *problems: int,
    conditions: tuple[str, ...] = ("If-Match",),
) -> Json:
    """Return an operation on one item; `body` is what may be sent, by content type."""
    told = {"If-Match": _IF_MATCH, "If-None-Match": _IF_NONE_MATCH}
    item = answer("SignedItem", description="The item as it is now")
    answers: Json = {
        "200": item | {"headers": _ETAG},
        "201": item | {"description": "The item, which is new", "headers": _ETAG | _LOCATION},
        "204": {"description": "It is not there any more"},
    }
    without_body = tuple(status for status in WRITTEN if status not in {408, 413, 415})
    return operation(
        name,
        "write",
        summary,
        {status: answers[status] for status in statuses},
        (*(WRITTEN if body else without_body), 412, *problems),
        parameters=[ITEM_ID, *(_header(one, told[one]) for one in conditions), _header("Idempotency-Key", _KEY)],
        body=body,
    )


def _many() -> Json:
    lines = {**TEXT, "minLength": 2, "pattern": "[^\\s]", "description": "A Change a line, at least one"}
    of_lines = {"schema": lines, "x-item-schema": ref("Change")}
    of_answers = {"schema": {**TEXT, "description": "A ChangeAnswer a line"}, "x-item-schema": ref("ChangeAnswer")}
    return operation(
        "write_items",
        "write",
        "Write many items, a JSON object a line, and answer a line for each",
        {"200": {"description": "An answer a line", "content": {"application/x-ndjson": of_answers}}},
        WRITTEN,
        description="At most 50,000 lines and 20 MiB a request; send more in several, two at a time. Lines are "
        "written in batches as they come, and one that fails costs no other. What 40 seconds were not enough for fails "
        "with no-time-left: send it again.",
        parameters=[_header("Idempotency-Key", _KEY)],
        body={"application/x-ndjson": of_lines},
    )


_FORM: Json = only({"type": "object", "properties": {"image": BYTES, "attributes": as_json_text(ATTRIBUTES)}})
_NEW: Json = {"attributes": {"brand": "Acme", "price": 30}}
_CHANGED: Json = {"attributes": {"price": 25, "old": None}}

PATHS: Json = {
    "/v1/items": {"post": _many()},
    "/v1/items/{item_id}": {
        "put": _write(
            "put_item",
            "Add an item (201) or replace it (200)",
            {"multipart/form-data": {"schema": _FORM}}
            | in_body({"anyOf": [ref("WrittenItem"), ref("ItemByAddress")]}, other_attributes=_NEW),
            ("200", "201"),
            conditions=("If-Match", "If-None-Match"),
        ),
        "patch": _write(
            "patch_item",
            "Change some attributes of an item",
            {"application/merge-patch+json": {"schema": ref("Patch")}} | in_body(ref("Patch"), another_price=_CHANGED),
            ("200",),
            404,
        ),
        "delete": _write("delete_item", "Take an item out", None, ("204",), 404),
    },
    "/v1/items/{item_id}/image": {
        "put": _write(
            "put_item_image",
            "Give an item another picture",
            {"image/*": {"schema": BYTES}, "application/octet-stream": {"schema": BYTES}}
            | in_body({"anyOf": [ref("SentPicture"), ref("PictureByAddress")]}),
            ("200",),
            404,
        )
    },
}
