"""Prepared pictures become records: embedded in one batch, classified by the same pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.pipeline.worker_main import Prepared
from indexer.predictions import best_of
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
    answers = embedder.answers([item.picture.view for item in items])
    return [
        Record(
            id=item.id,
            predicted=best_of(embedder.card, answers, at),
            vector=vector,
            display=item.picture.display,
            attributes=item.attributes,
            content_key=item.content_key,
            colours=item.picture.colours,
            fingerprint=item.picture.fingerprint,
        )
        for at, (item, vector) in enumerate(zip(items, answers.vectors, strict=True))
    ]
