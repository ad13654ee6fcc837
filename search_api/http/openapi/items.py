"""The operations on what a catalogue holds."""

from search_api.http.openapi.operations import answer, reading
from search_api.http.openapi.parts import BYTES, ITEM_ID, Json, in_address, ref
from search_api.parameters import FACETS, LABEL, PAGE


def _page_parameters() -> list[Json]:
    parameters = in_address(*PAGE)
    for parameter in parameters:
        if parameter["name"] == LABEL.name:
            parameter["schema"] = ref("Label")
    return parameters


PATHS: Json = {
    "/v1/items": {
        "get": reading(
            "list_items",
            "browse",
            "One page of the items that a filter allows",
            answer("Page"),
            (409, 422),
            parameters=_page_parameters(),
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
    "/v1/classes": {
        "get": reading("list_classes", "browse", "The classes and how many items each has", answer("Classes"), (409,))
    },
}
