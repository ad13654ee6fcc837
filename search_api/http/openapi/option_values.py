"""The schemas of what options hold: filters and weights."""

from indexer.fields import LONGEST_NAME, PREDICTED_CLASS
from indexer.filters import LARGEST_INTEGER, MOST_CONDITIONS, MOST_DEPTH
from models.colours.matching import WITHIN
from models.colours.names import NAMES
from search_api.http.openapi.parts import SHARE, TEXT, Json, array, only, ref

_NUMBER: Json = {"type": "number", "minimum": -LARGEST_INTEGER, "maximum": LARGEST_INTEGER}
_SCALARS: list[Json] = [TEXT, _NUMBER, {"type": "boolean"}, {"type": "null"}]
_VALUES: list[Json] = [*_SCALARS, array({"anyOf": _SCALARS})]
_INNER: Json = ref("Filter") | {"minProperties": 1}
_COLOUR: Json = {
    **TEXT,
    "format": "colour",
    "description": f"Three or six hexadecimal digits, or one of {', '.join(NAMES)}",
    "examples": ["navy", "#1f2a44"],
}
_COLOURS: list[Json] = [_COLOUR, array(_COLOUR) | {"minItems": 1}]


def _bounds(bound: Json, **more: Json) -> Json:
    properties = dict.fromkeys(("lt", "lte", "gt", "gte"), bound) | more
    return only({"type": "object", "properties": properties, "minProperties": 1})


def _compared(bounds: Json) -> Json:
    unwanted = {"anyOf": [*_VALUES, ref("NumberBounds"), ref("TextBounds")], "description": "What it is not to be"}
    return bounds | {"properties": bounds["properties"] | {"not": unwanted}}


_NUMBER_BOUNDS = _bounds(_NUMBER)
_TEXT_BOUNDS = _bounds(TEXT, prefix=TEXT)

OPTION_SCHEMAS: Json = {
    "Filter": {
        "type": "object",
        "description": "Fields and what they are to be; all must hold. Any name that is not listed is an attribute; "
        "attributes. before it makes one of a listed name, too. "
        f"At most {MOST_CONDITIONS} conditions, {MOST_DEPTH} levels deep.",
        "properties": {
            PREDICTED_CLASS: {"anyOf": [ref("Class"), array(ref("Class"))], "description": "The predicted class"},
            "id": {"anyOf": [TEXT, array(TEXT)], "description": "Ids of items"},
            "colour~": {
                "anyOf": [*_COLOURS, ref("NearColour")],
                "description": "Colours that are seen, whatever attributes say",
            },
            "color~": {"anyOf": [*_COLOURS, ref("NearColour")], "description": "The same as colour~"},
            "not": _INNER,
            "any": array(_INNER) | {"minItems": 1, "description": "One must hold"},
            "all": array(_INNER) | {"minItems": 1, "description": "All must hold"},
        },
        "propertyNames": {"format": "attribute", "minLength": 1, "maxLength": LONGEST_NAME},
        "additionalProperties": {
            "anyOf": [*_VALUES, ref("ComparedNumber"), ref("ComparedText")],
            "description": "What an attribute is to be: a value, one of several, or compared",
        },
        "examples": [{PREDICTED_CLASS: "Bag", "price": {"lt": 40}, "not": {"brand": "Acme"}}],
    },
    "Weights": {
        "type": "object",
        "additionalProperties": SHARE,
        "minProperties": 1,
        "description": "What each part of the vector counts, by its name",
    },
    "NearColour": only(
        {
            "type": "object",
            "required": ["near"],
            "properties": {
                "near": {"anyOf": _COLOURS},
                "within": {"type": "number", "minimum": 0, "maximum": 100, "default": WITHIN, "description": "Delta E"},
            },
        }
    ),
    "NumberBounds": _NUMBER_BOUNDS,
    "TextBounds": _TEXT_BOUNDS,
    "ComparedNumber": _compared(_NUMBER_BOUNDS),
    "ComparedText": _compared(_TEXT_BOUNDS),
}
