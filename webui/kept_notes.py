"""Notes about how a view was made, kept by the browser for the results page that its upload leads to."""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from flask import Request
    from werkzeug.wrappers import Response

COOKIE = "notes"
MAX_LENGTH = 3000
MAX_AGE = 3600
"""Characters and seconds."""


def keep(response: "Response", address: str, notes: Sequence[str]) -> None:
    """Let the browser keep the notes of the view at `address`, in place of those it kept before."""
    value = quote(json.dumps([_digest(address), *notes]), safe="")
    if notes and len(value) <= MAX_LENGTH:
        response.set_cookie(COOKIE, value, max_age=MAX_AGE, path="/search", httponly=True, samesite="Strict")


def of(request: "Request", address: str) -> tuple[str, ...]:
    """Return the notes that the browser keeps of this view; none when it keeps another's."""
    try:
        kept = json.loads(unquote(request.cookies.get(COOKIE, "")))
    except ValueError:
        return ()
    if not isinstance(kept, list) or kept[:1] != [_digest(address)]:
        return ()
    return tuple(note for note in kept[1:] if isinstance(note, str))


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]
