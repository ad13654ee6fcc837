"""Which requests have to do with pictures: these wait in lanes of their own, so that no other waits for them."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search_api.server.front.request import Request

_FORM = b"application/x-www-form-urlencoded"
_JSON = b"application/json"
_LINES = b"application/x-ndjson"
_BATCH = b"/v1/batch"
_SIZED = re.compile(rb"/v1/items/.+/images/[^/]+")

_LARGE = 64 * 1024
"""Bytes of JSON from which on it takes as long to read as a picture, and is not looked into."""

_MARKS = (b'"image"', b"\\u")
"""One of these is in JSON that holds a picture: the name of its field, maybe with letters written as escapes."""

_OF_ONE_PICTURE = frozenset({b"/v1/search", b"/v1/moderate"})
_LONGEST_WITHOUT_PICTURE = 256 * 1024
"""Bytes of JSON from which on it is refused there unless it holds a picture, and then it can't name one, too; to look
through 20 MB for that would take 27 ms.
"""

_ADDRESS = "image_url"
_ADDRESS_MARK = b'"image_url"'
_ESCAPE = b"\\u00"
_ESCAPED_ADDRESS = re.compile(
    b'"' + b"".join(rb"(?:%c|\\u00%s)" % (ord(letter), b"%02x" % ord(letter)) for letter in _ADDRESS) + b'"',
    re.IGNORECASE,
)
"""The name of the field with letters written as escapes; in capitals, which name no field, it does no harm."""


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


def names_address(request: "Request") -> bool:
    """Whether to answer a request may need a picture fetched from another server."""
    if not request.body or not request.content_type.lower().startswith((_JSON, _LINES)):
        return False
    if request.body_length > _LONGEST_WITHOUT_PICTURE and request.path in _OF_ONE_PICTURE:
        return False
    body = request.body[0] if len(request.body) == 1 else b"".join(request.body)
    return _ADDRESS_MARK in body or (_ESCAPE in body and _ESCAPED_ADDRESS.search(body) is not None)


def is_sized_picture(path: bytes) -> bool:
    """Whether a path is that of a picture in one of its sizes."""
    return _SIZED.fullmatch(path) is not None
