"""The head of a request: its fields read once, its target as a path."""

from typing import NamedTuple

import httptools

from search_api.server import refusals
from search_api.server.frames import Answer, Headers

_REQUEST_ID = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/+=@")
_MOST_REQUEST_ID = 128


class Fields(NamedTuple):
    """What the fields of a head say of the request itself."""

    length: int | None = None
    """Bytes of the body, where `Content-Length` tells them."""
    is_chunked: bool = False
    is_encoded: bool = False
    expects_continue: bool = False
    content_type: bytes = b""
    request_id: str | None = None
    """The client's own `X-Request-Id`, where it may be taken over."""


def read_fields(headers: Headers, version: str) -> Fields | Answer:
    """Read the fields of a head of HTTP `version`; return the refusal where they contradict or are not understood."""
    length: int | None = None
    request_id: str | None = None
    has_host = is_chunked = expects = is_encoded = False
    content_type = b""
    for name, value in headers:
        if name == b"host":
            if has_host:
                return refusals.BAD_REQUEST
            has_host = True
        elif name == b"content-length":
            length = int(value)  # the parser refuses what is not digits
        elif name == b"transfer-encoding":
            if is_chunked or value.strip().lower() != b"chunked" or version != "1.1":
                return refusals.BAD_REQUEST
            is_chunked = True
        elif name == b"content-type":
            content_type = value
        elif name == b"content-encoding":
            is_encoded = value.strip().lower() not in {b"", b"identity"}
        elif name == b"expect":
            if value.strip().lower() != b"100-continue":
                return refusals.UNKNOWN_EXPECTATION
            expects = True
        elif name == b"x-request-id" and 0 < len(value) <= _MOST_REQUEST_ID and _REQUEST_ID.issuperset(value):
            request_id = value.decode("ascii")
    has_two_ends = is_chunked and length is not None
    if version not in {"1.0", "1.1"} or (not has_host and version == "1.1") or has_two_ends:
        return refusals.BAD_REQUEST
    return Fields(length, is_chunked, is_encoded, expects, content_type, request_id)


def path_of(target: bytes, method: str) -> bytes:
    """Return the path and query of a target: of a path itself, a whole URL, or `*`. Raises ValueError for others."""
    if target.startswith(b"/") or (target == b"*" and method == "OPTIONS"):
        return target
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError as error:
        raise ValueError("no URL") from error
    if (url.schema or b"").lower() not in {b"http", b"https"} or method == "CONNECT":
        raise ValueError("no URL of HTTP")
    path: bytes = url.path or b"/"
    return path + b"?" + url.query if url.query else path


def without_prefix(target: bytes, prefix: str) -> bytes:
    """Return the target below a prefix that a proxy left on it; any other as it is."""
    if not prefix or not target.startswith(prefix.encode()):
        return target
    rest = target[len(prefix) :]
    if not rest or rest[:1] in b"/?":
        return rest if rest[:1] == b"/" else b"/" + rest
    return target
