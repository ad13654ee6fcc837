"""The schemas of what items hold."""

from indexer.fields import LONGEST_NAME
from indexer.filters import LARGEST_INTEGER
from indexer.validation import LARGEST_VALUE, LONGEST_LIST
from search_api.http.openapi.parts import TEXT, Json, array

_KINDS: list[Json] = [
    TEXT,
    {"type": "number", "minimum": -LARGEST_INTEGER, "maximum": LARGEST_INTEGER},
    {"type": "boolean"},
]
ATTRIBUTE_VALUES: Json = {
    "type": "object",
    "description": f"Values by name; each has at most {LARGEST_VALUE >> 10} KB.",
    "propertyNames": {"format": "attribute", "minLength": 1, "maxLength": LONGEST_NAME},
    "additionalProperties": {
        "anyOf": [*_KINDS, {"type": "null"}, array({"anyOf": _KINDS}) | {"maxItems": LONGEST_LIST}]
    },
    "examples": [{"brand": "Acme", "price": 30, "sizes": ["S", "M"]}],
}
"""Attributes of an item."""
