"""From likes and dislikes to strips, all of one state of a catalogue."""

import math
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UnknownItem
from indexer.records import Hit, Hits
from search_api.recommending.cold_start import ColdStart, cold_start
from search_api.recommending.modes import interleaved, modes_of
from search_api.recommending.recommendations import Because, Mode, Recommendation, Recommended
from search_api.results import Match
from search_api.searching.rankings import Rankings
from search_api.searching.selection import BLOCK_TIMES, LEAST_BLOCK, Chooser, Chosen, Ranking

if TYPE_CHECKING:
    from indexer.catalogue import CatalogueState
    from indexer.records import Item
    from models.arrays import Vectors
    from models.embedder import Embedder
    from search_api.recommending.strips import Opinion, Rated, Strip

NEAR_DISLIKE = 0.5
"""The cosine with a dislike from which on it pushes an item down."""

PUSH = 0.5
"""What is taken off an item's score for each unit of cosine beyond that, at a dislike's weight of 1 or more."""

_SHORTEST = 1e-3  # mean that has a direction
_SPARE = 4
_DEEP, _DEEPEST = 256, 4096  # items looked at for a mode: of a strip that is full without them, and of one that is not


class Subject(NamedTuple):
    """What is liked or disliked as the model sees it: a vector, float32 (dim,), and the number of its class."""

    vector: NDArray[np.float32]
    kind: int


@dataclass(frozen=True, slots=True, eq=False)
class _Opinions:
    """Opinions that count: vectors float32 (n, dim), classes and weights (n,), and places in what was given."""

    vectors: "Vectors"
    kinds: NDArray[np.int64]
    weights: NDArray[np.float64]
    places: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.places)


class Recommender:
    """Makes strips from one state of a catalogue; `pictures` are what a model sees of pictures, by their bytes."""

    def __init__(self, catalogue: "CatalogueState", embedder: "Embedder", pictures: "Mapping[Rated, Subject]") -> None:
        self._catalogue = catalogue
        self._embedder = embedder
        self._rankings = Rankings(embedder, catalogue)
        self._subjects = dict(pictures)

    def strips(self, strips: "Sequence[Strip]", *, repeat: bool) -> tuple[Recommendation, ...]:
        """Return a recommendation for each strip; unless they may `repeat`, no item is in two.

        What is liked or disliked in one strip is shown in none. Raises UnknownPart, InvalidWeights, InvalidFilter.
        """
        opinions = [one for strip in strips for one in (*strip.likes, *strip.dislikes)]
        self._look_up({one.subject for one in opinions if isinstance(one.subject, str)})
        hidden = {one.subject for one in opinions if one.subject in self._subjects and isinstance(one.subject, str)}
        shown: set[str] = set()
        found: list[Recommendation] = []
        for strip in strips:
            found.append(self._strip(strip, tuple({*hidden, *shown, *strip.seen})))
            if not repeat:
                shown |= {hit.item.id for hit in found[-1].hits}
        return tuple(found)

    def _look_up(self, ids: Collection[str]) -> None:
        catalogue, classes = self._catalogue, self._embedder.card.classes
        try:
            items = catalogue.get(list(ids))
        except UnknownItem:
            items = catalogue.get(list(catalogue.content_keys(ids)))
        for item, vector in zip(items, catalogue.vectors([item.id for item in items]), strict=True):
            self._subjects[item.id] = Subject(vector, classes.index(item.best_class.value))

    def _strip(self, strip: "Strip", exclude: Collection[str]) -> Recommendation:
        query = strip.query
        used = self._rankings.weights(query)
        likes, dislikes = self._opinions(strip.likes), self._opinions(strip.dislikes)
        unknown = _unknown((*strip.likes, *strip.dislikes), self._subjects)
        fields = () if query.group_by is None else (query.group_by,)
        notes = self._catalogue.filter_notes(query.wanted, fields) if query.wanted or fields else ()
        exclude = (*exclude, *query.excluded_ids)
        if len(likes):
            by_likes = _ByLikes(self._catalogue, self._embedder, self._rankings, strip, likes, dislikes, exclude)
            return by_likes.answer(unknown, used, notes)
        disliked = self._rankings.weighted(dislikes.vectors, self._rankings.asked(query))

        def is_welcome(vectors: "Vectors") -> NDArray[np.bool_]:
            far: NDArray[np.bool_] = (vectors @ disliked.T).max(axis=1, initial=-1) < NEAR_DISLIKE
            return far

        start, copies = self._beginning(strip, exclude, is_welcome)
        notes = (*start.notes, *notes)
        if strip.likes:
            notes = ("Nothing of what is liked is in the catalogue, or weighs anything.", *notes)
        hits = tuple(
            Recommended(item, copies=copies.get(item.id, ()) if query.collapse else None) for item in start.items
        )
        return Recommendation(strip.name, hits, (), unknown, start.kind, True, used, notes, query.fields)

    def _beginning(
        self, strip: "Strip", exclude: Collection[str], is_welcome: "Callable[[Vectors], NDArray[np.bool_]]"
    ) -> tuple[ColdStart, Mapping[str, tuple[str, ...]]]:
        """Return a cold start with as many of a group as are asked for and without copies, and these by their ids."""
        query = replace(strip.query, diversity=None, min_relevance=None, limit=None)
        limit = strip.limit
        while True:
            start = cold_start(self._catalogue, strip, exclude, is_welcome, limit)
            if not query.selects:
                return start, {}
            order = Hits([Hit(item, 0.0) for item in start.items], exact=True)
            chooser = Chooser(
                Ranking(
                    lambda count, _, order=order: Hits(order[:count], exact=True),  # type: ignore[misc]
                    has_graph=False,
                    relevance=lambda hits: [0.0] * len(hits),
                    falls=False,
                    vectors=lambda hits: self._catalogue.vectors([hit.item.id for hit in hits]),
                    weigh=lambda vectors: vectors,
                ),
                query,
                strip.limit,
            )
            kept = [hit.item for hit in islice(chooser.hits(), strip.limit)]
            if len(kept) == strip.limit or len(start.items) < limit or limit >= _DEEPEST:
                return start._replace(items=kept), chooser.chosen.copies
            limit = min(4 * limit, _DEEPEST)

    def _opinions(self, given: "Sequence[Opinion]") -> _Opinions:
        """Return those of known subjects, each once with the sum of its weights, but for those without any weight."""
        sums: dict[Rated, float] = {}
        first: dict[Rated, int] = {}
        for place, one in enumerate(given):
            if one.weight and one.subject in self._subjects:
                sums[one.subject] = sums.get(one.subject, 0.0) + one.weight
                first.setdefault(one.subject, place)
        subjects = [self._subjects[subject] for subject in sums]
        vectors = np.array([one.vector for one in subjects], np.float32).reshape(-1, self._embedder.card.dim)
        kinds = np.array([one.kind for one in subjects], np.int64)
        return _Opinions(vectors, kinds, np.array(list(sums.values())), tuple(first.values()))


class _ByLikes:
    """The strip of somebody who likes something."""

    def __init__(
        self,
        catalogue: "CatalogueState",
        embedder: "Embedder",
        rankings: Rankings,
        strip: "Strip",
        likes: _Opinions,
        dislikes: _Opinions,
        exclude: Collection[str],
    ) -> None:
        self._catalogue = catalogue
        self._embedder = embedder
        self._rankings = rankings
        self._strip = strip
        self._query = strip.query
        self._asked = rankings.asked(self._query)
        self._likes = likes
        self._dislikes = dislikes
        self._exclude = exclude
        self._familiarity = embedder.familiarity(likes.vectors)
        self._liked, self._disliked = self._weighted(likes.vectors), self._weighted(dislikes.vectors)
        chances = embedder.confidence(likes.kinds, likes.vectors @ likes.vectors.T, self._familiarity)
        self._modes = modes_of((chances + chances.T) / 2, likes.kinds)
        sums = np.array([likes.weights[mode].sum() for mode in self._modes])
        self._shares: list[float] = (sums / sums.sum()).tolist()
        self._mode_of_like = np.empty(len(likes), np.int64)
        for number, mode in enumerate(self._modes):
            self._mode_of_like[mode] = number
        self._centres = self._weighted(self._means())

    def answer(
        self, unknown: tuple[str, ...], weights: Mapping[str, float] | None, notes: tuple[str, ...]
    ) -> Recommendation:
        """Search by each mode, deeper while one has too few items, and let the modes take turns."""
        strip, exclude = self._strip, self._exclude
        query, wanted = self._query, self._query.wanted
        k = math.ceil(strip.limit * max(self._shares)) + _SPARE
        if query.selects:
            k = max(LEAST_BLOCK, BLOCK_TIMES * strip.limit)
        while True:
            found = self._catalogue.search(self._centres, k, wanted, exclude)
            candidates = self._ranked(found)
            chosen = Chosen()
            lists = self._choosing(candidates, chosen) if query.selects else candidates.lists
            turns, has_ended = interleaved(lists, self._shares, strip.limit)
            is_full = len(turns) == strip.limit
            if not has_ended or all(len(hits) < k for hits in found) or k >= (_DEEP if is_full else _DEEPEST):
                break
            k = min(4 * k, _DEEPEST)
        likes = self._likes
        modes = zip(self._modes, self._shares, strict=True)
        return Recommendation(
            name=strip.name,
            hits=self._hits(candidates, [number for _, number in turns], chosen.copies if query.collapse else None),
            modes=tuple(Mode(tuple(likes.places[like] for like in mode), share) for mode, share in modes),
            unknown=unknown,
            cold_start=None,
            exact=all(one.exact for one in found),
            weights=weights,
            notes=notes,
            fields=query.fields,
        )

    def _choosing(self, candidates: "_Candidates", chosen: Chosen) -> list[Iterator[int]]:
        """Give of each mode what a query chooses of its list, when its turn comes and beside what all have chosen."""
        number_of = {item.id: number for number, item in enumerate(candidates.items)}

        def numbers(hits: Sequence[Hit]) -> list[int]:
            return [number_of[hit.item.id] for hit in hits]

        def of_mode(listed: list[int]) -> Iterator[int]:
            order = [Hit(candidates.items[number], float(candidates.scores[number])) for number in listed]
            ranking = Ranking(
                lambda count, _: Hits(order[:count], exact=True),
                has_graph=False,
                relevance=lambda hits: self._relevance(candidates, numbers(hits)),
                falls=False,
                vectors=lambda hits: candidates.vectors[numbers(hits)],
                weigh=self._weighted,
            )
            hits = Chooser(ranking, self._query, self._strip.limit, chosen).hits()
            return (number_of[hit.item.id] for hit in hits)

        return [of_mode(listed) for listed in candidates.lists]

    def _relevance(self, candidates: "_Candidates", chosen: Sequence[int]) -> list[float]:
        """Return the chances that candidates are of one kind with the like that each is nearest to."""
        likes, nearest = self._likes, candidates.nearest[chosen]
        cosines = np.einsum("ij,ij->i", candidates.vectors[chosen], likes.vectors[nearest])
        chances = self._embedder.confidence(likes.kinds[nearest], cosines[:, np.newaxis], self._familiarity[nearest])
        relevance: list[float] = chances[:, 0].tolist()
        return relevance

    def _means(self) -> "Vectors":
        """Return the mean of each mode's likes by their weights, of length 1; the first of those that have none."""
        likes = self._likes
        heaviest = np.array([likes.weights[mode].max() for mode in self._modes])
        weights = np.zeros((len(self._modes), len(likes)), np.float32)
        weights[self._mode_of_like, np.arange(len(likes))] = likes.weights / heaviest[self._mode_of_like]
        means = weights @ likes.vectors
        for number in np.flatnonzero(np.einsum("ij,ij->i", means, means) < _SHORTEST**2):
            means[number] = likes.vectors[self._modes[number][0]]
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        return means

    def _ranked(self, found: "Sequence[Hits]") -> "_Candidates":
        """Return what the modes have found together, each item with the mode of the like that it is nearest to.

        A dislike's nearness is taken off the score, as Rocchio (1971) takes what is not relevant off the query; here
        off each item by itself, so that a dislike among other things moves nothing. What is nearer to a dislike than
        to every like is left out.
        """
        by_id = {hit.item.id: hit.item for hits in found for hit in hits}
        items = [by_id[id_] for id_ in sorted(by_id)]
        vectors = self._catalogue.vectors([item.id for item in items])
        if not items:
            return _Candidates(items, vectors, np.empty(0, np.int64), np.empty(0), [[] for _ in self._modes])
        cosines = vectors @ self._liked.T
        nearest = cosines.argmax(axis=1)
        modes = self._mode_of_like[nearest]
        scores = np.einsum("ij,ij->i", vectors, self._centres[modes], dtype=np.float64)
        is_kept = np.ones(len(items), dtype=np.bool_)
        if len(self._dislikes):
            near = vectors @ self._disliked.T
            is_kept = near.max(axis=1) <= cosines.max(axis=1)
            scores -= PUSH * (np.minimum(self._dislikes.weights, 1) * np.maximum(near - NEAR_DISLIKE, 0)).max(axis=1)
        best_first = np.argsort(-scores, kind="stable")
        best_first = best_first[is_kept[best_first]]
        lists = [best_first[modes[best_first] == mode].tolist() for mode in range(len(self._modes))]
        return _Candidates(items, vectors, nearest, scores, lists)

    def _hits(
        self, candidates: "_Candidates", chosen: Sequence[int], copies: Mapping[str, tuple[str, ...]] | None
    ) -> tuple[Recommended, ...]:
        nearest, relevance = candidates.nearest[chosen], self._relevance(candidates, chosen)
        hits = []
        for number, like, chance in zip(chosen, nearest.tolist(), relevance, strict=True):
            item, place = candidates.items[number], self._likes.places[like]
            subject = self._strip.likes[place].subject
            because = Because(place, subject if isinstance(subject, str) else None)
            score = min(1.0, max(-1.0, float(candidates.scores[number])))
            its_copies = None if copies is None else copies.get(item.id, ())
            hits.append(Recommended(item, Match(item, score, chance, its_copies), because))
        return tuple(hits)

    def _weighted(self, vectors: "Vectors") -> "Vectors":
        return self._rankings.weighted(vectors, self._asked)


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Items in order of id with their vectors, the like that each is nearest to, and scores; and a list a mode of the
    numbers of its items, best first.
    """

    items: "list[Item]"
    vectors: "Vectors"
    nearest: NDArray[np.int64]
    scores: NDArray[np.float64]
    lists: list[list[int]]


def _unknown(opinions: "Iterable[Opinion]", known: "Container[Rated]") -> tuple[str, ...]:
    """Return the ids that are not known, each once, in order."""
    ids = (one.subject for one in opinions if isinstance(one.subject, str) and one.subject not in known)
    return tuple(dict.fromkeys(ids))
