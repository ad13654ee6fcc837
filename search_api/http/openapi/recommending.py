"""The operations that take pictures in JSON: strips by likes and dislikes, and questions by the batch."""

from search_api.batches import MOST_QUESTIONS
from search_api.http.openapi.operations import ASKED_BY_BODY, answer, in_body, operation
from search_api.http.openapi.parts import (
    ADDRESS,
    ENCODED,
    NAME,
    SHARE,
    TEXT,
    WHOLE,
    Json,
    array,
    in_json,
    object_of,
    only,
    ref,
)
from search_api.http.openapi.schemas import ITEM, SIGNATURE, WEIGHTS_USED
from search_api.parameters import COLD_START, OPINION_WEIGHT, QUERY, REPEAT, STRIP, K
from search_api.recommending.strips import MOST_OPINIONS, MOST_SEEN, MOST_STRIPS

_STRIP: Json = {
    "likes": {**array(ref("Opinion")), "maxItems": MOST_OPINIONS, "description": "What is liked"},
    "dislikes": {
        **array(ref("Opinion")),
        "maxItems": MOST_OPINIONS,
        "description": "What is disliked: items near it come later, those nearer to it than to every like not at all",
    },
    "seen": {**array(TEXT), "maxItems": MOST_SEEN, "description": "Ids of items that are not to be shown"},
    **{parameter.name: in_json(parameter) for parameter in (K, *STRIP)},
}
_SHOWN: Json = {
    "hits": array(ref("RecommendedHit")),
    "no_good_match": {"type": "boolean", "description": "Whether no hit has a relevance of 0.5 or more"},
    "exact": {"type": "boolean", "description": "Whether every item was compared"},
    "modes": {
        **array(ref("Mode")),
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


def _question(kind: str, said: Json) -> Json:
    return only({"type": "object", "required": [kind], "properties": {kind: said}})


def _opinion(**subject: Json) -> Json:
    return only(object_of(**subject, optional={"weight": in_json(OPINION_WEIGHT)}))


SCHEMAS: Json = {
    "LikedItem": _opinion(item_id=NAME),
    "LikedPicture": _opinion(image=ENCODED),
    "LikedAddress": _opinion(image_url=ADDRESS),
    "Opinion": {
        "anyOf": [
            {**NAME, "description": "The id of an item"},
            ref("LikedItem"),
            ref("LikedPicture"),
            ref("LikedAddress"),
        ]
    },
    "StripQuestion": only(
        {"type": "object", "properties": {"name": {"type": ["string", "null"]}, **_STRIP}},
    ),
    "RecommendQuestion": only(
        {
            "type": "object",
            "properties": _STRIP
            | {
                "strips": {
                    "type": "array",
                    "items": ref("StripQuestion"),
                    "minItems": 1,
                    "maxItems": MOST_STRIPS,
                    "description": "Several strips. What stands beside them holds for each that does not say it itself",
                },
                "repeat": in_json(REPEAT),
            },
        }
    ),
    "Because": object_of(like=WHOLE, item_id={"type": ["string", "null"]}),
    "Mode": object_of(likes=array(WHOLE), share=SHARE),
    "RecommendedHit": object_of(
        optional={
            "item": {
                "type": "object",
                "properties": ITEM,
                "description": "Whole, or those members of it that fields names; not there where it names none",
            },
            "score": {
                "type": ["number", "null"],
                "description": "Weighted cosine with the mean of the mode's likes, less what dislikes nearby take off; "
                "null in a cold start",
            },
            "relevance": {
                "type": ["number", "null"],
                "minimum": 0,
                "maximum": 1,
                "description": "The chance that the item is of one kind with what it is because of; null in a cold "
                "start",
            },
            "copies": {
                **array(TEXT),
                "description": "Only where hits are collapsed: the ids of those whose pictures are copies of it",
            },
        },
        because_of={
            "anyOf": [ref("Because"), {"type": "null"}],
            "description": "The like nearest to it: its place among the likes, from 0, and its id, null for a picture",
        },
    ),
    "Strip": object_of(**_SHOWN, **_SIGNED),
    "NamedStrip": object_of(**_SHOWN, optional={"name": TEXT}),
    "Strips": object_of(strips=array(ref("NamedStrip")), **_SIGNED),
    "Recommended": {"anyOf": [ref("Strip"), ref("Strips")]},
    "ItemSimilar": only(object_of(item_id=NAME, optional={one.name: in_json(one) for one in QUERY})),
    "ItemNamed": only(object_of(item_id=NAME)),
    "AskSearch": _question(
        "search",
        {"anyOf": [ref("ItemSearch"), ref("PictureSearch"), ref("AddressSearch"), ref("WordsSearch")]},
    ),
    "AskSimilar": _question("similar", {"anyOf": [ref("ItemSimilar"), ref("SimilarQuestion")]}),
    "AskRecommend": _question("recommend", ref("RecommendQuestion")),
    "AskItem": _question("item", {"anyOf": [NAME, ref("ItemNamed")]}),
    "BatchQuestion": {"anyOf": [ref("AskSearch"), ref("AskSimilar"), ref("AskRecommend"), ref("AskItem")]},
    "BatchQuestions": only(
        object_of(questions=array(ref("BatchQuestion")) | {"minItems": 1, "maxItems": MOST_QUESTIONS})
    ),
    "BatchAnswer": {
        **object_of(status=WHOLE, optional={"answer": {"type": "object"}, "problem": ref("Problem")}),
        "description": "With 200 the answer, that of the question's own address; else the problem",
    },
    "Batch": object_of(answers=array(ref("BatchAnswer")), **_SIGNED),
}


PATHS: Json = {
    "/v1/recommend": {
        "post": operation(
            "recommend_items",
            "recommend",
            "Strips of items by what a person likes and dislikes",
            {"200": answer("Recommended")},
            (*ASKED_BY_BODY, 409),
            description="Likes are kept apart by kind, and each hit says which like it is there for. With strips the "
            "answer has strips, else the one strip's own fields.",
            body=in_body(
                ref("RecommendQuestion"),
                one_strip={"likes": ["sku-1", {"item_id": "sku-2", "weight": 2}], "dislikes": ["sku-3"], "limit": 8},
                nothing_liked_yet={"cold_start": "newest"},
            ),
        )
    },
    "/v1/batch": {
        "post": operation(
            "ask_batch",
            "recommend",
            "Questions of any kind, answered together",
            {"200": answer("Batch")},
            (*ASKED_BY_BODY, 409),
            description="All from one state of the catalogue. What is wrong with one is told by it, and the others are "
            "answered.",
            body=in_body(
                ref("BatchQuestions"),
                three_questions={
                    "questions": [
                        {"similar": {"item_id": "sku-1"}},
                        {"item": "sku-2"},
                        {"search": {"q": "linen dress"}},
                    ]
                },
            ),
        )
    },
}
