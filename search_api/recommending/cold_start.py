"""What to show whom nothing is known of: what is new, what stands for all there is, or some of everything."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from search_api.recommending.modes import interleaved
from search_api.searching.selection import value_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.catalogue import CatalogueState
    from indexer.records import Item
    from models.arrays import Vectors
    from search_api.recommending.strips import Strip

SAMPLED = 512
"""Items that are looked at for those that stand for all."""

LATEST = 4096
"""Items, those written last, that are looked at for the values of an attribute."""

_STAND_FOR_ALL = 100


class ColdStart(NamedTuple):
    """Items to begin with, which kind of beginning that is, and what is to be said of it."""

    items: "Sequence[Item]"
    kind: str
    notes: tuple[str, ...] = ()


def cold_start(
    catalogue: "CatalogueState",
    strip: "Strip",
    exclude: Collection[str],
    is_welcome: "Callable[[Vectors], NDArray[np.bool_]]",
    limit: int,
) -> ColdStart:
    """Return up to `limit` items in the way that a strip asks for.

    None of `exclude`, and none that is not welcome: that is asked of vectors, float32 (n, dim), bool (n,).
    Raises InvalidFilter.
    """
    wanted = strip.query.wanted
    if strip.cold_start == "newest":
        items = _welcome(catalogue, catalogue.latest(2 * limit, wanted, exclude), is_welcome)
        return ColdStart(items[:limit], "newest")
    if strip.by is not None:
        items = _welcome(catalogue, catalogue.latest(max(LATEST, limit), wanted, exclude), is_welcome)
        if in_turn := _in_turn(items, strip.by, limit):
            return ColdStart(in_turn, "by")
    sampled = catalogue.sample(max(SAMPLED, 2 * limit), wanted, exclude)
    items = _welcome(catalogue, sampled, is_welcome)
    varied = [items[at] for at in standing_for(catalogue.vectors([item.id for item in items]), limit)]
    if strip.by is None or not varied:
        return ColdStart(varied, "varied")
    return ColdStart(varied, "varied", (f"No item has {strip.by[:80]!r}, so varied ones are shown.",))


def standing_for(vectors: "Vectors", limit: int) -> list[int]:
    """Return the numbers of up to `limit` of n vectors, float32 (n, dim), unit rows, that stand for all of them.

    Each is the one that raises most the mean cosine of all with the nearest chosen: facility location, whose greedy
    solution is within 1 - 1/e of the best (Nemhauser, Wolsey and Fisher, 1978). Unlike the points farthest from each
    other, these are no outliers. Among more than SAMPLED, evenly spaced ones are looked at; past a hundred, the others
    follow in their order.
    """
    looked_at = np.arange(0, len(vectors), -(-len(vectors) // SAMPLED) or 1)
    cosines = np.maximum(vectors[looked_at] @ vectors[looked_at].T, 0)
    nearest = np.zeros(len(looked_at), np.float32)
    chosen: list[int] = []
    for _ in range(min(limit, len(looked_at), _STAND_FOR_ALL)):
        gains = np.maximum(cosines, nearest).sum(axis=1)
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
        nearest = np.maximum(nearest, cosines[chosen[-1]])
    first = looked_at[chosen]
    others = np.setdiff1d(np.arange(len(vectors)), first)[: max(0, limit - len(first))]
    return [*first.tolist(), *others.tolist()]


def _in_turn(items: "Sequence[Item]", attribute: str, limit: int) -> "list[Item]":
    """Return items of each value in turn, that which most have first; of one value in the order of the items."""
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        value = value_of(item, attribute)
        for one in value if isinstance(value, list | tuple) else (value,):
            if one is not None:
                groups[json.dumps(one)].append(item)
    lists = sorted(groups.values(), key=len, reverse=True)
    by_id = {item.id: item for item in items}
    turns, _ = interleaved([[item.id for item in one] for one in lists], [1.0] * len(lists), limit)
    return [by_id[id_] for _, id_ in turns]


def _welcome(
    catalogue: "CatalogueState", items: "list[Item]", is_welcome: "Callable[[Vectors], NDArray[np.bool_]]"
) -> "list[Item]":
    kept = is_welcome(catalogue.vectors([item.id for item in items]))
    return [item for item, is_kept in zip(items, kept.tolist(), strict=True) if is_kept]
