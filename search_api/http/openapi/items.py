"""The operations on what a catalogue holds."""

from search_api.http.openapi.operations import answer, reading
from search_api.http.openapi.parts import BYTES, ITEM_ID, TEXT, Json, in_address
from search_api.parameters import FACETS, PAGE


def _sized_image() -> Json:
    name = {
        "name": "name",
        "in": "path",
        "required": True,
        "schema": {**TEXT, "pattern": "^[0-9a-f]{16}-[0-9]{1,5}[.](webp|png)$"},
        "description": "As images of the item names it",
    }
    described = reading(
        "get_item_image_in_size",
        "browse",
        "The picture of an item in one of its sizes",
        {"description": "The picture", "content": {"image/*": {"schema": BYTES}}},
        (404, 409),
        parameters=[ITEM_ID, name],
        description="To be kept for good. Of a picture that the item has no more, and in a size that it has not, it "
        "leads to the nearest size of the present one.",
    )
    described["responses"]["302"] = {
        "description": "The address of the picture that the item has now",
        "headers": {"Location": {"required": True, "schema": TEXT}},
    }
    return described


PATHS: Json = {
    "/v1/items": {
        "get": reading(
            "list_items",
            "browse",
            "One page of the items that a filter allows",
            answer("Page"),
            (409, 422),
            parameters=in_address(*PAGE),
        )
    },
    "/v1/facets": {
        "get": reading(
            "count_facets",
            "browse",
            "What fields hold among the items that a filter allows",
            answer("Facets"),
            (409, 422),
            parameters=in_address(*FACETS),
        )
    },
    "/v1/items/{item_id}": {
        "get": reading("get_item", "browse", "One item", answer("SignedItem"), (404, 409), parameters=[ITEM_ID])
    },
    "/v1/items/{item_id}/image": {
        "get": reading(
            "get_item_image",
            "browse",
            "The picture of an item",
            {"description": "The picture", "content": {"image/*": {"schema": BYTES}}},
            (404, 409),
            parameters=[ITEM_ID],
        )
    },
    "/v1/items/{item_id}/images/{name}": {"get": _sized_image()},
}
