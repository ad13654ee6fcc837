"""The operations that find items."""

from search_api.http.openapi.parts import ITEM_ID, TEXT, Json, as_json_text, get, in_address, responses, schema_of
from search_api.parameters import PICTURE, QUERY


def _search() -> Json:
    picture = {"type": "string", "format": "binary"}
    options = {parameter.name: schema_of(parameter) for parameter in (*QUERY, *PICTURE)}
    as_text = {name: as_json_text(one) if one["type"] == "object" else one for name, one in options.items()}
    form = {"type": "object", "properties": {"image": picture, "item_id": TEXT, **as_text}}
    of_item = {name: one for name, one in options.items() if name != "box"}
    by_item = {"type": "object", "required": ["item_id"], "properties": {"item_id": TEXT, **of_item}}
    return {
        "summary": "The class of a picture or an item, and the items that look like it",
        "description": "Exactly one of a picture and an item. k, where, look, weights, collapse, cutout and, with a "
        "picture, box go into the form or the JSON object; with a bare picture they go into the address.",
        "parameters": in_address(*QUERY, *PICTURE),
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "application/json": {"schema": by_item},
                "image/*": {"schema": picture},
                "application/octet-stream": {"schema": picture},
            },
        },
        "responses": responses("Search"),
    }


PATHS: Json = {
    "/v1/search": {"post": _search()},
    "/v1/items/{item_id}/similar": {
        "get": get("The items most like an item, never itself", "Similar", [ITEM_ID, *in_address(*QUERY)])
    },
}
