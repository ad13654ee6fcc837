"""The operations that take pictures in JSON: strips by likes and dislikes, and questions by the batch."""

from search_api.batches import MOST_QUESTIONS
from search_api.http.openapi.parts import SHARE, TEXT, WHOLE, Json, array, object_of, ref, responses, schema_of
from search_api.http.openapi.schemas import SIGNATURE, WEIGHTS_USED
from search_api.parameters import (
    BY,
    COLD_START,
    OPINION_WEIGHT,
    PICTURE,
    QUERY,
    RECOMMENDED,
    REPEAT,
    WEIGHTS,
    WHERE,
)
from search_api.recommending.strips import MOST_OPINIONS, MOST_SEEN, MOST_STRIPS

_IMAGE: Json = {**TEXT, "contentEncoding": "base64", "description": "The bytes of a picture's file in base64"}
_STRIP: Json = {
    "likes": {**array(ref("Opinion")), "maxItems": MOST_OPINIONS, "description": "What is liked"},
    "dislikes": {
        **array(ref("Opinion")),
        "maxItems": MOST_OPINIONS,
        "description": "What is disliked: items near it come later, those nearer to it than to every like not at all",
    },
    "seen": {**array(TEXT), "maxItems": MOST_SEEN, "description": "Ids of items that are not to be shown"},
    **{parameter.name: schema_of(parameter) for parameter in (WHERE, RECOMMENDED, WEIGHTS, COLD_START, BY)},
}
_SHOWN: Json = {
    "hits": array(ref("RecommendedHit")),
    "no_good_match": {"type": "boolean", "description": "Whether no hit has a relevance of 0.5 or more"},
    "exact": {"type": "boolean", "description": "Whether every item was compared"},
    "modes": {
        **array(object_of(likes=array(WHOLE), share=SHARE)),
        "description": "Likes of one kind: their places among the likes, from 0, and their share of all weights. Each "
        "mode has hits of its own, in proportion to its share",
    },
    "unknown": {**array(TEXT), "description": "Ids among the likes and dislikes that no item has"},
    "cold_start": {
        "type": ["string", "null"],
        "enum": [*COLD_START.choices, None],
        "description": "What was shown because nothing was liked; null where something was",
    },
    "weights": WEIGHTS_USED,
    "notes": array(TEXT),
}
_SIGNED: Json = {**SIGNATURE, "took_ms": {"type": "number"}}
_OPTIONS: Json = {parameter.name: schema_of(parameter) for parameter in QUERY}
_PICTURE: Json = {parameter.name: schema_of(parameter) for parameter in PICTURE}
_ID: Json = {"item_id": TEXT}


def _question(kind: str, said: Json) -> Json:
    return {"type": "object", "required": [kind], "properties": {kind: said}, "additionalProperties": False}


def _options(**fields: Json) -> Json:
    return {"type": "object", "properties": fields, "additionalProperties": False}


SCHEMAS: Json = {
    "Opinion": {
        "oneOf": [
            {**TEXT, "description": "The id of an item"},
            {**object_of(item_id=TEXT, optional={"weight": schema_of(OPINION_WEIGHT)}), "additionalProperties": False},
            {**object_of(image=_IMAGE, optional={"weight": schema_of(OPINION_WEIGHT)}), "additionalProperties": False},
        ]
    },
    "RecommendQuestion": _options(
        **_STRIP,
        strips={
            "type": "array",
            "items": _options(name=TEXT, **_STRIP),
            "minItems": 1,
            "maxItems": MOST_STRIPS,
            "description": "Several strips. What stands beside them holds for each that does not say it itself",
        },
        repeat=schema_of(REPEAT),
    ),
    "RecommendedHit": object_of(
        item=ref("Item"),
        score={
            "type": ["number", "null"],
            "description": "Weighted cosine with the mean of the mode's likes, less what dislikes nearby take off; "
            "null in a cold start",
        },
        relevance={
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": 1,
            "description": "The chance that the item is of one kind with what it is because of; null in a cold start",
        },
        because_of={
            "oneOf": [
                object_of(like=WHOLE, item_id={"type": ["string", "null"]}),
                {"type": "null"},
            ],
            "description": "The like nearest to it: its place among the likes, from 0, and its id, null for a picture",
        },
    ),
    "Strip": object_of(**_SHOWN, **_SIGNED),
    "Strips": object_of(strips=array(object_of(**_SHOWN, optional={"name": TEXT})), **_SIGNED),
    "Recommended": {"oneOf": [ref("Strip"), ref("Strips")]},
    "BatchQuestion": {
        "oneOf": [
            _question("search", _options(image=_IMAGE, **_ID, **_OPTIONS, **_PICTURE)),
            _question("similar", _options(**_ID, **_OPTIONS)),
            _question("recommend", ref("RecommendQuestion")),
            _question("item", {"oneOf": [TEXT, _options(**_ID)]}),
        ]
    },
    "Batch": object_of(
        answers=array(
            {
                **object_of(status=WHOLE, optional={"answer": {"type": "object"}, "problem": ref("Problem")}),
                "description": "With 200 the answer, that of the question's own address; else the problem",
            }
        ),
        **_SIGNED,
    ),
}


def _post(summary: str, description: str, body: Json, schema: str) -> Json:
    return {
        "summary": summary,
        "description": description,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": responses(schema),
    }


PATHS: Json = {
    "/v1/recommend": {
        "post": _post(
            "Strips of items by what a person likes and dislikes",
            "Likes are kept apart by kind, and each hit says which like it is there for. With strips the answer has "
            "strips, else the one strip's own fields.",
            ref("RecommendQuestion"),
            "Recommended",
        )
    },
    "/v1/batch": {
        "post": _post(
            "Questions of any kind, answered together",
            "All from one state of the catalogue. What is wrong with one is told by it, and the others are answered.",
            object_of(
                questions={
                    "type": "array",
                    "items": ref("BatchQuestion"),
                    "minItems": 1,
                    "maxItems": MOST_QUESTIONS,
                }
            ),
            "Batch",
        )
    },
}
