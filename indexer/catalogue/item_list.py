"""The items of a catalogue without its vectors: to look up, list and delete, however many there are."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import apsw

from indexer.database import bulk_reads, rows
from indexer.database.store import BUSY_SECONDS, Store
from indexer.errors import UnknownItem
from indexer.filters import Condition, condition_of
from indexer.records import Item, Where

_BLOCK = 1000


class Items:
    """The items of a catalogue, read from its database alone: no index file is loaded, so it opens at once.

    Raises what `LocalCatalogue.open` raises; methods that delete raise what `Catalogue.delete` does.
    """

    def __init__(self, directory: Path | str, busy_seconds: float = BUSY_SECONDS) -> None:
        self._store = Store(Path(directory), busy_seconds)
        try:
            self._store.check()
            self.classes = self._store.described().classes
        except BaseException:
            self._store.close()
            raise

    def get(self, ids: Sequence[str]) -> list[Item]:
        """Return items in the order of their ids. Raises UnknownItem."""
        with self._store.read() as connection:
            return rows.items_by_id(connection, ids)

    def each(self, where: Where | None = None, after: str = "", limit: int | None = None) -> Iterator[Item]:
        """Return the items that a filter allows and whose ids come after one, in order of id (by code points).

        They are read as they are asked for, a thousand at once and each thousand as it is then, so that a slow reader
        neither fills the memory nor holds up a writer: an item that is there all the time comes exactly once. Raises
        InvalidFilter.
        """
        with self._store.read() as connection:
            condition = self._condition(connection, where)
        return self._after(condition, after, limit)

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

    def delete_where(self, where: Where) -> int:
        """Take out all items that a filter allows, durably, and return how many they were. Raises InvalidFilter."""
        with self._store.write() as connection:
            return rows.delete_rows(connection, rows.rows_where(connection, self._condition(connection, where)))

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    def __enter__(self) -> "Items":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _after(self, condition: Condition | None, after: str, limit: int | None) -> Iterator[Item]:
        left = limit
        while left is None or left > 0:
            with self._store.read() as connection:
                block = bulk_reads.items_after(
                    connection, condition, after, _BLOCK if left is None else min(_BLOCK, left)
                )
            yield from block
            if len(block) < _BLOCK:
                return
            after = block[-1].id
            left = None if left is None else left - len(block)

    def _condition(self, connection: apsw.Connection, where: Where | None) -> Condition | None:
        return condition_of(where, self.classes, rows.attribute_names(connection) if where else ())
