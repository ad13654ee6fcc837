"""An index in memory of the words that items say, advanced from one state of a catalogue to the next."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import apsw
import numpy as np
import orjson

from indexer.database import rows
from indexer.database.proofs import is_proven
from indexer.told_values import is_probability
from indexer.words.queries import TypedWords
from models.colours.matching import names_that_count
from models.colours.names import other_names

if TYPE_CHECKING:
    from indexer.database.rows import Rows

TITLES = ("title", "name")
"""Attributes, in capitals or not, whose words count most."""

_WEIGHTS = (4, 2, 2, 1)  # of the title, the class, the colours, everything else
_TABLE = (
    "CREATE VIRTUAL TABLE words USING fts5(title, label, colours, others, content='', contentless_delete=1,"
    " tokenize='porter unicode61 remove_diacritics 2')"
)
_AT_ONCE = 4096
_KEPT = 32


@dataclass(frozen=True, slots=True, eq=False)
class FoundWords:
    """The rows that words are in, with their relevance: BM25 as a share of the best row's, more than 0 and up to 1.

    `rows_text` is a JSON list of the rows; `note` what is to be said where not all of the words are in them.
    """

    relevance: Mapping[int, float]
    rows_text: str
    note: str | None = None


class WordIndex:
    """The words of all items of one catalogue, made when they are first asked for. Safe to use from any thread.

    Like the index of vectors it is a cache: SQLite's tables hold the truth. What is found, and how relevant it is,
    depends on the items of the state that is asked about alone.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._latest: _Table | None = None

    def find(self, connection: apsw.Connection, text: str, *, whole: bool = False) -> FoundWords:
        """Return the rows that the words of a text are in, in the state that a read transaction sees.

        They have all words, or any where none has all; a word is found in every form that its stem has, without
        accents, and the last one where something begins with it. With `whole` no such allowance is made for the last,
        nor where nothing has all.
        """
        revision = int(connection.execute("SELECT revision FROM catalogue").get)
        with self._turn:
            table, self._latest = self._latest, None  # which is not to be used if advancing it fails
            if table is not None and revision < table.revision:  # somebody reads an earlier state still
                self._latest, table = table, _Table()
            table = table or _Table()
            table.advance(connection, revision)
            self._latest = self._latest or table
            return table.find(text, whole=whole)


class _Table:
    """The words of one state."""

    def __init__(self) -> None:
        self.revision = -1
        self._rows: Rows = np.empty(0, np.int64)
        self._found: dict[tuple[str, bool], FoundWords] = {}
        self._words = apsw.Connection(":memory:")
        self._words.execute(_TABLE)

    def advance(self, connection: apsw.Connection, revision: int) -> None:
        """Take in what a read transaction sees beyond, and forget what it sees no more."""
        if revision == self.revision:
            return
        last = int(self._rows.max(initial=0))
        with self._words:
            items = connection.execute(f"SELECT {rows.ITEM_COLUMNS} FROM items WHERE row > ? ORDER BY row", (last,))
            proven = (item for item in items if is_proven(connection, item))
            added = np.fromiter(self._add(proven), np.int64)
            self._rows = np.concatenate([self._rows, added])
            if len(self._rows) != connection.execute("SELECT count(*) FROM items").get:
                is_live = np.isin(self._rows, rows.rows_where(connection, None), assume_unique=True)
                gone = [(row,) for row in self._rows[~is_live].tolist()]
                self._words.executemany("DELETE FROM words WHERE rowid = ?", gone)
                self._rows = self._rows[is_live]
        self._found.clear()
        self.revision = revision

    def find(self, text: str, *, whole: bool) -> FoundWords:
        """Return what is found for a text; remembered, since one question looks it up several times."""
        found = self._found.get((text, whole))
        if found is None:
            found = self._looked_up(text, whole=whole)
            if len(self._found) >= _KEPT:
                self._found.clear()
            self._found[text, whole] = found
        return found

    def _add(self, items: Iterator[tuple[Any, ...]]) -> Iterator[int]:
        while block := list(islice(items, _AT_ONCE)):
            self._words.executemany(
                "INSERT INTO words (rowid, title, label, colours, others) VALUES (?, ?, ?, ?, ?)", map(_said, block)
            )
            yield from (row for row, *_ in block)

    def _looked_up(self, text: str, *, whole: bool) -> FoundWords:
        typed = TypedWords.read(text)
        if not typed.words:
            return FoundWords({}, "[]", f"There is no word in {text!r}.")
        if whole:
            ranked = self._ranked(typed.all_whole)
            return _of(ranked, None if ranked else f"No item has all words of {text!r}.")
        ranked = self._ranked(typed.all_of_them)
        if ranked:
            return _of(ranked)
        ranked = self._ranked(typed.any_of_them) if len(typed.words) > 1 else []
        if not ranked:
            return FoundWords({}, "[]", f"No item has {'a word' if len(typed.words) > 1 else 'the word'} of {text!r}.")
        return _of(ranked, f"No item has all words of {text!r}; those that have some of them are told.")

    def _ranked(self, expression: str) -> list[tuple[int, float]]:
        weights = ", ".join(map(str, _WEIGHTS))
        ranked: list[Any] = self._words.execute(  # FTS5's BM25 is below 0, the better the less
            f"SELECT rowid, -bm25(words, {weights}) FROM words WHERE words MATCH ? ORDER BY rowid", (expression,)
        ).fetchall()
        return ranked


def _of(ranked: list[tuple[int, float]], note: str | None = None) -> FoundWords:
    best = max((score for _, score in ranked), default=1)
    return FoundWords({row: score / best for row, score in ranked}, json.dumps([row for row, _ in ranked]), note)


def _said(item: tuple[Any, ...]) -> tuple[int, str, str, str, str]:
    """Return what an item says: its row, the text of its title, of its class, its colours, and everything else."""
    row, _, label, _, attributes, _, _, _, _, colours, *_ = item
    titles, others = list[str](), list[str]()
    for name, value in orjson.loads(attributes).items():
        if is_probability(name):
            continue
        texts = titles if name.lower() in TITLES else others
        texts += [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    called = sorted(names_that_count(colours)) if colours else []
    seen = [name for colour in called for name in (colour, *other_names(colour))]
    return row, "\n".join(titles), label, "\n".join(seen), "\n".join(others)
