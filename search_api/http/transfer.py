"""How an answer travels: as JSON, not at all where the asker has it already, and compressed where that is worth it."""

import gzip
import zlib
from typing import TYPE_CHECKING, Any

import orjson
from flask import Response
from flask.json.provider import DefaultJSONProvider
from werkzeug.http import parse_etags, quote_etag

if TYPE_CHECKING:
    from flask import Request

    from search_api.engine_state import Reading

COMPRESSED_FROM = 1024
"""Bytes of JSON from which on it is compressed for those who accept that."""

_LEVEL = 4  # of gzip: level 9 takes three times as long for one per cent less
_COMPRESSIBLE = {"application/json", "application/problem+json"}


class QuickJSON(DefaultJSONProvider):
    """Flask's JSON, written by orjson: UTF-8, keys in the order of the answer, no spaces, a line break at the end."""

    sort_keys = False
    ensure_ascii = False

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return an answer of JSON."""
        value = self._prepare_response_obj(args, kwargs)
        try:
            body: bytes | str = orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
        except orjson.JSONEncodeError:  # integers beyond 64 bits, which JSON may hold
            body = self.dumps(value, separators=(",", ":")) + "\n"
        return Response(body, mimetype=self.mimetype)


def etag_of(request: "Request", reading: "Reading", fingerprint: str) -> str:
    """Return what names an answer that depends on the address, the catalogue's state and the model alone.

    It is weak (RFC 9110, 8.8.1): the same answer may be sent compressed or not.
    """
    address = zlib.crc32(request.full_path.encode(errors="surrogateescape"))
    return quote_etag(f"{reading.version}-{fingerprint[:8]}-{address:x}", weak=True)


def has_already(if_none_match: str | None, etag: str) -> bool:
    """Whether the asker says that it has this very answer. Its name may be given in full or without the mark `W/`.

    `*`, which names none, would have a question answered that nobody has looked at.
    """
    known = parse_etags(if_none_match)
    return not known.star_tag and known.contains_weak(etag.removeprefix("W/").strip('"'))


def compress(request: "Request", response: Response) -> Response:
    """Compress an answer of JSON where the asker accepts it and it is large enough."""
    if response.mimetype not in _COMPRESSIBLE or response.is_streamed:
        return response
    response.headers["Vary"] = "Accept-Encoding"
    told = request.headers.get("Accept-Encoding", "")
    if "gzip" in told and request.accept_encodings["gzip"] > 0 and "Content-Encoding" not in response.headers:
        data = response.get_data()
        if len(data) >= COMPRESSED_FROM:
            response.set_data(gzip.compress(data, _LEVEL, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
    return response
