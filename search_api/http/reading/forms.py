"""Reading a form (multipart/form-data, RFC 7578) that has arrived whole; nothing of it is ever written to a file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser
from werkzeug.exceptions import RequestEntityTooLarge

from search_api.errors import BadRequest

if TYPE_CHECKING:
    from flask import Request

MAX_FORM_PARTS = 1000
"""Parts of a form that are read at all, so that a form with some fields too many is told which it should not have."""

MAX_FORM_FIELD = 128 * 1024
"""Bytes of one form field that is not the picture, and of a JSON body."""


class Part(NamedTuple):
    """One part of a form: a file where it has a name of its own, a field where it has none."""

    name: str
    is_file: bool
    data: bytes

    @property
    def text(self) -> str:
        """What a field says; what is not UTF-8 in it is replaced."""
        return self.data.decode(errors="replace")


def read_form(request: "Request") -> list[Part]:
    """Return the parts of a form in order.

    Raises BadRequest for a body that is no whole form, and werkzeug's RequestEntityTooLarge.
    """
    body = request.get_data(cache=False)
    try:
        boundary = request.mimetype_params.get("boundary", "").encode("ascii")
        return list(_parts(boundary, _with_empty_lines(boundary, body)))
    except ParserLimitReached as error:
        raise RequestEntityTooLarge from error
    except (MultipartError, UnicodeError) as error:
        raise BadRequest(f"The body is not a whole form as its content type says ({error}).") from error


def _with_empty_lines(boundary: bytes, body: bytes) -> bytes:
    """Give back the line that some clients, such as Werkzeug's own, leave out of a field that is empty.

    There the line that ends the part's head is also the one that belongs to the next boundary.
    """
    delimiter, head_end = b"--" + boundary, b"\r\n\r\n"
    pieces, kept = [], 0
    at = body.find(head_end + delimiter)
    while at >= 0:
        begin, end = body.rfind(delimiter, 0, at), at + len(head_end)
        if begin >= 0 and body.find(head_end, begin, end) == at:
            pieces += [body[kept:end], b"\r\n"]
            kept = end
        at = body.find(head_end + delimiter, end)
    return b"".join((*pieces, body[kept:])) if pieces else body


def _parts(boundary: bytes, body: bytes) -> Iterator[Part]:
    pieces: list[bytes] = []
    segment: MultipartSegment | None = None
    with PushMultipartParser(boundary, max_segment_count=MAX_FORM_PARTS) as parser:
        for event in parser.parse(body):
            if isinstance(event, MultipartSegment):
                segment, pieces = event, []
            elif event is not None:
                pieces.append(bytes(event))
            elif segment is not None:
                data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                if segment.filename is None and len(data) > MAX_FORM_FIELD:
                    raise RequestEntityTooLarge
                yield Part(segment.name or "", segment.filename is not None, data)
