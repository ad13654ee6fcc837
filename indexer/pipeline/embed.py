"""Prepared pictures become records: embedded in one batch, classified by the same pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.pipeline.worker_main import Prepared
from indexer.predictions import predicted_class
from indexer.records import AttributeValue, Record
from models.embedder import Embedder


@dataclass(frozen=True, slots=True, eq=False)
class PreparedItem:
    """All of an item but what a model makes of it."""

    id: str
    attributes: Mapping[str, AttributeValue]
    content_key: str
    picture: Prepared


def embedded(items: Sequence[PreparedItem], embedder: Embedder) -> list[Record]:
    """Return the records of n >= 0 items, in their order."""
    if not items:
        return []
    classes = embedder.card.classes
    vectors, probabilities = embedder.embed([item.picture.view for item in items])
    return [
        Record(
            id=item.id,
            predicted=predicted_class(classes[best], float(row[best])),
            vector=vector,
            display=item.picture.display,
            attributes=item.attributes,
            content_key=item.content_key,
            colours=item.picture.colours,
            fingerprint=item.picture.fingerprint,
        )
        for item, vector, row, best in zip(
            items, vectors, probabilities, probabilities.argmax(axis=1).tolist(), strict=True
        )
    ]
