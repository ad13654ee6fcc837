"""Item ids in addresses. An id may hold anything but control characters, slashes included."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from werkzeug.routing import PathConverter

if TYPE_CHECKING:
    from flask import Request

ENCODED_SLASH = "\0"
"""Stands for %2F while a path is matched. No id holds it; one that a client sends becomes `REPLACEMENT`."""

REPLACEMENT = "\ufffd".encode().decode("latin-1")
"""U+FFFD as WSGI writes it: the bytes of UTF-8, each as one character."""


def path_of(request: "Request") -> str:
    """Return the path that was asked for, encoded as in an address, slashes of an id as %2F."""
    return "%2F".join(quote(part) for part in request.path.split(ENCODED_SLASH))


class ItemIdConverter(PathConverter):
    """Matches an item id. Slashes may be written plainly, or as %2F, which is never taken for a separator."""

    regex = "(?s:.+?)"
    part_isolating = False

    def to_python(self, value: str) -> str:
        """Return the id that a path segment stands for."""
        return value.replace(ENCODED_SLASH, "/")

    def to_url(self, value: Any) -> str:
        """Return the id as a path segment, slashes encoded."""
        return quote(str(value), safe="")


class KeepEncodedSlashes:
    """WSGI middleware that lets routing tell `%2F` from `/`.

    WSGI hands over a decoded path, where the item `a/image` and the image of item `a` are the same. The
    server's raw path still knows; a server that does not tell it (`RAW_URI` is not in PEP 3333) loses only
    that distinction.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Pass the request on, its path decoded segment by segment."""
        environ["PATH_INFO"] = environ["PATH_INFO"].replace(ENCODED_SLASH, REPLACEMENT)
        raw = environ.get("RAW_URI", "").partition("?")[0].removeprefix(environ.get("SCRIPT_NAME", ""))
        if raw.startswith("/") and "%2f" in raw.lower():
            segments = [unquote_to_bytes(part) for part in raw.replace("%2f", "%2F").split("%2F")]
            path = ENCODED_SLASH.join(part.decode("latin-1").replace(ENCODED_SLASH, REPLACEMENT) for part in segments)
            environ["PATH_INFO"] = path
        return self._application(environ, start_response)
