"""How a view was made: notes and the garment's outline, kept by the browser for the page that its upload leads to."""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from webui import mask_codec

if TYPE_CHECKING:
    from flask import Request
    from werkzeug.wrappers import Response

    from models.embedder import View

COOKIE = "steps"
MAX_LENGTH = 3000
MAX_AGE = 3600
"""Characters and seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The notes about a view, and where its photograph showed the garment: bool (height, width), None if unknown."""

    notes: tuple[str, ...] = ()
    outline: mask_codec.Mask | None = None


def keep(response: "Response", address: str, view: "View") -> None:
    """Let the browser keep the steps to the view at `address`, in place of those it kept before."""
    if not view.notes and view.cutout is None:
        return
    drawn = None if view.cutout is None else mask_codec.to_text(mask_codec.outline_of(view.cutout))
    value = quote(json.dumps([_digest(address), drawn, *view.notes]), safe="")
    if len(value) <= MAX_LENGTH:
        response.set_cookie(COOKIE, value, max_age=MAX_AGE, path="/search", httponly=True, samesite="Strict")


def of(request: "Request", address: str) -> Steps:
    """Return the steps that the browser keeps of this view; none when it keeps another's."""
    try:
        kept = json.loads(unquote(request.cookies.get(COOKIE, "")))
    except (ValueError, RecursionError):  # nobody but the browser says what a cookie holds
        return Steps()
    if not isinstance(kept, list) or kept[:1] != [_digest(address)]:
        return Steps()
    return Steps(tuple(note for note in kept[2:] if isinstance(note, str)), _outline(kept[1:2]))


def _outline(kept: list[Any]) -> mask_codec.Mask | None:
    try:
        return mask_codec.from_text(kept[0]) if kept and isinstance(kept[0], str) else None
    except ValueError:
        return None


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]
