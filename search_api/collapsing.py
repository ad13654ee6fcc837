"""Copies of one picture among hits, and among all items of a catalogue."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from indexer.records import Hit
from models.fingerprints.copies import are_copies, groups_of
from models.progress import Progress

if TYPE_CHECKING:
    from indexer.catalogue.neighbours import Neighbourhoods

NEAREST = 10
"""Of each item, so many of the nearest are looked at: a copy is nearly always the first."""

_ALIKE = 0.55
"""The cosine below which nothing is taken for a copy. Under a banner, one copy in seven has less than 0.7."""


def original_of(hit: Hit, better: Sequence[Hit]) -> Hit | None:
    """Return the first of better hits of whose picture a hit's is a copy; None where there is none.

    Items without a fingerprint are copies of nothing.
    """
    own = hit.item.fingerprint
    known = [(one, one.item.fingerprint) for one in better if one.item.fingerprint is not None]
    if own is None or not known:
        return None
    found = are_copies(own, [fingerprint for _, fingerprint in known])
    return next((one for (one, _), is_copy in zip(known, found, strict=True) if is_copy), None)


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
        near: dict[str, list[str]] = {}
        for one, other, score in zip(block.id, block.similar_id, block.score.tolist(), strict=True):
            if score >= _ALIKE and (other, one) not in compared:
                compared.add((one, other))
                near.setdefault(one, []).append(other)
        for one, others in near.items():
            pairs += [(one, other) for other in _copies_among(one, others, fingerprints)]
        done += block.items
        progress(done, len(neighbours))
    return _groups(pairs)


def _copies_among(one: str, others: list[str], fingerprints: Mapping[str, bytes | None]) -> list[str]:
    own = fingerprints.get(one)
    known = {other: kept for other in others if (kept := fingerprints.get(other)) is not None}
    if own is None:
        return []
    found = are_copies(own, list(known.values()))
    return [other for other, is_copy in zip(known, found, strict=True) if is_copy]


def _groups(pairs: list[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return the ids that hang together by pairs, in groups of two and more, each and all in order."""
    ids = sorted({id_ for pair in pairs for id_ in pair})
    number = {id_: place for place, id_ in enumerate(ids)}
    return [
        tuple(ids[place] for place in group)
        for group in groups_of((number[one], number[other]) for one, other in pairs)
    ]
