"""The items of a catalogue without its vectors: to look up, list and delete, however many there are."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import apsw

from indexer.columns.columns import Columns
from indexer.conditions import Condition
from indexer.database import bulk_reads, rows
from indexer.database.filter_notes import notes_on, unknown_names
from indexer.database.store import BUSY_SECONDS, Store
from indexer.errors import InvalidFilter, UnknownItem
from indexer.fields import ID
from indexer.filters import condition_of
from indexer.records import Item, PageEnd, Where
from indexer.sorting import Order
from indexer.words.finding import WordFinder
from indexer.words.word_index import WordIndex

_BLOCK = 1000


class Items:
    """The items of a catalogue, read from its database alone: no index file is loaded, so it opens at once.

    Raises what `LocalCatalogue.open` raises; methods that delete raise what `Catalogue.delete` does.
    """

    def __init__(self, directory: Path | str, busy_seconds: float = BUSY_SECONDS) -> None:
        self._store = Store(Path(directory), busy_seconds)
        self._words = WordIndex()
        try:
            self._store.check()
            self.classes = self._store.described().classes
        except BaseException:
            self._store.close()
            raise

    @property
    def version(self) -> str:
        """What names the latest state: see `CatalogueState.version`."""
        with self._store.read() as connection:
            return f"{rows.revision(connection):x}"

    def get(self, ids: Sequence[str]) -> list[Item]:
        """Return items in the order of their ids. Raises UnknownItem."""
        with self._store.read() as connection:
            return rows.items_by_id(connection, ids)

    def each(
        self, where: Where | None = None, after: str = "", limit: int | None = None, sort: str = ID
    ) -> Iterator[Item]:
        """Return the items that a filter allows and that come after an item (none: all), in an order.

        They are read as they are asked for, a thousand at once and each thousand as it is then, so that a slow reader
        neither fills the memory nor holds up a writer: an item that is there, and stays where it is in the order, all
        the time comes exactly once. Raises InvalidFilter, InvalidSort; UnknownItem where the item to come after is not
        there and the order is not that of ids.
        """
        order = Order.read(sort)
        with self._store.read() as connection:
            condition, finder = condition_of(where, self.classes), WordFinder(connection, self._words)
            place = finder.place_of(condition, order, after) if after else None
            finder.page(condition, order, 0)  # is refused now rather than when the first item is asked for
        return self._after(condition, order, place, limit)

    def filter_notes(self, where: Where | None, sort: str = ID, *, whole: bool = False) -> tuple[str, ...]:
        """Return what is to be said of a filter and an order: see `CatalogueState.filter_notes`.

        `whole` is for who deletes: words count only where all are said, as they are.
        """
        attribute = Order.read(sort).attribute
        with self._store.read() as connection:
            return notes_on(
                connection, self._condition(connection, where, whole=whole), () if attribute is None else (attribute,)
            )

    def count(self, where: Where | None = None) -> int:
        """Return how many items a filter allows. Raises InvalidFilter."""
        with self._store.read() as connection:
            return bulk_reads.count(connection, self._condition(connection, where))

    def delete(self, ids: Sequence[str]) -> int:
        """Take items out in one durable transaction and return how many they were.

        Raises UnknownItem when one of them is not there; then nothing is deleted.
        """
        wanted = dict.fromkeys(ids)
        with self._store.write() as connection:
            known = rows.content_keys_of(connection, wanted)
            unknown = [id_ for id_ in wanted if id_ not in known]
            if unknown:
                others = f" (nor {len(unknown) - 1} others of these)" if len(unknown) > 1 else ""
                raise UnknownItem(f"No item has the id {unknown[0]!r}{others}. Nothing was deleted.")
            return rows.delete(connection, wanted)

    def deletable(self, where: Where) -> int:
        """Return how many items `delete_where` would take out. Raises what it does."""
        with self._store.read() as connection:
            return bulk_reads.count(connection, self._known_condition(connection, where))

    def delete_where(self, where: Where) -> int:
        """Take out all items that a filter allows, durably, and return how many they were.

        Words must all be said, and as they are: nothing goes for being like what is meant.
        Raises InvalidFilter, also for an attribute that no item ever had: a misspelt one with `not` would mean all.
        """
        with self._store.write() as connection:
            condition = self._known_condition(connection, where)
            if condition is None:
                return rows.delete_rows(connection, rows.rows_where(connection, None))
            # By columns, since what these are read from is proven: nothing goes for a flipped bit.
            return rows.delete_rows(connection, Columns().rows_where(connection, 0, None, condition))

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    def __enter__(self) -> "Items":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _after(
        self, condition: Condition | None, order: Order, after: PageEnd | None, limit: int | None
    ) -> Iterator[Item]:
        left = limit
        while left is None or left > 0:
            most = _BLOCK if left is None else min(_BLOCK, left)
            with self._store.read() as connection:
                block, after = WordFinder(connection, self._words).page(condition, order, most, after=after)
            yield from block
            if after is None:
                return
            left = None if left is None else left - len(block)

    def _condition(self, connection: apsw.Connection, where: Where | None, *, whole: bool = False) -> Condition | None:
        return WordFinder(connection, self._words).resolved(condition_of(where, self.classes), whole=whole)

    def _known_condition(self, connection: apsw.Connection, where: Where) -> Condition | None:
        condition = self._condition(connection, where, whole=True)
        for note in unknown_names(connection, condition):
            raise InvalidFilter(f"{note} Nothing was deleted.")
        return condition
