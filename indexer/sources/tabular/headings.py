"""The heads of tables: which row it is, which columns are `id` and `image`, and what the others are called."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.sources.errors import ColumnUnusable

ID, IMAGE, TITLE = "id", "image", "title"
KNOWN = (ID, IMAGE, TITLE)
"""Columns that mean something: they are found in whatever case they are written."""

MOST_COLUMNS = 2000
"""Columns that a table has at most."""

SEARCHED = 20
"""Rows among which the head is looked for: some exports begin with a title, a date, or blank rows."""

_BLANKS = re.compile(r"\s+")
_INDEX = re.compile(r"unnamed: \d+(_level_\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Head:
    """The names of columns in their order, and sentences on what was made of the headings.

    `unnamed` are those whose heading is blank or by which pandas says that it was: they got names by their places.
    """

    names: tuple[str, ...]
    unnamed: frozenset[str]
    notes: tuple[str, ...]


def plain_name(written: str) -> str:
    """Return a heading as the name of an attribute: in NFC, runs of blanks one space, no quotes or backslashes."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", written)).strip().replace('"', "'").replace("\\", "/")


def known_names(written: Sequence[str]) -> dict[str, str]:
    """Return what headings are called that mean something: `ID` is `id`, but where there is an `id` as well."""
    renamed: dict[str, str] = {}
    for known in KNOWN:
        alike = [name for name in written if name.casefold() == known]
        if known not in alike and len(alike) == 1:
            renamed[alike[0]] = known
    return renamed


def has_all(cells: Sequence[str]) -> bool:
    """Tell whether a row names both the columns that every table has."""
    names = {plain_name(cell).casefold() for cell in cells}
    return ID in names and IMAGE in names


def head_of(cells: Sequence[str], path: Path) -> Head:
    """Return the head that a row is. Columns of one name are told apart by numbers. Raises ColumnUnusable for
    two that mean something, like `id`, and for too many.
    """
    if len(cells) > MOST_COLUMNS:
        raise ColumnUnusable(f"{path} has {len(cells)} columns; at most {MOST_COLUMNS} are taken. Is it a table?")
    written = [plain_name(cell) for cell in cells]
    renamed = known_names(written)
    names: list[str] = []
    unnamed: set[str] = set()
    notes: list[str] = []
    for place, (cell, plain) in enumerate(zip(cells, written, strict=True), 1):
        name = renamed.get(plain, plain)
        if not name or _INDEX.fullmatch(name):
            name = f"column {place}"
            unnamed.add(name)
        elif name != cell.strip():
            notes.append(f"The column {cell.strip()!r} is called {name!r}.")
        names.append(name)
    for name in KNOWN:
        if (count := names.count(name)) > 1:
            raise ColumnUnusable(f"{path} has {count} columns {name!r}. Give each a name of its own in the head.")
    notes += _told_apart(names)
    return Head(tuple(names), frozenset(unnamed), tuple(notes))


def _told_apart(names: list[str]) -> list[str]:
    """Give columns of one name a number each, but the first; return what to say of it."""
    taken = set(names)
    seen: set[str] = set()
    notes = []
    for place, name in enumerate(names):
        if name in seen:
            number = 2
            while (other := f"{name} {number}") in taken:
                number += 1
            taken.add(other)
            names[place] = other
            notes.append(f"A further column {name!r}, the {place + 1}. of all, is called {other!r}.")
        seen.add(name)
    return notes
