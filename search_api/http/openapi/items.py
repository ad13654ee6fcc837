"""The operations on what a catalogue holds."""

from search_api.http.openapi.parts import ITEM_ID, Json, get, in_address
from search_api.parameters import FACETS, PAGE


def _image() -> Json:
    operation = get("The picture of an item", "Problem", [ITEM_ID])
    operation["responses"]["200"] = {"description": "The picture", "content": {"image/*": {}}}
    return operation


PATHS: Json = {
    "/v1/items": {"get": get("One page of the items that a filter allows", "Page", in_address(*PAGE))},
    "/v1/facets": {"get": get("What fields hold among the items that a filter allows", "Facets", in_address(*FACETS))},
    "/v1/items/{item_id}": {"get": get("One item", "SignedItem", [ITEM_ID])},
    "/v1/items/{item_id}/image": {"get": _image()},
    "/v1/classes": {"get": get("The classes and how many items each has", "Classes", [])},
}
