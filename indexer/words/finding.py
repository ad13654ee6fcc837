"""Filters and orders that ask for words, answered with the help of an index of these."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import apsw

from indexer.conditions import AllOf, AnyOf, Condition, HasWords, InRows, Not
from indexer.database import rows
from indexer.database.listing import items_in_order, place_of
from indexer.database.sql_filters import where_clause
from indexer.errors import InvalidSort
from indexer.records import Item, PageEnd
from indexer.sorting import RELEVANCE, Order
from indexer.words.word_index import WordIndex


@dataclass(frozen=True, slots=True, eq=False)
class WordFinder:
    """Looks up words in the state that a read transaction sees."""

    connection: apsw.Connection
    index: WordIndex

    def resolved(self, condition: Condition | None, *, whole: bool = False) -> Condition | None:
        """Return a condition with the rows that words are found in, in place of these; all words `whole` where asked.

        Below `Not` they always are: what is unwanted is what was named, and nothing like it.
        """
        match condition:
            case HasWords(text):
                found = self.index.find(self.connection, text, whole=whole)
                return InRows(found.rows_text, found.note)
            case Not(inner):
                return Not(self._inner(inner, whole=True))
            case AllOf(parts):
                return AllOf(tuple(self._inner(part, whole=whole) for part in parts))
            case AnyOf(parts):
                return AnyOf(tuple(self._inner(part, whole=whole) for part in parts))
            case _:
                return condition

    def _inner(self, condition: Condition, *, whole: bool) -> Condition:
        resolved = self.resolved(condition, whole=whole)
        assert resolved is not None
        return resolved

    def relevance(self, condition: Condition | None) -> Mapping[int, float]:
        """Return the relevance of rows to the words that a condition asks for, 0 to 1; of several, their mean.

        Raises InvalidSort where it asks for none.
        """
        texts = _texts(condition)
        if not texts:
            raise InvalidSort(f"An order of {RELEVANCE} is one of words. Ask for some with q.")
        relevance: defaultdict[int, float] = defaultdict(float)
        for text in texts:
            for row, share in self.index.find(self.connection, text).relevance.items():
                relevance[row] += share / len(texts)
        return relevance

    def page(
        self,
        condition: Condition | None,
        order: Order,
        limit: int,
        offset: int = 0,
        after: PageEnd | None = None,
        rows_that_do: Condition | None = None,
    ) -> tuple[tuple[Item, ...], PageEnd | None]:
        """Return what `items_in_order` does, also in the order of relevance.

        `rows_that_do` are those for which the condition holds, where somebody has looked them up.
        """
        resolved = rows_that_do or self.resolved(condition)
        if order.field != RELEVANCE:
            return items_in_order(self.connection, resolved, order, limit, offset, after)
        ranked = self.ranked(resolved, self.relevance(condition))
        if after is not None:
            share = after.value if isinstance(after.value, int | float) else 0
            ranked = ranked[bisect_right(ranked, (-share, after.id), key=lambda one: one[:2]) :]
        ranked = ranked[offset:]
        items = rows.items_by_row(self.connection, [row for _, _, row in ranked[:limit]])
        last = PageEnd(-ranked[limit - 1][0], ranked[limit - 1][1]) if 0 < limit < len(ranked) else None
        return tuple(items[row] for _, _, row in ranked[:limit]), last

    def ranked(self, resolved: Condition | None, relevance: Mapping[int, float]) -> list[tuple[float, str, int]]:
        """Return the negative relevance, the id and the row of all items that a condition allows, best first."""
        where, parameters = where_clause(resolved)
        found = self.connection.execute(f"SELECT row, id FROM items {where}", parameters)
        return sorted((-relevance.get(row, 0), id_, row) for row, id_ in found)

    def place_of(self, condition: Condition | None, order: Order, id_: str) -> PageEnd:
        """Return where an item stands in an order. Raises UnknownItem."""
        if order.field != RELEVANCE:
            return place_of(self.connection, order, id_)
        relevance = self.relevance(condition)
        found = rows.rows_of(self.connection, [id_]).tolist()
        if not found:
            raise rows.unknown(id_)
        return PageEnd(relevance.get(found[0], 0), id_)


def _texts(condition: Condition | None) -> tuple[str, ...]:
    """Return the texts whose words a condition asks for, not those that it does not want."""
    match condition:
        case HasWords(text):
            return (text,)
        case AllOf(parts) | AnyOf(parts):
            return tuple(text for part in parts for text in _texts(part))
        case _:
            return ()
