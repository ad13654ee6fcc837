"""The operations that find items."""

from search_api.http.openapi.operations import ASKED_BY_BODY, answer, in_body, operation, reading
from search_api.http.openapi.parts import (
    ADDRESS,
    BYTES,
    ENCODED,
    ITEM_ID,
    NAME,
    NOTHING,
    NUMBER,
    Json,
    array,
    in_address,
    in_json,
    in_text,
    object_of,
    only,
    ref,
)
from search_api.http.reading.json_bodies import MOST_EXAMPLES, MOST_WEIGHT
from search_api.parameters import PICTURE, QUERY, Q

_SENT_AGAIN = (404, 409)
_OPTIONS: Json = {parameter.name: in_json(parameter) for parameter in (*QUERY, *PICTURE)}
_OF_ITEM: Json = {name: one for name, one in _OPTIONS.items() if name != "box"} | {"box": NOTHING}
_WORDS: Json = {"type": "string", "minLength": 1, "pattern": "[^\\s]", "description": Q.description}
"""Words that are all there is to search by: one at least."""

_OF_LIKENESS = ("weights", "look", "q_weight")
SEARCH_SCHEMAS: Json = {
    "ItemSearch": only(object_of(item_id=NAME, optional={"image": NOTHING, "image_url": NOTHING, **_OF_ITEM})),
    "PictureSearch": only(object_of(image=ENCODED, optional={"item_id": NOTHING, "image_url": NOTHING, **_OPTIONS})),
    "AddressSearch": only(object_of(image_url=ADDRESS, optional={"item_id": NOTHING, "image": NOTHING, **_OPTIONS})),
    "WordsSearch": only(
        object_of(
            q=_WORDS,
            optional={"item_id": NOTHING, "image": NOTHING, "image_url": NOTHING}
            | {name: one for name, one in _OF_ITEM.items() if name not in {"q", *_OF_LIKENESS}},
        )
    ),
    "SimilarQuestion": only(
        object_of(
            ids={
                "anyOf": [
                    NAME,
                    array({"anyOf": [NAME, ref("WeighedItem")]}) | {"minItems": 1, "maxItems": MOST_EXAMPLES},
                ]
            },
            optional={parameter.name: in_json(parameter) for parameter in QUERY},
        )
    ),
    "WeighedItem": only(
        object_of(id=NAME, optional={"weight": {**NUMBER, "exclusiveMinimum": 0, "maximum": MOST_WEIGHT, "default": 1}})
    ),
}


def _search() -> Json:
    texts: Json = {parameter.name: in_text(parameter) for parameter in (*QUERY, *PICTURE)}
    with_bare_picture = in_address(*QUERY, *PICTURE)
    for parameter in with_bare_picture:  # clients send defaults, and with any other body the address takes nothing
        parameter["schema"].pop("default", None)
    form = only(object_of(image=BYTES, optional=texts))
    return operation(
        "search_catalogue",
        "ask",
        "The class of a picture or an item, and the items that look like it; or those that say words",
        {"200": answer("Search", "WordSearch")},
        (*ASKED_BY_BODY, *_SENT_AGAIN),
        description="A picture or an item, or words alone; words narrow down what the others find. The options go "
        "into the form or the JSON object, with a "
        "bare picture into the address; a box only with a picture.",
        parameters=with_bare_picture,
        body={
            "multipart/form-data": {"schema": form},
            "image/*": {"schema": BYTES},
            "application/octet-stream": {"schema": BYTES},
            **in_body(
                {"anyOf": [ref("ItemSearch"), ref("PictureSearch"), ref("AddressSearch"), ref("WordsSearch")]},
                an_item={"item_id": "sku-1", "limit": 8, "where": {"price": {"lte": 50}}},
                a_picture_by_its_address={"image_url": "https://images.shop.example/sku-1.jpg", "limit": 8},
            ),
        },
    )


def _similar_to_all() -> Json:
    return operation(
        "find_similar_to_several",
        "ask",
        "The items most like several items together, none of these among them",
        {"200": answer("SimilarToAll")},
        (*ASKED_BY_BODY, *_SENT_AGAIN),
        description="Ids that are unknown are passed over and named in notes; where all are, that is a 404.",
        body=in_body(ref("SimilarQuestion"), two_items={"ids": ["sku-1", {"id": "sku-2", "weight": 2}], "limit": 8}),
    )


PATHS: Json = {
    "/v1/similar": {"post": _similar_to_all()},
    "/v1/search": {"post": _search()},
    "/v1/items/{item_id}/similar": {
        "get": reading(
            "list_similar_items",
            "ask",
            "The items most like an item, never itself",
            answer("Similar"),
            (*_SENT_AGAIN, 422),
            parameters=[ITEM_ID, *in_address(*QUERY)],
        )
    },
}
