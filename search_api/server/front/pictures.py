"""Which requests may hold a picture: these wait in a lane of their own, so that no other waits for them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search_api.server.front.request import Request

_FORM = b"application/x-www-form-urlencoded"
_JSON = b"application/json"
_BATCH = b"/v1/batch"

_LARGE = 64 * 1024
"""Bytes of JSON from which on it takes as long to read as a picture, and is not looked into."""

_MARKS = (b'"image"', b"\\u")
"""One of these is in JSON that holds a picture: the name of its field, maybe with letters written as escapes."""


def may_hold_picture(request: "Request") -> bool:
    """Whether to answer a request may need a picture decoded, or take about as long."""
    if not request.body:
        return False
    kind = request.content_type.lower()
    if not kind.startswith(_JSON):
        return not kind.startswith(_FORM)
    if request.path == _BATCH or request.body_length >= _LARGE:
        return True
    body = b"".join(request.body)
    return any(mark in body for mark in _MARKS)
