"""The pages of one search, one after another, for both clients."""

from collections.abc import Mapping
from typing import cast

from lookalike_client.calls import Call, Ids, search, search_words, similar
from lookalike_client.options import OnePage, PictureSource, PictureUrl, Ranking, picture_bytes
from lookalike_client.records import Found, Hit


class HitPages:
    """All pages of one search, by a picture, by items or by words alone: asks for the next until there is none.

    Raises TypeError where there is both a picture and ids, or nothing at all; a picture that is a file is read once.
    """

    def __init__(self, picture: PictureSource | None, ids: Ids | None, page_size: int, options: Ranking) -> None:
        if picture is not None and ids is not None:
            raise TypeError("Give a picture or ids, and not both.")
        if picture is None and ids is None and not options.get("q"):
            raise TypeError("Give a picture or ids, and not both, or words as q.")
        self._picture = picture if picture is None or isinstance(picture, PictureUrl) else picture_bytes(picture)
        self._ids: Ids | None = ids if ids is None or isinstance(ids, str | Mapping) else tuple(ids)
        self._asked = cast("OnePage", {**options, "limit": page_size})
        self._done = False

    def next_call(self) -> Call[Found] | None:
        """Return how to ask for the next page; None after the last."""
        if self._done:
            return None
        if self._picture is not None:
            return search(self._picture, **self._asked)
        if self._ids is not None:
            return similar(self._ids, **self._asked)
        words = {"q": "", **self._asked}  # what words alone can't be asked, the server refuses with a sentence
        return search_words(**words)  # type: ignore[arg-type]

    def turn(self, page: Found) -> tuple[Hit, ...]:
        """Take a page, and return its hits."""
        if page.next is None:
            self._done = True
        else:
            self._asked["cursor"] = page.next
        return page.hits
