"""Reading bodies of JSON: objects, lists, ids, items with weights, and pictures in base64, which may be long."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import RequestEntityTooLarge

from indexer.sources.web.addresses import Address
from search_api.errors import InvalidField, NoQuery, SeveralQueries, UnknownField, UnsupportedContentType
from search_api.http.reading.forms import MAX_FORM_FIELD
from search_api.http.reading.parameters import read_object

if TYPE_CHECKING:
    from flask import Request

JSON = "application/json"

IDS = "ids"
"""The member that names the items that are asked with."""

IMAGE, IMAGE_URL = "image", "image_url"
"""The members that hold a picture: its bytes in base64, or the address that it is to be fetched from."""

LONGEST_ADDRESS = 2_048
"""Characters of an address."""

MOST_EXAMPLES = 100
"""Items that are asked with at once."""

MOST_WEIGHT = 1_000
"""Of an item that is asked with."""

_LONG_PICTURE = re.compile(rb'"image"\s*:\s*("[^"]{4096,}")')
_SET_ASIDE = "(set aside)"
_DATA_URI = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_OF_ADDRESSES = str.maketrans("-_", "+/")


def read_json_body(request: "Request", example: str) -> dict[str, Any]:
    """Return the object that a request's body is; `example` is shown to who sends none.

    Raises NoQuery, InvalidField, UnknownField, UnsupportedContentType, and werkzeug's RequestEntityTooLarge.
    """
    for given in request.args:
        raise UnknownField(f"There is no query parameter {given[:60]!r}. Send what is asked in the body.")
    body = request.get_data(cache=False)
    if not body:
        raise NoQuery(f"The body is empty. Send JSON like {example}.")
    if request.mimetype != JSON or request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnsupportedContentType(f"Send the body as {JSON}, without Content-Encoding, like {example}.")
    return read_object(body, "The body")


def read_picture(value: Any, name: str) -> bytes:
    """Return a picture that is written in base64, of either alphabet, by itself or as a `data:` URI.

    Raises InvalidField, for an empty one, too.
    """
    if not isinstance(value, str):
        raise _no_picture(name)
    start = _DATA_URI.match(value)
    written = _SPACE.sub("", value[start.end() if start else 0 :]).translate(_OF_ADDRESSES).rstrip("=")
    try:
        picture = b64decode(written + "=" * (-len(written) % 4), validate=True)
    except ValueError as error:
        raise _no_picture(name) from error
    if not picture:
        raise InvalidField(f"{name} is an empty picture. Choose a file that is not, and send it again.")
    return picture


def read_picture_in(fields: Mapping[str, Any]) -> bytes | Address | None:
    """Return the picture that an object holds or names; None where it does neither.

    Raises SeveralQueries where it does both, InvalidField, and AddressRefused for an address that none can be fetched
    from.
    """
    image, address = fields.get(IMAGE), fields.get(IMAGE_URL)
    if address is None:
        return None if image is None else read_picture(image, IMAGE)
    if image is not None:
        raise SeveralQueries(f"There are both an {IMAGE} and an {IMAGE_URL}. Send one of the two.")
    if not isinstance(address, str) or len(address) > LONGEST_ADDRESS:
        raise InvalidField(f"{IMAGE_URL} must be the address of a picture, a text of at most {LONGEST_ADDRESS:,}.")
    return Address.parse(address)


def read_object_in(value: Any, known: Sequence[str], name: str) -> Mapping[str, Any]:
    """Return an object of known fields that is part of a body. Raises InvalidField and UnknownField."""
    if not isinstance(value, dict):
        raise InvalidField(f"{name} must be an object with any of {', '.join(known)}.")
    for field in value:
        if field not in known:
            raise UnknownField(f"{name} has no field {field[:60]!r}. Known are: {', '.join(known)}.")
    return value


def read_list_in(value: Any, name: str) -> list[Any]:
    """Return a list that is part of a body. Raises InvalidField."""
    if not isinstance(value, list):
        raise InvalidField(f"{name} must be a list.")
    return value


def read_id_in(value: Any, name: str) -> str:
    """Return the id of an item that is part of a body. Raises InvalidField."""
    if not isinstance(value, str):
        raise InvalidField(f"{name} must be the id of an item, as text.")
    return value


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
            raise _no_picture("image") from error
    return fields


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
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= MOST_WEIGHT:
            raise InvalidField(f"The weight of {id_[:60]!r} must be a number above 0, at most {MOST_WEIGHT:,}.")
        weights[id_] = weights.get(id_, 0) + float(weight)
    return weights


def _no_picture(name: str) -> InvalidField:
    return InvalidField(f"{name} must be a picture's bytes in base64, by themselves or as a data: URI.")
