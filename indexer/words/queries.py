"""What a person types as expressions of FTS5 (https://sqlite.org/fts5.html): every word quoted, so none is syntax."""

import re
import unicodedata
from dataclasses import dataclass

_BETWEEN = re.compile(r'[\s,;:/|()\[\]{}"\0]+')


@dataclass(frozen=True, slots=True)
class TypedWords:
    """The words of a text in order. What a hyphen, a dot or an apostrophe joins is one, and found as it stands."""

    words: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> "TypedWords":
        """Return the words of a text; signs alone are none."""
        parts = _BETWEEN.split(unicodedata.normalize("NFC", text))
        return cls(tuple(part for part in parts if any(sign.isalnum() for sign in part)))

    @property
    def all_of_them(self) -> str:
        """What matches texts that have every word, of the last one its beginning at least."""
        return " AND ".join([*map(_quoted, self.words[:-1]), f"({_begun(self.words[-1])})"])

    @property
    def any_of_them(self) -> str:
        """What matches texts that have one word, of the last one its beginning at least."""
        return " OR ".join([*map(_quoted, self.words[:-1]), _begun(self.words[-1])])

    @property
    def all_whole(self) -> str:
        """What matches texts that have every word, the last one, too, as it is."""
        return " AND ".join(map(_quoted, self.words))


def _quoted(word: str) -> str:
    return f'"{word}"'


def _begun(word: str) -> str:
    """Return what matches a word and its beginnings; the word itself counts twice, so it comes first."""
    return f"{_quoted(word)} OR {_quoted(word)} *"
