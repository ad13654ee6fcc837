"""How a view was made: notes, outline and garments, kept by the browser for the page that its upload leads to."""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from indexer.predictions import predicted_class
from models.errors import InvalidBox
from models.pictures.boxes import Box
from search_api.http.answers import box_answer
from search_api.results import Garment
from webui import mask_codec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Request
    from werkzeug.wrappers import Response

    from models.embedder import View

COOKIE = "steps"
MAX_LENGTH = 3000
MAX_AGE = 3600
"""Characters and seconds."""

MOST_GARMENTS = 8
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The notes about a view, where its photograph showed the garment, and the garments where there were several.

    `outline` is bool (height, width), None if unknown.
    """

    notes: tuple[str, ...] = ()
    outline: mask_codec.Mask | None = None
    garments: tuple[Garment, ...] = ()


def keep(response: "Response", address: str, view: "View", garments: "Sequence[Garment]" = ()) -> None:
    """Let the browser keep the steps to the view at `address`, in place of those it kept before.

    Of the garments it keeps the first MOST_GARMENTS where there are several.
    """
    if not view.notes and view.cutout is None:
        return
    drawn = None if view.cutout is None else mask_codec.to_text(mask_codec.outline_of(view.cutout, view.frame))
    several = [_kept_of(garment) for garment in garments[:MOST_GARMENTS]] if len(garments) > 1 else []
    value = quote(json.dumps([_digest(address), drawn, *view.notes, *several]), safe="")
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
    notes = tuple(note for note in kept[2:] if isinstance(note, str))
    return Steps(notes, _outline(kept[1:2]), _garments([one for one in kept[2:] if isinstance(one, list)]))


def _outline(kept: list[Any]) -> mask_codec.Mask | None:
    try:
        return mask_codec.from_text(kept[0]) if kept and isinstance(kept[0], str) else None
    except ValueError:
        return None


def _kept_of(garment: "Garment") -> list[Any]:
    best = garment.best_class
    return [*box_answer(garment.box), best.value, round(best.probability, 4), int(garment.searched)]


def _garments(kept: list[Any]) -> tuple[Garment, ...]:
    try:
        return tuple(
            Garment(Box(*map(float, box)), predicted_class(str(name)[:_LONGEST_NAME], float(share)), bool(searched))
            for *box, name, share, searched in kept
            if 0 <= float(share) <= 1
        )
    except (ValueError, TypeError, InvalidBox):
        return ()


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]
