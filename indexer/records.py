"""The records that a catalogue takes and gives."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexer.predictions import CLASS, Predicted, TargetPrediction

if TYPE_CHECKING:
    from models.colours.garment_colours import GarmentColour

Scalar: TypeAlias = str | int | float | bool | None
"""One value."""

AttributeValue: TypeAlias = Scalar | Sequence[str | int | float | bool]
"""What an attribute of an item may be: a value, or a list of values such as the sizes that there are."""

Where: TypeAlias = Mapping[str, Any]
"""A filter: what `indexer.filters.condition_of` reads. Each field maps to a value, a list of values, or comparisons
like `{"gte": 1, "lt": 5}`; all must hold.
"""


@dataclass(frozen=True, slots=True)
class DisplayCopy:
    """The picture of an item as a page shows it: encoded bytes, media type and size in pixels."""

    data: bytes
    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """What an item says of its display copy without carrying it.

    `digest`, 16 hexadecimal digits, names the picture: it stays while that does, and becomes another with it.
    """

    media_type: str
    width: int
    height: int
    digest: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One item on its way into a catalogue.

    `vector` is float32 (dim,) of L2 norm 1; `predicted` what the model says of the picture, the best of each target;
    `content_key` identifies what the source held (`indexer.content_key`), so that an unchanged item can be skipped;
    `colours` are the garment's, the largest share first, and `fingerprint` tells copies of the picture from others;
    both None where nobody looked.
    """

    id: str
    predicted: Predicted
    vector: NDArray[np.float32]
    display: DisplayCopy
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    content_key: str = ""
    colours: "tuple[GarmentColour, ...] | None" = None
    fingerprint: bytes | None = None


@dataclass(frozen=True, slots=True)
class AttributeUpdate:
    """New attributes for an item that keeps picture, vector and what is predicted; `content_key` as in a record."""

    id: str
    attributes: Mapping[str, AttributeValue]
    content_key: str


@dataclass(frozen=True, slots=True)
class Item:
    """One live item of a catalogue; `colours` and `fingerprint` as in a record.

    `version` is another after every write of the item, and the same for all who read it. Items that are the same but
    for that are equal.
    """

    id: str
    predicted: Predicted
    attributes: Mapping[str, AttributeValue]
    picture: PictureInfo
    colours: "tuple[GarmentColour, ...] | None" = None
    fingerprint: bytes | None = None
    version: str = field(default="", compare=False)

    @property
    def best_class(self) -> TargetPrediction:
        """The class that it is taken for."""
        return self.predicted[CLASS]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of an item that was written: the version that it has now, and whether there was none before."""

    version: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """An item found, and the inner product of its vector with the query, -1 to 1: the cosine for a unit query."""

    item: Item
    score: float


class Hits(list[Hit]):
    """The hits of one query, best first; `exact` says that every item was compared, so that no better one exists."""

    def __init__(self, hits: Iterable[Hit] = (), *, exact: bool = True) -> None:
        super().__init__(hits)
        self.exact = exact


@dataclass(frozen=True, slots=True, eq=False)
class VectorTable:
    """Every live item of one state of a catalogue, in order of id.

    `vectors` is float32 (n, dim), rows of unit length; `allowed` the positions that a filter allows, int64 (m,),
    ascending, or None for all.
    """

    ids: Sequence[str]
    vectors: NDArray[np.float32]
    allowed: NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the items that a filter allows, in the order that was asked for, and how many there are in all.

    `last` is where the last of them stands in that order, None where nothing comes behind it.
    """

    items: tuple[Item, ...]
    total: int
    last: "PageEnd | None" = None


@dataclass(frozen=True, slots=True)
class PageEnd:
    """Where an item stands in an order: what it is sorted by (None: nothing), and its id, by which ties are ordered."""

    value: Scalar
    id: str


@dataclass(frozen=True, slots=True)
class Facet:
    """What a field holds among some items.

    `items` is how many have it. `values` are its values and how many items have each, most first and ties in order; of
    a list each member is one. `others` says how many more values there are. Where all are numbers, `minimum` and
    `maximum` are their bounds, and there are values only where none is left out.
    """

    field: str
    items: int
    values: tuple[tuple[str | int | float | bool, int], ...] = ()
    others: int = 0
    minimum: int | float | None = None
    maximum: int | float | None = None
