"""What is read out of bodies of JSON: pictures in base64, and items with weights."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from werkzeug.exceptions import RequestEntityTooLarge

from search_api.errors import InvalidField, NoQuery
from search_api.http.forms import MAX_FORM_FIELD
from search_api.http.parameters import read_object

IDS = "ids"
"""The member that names the items that are asked with."""

MOST_EXAMPLES = 100
"""Items that are asked with at once."""

_MOST_WEIGHT = 1_000
_LONG_PICTURE = re.compile(rb'"image"\s*:\s*("[^"]{4096,}")')
_SET_ASIDE = "(set aside)"
_DATA_URI = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_OF_ADDRESSES = str.maketrans("-_", "+/")


def read_object_with_picture(body: bytes, name: str) -> dict[str, Any]:
    """Read a JSON object as `read_object` does; its member `image`, a text, may be long, all others are not.

    Raises InvalidField, and werkzeug's RequestEntityTooLarge for a body that is longer than a form's field without the
    picture.
    """
    picture: Any = None
    if len(body) > MAX_FORM_FIELD and (found := _LONG_PICTURE.search(body)):
        picture = found[1]
        body = body[: found.start(1)] + json.dumps(_SET_ASIDE).encode() + body[found.end(1) :]
    if len(body) > MAX_FORM_FIELD:
        raise RequestEntityTooLarge
    fields = read_object(body, name)
    if picture is not None:
        if fields.get("image") != _SET_ASIDE:  # it is an attribute of that name, in a filter
            raise RequestEntityTooLarge
        try:
            fields["image"] = json.loads(picture)
        except ValueError as error:
            raise _no_picture() from error
    return fields


def picture_of_text(text: Any) -> bytes:
    """Return the bytes of a picture that is written in base64, of either alphabet, by itself or as a `data:` URI.

    Raises InvalidField.
    """
    if not isinstance(text, str):
        raise _no_picture()
    start = _DATA_URI.match(text)
    written = _SPACE.sub("", text[start.end() if start else 0 :]).translate(_OF_ADDRESSES).rstrip("=")
    try:
        return b64decode(written + "=" * (-len(written) % 4), validate=True)
    except ValueError as error:
        raise _no_picture() from error


def read_examples(value: Any) -> Mapping[str, float]:
    """Read items that are asked with: an id, or a list of ids and of objects with an id and a weight.

    Return the weights by id, 1 where none is given; those of an id that occurs twice are added. Raises NoQuery where
    there are none, and InvalidField.
    """
    given = value if isinstance(value, list) else [value]
    if not given:
        raise NoQuery("The list of ids is empty. Name one item at least.")
    if len(given) > MOST_EXAMPLES:
        raise InvalidField(f"There are {len(given)} items in {IDS}; at most {MOST_EXAMPLES} are asked with at once.")
    weights: dict[str, float] = {}
    for one in given:
        id_, weight = (one.get("id"), one.get("weight", 1)) if isinstance(one, dict) else (one, 1)
        if not isinstance(id_, str) or (isinstance(one, dict) and not one.keys() <= {"id", "weight"}):
            raise InvalidField(f'Each of {IDS} must be an id, or an object like {{"id": "...", "weight": 2}}.')
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= _MOST_WEIGHT:
            raise InvalidField(f"The weight of {id_[:60]!r} must be a number above 0, at most {_MOST_WEIGHT:,}.")
        weights[id_] = weights.get(id_, 0) + float(weight)
    return weights


def _no_picture() -> InvalidField:
    return InvalidField("image must be a picture's bytes in base64, by themselves or as a data: URI.")
