"""Cursors: where a page of a listing ended, as a text to send back for the next."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from indexer.fields import is_id
from indexer.filters import is_scalar
from indexer.records import PageEnd
from search_api.errors import InvalidCursor

LONGEST = 8192
"""Characters of a cursor."""

_DIGEST_BYTES = 6


@dataclass(frozen=True, slots=True)
class ListingCursor:
    """The state that a page was read from, its filter and order as a digest, and where it ended."""

    version: str
    listing: str
    end: PageEnd

    def __str__(self) -> str:
        parts = [self.version, self.listing, self.end.value, self.end.id]
        text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, listing: str) -> "ListingCursor":
        """Return the cursor that a text is, if it belongs to this listing. Raises InvalidCursor."""
        try:
            version, its_listing, value, id_ = _decoded(text)
        except (ValueError, TypeError, RecursionError):  # no Base64, no UTF-8, no JSON, no list of four
            raise _no_cursor() from None
        if not isinstance(version, str) or not isinstance(its_listing, str) or not is_id(id_) or not is_scalar(value):
            raise _no_cursor()
        if its_listing != listing:
            raise InvalidCursor(
                "The cursor belongs to another listing. Send where, q, predicted.class and sort as they were."
            )
        return cls(version, its_listing, PageEnd(value, id_))


def listing_digest(where: Any, sort: str) -> str:
    """Return what tells listings with another filter or order apart: a few hexadecimal digits."""
    described = json.dumps([where or None, sort], default=repr).encode()
    return hashlib.blake2b(described, digest_size=_DIGEST_BYTES).hexdigest()


def _decoded(text: str) -> Any:
    if not text.isascii() or len(text) > LONGEST:
        raise ValueError
    return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())


def _no_cursor() -> InvalidCursor:
    return InvalidCursor("The cursor is none that an answer gave. Send the next of the page before, as it is.")
