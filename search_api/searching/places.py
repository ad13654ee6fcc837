"""Places: where the pages of a question go on in one state of a catalogue, and the opaque text that is sent for it."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from search_api.errors import InvalidCursor, StaleCursor
from search_api.parameters import HITS
from search_api.query import Query

MOST_RANKED = 10_000
"""Of the items most like a question, so many are looked at, at most: no page goes beyond them."""

_WRITTEN = re.compile(r"([0-9a-zA-Z_-]{1,40}) ([0-9a-f]{16}) ([0-9]{1,6}) ([0-9]{1,6})")
_LONGEST = 200
_SAYING_NOTHING = ("k", "cursor", "fields")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after `offset` hits, of pages the first of which had at most `first`."""

    offset: int
    first: int


def place_of(query: Query, state: str, question: str) -> Place:
    """Return where the page that a query asks for begins, in a state of that version.

    `question` is what `question_name` gives. Raises StaleCursor, and InvalidCursor for what no page of this question
    has ended with.
    """
    if query.cursor is None:
        return Place(0, query.k)
    written = _WRITTEN.fullmatch(_decoded(query.cursor))
    if written is None:
        raise _invalid()
    if written[1] != state:
        raise StaleCursor(
            "The catalogue has changed since the page that this cursor is of. Begin again: send the question without "
            "a cursor."
        )
    place = Place(int(written[3]), int(written[4]))
    if written[2] != question or not 1 <= place.offset < MOST_RANKED or not HITS.allows(place.first):
        raise _invalid()
    return place


def cursor_of(place: Place, state: str, question: str) -> str:
    """Return the text that `place_of` reads."""
    text = f"{state} {question} {place.offset} {place.first}"
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def question_name(query: Query, *subject: Any) -> str:
    """Return what names a question whatever its pages: its options, and what more is said of its subject."""
    options = {
        name: value
        for name in Query.__dataclass_fields__
        if name not in (*_SAYING_NOTHING, "limit") and (value := getattr(query, name)) not in (None, ())
    }
    return blake2b(repr((options, subject)).encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _decoded(cursor: str) -> str:
    try:
        return urlsafe_b64decode(cursor[:_LONGEST] + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:
        raise _invalid() from None


def _invalid() -> InvalidCursor:
    return InvalidCursor(
        "That is no cursor of this question. Send the next of the page before as it is, with the same question and "
        "options; only limit and fields may change."
    )
