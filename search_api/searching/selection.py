"""Which items of a ranking are answered with: all in order, or one of each group, varied, without copies.

Hits are taken one by one out of blocks of the ranking, ever larger ones, until enough are found. So there is one order
of hits for each question and state, and its pages are pieces of that.
"""

from collections import Counter
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.fields import PREDICTED, PREDICTED_CLASS, attribute_in
from indexer.records import Hit, Item
from search_api.searching.collapsing import Comparisons
from search_api.searching.places import MOST_RANKED, Place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.records import Hits
    from models.arrays import Vectors
    from search_api.query import Query

LEAST_BLOCK = 100
BLOCK_TIMES = 5
"""A block of the ranking has so many items, or so many times those of a page."""

CHOICE_TIMES = 2
AS_RELEVANT = 0.9
"""Varied hits are chosen among so many times those of a page, and among all that are nearly as relevant as the most
relevant: of the drawn shop's 26 products of each class, 12 out of 60 would leave the class.
"""

COMPARED = 5
"""Of those chosen, so many of the most alike are looked at for what a hit is a copy of: nearly always it is the first,
and to lay fingerprints over each other takes long.
"""

COMPARED_AHEAD = 32
"""Hits of a block that are compared together, as if none of them were a copy: what that misses is compared later."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Items in the order of their likeness to one subject, in one state of a catalogue.

    `search(count, exact)` gives the best; where `has_graph`, only exact searches give more of the same order.
    `relevance` are the chances of hits to be of the subject's kind; `falls` says that they never rise from a hit to the
    next. `vectors` are those of hits, float32 (n, dim), and `weigh` makes queries out of such.
    """

    search: "Callable[[int, bool], Hits]"
    has_graph: bool
    relevance: Callable[[Sequence[Hit]], Sequence[float]]
    falls: bool
    vectors: "Callable[[Sequence[Hit]], Vectors]"
    weigh: "Callable[[Vectors], Vectors]"

    def best(self, count: int, first: int) -> "tuple[list[Hit], bool]":
        """Return so many hits, and whether no better exist; the first of them always the same.

        Where a graph has missed one among the first, it comes after these.
        """
        if not self.has_graph:
            hits = self.search(count, False)
            return hits, hits.exact
        hits = self.search(first, False)
        if count <= first or len(hits) < first:
            return hits[:count], hits.exact
        known = {hit.item.id for hit in hits}
        others = [hit for hit in self.search(count, True) if hit.item.id not in known]
        return [*hits, *others][:count], hits.exact


class Chosen:
    """What has been chosen so far, by one chooser or by several that take turns, and what that leaves out."""

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self.of_group: Counter[Hashable] = Counter()
        self.comparisons = Comparisons()
        self.copies: dict[str, tuple[str, ...]] = {}
        self._vectors: Vectors | None = None

    def vectors(self, ranking: Ranking) -> "Vectors":
        """Return the vectors of all that has been chosen, float32 (n, dim)."""
        known = 0 if self._vectors is None else len(self._vectors)
        if self._vectors is None:
            self._vectors = ranking.vectors(self.hits)
        elif known < len(self.hits):
            self._vectors = np.vstack([self._vectors, ranking.vectors(self.hits[known:])])
        return self._vectors


@dataclass(frozen=True, slots=True)
class Selection:
    """The hits of one page, best first.

    `copies` are the ids of the copies that were left out by that of the hit kept; `more` says that a page follows.
    """

    hits: list[Hit]
    copies: Mapping[str, tuple[str, ...]]
    exact: bool
    more: bool


def select(ranking: Ranking, query: "Query", place: Place) -> Selection:
    """Return the hits of one page of a question, from a place on."""
    wanted = place.offset + query.k
    if query.selects:
        chooser = Chooser(ranking, query, place.first)
        hits = list(islice(chooser.hits(), wanted + 1))
        return Selection(hits[place.offset : wanted], chooser.chosen.copies, chooser.exact, len(hits) > wanted)
    looked_at = min(wanted if ranking.has_graph and wanted == place.first else wanted + 1, MOST_RANKED)
    hits, exact = ranking.best(looked_at, place.first)
    may_go_on = len(hits) > wanted or (len(hits) == looked_at == wanted < MOST_RANKED)
    return Selection(hits[place.offset : wanted], {}, exact, may_go_on)


class Chooser:
    """Takes hits out of a ranking as a query says, in an order that depends on `first`, not on how many are taken.

    Several that share what is `chosen` may take turns: each hit is then chosen beside those of all.
    """

    def __init__(self, ranking: Ranking, query: "Query", first: int, chosen: Chosen | None = None) -> None:
        self._ranking = ranking
        self._query = query
        self._first = first
        self.chosen = Chosen() if chosen is None else chosen
        self.exact = True

    def hits(self) -> Iterator[Hit]:
        """Give the hits in order."""
        blocks = self._blocks() if not self._query.min_relevance else self._relevant(self._blocks())
        ordered: Iterator[Iterable[Hit]] = blocks
        if self._query.diversity:
            ordered = map(self._varied, self._admitted(blocks))
        elif self._query.collapse is not None:
            ordered = map(self._compared, blocks)
        for hit in chain.from_iterable(ordered):
            if self._is_wanted(hit):
                self.chosen.hits.append(hit)
                yield hit

    def _blocks(self) -> Iterator[Sequence[Hit]]:
        seen, size = 0, max(LEAST_BLOCK, BLOCK_TIMES * self._first)
        first = size
        while seen < MOST_RANKED:
            hits, self.exact = self._ranking.best(size, first)
            yield hits[seen:]
            if len(hits) < size:
                return
            seen, size = size, min(2 * size, MOST_RANKED)

    def _relevant(self, blocks: Iterator[Sequence[Hit]]) -> Iterator[Sequence[Hit]]:
        least = self._query.min_relevance or 0
        for block in blocks:
            found = [hit for hit, chance in zip(block, self._ranking.relevance(block), strict=True) if chance >= least]
            yield found
            if self._ranking.falls and len(found) < len(block):
                return

    def _admitted(self, blocks: Iterator[Sequence[Hit]]) -> Iterator[Sequence[Hit]]:
        """Give blocks of those among which is chosen next; the others wait for the blocks that follow."""
        waiting: list[Hit] = []
        for block in blocks:
            waiting = yield from self._parted([*waiting, *block])
        while waiting:
            waiting = yield from self._parted(waiting)

    def _parted(self, hits: list[Hit]) -> Generator[Sequence[Hit], None, list[Hit]]:
        """Give those among which is chosen, and return the others."""
        if not hits:
            return []
        chances = self._ranking.relevance(hits)
        enough = AS_RELEVANT * max(chances)
        near = CHOICE_TIMES * self._first
        yield [hit for at, hit in enumerate(hits) if at < near or chances[at] >= enough]
        return [hit for at, hit in enumerate(hits) if at >= near and chances[at] < enough]

    def _varied(self, block: Sequence[Hit]) -> Iterator[Hit]:
        """Give hits by maximal marginal relevance (Carbonell and Goldstein, 1998), each after those chosen before.

        The next is the one of which `(1 - diversity) * score - diversity * likeness` is the most, its likeness to the
        most alike of those chosen, as the query's weights count it; ties go to the better score.
        """
        diversity = self._query.diversity or 0
        vectors = self._ranking.vectors(block)
        merit = (1 - diversity) * np.array([hit.score for hit in block])
        likeness = np.full(len(block), -np.inf)
        compared = 0
        for _ in block:
            if compared < len(self.chosen.hits):
                chosen = self._ranking.weigh(self.chosen.vectors(self._ranking)[compared:])
                likeness = np.maximum(likeness, (vectors @ chosen.T).max(axis=1))
                compared = len(self.chosen.hits)
            at = int(np.argmax(merit - diversity * likeness if compared else merit))
            merit[at] = -np.inf
            yield block[at]

    def _is_wanted(self, hit: Hit) -> bool:
        """Whether a hit is neither one too many of its group nor a copy; counts the one, and notes the other."""
        group = group_of(hit, self._query.group_by)
        if group is not None and self.chosen.of_group[group] >= (self._query.group_size or 1):
            return False
        if self._query.collapse is not None and (original := self._original_of(hit)) is not None:
            copies = self.chosen.copies
            copies[original.item.id] = (*copies.get(original.item.id, ()), hit.item.id)
            return False
        if group is not None:
            self.chosen.of_group[group] += 1
        return True

    def _original_of(self, hit: Hit) -> Hit | None:
        cosines = self.chosen.vectors(self._ranking) @ self._ranking.vectors([hit])[0]
        return self.chosen.comparisons.original_of(hit, [self.chosen.hits[at] for at in _nearest(cosines)])

    def _compared(self, block: Sequence[Hit]) -> Iterator[Hit]:
        """Give hits in order, each some of which are compared with those before them all at once."""
        for start in range(0, len(block), COMPARED_AHEAD):
            ahead = block[start : start + COMPARED_AHEAD]
            before = [*self.chosen.hits, *ahead]
            vectors = self._ranking.vectors(ahead)
            cosines = vectors @ np.vstack([self.chosen.vectors(self._ranking), vectors]).T
            self.chosen.comparisons.compare(
                (hit, before[other])
                for at, hit in enumerate(ahead)
                for other in _nearest(cosines[at, : len(self.chosen.hits) + at])
            )
            yield from ahead


def _nearest(cosines: "NDArray[np.float32]") -> list[int]:
    """Return the numbers of the COMPARED largest, in order."""
    if len(cosines) <= COMPARED:
        return list(range(len(cosines)))
    nearest: list[int] = np.sort(np.argpartition(-cosines, COMPARED)[:COMPARED]).tolist()
    return nearest


def value_of(item: Item, field: str) -> Any:
    """Return what an item has by which it is grouped: an attribute, or `predicted.class`; None for nothing."""
    if field == PREDICTED_CLASS:
        return item.best_class.value
    name = attribute_in(field) or field
    told = item.predicted.get(name.removeprefix(PREDICTED)) if name.startswith(PREDICTED) else None
    return item.attributes.get(name) if told is None else told.value


def group_of(hit: Hit, attribute: str | None) -> Hashable:
    """Return which group a hit is of; None where it is of none."""
    if attribute is None:
        return None
    value = value_of(hit.item, attribute)
    return value if isinstance(value, Hashable) else repr(value)
