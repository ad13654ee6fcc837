"""Prepared pictures become records: embedded in one batch, classified by the same pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.records import AttributeValue, DisplayCopy, Record
from models.embedder import Embedder, View


@dataclass(frozen=True, slots=True, eq=False)
class PreparedItem:
    """All of an item but what a model makes of it; `view` is what the embedder prepares of its picture."""

    id: str
    attributes: Mapping[str, AttributeValue]
    content_key: str
    view: View
    display: DisplayCopy


def embedded(items: Sequence[PreparedItem], embedder: Embedder) -> list[Record]:
    """Return the records of n >= 0 items, in their order."""
    if not items:
        return []
    classes = embedder.card.classes
    vectors, probabilities = embedder.embed([item.view for item in items])
    return [
        Record(
            id=item.id,
            label=classes[best],
            probability=float(row[best]),
            vector=vector,
            display=item.display,
            attributes=item.attributes,
            content_key=item.content_key,
        )
        for item, vector, row, best in zip(
            items, vectors, probabilities, probabilities.argmax(axis=1).tolist(), strict=True
        )
    ]
