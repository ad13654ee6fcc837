"""Copies of one picture among hits, and among all items of a catalogue."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from indexer.records import Hit
from models.fingerprints.copies import groups_of, pairs_of_copies
from models.progress import Progress

if TYPE_CHECKING:
    from indexer.catalogue.neighbours import Neighbourhoods

NEAREST = 10
"""Of each item, so many of the nearest are looked at: a copy is nearly always the first."""

_ALIKE = 0.55
"""The cosine below which nothing is taken for a copy. Under a banner, one copy in seven has less than 0.7."""


class Comparisons:
    """Which hits' pictures are copies of which others', each two compared once; many at once cost far less each."""

    def __init__(self) -> None:
        self._are_copies: dict[tuple[str, str], bool] = {}

    def compare(self, pairs: "Iterable[tuple[Hit, Hit]]") -> None:
        """Compare hits with better ones, if that has not been done."""
        unknown = {
            (hit.item.id, better.item.id): (hit.item.fingerprint or b"", better.item.fingerprint or b"")
            for hit, better in pairs
            if (hit.item.id, better.item.id) not in self._are_copies
        }
        self._are_copies.update(zip(unknown, pairs_of_copies(list(unknown.values())), strict=True))

    def original_of(self, hit: Hit, better: Sequence[Hit]) -> Hit | None:
        """Return the first of better hits of whose picture a hit's is a copy; None where there is none.

        Items without a fingerprint are copies of nothing.
        """
        self.compare((hit, one) for one in better)
        return next((one for one in better if self._are_copies[hit.item.id, one.item.id]), None)


def duplicates(
    neighbours: "Neighbourhoods", fingerprints: Mapping[str, bytes | None], progress: Progress
) -> list[tuple[str, ...]]:
    """Return the ids of items whose pictures are copies of each other, in groups of two and more, all in order.

    `neighbours` are each item's nearest, `fingerprints` those of all items by id; `progress(done, total)` counts items.
    """
    pairs: list[tuple[str, str]] = []
    compared: set[tuple[str, str]] = set()
    done = 0
    for block in neighbours:
        near: list[tuple[str, str]] = []
        for one, other, score in zip(block.id, block.similar_id, block.score.tolist(), strict=True):
            if score >= _ALIKE and (other, one) not in compared:
                compared.add((one, other))
                near.append((one, other))
        found = pairs_of_copies([(fingerprints.get(one) or b"", fingerprints.get(other) or b"") for one, other in near])
        pairs += [pair for pair, are_copies in zip(near, found, strict=True) if are_copies]
        done += block.items
        progress(done, len(neighbours))
    return _groups(pairs)


def _groups(pairs: list[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return the ids that hang together by pairs, in groups of two and more, each and all in order."""
    ids = sorted({id_ for pair in pairs for id_ in pair})
    number = {id_: place for place, id_ in enumerate(ids)}
    return [
        tuple(ids[place] for place in group)
        for group in groups_of((number[one], number[other]) for one, other in pairs)
    ]
