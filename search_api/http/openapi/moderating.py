"""The operation that says whether a picture may be shown, and the schemas of its answer."""

from search_api.http.openapi.attribute_values import ATTRIBUTE_VALUES
from search_api.http.openapi.operations import ASKED_BY_BODY, answer, in_body, operation
from search_api.http.openapi.parts import (
    ADDRESS,
    BYTES,
    ENCODED,
    NOTHING,
    NUMBER,
    SHARE,
    TEXT,
    Json,
    array,
    as_json_text,
    in_address,
    object_of,
    only,
    ref,
)
from search_api.http.openapi.schemas import PREDICTED
from search_api.parameters import ATTRIBUTES
from search_api.results import DECISIONS

_DECISION: Json = {"type": "string", "enum": list(DECISIONS)}
_MEASURED: Json = {"type": ["number", "string", "boolean", "null"]}

MODERATION_SCHEMAS: Json = {
    "Reason": object_of(
        code={**TEXT, "description": "For a program: blocklist-copy, other-thing, several-garments, ..."},
        sentence={**TEXT, "description": "For a person"},
        verdict={**_DECISION, "description": "What this reason by itself asks for"},
        measured={**_MEASURED, "description": "What was found; null where nothing is compared"},
        threshold={**_MEASURED, "description": "What the policy compares it with"},
        item_id={"type": ["string", "null"], "description": "The refused picture that it is like, if any"},
    ),
    "ModeratedPicture": only(
        object_of(image=ENCODED, optional={"image_url": NOTHING, ATTRIBUTES.name: ATTRIBUTE_VALUES})
    ),
    "ModeratedAddress": only(
        object_of(image_url=ADDRESS, optional={"image": NOTHING, ATTRIBUTES.name: ATTRIBUTE_VALUES})
    ),
    "Verdict": object_of(
        verdict={**_DECISION, "description": "The strongest of its reasons; allow where there are none"},
        reasons={**array(ref("Reason")), "description": "The strongest first"},
        predicted={**PREDICTED, "required": [], "description": "Empty for a picture with nothing to see"},
        familiar={"type": "boolean", "description": "As in the answer to a search"},
        familiarity=SHARE,
        garments={**array(ref("Garment")), "description": "The garments of the picture, the largest first"},
        model={**TEXT, "description": "Fingerprint of the model"},
        policy={**TEXT, "description": "Which policy it was judged by: it changes when the policy does"},
        took_ms=NUMBER,
    ),
}


def _moderate() -> Json:
    told = as_json_text(ATTRIBUTE_VALUES | {"description": ATTRIBUTES.description})
    form = only(object_of(image=BYTES, optional={ATTRIBUTES.name: told}))
    (in_query,) = in_address(ATTRIBUTES)
    return operation(
        "moderate_picture",
        "moderate",
        "Whether a picture may be shown, by the policy in force, and why not",
        {"200": answer("Verdict")},
        ASKED_BY_BODY,
        description="attributes go into the form or the JSON object; with a bare picture they go into the address. A "
        "picture that can't be read is a problem, no verdict.",
        parameters=[in_query | {"schema": told}],
        body={
            "multipart/form-data": {"schema": form},
            "image/*": {"schema": BYTES},
            "application/octet-stream": {"schema": BYTES},
            **in_body({"anyOf": [ref("ModeratedPicture"), ref("ModeratedAddress")]}),
        },
    )


PATHS: Json = {"/v1/moderate": {"post": _moderate()}}
