"""The engine over one state of its catalogue: all that it answers belongs together."""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from indexer.fields import COLOUR_FIELDS, ID, PREDICTED_CLASS
from indexer.predictions import CLASS, Predicted
from indexer.sorting import Order
from models.colours.garment_colours import GarmentColour
from models.errors import LookalikeError
from models.pictures.decoding import decode
from sample_shop import DRAWN
from search_api.batches import (
    MOST_SECONDS,
    ItemSearch,
    KnownItem,
    PictureSearch,
    SimilarItems,
    SimilarToAll,
    Strips,
    WordsSearch,
    pictures_of,
)
from search_api.cursors import ListingCursor, listing_digest
from search_api.errors import Busy, InvalidCursor, NoQuery, OptionsConflict, PageOutOfRange
from search_api.parameters import FACET_VALUES, LIMIT, OFFSET
from search_api.picture_sizes import PictureSize, SizedPictures
from search_api.query import ANY, Query, has_words
from search_api.recommending.recommendations import Recommendations
from search_api.recommending.recommender import Recommender, Subject
from search_api.recommending.strips import Rated, check_number
from search_api.results import EngineInfo, FacetCounts, Listing, Match, Matches, SearchResult
from search_api.searching.joint_searches import JointSearches
from search_api.searching.places import Place, cursor_of, place_of, question_name
from search_api.searching.rankings import Rankings
from search_api.searching.seed import Seed
from search_api.searching.selection import Ranking, select
from search_api.seeing.embedded_picture import EmbeddedPicture, Seen, predicted_of, sound

if TYPE_CHECKING:
    from indexer.catalogue import CatalogueState
    from indexer.catalogue.neighbours import Neighbourhoods
    from indexer.records import DisplayCopy, Item, Where
    from models.arrays import Vectors
    from models.card import ModelCard
    from models.embedder import Embedder, View
    from search_api.batches import Question
    from search_api.recommending.strips import Strip


CHANGED_SINCE = (
    "The catalogue has changed since the page before. This one goes on from the same place: items that were added, "
    "changed or deleted meanwhile may be missing, or come twice."
)

_ITEMS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Reading:
    """What names a state of the catalogue: its version, and the generation of its index; and its number of items."""

    version: str
    generation: int
    items: int


Answer: TypeAlias = "SearchResult | Matches | Recommendations | Item | LookalikeError"
"""What a question of a batch is answered with."""


class EngineState:
    """What `Engine.reading` gives: every question, asked of one state of the catalogue.

    Wherever a query has a `look`, LookNotAvailable is raised for a model whose vectors have no such part; wherever it
    has weights, UnknownPart or InvalidWeights; wherever it has a filter, InvalidFilter.
    """

    def __init__(self, embedder: "Embedder", catalogue: "CatalogueState", sizes: "SizedPictures | None" = None) -> None:
        self._embedder = embedder
        self._catalogue = catalogue
        self._rankings = Rankings(embedder, catalogue)
        self._sizes = sizes or SizedPictures()

    @cached_property
    def reading(self) -> Reading:
        """What names this state."""
        return Reading(self._catalogue.version, self._catalogue.generation, len(self._catalogue))

    @property
    def card(self) -> "ModelCard":
        """The card of the model that answers."""
        return self._embedder.card

    def search(self, picture: EmbeddedPicture, query: Query = ANY) -> SearchResult:
        """Answer a picture: what it is taken for, and the items most like it."""
        predicted = predicted_of(picture, self.card)
        subject = Seed.of_one(picture.vectors, int(picture.probabilities.argmax()))
        result = self._result(picture.view, subject, predicted, picture.colours, query, picture.timings)
        return replace(result, garments=picture.garments)

    def search_item(self, item_id: str, query: Query = ANY) -> SearchResult:
        """Answer an item of the catalogue as if it were a picture; the item itself is not among the hits.

        The hits equal those of `similar`. What the item is taken for is what is stored: one class, and how probable
        it is. The view is made anew from the display copy. Raises UnknownItem.
        """
        started = time.perf_counter()
        item = self.item(item_id)
        view = self._embedder.prepare(decode(self.display(item_id).data))
        decoding = {"decode": (time.perf_counter() - started) * 1000}
        return self._result(view, self._subject(item), item.predicted, item.colours or (), query, decoding)

    def similar(self, item_id: str, query: Query = ANY) -> Matches:
        """Return the items most like an item, best first, never the item itself. Raises UnknownItem."""
        return self._matches(self._subject(self.item(item_id)), query)

    def similar_to_all(self, weights: Mapping[str, float], query: Query = ANY) -> Matches:
        """Return the items most like several items together, best first, none of these among them.

        `weights`, positive, say by the items' ids what each counts. Ids that are unknown are passed over and named in
        the notes. Raises UnknownItem where all are, and NothingInCommon.
        """
        known = self._catalogue.content_keys(list(weights)).keys()
        unknown = [id_ for id_ in weights if id_ not in known]
        items = self._catalogue.get([id_ for id_ in weights if id_ in known] or list(weights))
        ids = tuple(item.id for item in items)
        counted = np.array([weights[id_] for id_ in ids], np.float64)
        kinds = np.array([self.card.classes.index(item.predicted[CLASS].value) for item in items])
        subject = Seed(self._catalogue.vectors(ids), kinds, counted / counted.sum(), ids)
        return self._matches(
            subject, query, [f"There is no item {id_[:200]!r}; it was passed over." for id_ in unknown]
        )

    def search_words(self, query: Query) -> Matches:
        """Return the items that say the words of a query, the most relevant first, ties by id.

        A hit's score, and its relevance, is the BM25 of its words over that of the best item's in the catalogue: more
        than 0, and up to 1. It compares hits of one question, not of two. Raises NoQuery where there are no words, and
        OptionsConflict where there are weights or a look, which are of pictures.
        """
        if not has_words(query.q):
            raise NoQuery("There are no words to search with. Give some as q.")
        if any(option is not None for option in (query.weights, query.look, query.q_weight)):
            raise OptionsConflict(
                "weights, look and q_weight say what counts as similar to a picture or an item. Give one, or "
                "words alone."
            )
        return self._chosen(self._rankings.by_words(query), query, ("words",))

    def recommend(
        self,
        strips: "Sequence[Strip]",
        pictures: "Seen | None" = None,
        *,
        repeat: bool = False,
    ) -> Recommendations:
        """Return strips of items by what is liked and disliked; unless they may `repeat`, no item is in two of them.

        `pictures` holds all that are liked or disliked, without a box. Unknown ids are told and passed over. What the
        strips are like: `search_api.recommending`. Raises TooManyOpinions unless there are 1 to 16 strips, and what was
        raised for a picture.
        """
        check_number(strips)
        started = time.perf_counter()
        seen: dict[Rated, Subject] = {}
        for data, _ in pictures_of(Strips(strips)):
            picture = sound((pictures or {})[data, None])
            seen[data] = Subject(picture.vectors[0], int(picture.probabilities.argmax()))
        recommended = Recommender(self._catalogue, self._embedder, seen).strips(strips, repeat=repeat)
        timings = {"search": (time.perf_counter() - started) * 1000}
        reading = self.reading
        return Recommendations(recommended, self.card.fingerprint, reading.generation, reading.version, timings)

    def batch(self, questions: "Sequence[Question]", pictures: "Seen") -> "list[Answer]":
        """Answer questions, each with what its method answers or the error that this raises; `pictures` are theirs."""
        state = self._searching_together(questions, pictures)
        answers: list[Answer] = []
        latest = time.perf_counter() + MOST_SECONDS
        for question in questions:
            try:
                if time.perf_counter() > latest:
                    raise Busy("The questions before this one took too long. Ask fewer at a time.")
                answers.append(state._answer(question, pictures))
            except LookalikeError as error:
                answers.append(error)
        return answers

    def _searching_together(self, questions: "Sequence[Question]", pictures: "Seen") -> "EngineState":
        """Return this state, searching at once for pictures of which the same is asked."""
        queries: list[tuple[str, Vectors]] = []
        for question in questions:
            if isinstance(question, PictureSearch):
                with suppress(LookalikeError):  # told where it is answered
                    vectors = sound(pictures[question.image, question.box]).vectors
                    queries.append(
                        (repr(question.query), self._rankings.weighted(vectors, self._rankings.asked(question.query)))
                    )
        return EngineState(self._embedder, cast("CatalogueState", JointSearches(self._catalogue, queries)))

    def _answer(self, question: "Question", pictures: "Seen") -> "Answer":
        match question:
            case PictureSearch(image, query, box):
                return self.search(sound(pictures[image, box]), query)
            case ItemSearch(item_id, query):
                return self.search_item(item_id, query)
            case WordsSearch(query):
                return self.search_words(query)
            case SimilarToAll(weights, query):
                return self.similar_to_all(weights, query)
            case SimilarItems(item_id, query):
                return self.similar(item_id, query)
            case Strips(strips, repeat):
                return self.recommend(strips, pictures, repeat=repeat)
            case KnownItem(item_id):
                return self.item(item_id)

    def neighbours(self, query: Query = ANY) -> "Neighbourhoods":
        """Return what `similar` finds for each item, in order of id, worked out block by block as it is asked for.

        It may be asked for after the state has been given back. What chooses among
        hits, and `exclude`, must be empty.
        """
        from indexer.catalogue.neighbours import Neighbourhoods

        assert not query.exclude
        assert not query.selects
        weights = self._rankings.asked(query)
        return Neighbourhoods(
            self._catalogue.vector_table(query.where),
            query.k,
            lambda vectors: self._rankings.weighted(vectors, weights),
        )

    def fingerprints(self) -> Mapping[str, bytes | None]:
        """Return the fingerprint of each item's picture by id; None for items of which none was taken."""
        ids = self._catalogue.ids()
        found: dict[str, bytes | None] = {}
        for start in range(0, len(ids), _ITEMS_AT_ONCE):
            found |= {item.id: item.fingerprint for item in self._catalogue.get(ids[start : start + _ITEMS_AT_ONCE])}
        return found

    def item(self, item_id: str) -> "Item":
        """Return one item. Raises UnknownItem."""
        return self._catalogue.get([item_id])[0]

    def display(self, item_id: str) -> "DisplayCopy":
        """Return the picture of an item as a page shows it. Raises UnknownItem."""
        return self._catalogue.display(item_id)

    def sized(self, item_id: str, size: "PictureSize") -> "DisplayCopy":
        """Return the picture of an item in one of its sizes (`sizes_of`). Raises UnknownItem and CatalogueDamaged."""
        return self._sizes.made(item_id, size, lambda: self.display(item_id))

    def browse(
        self,
        where: "Where | None" = None,
        offset: int = 0,
        limit: int = cast("int", LIMIT.default),
        sort: str = ID,
        cursor: str | None = None,
    ) -> Listing:
        """Return one page of items, by default in order of id, with the number of all that fit.

        `sort` is `id`, `predicted.class` or an attribute, `-price` the other way round, or `relevance` to the words of
        the filter (`indexer.sorting`). `limit` is 1 to 100
        and `offset` at least 0; or `cursor` is the `next` of the page before, of the same filter and order: of one
        state no item is missing and none comes twice. Where the state is another by now, the page goes on from the same
        place, and a note says so. Raises PageOutOfRange, InvalidFilter, InvalidSort, InvalidCursor.
        """
        for parameter, value in ((LIMIT, limit), (OFFSET, offset)):
            if not parameter.allows(value):
                raise PageOutOfRange(
                    f"{parameter.name} must be between {parameter.minimum} and {parameter.maximum}, not {value}."
                )
        if cursor is not None and offset:
            raise InvalidCursor("A cursor says itself where the page begins. Give a cursor or an offset, not both.")
        attribute = Order.read(sort).attribute
        notes = self.filter_notes(where, () if attribute is None else (attribute,))
        listing, version = listing_digest(where, sort), self._catalogue.version
        after = None
        if cursor is not None:
            before = ListingCursor.read(cursor, listing)
            after = before.end
            notes = notes if before.version == version else (*notes, CHANGED_SINCE)
        page = self._catalogue.browse(where, offset, limit, sort, after)
        behind = None if page.last is None else str(ListingCursor(version, listing, page.last))
        return Listing(page.items, page.total, behind, notes)

    def filter_notes(self, where: "Where | None", fields: Collection[str] = ()) -> tuple[str, ...]:
        """Return what is to be said of a sound filter, and of other fields: that no item has what it asks about.

        See `CatalogueState.filter_notes`.
        """
        return self._catalogue.filter_notes(where, fields) if where or fields else ()

    def facets(
        self,
        where: "Where | None" = None,
        fields: Sequence[str] | None = None,
        limit: int = cast("int", FACET_VALUES.default),
    ) -> FacetCounts:
        """Return what fields hold among the items that a filter allows: counts of values, bounds of numbers.

        `fields` are `predicted.class`, `colour~` and attributes, by default all that there are; `limit`, 1 to 1000, is
        how many values of each are counted out, those of the most items. Raises PageOutOfRange, InvalidFilter,
        InvalidFacet.
        """
        if not FACET_VALUES.allows(limit):
            raise PageOutOfRange(
                f"{FACET_VALUES.name} must be between {FACET_VALUES.minimum} and {FACET_VALUES.maximum}, not {limit}."
            )
        facets = self._catalogue.facets(where, fields, limit)
        named = [field for field in fields or () if field not in (PREDICTED_CLASS, *COLOUR_FIELDS)]
        total = self._catalogue.browse(where, limit=0).total
        return FacetCounts(tuple(facets), total, self.filter_notes(where, named))

    def counts(self) -> Mapping[str, int]:
        """Return how many items each class has, 0 included, in the model's order of classes."""
        return self._catalogue.counts()

    def is_sample(self) -> bool:
        """Return whether there are items and all of them are products that the project's own code drew."""
        return 0 < self._catalogue.browse(DRAWN, limit=0).total == len(self._catalogue)

    def info(self) -> EngineInfo:
        """Return what is being served."""
        reading = self.reading
        return EngineInfo(self.card, reading.items, reading.generation, self._catalogue.recall, reading.version)

    def _result(
        self,
        view: "View",
        subject: Seed,
        predicted: Predicted,
        colours: tuple[GarmentColour, ...],
        query: Query,
        timings: Mapping[str, float],
    ) -> SearchResult:
        started = time.perf_counter()
        familiarity = self._embedder.familiarity(subject.vectors)
        hits = self._matches(subject, query)
        return SearchResult(
            predicted=predicted,
            familiarity=float(familiarity[0]),
            hits=hits,
            look=self.look(query),
            weights=self.weights(query),
            colours=colours,
            view=view,
            notes=(*view.notes, *hits.notes),
            model=self.card.fingerprint,
            generation=self.reading.generation,
            state=self.reading.version,
            timings={**timings, "search": (time.perf_counter() - started) * 1000},
        )

    def _subject(self, item: "Item") -> Seed:
        kind = self.card.classes.index(item.predicted[CLASS].value)
        return Seed.of_one(self._catalogue.vectors([item.id]), kind, (item.id,))

    def _matches(self, subject: Seed, query: Query, notes: Sequence[str] = ()) -> Matches:
        return self._chosen(
            self._rankings.by_likeness(subject, query), query, (subject.ids, subject.shares.tolist()), notes
        )

    def _chosen(self, ranking: Ranking, query: Query, asked: tuple[Any, ...], notes: Sequence[str] = ()) -> Matches:
        """Return one page of a ranking; `asked` is what the pages of a question have in common beside its options."""
        question = question_name(query, self.card.fingerprint, *asked)
        place = place_of(query, self.reading.version, question)
        found = select(ranking, query, place)
        matches = [
            Match(hit.item, hit.score, chance, found.copies.get(hit.item.id, ()) if query.collapse else None)
            for hit, chance in zip(found.hits, ranking.relevance(found.hits), strict=True)
        ]
        following = Place(place.offset + len(matches), place.first)
        cursor = cursor_of(following, self.reading.version, question) if found.more else None
        return Matches(matches, exact=found.exact, next_cursor=cursor, notes=(*notes, *self._notes(query)))

    def _notes(self, query: Query) -> tuple[str, ...]:
        return self.filter_notes(
            replace(query, q_weight=None).wanted, () if query.group_by is None else (query.group_by,)
        )

    def weights(self, query: Query) -> Mapping[str, float] | None:
        """Return what each part of the vector counts in a query's scores: see `Rankings.weights`."""
        return self._rankings.weights(query)

    def look(self, query: Query) -> float | None:
        """Return the share of the look in a query's scores: see `Rankings.look`."""
        return self._rankings.look(query)
