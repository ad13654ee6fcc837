"""A row of a table, whatever its format, and the item that it describes."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from indexer.sources.errors import InvalidRow, TableDamaged
from indexer.sources.files.places import PicturePlaces
from indexer.sources.items import Failure, SourceItem
from indexer.sources.tabular.columns import is_no_value
from indexer.sources.tabular.headings import ID, IMAGE
from indexer.sources.tabular.picture_values import PictureBytes, picture_in
from indexer.validation import attribute_error, id_error
from models.errors import LookalikeError

UNCHANGED = frozenset({ID, IMAGE})
"""The columns that every table has; each other is an attribute."""


_LARGEST_WHOLE = 2**53
"""Up to here a float tells every whole number from the next."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number as an editor shows it, and its values by column, missing ones left out.

    `problem` tells why a row can't be read, of which nothing is known then.
    """

    number: int
    values: Mapping[str, Any]
    problem: str = ""

    @property
    def id(self) -> Any:
        """What stands in the column `id`, a whole number as its digits (also 1.0); None where nothing does."""
        id_ = self.values.get(ID)
        if isinstance(id_, float):
            id_ = int(id_) if id_.is_integer() and abs(id_) <= _LARGEST_WHOLE else None if math.isnan(id_) else id_
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
        """Whether text may be a number, as the format has no types of its own, or people don't heed them."""
        ...

    @property
    def unnamed(self) -> frozenset[str]:
        """Those of the columns that had no heading, by the names that they got instead."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for a person on how the file was taken."""
        ...

    @property
    def delimiter(self) -> str:
        """What stands between values; empty where nothing does."""
        ...

    def __iter__(self) -> Iterator[Row]: ...


def source_item(row: Row, places: PicturePlaces) -> SourceItem | Failure:
    """Return the item of a row, or why it is none."""
    try:
        if row.problem:
            raise TableDamaged(row.problem)
        if row.id is None:
            raise InvalidRow("The row has no id. Give it one.")
        if problem := id_error(row.id):
            raise InvalidRow(problem)
        image = picture_in(row.values.get(IMAGE))
        if image is None or (isinstance(image, str) and is_no_value(image)):
            raise InvalidRow(f"The row has no picture in the column {IMAGE!r}. Name its file or its web address there.")
        attributes = {name: value for name, value in row.values.items() if name not in UNCHANGED}
        if problem := attribute_error(attributes):
            raise InvalidRow(problem)
        picture = image if isinstance(image, PictureBytes) else places.at(image)
        return SourceItem(row.id, picture, attributes, place=row.number)
    except LookalikeError as error:
        id_ = None if id_error(row.id) else row.id
        return Failure(row.number, id_, error.code, str(error), hides_items=not isinstance(row.id, str))
