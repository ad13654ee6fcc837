"""In which order items come: by their likeness to a subject as a query weighs it, by words, or by both."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from indexer.fields import ID
from indexer.records import Hit, Hits
from models.vector_parts import LOOK, full_weights, look_share, weighted, weights_of_look
from search_api.errors import LookNotAvailable
from search_api.searching.selection import Ranking

if TYPE_CHECKING:
    from indexer.catalogue import CatalogueState
    from models.arrays import Vectors
    from models.embedder import Embedder
    from search_api.query import Query
    from search_api.searching.seed import Seed

MOST_MIXED = 1000
"""Items most like a query, and items that say words best, among which both together decide."""


class Rankings:
    """The orders that a model and one state of a catalogue give."""

    def __init__(self, embedder: "Embedder", catalogue: "CatalogueState") -> None:
        self._embedder = embedder
        self._catalogue = catalogue

    def by_likeness(self, subject: "Seed", query: "Query") -> Ranking:
        """Return the order of all items by their likeness to a subject, as a query weighs it."""
        asked = self.asked(query)
        direction = subject.direction()
        queries = self.weighted(direction, asked)
        is_plain = queries is direction or np.array_equal(queries, direction)
        excluded, wanted = (*subject.ids, *query.excluded_ids), query.wanted

        def vectors(hits: Sequence[Hit]) -> "Vectors":
            return self._catalogue.vectors([hit.item.id for hit in hits])

        def relevance(hits: Sequence[Hit]) -> Sequence[float]:
            cosines = np.array([[hit.score for hit in hits]], np.float32)
            if not is_plain or len(subject.vectors) > 1:
                cosines = subject.vectors @ vectors(hits).T
            return subject.relevance(self._embedder, cosines)

        mixed = None if query.q_weight is None else self._mixed(queries, query, excluded)
        is_plain = is_plain and mixed is None

        def search(count: int, exact: bool) -> Hits:
            if mixed is not None:
                return Hits(mixed[:count], exact=mixed.exact)
            return self._catalogue.search(queries, count, wanted, excluded, exact=exact)[0]

        return Ranking(
            search,
            has_graph=mixed is None and self._catalogue.recall is not None,
            relevance=relevance,
            falls=is_plain and len(subject.vectors) == 1,
            vectors=vectors,
            weigh=lambda some: self.weighted(some, asked),
        )

    def _mixed(self, queries: "Vectors", query: "Query", excluded: Sequence[str]) -> Hits:
        """Return the items most like a query and those that say its words best, in the order of both together."""
        words, share = query.q or "", query.q_weight or 0
        said = {hit.item.id: hit.score for hit in self._catalogue.words(words, MOST_MIXED, query.wanted, excluded)}
        near = self._catalogue.search(queries, MOST_MIXED, query.wanted, excluded)[0]
        others = sorted(said.keys() - {hit.item.id for hit in near})
        found = [*near]
        if others:
            found += self._catalogue.search(queries, len(others), {ID: others})[0]
        hits = [Hit(hit.item, (1 - share) * hit.score + share * said.get(hit.item.id, 0)) for hit in found]
        return Hits(sorted(hits, key=lambda hit: (-hit.score, hit.item.id)), exact=near.exact)

    def by_words(self, query: "Query") -> Ranking:
        """Return the order of the items that say the words of a query."""
        wanted = replace(query, q=None).wanted
        return Ranking(
            lambda count, _: self._catalogue.words(query.q or "", count, wanted, query.excluded_ids),
            has_graph=False,
            relevance=lambda hits: [hit.score for hit in hits],
            falls=True,
            vectors=lambda hits: self._catalogue.vectors([hit.item.id for hit in hits]),
            weigh=lambda vectors: vectors,
        )

    def weights(self, query: "Query") -> Mapping[str, float] | None:
        """Return what each part of the vector counts in a query's scores, adding up to 1; None where it has no parts.

        Raises UnknownPart, InvalidWeights, LookNotAvailable.
        """
        parts = self._embedder.card.parts
        return full_weights(parts, self.asked(query) or {part.name: part.share for part in parts}) if parts else None

    def look(self, query: "Query") -> float | None:
        """Return the share of the look in a query's scores; None for a model that does not tell it apart."""
        weights = self.weights(query)
        return None if weights is None or look_share(self._embedder.card.parts) is None else weights[LOOK]

    def asked(self, query: "Query") -> Mapping[str, float] | None:
        """Return the weights that a query asks for; None where it asks for none. Raises LookNotAvailable."""
        if query.look is None:
            return query.weights
        if look_share(self._embedder.card.parts) is None:
            raise LookNotAvailable(
                f"The model {self._embedder.card.name} does not tell the look of an item from its kind. "
                "Search without look."
            )
        return weights_of_look(self._embedder.card.parts, query.look)

    def weighted(self, vectors: "Vectors", weights: Mapping[str, float] | None) -> "Vectors":
        """Return vectors, float32 (n, dim), as weights make queries of them; the same where there are none."""
        return vectors if weights is None else weighted(vectors, self._embedder.card.parts, weights)
