"""Which paths below a folder a person wants: patterns like `*.jpg` or `season-*/front/**`."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from fnmatch import translate

ANY_DEPTH = "**"


class PathPatterns:
    """Patterns for paths below a folder, in either case and compared by NFC.

    One without a slash is about a name, of a file or of a folder, at any depth; one with a slash about the path from
    the top, where `**` stands for any number of folders, none included. What names a folder is about all in it.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = [_segments(pattern) for pattern in patterns]
        self._names = {name for pattern in self._patterns for name in pattern}

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def match(self, path: str) -> bool:
        """Whether a pattern is about a path, with forward slashes, or about a folder above it."""
        parts = tuple(_plain(path).split("/"))
        return any(_begins(pattern, parts) for pattern in self._patterns)

    def names(self, name: str) -> bool:
        """Whether a pattern names a folder or file letter by letter."""
        return translate(_plain(name)) in self._names


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _segments(pattern: str) -> tuple[str, ...]:
    """Return regular expressions for the segments of a path, ANY_DEPTH where there may be any."""
    parts = [part for part in _plain(pattern).split("/") if part not in {"", "."}]
    anchored = parts if "/" in pattern.rstrip("/") else [ANY_DEPTH, *parts]
    return tuple(part if part == ANY_DEPTH else translate(part) for part in anchored)


def _begins(pattern: Iterable[str], parts: Sequence[str]) -> bool:
    """Whether a path, or a folder on it, is what a pattern describes."""
    places = {0}
    for segment in pattern:
        if segment == ANY_DEPTH:
            places = set(range(min(places), len(parts) + 1))
        else:
            places = {place + 1 for place in places if place < len(parts) and re.fullmatch(segment, parts[place])}
        if not places:
            return False
    return True
