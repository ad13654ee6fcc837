"""Reading questions out of requests: exactly one query, known fields only, each at most once."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from search_api.errors import (
    BadRequest,
    InvalidField,
    NoQuery,
    SeveralQueries,
    UnknownField,
    UnsupportedContentType,
)
from search_api.http.parameters import read, read_box, read_object, read_query
from search_api.parameters import CUTOUT, LIMIT, OFFSET, PAGE, PICTURE, QUERY, names_of

if TYPE_CHECKING:
    from indexer.records import Where
    from models.pictures.boxes import Box
    from search_api.query import Query

FORM = "multipart/form-data"
JSON = "application/json"
BYTES = "application/octet-stream"

MAX_FORM_PARTS = 1000
"""Parts of a form that are read at all, so that a form with some fields too many is told which it should not have."""

MAX_FORM_FIELD = 128 * 1024
"""Bytes of one form field that is not the picture, and of a JSON body. Werkzeug reads forms in pieces of 64 KiB, and
holds the piece in hand to the same limit."""

SOURCES = ("image", "item_id")
SEARCH_OPTIONS = names_of(*QUERY, *PICTURE)


class ApiRequest(Request):
    """A request whose uploads stay in memory and whose malformed forms are errors, not empty forms."""

    def make_form_data_parser(self) -> FormDataParser:
        """Return a parser that raises ValueError for a body that is no form."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        """Werkzeug would write what is larger than 500 kB to a temporary file; uploads are never stored."""
        return io.BytesIO()


@dataclass(frozen=True, slots=True)
class Search:
    """One question: the bytes of a picture, maybe with a box in it, or the id of an item; never both."""

    image: bytes | None
    item_id: str | None
    query: "Query"
    box: "Box | None"
    cutout: bool


@dataclass(frozen=True, slots=True)
class Browse:
    """One page of a listing."""

    where: "Where | None"
    offset: int
    limit: int


def read_search(request: Request) -> Search:
    """Read a search: a form with a picture, a bare picture with options in the address, or JSON with an item.

    Raises NoQuery, SeveralQueries, UnknownField, InvalidField, InvalidBox, KOutOfRange, LookOutOfRange, BadRequest,
    UnsupportedContentType, and werkzeug's RequestEntityTooLarge.
    """
    if encoding := request.headers.get("Content-Encoding", "").strip().lower().removeprefix("identity"):
        raise UnsupportedContentType(
            f"The content encoding {encoding[:40]} is not accepted. Send the body as it is, without Content-Encoding."
        )
    kind = request.mimetype
    if kind == FORM:
        no_parameters(request)
        return _read_form(request)
    if kind == JSON:
        no_parameters(request)
        return _read_json(request)
    if kind.startswith("image/") or kind == BYTES:
        return _read_bytes(request)
    if not kind and not _body(request):
        raise NoQuery("The request is empty. Send a picture, a form with a picture, or JSON with an item_id.")
    raise UnsupportedContentType(
        f"The content type {kind or '(none)'} is not accepted. Send a picture as image/* or {BYTES}, "
        f"a form as {FORM} with a file named image, or {JSON} with an item_id."
    )


def read_similar(request: Request) -> "Query":
    """Read k, the filter and the look of a question about similar items from its address."""
    return read_query(_once(request.args, names_of(*QUERY), "query parameter"))


def read_browse(request: Request) -> Browse:
    """Read label, offset and limit of a listing from its address."""
    fields = _once(request.args, names_of(*PAGE), "query parameter")
    where = {"label": fields["label"]} if "label" in fields else None
    return Browse(where, read(fields, OFFSET), read(fields, LIMIT))


def no_parameters(request: Request) -> None:
    """Raise UnknownField when the address has a query parameter."""
    _once(request.args, (), "query parameter")


def _read_form(request: Request) -> Search:
    try:
        form, files = request.form, request.files
    except RequestEntityTooLarge:
        raise
    except ValueError as error:
        raise BadRequest(f"The body is not a whole form as its content type says ({error}).") from error
    _known([*form, *files], (*SOURCES, *SEARCH_OPTIONS), "form field")
    if len(files.getlist("image")) > 1:
        raise SeveralQueries("There is more than one file named image. Send one picture at a time.")
    if "image" in form:
        raise InvalidField("The form field image must be a file.")
    for name in files:
        if name != "image":
            raise InvalidField(f"The form field {name} must be text, not a file.")
    fields = _once(form, ("item_id", *SEARCH_OPTIONS), "form field")
    image = files["image"].read() if "image" in files else None
    return _search(image, fields.get("item_id"), fields)


def _read_bytes(request: Request) -> Search:
    fields = _once(request.args, ("item_id", *SEARCH_OPTIONS), "query parameter")
    data = _body(request)
    if request.content_length is not None and len(data) < request.content_length:
        raise BadRequest(f"The body ends after {len(data)} of {request.content_length} bytes. Send it again.")
    return _search(data, fields.get("item_id"), fields)


def _read_json(request: Request) -> Search:
    body = _body(request)
    if not body:
        raise NoQuery('The body is empty. Send JSON like {"item_id": "..."}.')
    if len(body) > MAX_FORM_FIELD:
        raise RequestEntityTooLarge
    fields = read_object(body, "The body")
    _known(fields, (*SOURCES, *SEARCH_OPTIONS), "field")
    if "image" in fields:
        if "item_id" in fields:
            raise _several()
        raise InvalidField(f"A picture can't be sent in JSON. Send its bytes as image/*, or in a form as {FORM}.")
    item_id = fields.get("item_id")
    if item_id is not None and not isinstance(item_id, str):
        raise InvalidField("item_id must be text.")
    return _search(None, item_id, fields)


def _search(image: bytes | None, item_id: str | None, fields: Mapping[str, Any]) -> Search:
    if image is not None and item_id is not None:
        raise _several()
    if image is None and item_id is None:
        raise NoQuery("There is nothing to search with. Send a picture named image, or an item_id.")
    if image is not None and not image:
        raise NoQuery("The picture is empty. Choose a file that is not, and send it again.")
    box = read_box(fields, of_picture=image is not None)
    return Search(image, item_id, read_query(fields), box, read(fields, CUTOUT))


def _several() -> SeveralQueries:
    return SeveralQueries("There is both a picture and an item_id. Send one of the two.")


def _body(request: Request) -> bytes:
    return request.get_data(cache=False)


def _once(fields: MultiDict[str, str], known: tuple[str, ...], kind: str) -> dict[str, str]:
    _known(fields, known, kind)
    for name, values in fields.lists():
        if len(values) > 1:
            raise InvalidField(f"The {kind} {name} is given {len(values)} times. Give it once.")
    return fields.to_dict()


def _known(names: Iterable[str | None], known: tuple[str, ...], kind: str) -> None:
    for name in names:
        if name not in known:
            allowed = f"Known are: {', '.join(known)}." if known else "This address takes none here."
            raise UnknownField(f"There is no {kind} {str(name)[:60]!r}. {allowed}")
