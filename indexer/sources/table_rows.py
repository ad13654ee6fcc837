"""A row of a table, whatever its format, and the item that it describes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from indexer.sources.errors import InvalidRow, SourceUnreadable
from indexer.sources.items import Failure, SourceItem
from indexer.sources.picture_files import picture_at
from indexer.sources.web.access import WebAccess
from indexer.validation import attribute_error, id_error
from models.errors import LookalikeError

ID, IMAGE = "id", "image"
"""The columns that every table has; each other is an attribute."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number as an editor shows it, and its values by column, missing ones left out."""

    number: int
    values: Mapping[str, Any]

    @property
    def id(self) -> Any:
        """What stands in the column `id`, a whole number as its digits; None where nothing does."""
        id_ = self.values.get(ID)
        return str(id_) if isinstance(id_, int) and not isinstance(id_, bool) else id_


class TableRows(Protocol):
    """The rows of a table in a file, read anew whenever they are iterated. Raises TableDamaged, SourceUnreadable."""

    @property
    def path(self) -> Path: ...

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the table's head declares; none where it has no head."""
        ...

    @property
    def is_text(self) -> bool:
        """Whether every value is a string, so that its kind has yet to be told."""
        ...

    def __iter__(self) -> Iterator[Row]: ...


@contextmanager
def open_table(path: Path) -> Iterator[BinaryIO]:
    """Give a file to read. Raises SourceUnreadable when it can't be opened, or can't be read on."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise SourceUnreadable(
            f"{path} can't be read ({error.strerror or error}). Check it and its permissions."
        ) from error


def source_item(row: Row, folder: Path, web: WebAccess) -> SourceItem | Failure:
    """Return the item of a row whose picture lies in a folder, or on the web, or why it is none."""
    try:
        if row.id is None:
            raise InvalidRow("The row has no id. Give it one.")
        if problem := id_error(row.id):
            raise InvalidRow(problem)
        image = row.values.get(IMAGE)
        if not isinstance(image, str):
            raise InvalidRow(f"The row has no picture in the column {IMAGE!r}. Name its file or its web address there.")
        attributes = {name: value for name, value in row.values.items() if name not in {ID, IMAGE}}
        if problem := attribute_error(attributes):
            raise InvalidRow(problem)
        return SourceItem(row.id, picture_at(image, folder, web), attributes, place=row.number)
    except LookalikeError as error:
        id_ = None if id_error(row.id) else row.id
        return Failure(row.number, id_, error.code, str(error), hides_items=not isinstance(row.id, str))
