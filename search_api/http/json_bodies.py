"""Reading bodies of JSON that may hold pictures in base64: as large as a body may be, unlike those that hold none."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from search_api.errors import InvalidField, NoQuery, UnknownField, UnsupportedContentType
from search_api.http.parameters import read_object
from search_api.http.requests import JSON, no_parameters

if TYPE_CHECKING:
    from flask import Request


def read_json_body(request: "Request", example: str) -> dict[str, Any]:
    """Return the object that a request's body is; `example` is shown to who sends none.

    Raises NoQuery, InvalidField, UnknownField, UnsupportedContentType, and werkzeug's RequestEntityTooLarge.
    """
    no_parameters(request)
    body = request.get_data(cache=False)
    if not body:
        raise NoQuery(f"The body is empty. Send JSON like {example}.")
    if request.mimetype != JSON or request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnsupportedContentType(f"Send the body as {JSON}, without Content-Encoding, like {example}.")
    return read_object(body, "The body")


def read_picture(value: Any, name: str) -> bytes:
    """Return a picture from base64, bare or in a `data:` address. Raises InvalidField, and NoQuery for an empty one."""
    if not isinstance(value, str):
        raise InvalidField(f"{name} must be the bytes of a picture's file in base64.")
    if value.startswith("data:"):
        value = value.partition(";base64,")[2]
    try:
        picture = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidField(f"{name} is not base64. Send the bytes of a picture's file in it.") from None
    if not picture:
        raise NoQuery(f"{name} is an empty picture. Choose a file that is not, and send it again.")
    return picture


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
