"""Reading items, changes of items and conditions out of requests."""

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from models.errors import LookalikeError
from search_api.errors import (
    BadRequest,
    InvalidField,
    OptionsConflict,
    TooManyLines,
    UnknownField,
    UnsupportedContentType,
)
from search_api.http.reading.forms import read_form
from search_api.http.reading.json_bodies import IMAGE, IMAGE_URL, JSON, read_object_with_picture, read_picture_in
from search_api.http.reading.parameters import read_object
from search_api.http.reading.requests import BYTES, FORM, no_parameters
from search_api.http.writes import TRIED_BEFORE
from search_api.item_changes import ItemChange, OnlyIf

if TYPE_CHECKING:
    from flask import Request

    from indexer.sources.web.addresses import Address
    from search_api.item_changes import Attributes

MERGE_PATCH = "application/merge-patch+json"
LINES = "application/x-ndjson"

MOST_LINES = 50_000
"""Lines of one request: each has a line in the answer."""

_ID, _ATTRIBUTES, _DELETE = "id", "attributes", "delete"


class Line(NamedTuple):
    """One line of many: its number from 1, the id that it names, None where none can be read, and what it asks for."""

    number: int
    id: str | None
    change: ItemChange | LookalikeError


def read_only_if(request: "Request", *, tried_before: bool = False) -> OnlyIf:
    """Read the conditions under which an item is to be written: If-Match and If-None-Match. Raises InvalidField.

    `tried_before` tells that the same request may have been carried out already.
    """
    given, refused = request.if_match, request.if_none_match
    versions = (
        None
        if not request.headers.get("If-Match") or given.star_tag
        else tuple(sorted(tag for tag in given.as_set() if tag))
    )
    exists = True if given.star_tag else None
    if "If-None-Match" in request.headers:
        if not refused.star_tag:
            raise InvalidField("If-None-Match can only be * here: to write an item that is not there yet.")
        if exists or versions is not None:
            raise OptionsConflict("If-Match and If-None-Match contradict each other. Send one of them.")
        exists = False
    return OnlyIf(versions, exists, or_done=tried_before or bool(request.environ.get(TRIED_BEFORE)))


def read_item(request: "Request", item_id: str) -> ItemChange:
    """Read what an item is to be: JSON, or a form with a file and attributes as JSON.

    Raises UnknownField, InvalidField, BadRequest, UnsupportedContentType, and werkzeug's RequestEntityTooLarge.
    """
    no_parameters(request)
    body = _whole_body(request)
    if request.mimetype == FORM:
        return _of_form(request, item_id)
    if request.mimetype == JSON:
        fields = read_object(body, "The body")
        _require_known(fields, (_ATTRIBUTES, IMAGE, IMAGE_URL), "field")
        return _change(item_id, fields)
    raise _unsupported(request, f"{JSON} or {FORM}")


def read_patch(request: "Request") -> Mapping[str, Any]:
    """Read which attributes are to be changed: a merge patch of the item (RFC 7396). Raises as `read_item` does."""
    no_parameters(request)
    body = _whole_body(request)
    if request.mimetype not in {MERGE_PATCH, JSON}:
        raise _unsupported(request, f"{MERGE_PATCH} or {JSON}")
    fields = read_object(body, "The body")
    _require_known(fields, (_ATTRIBUTES,), "field")
    patch = fields.get(_ATTRIBUTES)
    if not isinstance(patch, dict):
        raise InvalidField('attributes must be an object, like {"attributes": {"price": 30, "old": null}}.')
    return patch


def read_image(request: "Request") -> "bytes | Address":
    """Read a picture that is the whole body, or that JSON holds or names. Raises as `read_item` does."""
    no_parameters(request)
    body = _whole_body(request)
    if request.mimetype == JSON:
        fields = read_object_with_picture(body, "The body")
        _require_known(fields, (IMAGE, IMAGE_URL), "field")
        picture = read_picture_in(fields)
        if picture is None:
            raise InvalidField(f"There is no picture. Send it as {IMAGE}, in base64, or its address as {IMAGE_URL}.")
        return picture
    if not request.mimetype.startswith("image/") and request.mimetype != BYTES:
        raise _unsupported(request, f"image/*, {BYTES} or {JSON}")
    return _not_empty(body)


def read_lines(request: "Request") -> Iterator[Line]:
    """Read changes, a JSON object a line, as they are asked for; what is wrong with one is its own.

    Blank lines are passed over. Raises UnknownField, UnsupportedContentType, TooManyLines, and BadRequest where there
    is no line at all, or less than was announced.
    """
    no_parameters(request)
    body = _whole_body(request)
    if request.mimetype != LINES:
        raise _unsupported(request, LINES)
    if body.count(b"\n") > MOST_LINES:
        raise TooManyLines(f"There are more than {MOST_LINES:,} lines. Send them in several requests.")
    if not body.strip():
        raise BadRequest('There is nothing to write. Send a JSON object a line, like {"id": "sku-1", "delete": true}.')
    return (_line(number, line) for number, line in enumerate(io.BytesIO(body), 1) if line.strip())


def _line(number: int, line: bytes) -> Line:
    item_id = None
    try:
        fields = read_object(line, "The line")
        if isinstance(named := fields.get(_ID), str):
            item_id = named
        _require_known(fields, (_ID, _ATTRIBUTES, IMAGE, IMAGE_URL, _DELETE), "field")
        if item_id is None:
            raise InvalidField("The line has no id that is text. Give it one.")
        return Line(number, item_id, _change(item_id, fields))
    except LookalikeError as error:
        return Line(number, item_id, error)


def _change(item_id: str, fields: Mapping[str, Any]) -> ItemChange:
    if _DELETE in fields:
        if fields[_DELETE] is not True or any(name in fields for name in (_ATTRIBUTES, IMAGE, IMAGE_URL)):
            raise InvalidField("delete must be true, and stand alone beside the id.")
        return ItemChange(item_id, delete=True)
    return ItemChange(
        item_id,
        _attributes(fields[_ATTRIBUTES]) if _ATTRIBUTES in fields else None,
        read_picture_in(fields),
    )


def _of_form(request: "Request", item_id: str) -> ItemChange:
    parts = read_form(request)
    _require_known([part.name for part in parts], (_ATTRIBUTES, IMAGE), "form field")
    attributes: Attributes | None = None
    image = None
    for part in parts:
        if part.is_file != (part.name == IMAGE):
            raise InvalidField("In a form, image is a file and attributes is a field.")
        if part.is_file:
            if image is not None:
                raise InvalidField("There is more than one file named image. Send one.")
            image = _not_empty(part.data)
        else:
            if attributes is not None:
                raise InvalidField("The form field attributes is given twice. Give it once.")
            attributes = read_object(part.data, _ATTRIBUTES)
    return ItemChange(item_id, attributes, image)


def _attributes(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidField('attributes must be an object, like {"brand": "Acme", "price": 30}.')
    return value


def _whole_body(request: "Request") -> bytes:
    """Return a body that has come whole: half a picture can be one, and half of all lines are some."""
    data = request.get_data()
    if len(data) < (request.content_length or 0):
        raise BadRequest(f"The body ends after {len(data)} of {request.content_length} bytes. Send it again.")
    return data


def _require_known(names: Iterable[str], known: tuple[str, ...], kind: str) -> None:
    for name in names:
        if name not in known:
            raise UnknownField(
                f"There is no {kind} {name[:60]!r} in an item that is written: {', '.join(known)} may be."
            )


def _not_empty(image: bytes) -> bytes:
    if not image:
        raise InvalidField("The picture is empty. Choose a file that is not, and send it again.")
    return image


def _unsupported(request: "Request", wanted: str) -> UnsupportedContentType:
    return UnsupportedContentType(
        f"The content type {request.mimetype[:60] or '(none)'} is not accepted here. Send {wanted}."
    )
