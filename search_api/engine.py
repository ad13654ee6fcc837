"""The product itself: a picture or an item in, its class and the items that look like it out."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InvalidFilter, UnknownItem
from models.arrays import Vectors
from models.embedder import Embedder, View
from models.pictures.decoding import decode
from models.vector_parts import look_share, with_look
from sample_shop import DRAWN
from search_api.errors import Busy, KOutOfRange, LookNotAvailable, LookOutOfRange, PageOutOfRange
from search_api.results import EngineInfo, Match, Matches, Prediction, SearchResult

if TYPE_CHECKING:
    from indexer.catalogue.local import Catalogue
    from indexer.catalogue.neighbours import Neighbourhoods
    from indexer.records import DisplayCopy, Item, Page, Where
    from models.card import ModelCard
    from models.pictures.boxes import Box

DEFAULT_K = 12
MAX_K = 100
DEFAULT_LIMIT = 48
MAX_LIMIT = 100
MAX_OFFSET = 2**31
MAX_WAIT = 10.0
"""Seconds that a picture waits for its turn to be decoded."""


class Engine:
    """Answers every question of the command line, the API and the pages. Safe to use from several threads.

    Wherever there is a `look`, 0 to 1, a hit's score is `(1 - look) * cosine of the kind + look * cosine of the
    look`: 0 asks for the same kind of thing, 1 for the same look, and None for the model's own share. It raises
    LookOutOfRange for any other number, and LookNotAvailable for a model whose vectors have no such parts.

    At most `decoders` pictures (by default as many as there are processors) are decoded at once, whatever the
    number of threads: the largest picture accepted takes hundreds of megabytes while it is open.
    """

    def __init__(
        self,
        embedder: Embedder,
        catalogue: "Catalogue",
        decoders: int | None = None,
        max_wait: float = MAX_WAIT,
    ) -> None:
        self._embedder = embedder
        self._catalogue = catalogue
        self._decoders = BoundedSemaphore(decoders or os.cpu_count() or 1)
        self._max_wait = max_wait

    def search(
        self,
        data: bytes,
        k: int = DEFAULT_K,
        where: "Where | None" = None,
        look: float | None = None,
        box: "Box | None" = None,
    ) -> SearchResult:
        """Answer an encoded picture.

        `k` is 1 to 100; `where` filters the hits, never the predictions; `box` says where in the upright picture the
        garment is, and without it the garment is looked for. Raises UnsupportedPicture,
        DamagedPicture, PictureTooLarge or UnusablePicture for the picture, KOutOfRange, InvalidFilter, and
        Busy when too many pictures are being decoded.
        """
        started = time.perf_counter()
        self._check(k, look)
        return self._answer(self._view(data, box), started, k, where, look)

    def search_view(
        self,
        pixels: NDArray[np.uint8],
        k: int = DEFAULT_K,
        where: "Where | None" = None,
        look: float | None = None,
    ) -> SearchResult:
        """Answer a view: uint8 in the shape of one row of the embedder's input.

        Raises KOutOfRange, InvalidFilter, and ValueError for another shape or dtype.
        """
        started = time.perf_counter()
        self._check(k, look)
        return self._answer(View(pixels), started, k, where, look)

    def search_item(
        self, item_id: str, k: int = DEFAULT_K, where: "Where | None" = None, look: float | None = None
    ) -> SearchResult:
        """Answer an item of the catalogue; the item itself is not among the hits.

        The hits come from the stored vector, so they equal those of `similar`. Only the best class is stored,
        so view and predictions are made anew from the display copy. Raises UnknownItem, KOutOfRange,
        InvalidFilter.
        """
        started = time.perf_counter()
        self._check(k, look)
        vector = self._catalogue.vectors([item_id])
        view = self._view(self._catalogue.display(item_id).data)
        return self._answer(view, started, k, where, look, vector=vector, exclude=(item_id,))

    def similar(
        self, item_id: str, k: int = DEFAULT_K, where: "Where | None" = None, look: float | None = None
    ) -> Matches:
        """Return the k items most like an item, best first, never the item itself.

        Raises UnknownItem, KOutOfRange, InvalidFilter.
        """
        self._check(k, look)
        vector = self._catalogue.vectors([item_id])
        label = self.card.classes.index(self._catalogue.get([item_id])[0].label)
        return self._matches(vector, label, k, where, look, exclude=(item_id,))

    def neighbours(
        self, k: int = DEFAULT_K, where: "Where | None" = None, look: float | None = None
    ) -> "Neighbourhoods":
        """Return what `similar` finds for each item, in order of id, worked out block by block as it is asked for.

        Raises KOutOfRange, InvalidFilter.
        """
        from indexer.catalogue.neighbours import Neighbourhoods

        self._check(k, look)
        return Neighbourhoods(self._catalogue.gallery(where), k, lambda vectors: self._weighted(vectors, look))

    def item(self, item_id: str) -> "Item":
        """Return one item. Raises UnknownItem."""
        return self._catalogue.get([item_id])[0]

    def display(self, item_id: str) -> "DisplayCopy":
        """Return the picture of an item as a page shows it. Raises UnknownItem."""
        return self._catalogue.display(item_id)

    def browse(self, where: "Where | None" = None, offset: int = 0, limit: int = DEFAULT_LIMIT) -> "Page":
        """Return one page of items in order of id, with the number of all that fit.

        `limit` is 1 to 100 and `offset` at least 0. Raises PageOutOfRange, InvalidFilter.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise PageOutOfRange(f"limit must be between 1 and {MAX_LIMIT}, not {limit}.")
        if not 0 <= offset <= MAX_OFFSET:
            raise PageOutOfRange(f"offset must be between 0 and {MAX_OFFSET}, not {offset}.")
        return self._catalogue.browse(where, offset=offset, limit=limit)

    def counts(self) -> Mapping[str, int]:
        """Return how many items each class has, 0 included, in the model's order of classes."""
        return self._catalogue.counts()

    def is_sample(self) -> bool:
        """Return whether there are items and all of them are products that the project's own code drew."""
        with suppress(InvalidFilter):  # no item ever had the attribute, as in nearly every catalogue
            return 0 < self._catalogue.browse(DRAWN, limit=0).total == len(self._catalogue)
        return False

    @property
    def card(self) -> "ModelCard":
        """The card of the model that answers."""
        return self._embedder.card

    @property
    def look_share(self) -> float | None:
        """What the look contributes to a score where nothing else is asked for; None where there is no such part."""
        return look_share(self.card.parts)

    @property
    def generation(self) -> int:
        """The generation of the catalogue that answers now."""
        return self._catalogue.generation

    def info(self) -> EngineInfo:
        """Return what is being served."""
        return EngineInfo(self.card, len(self._catalogue), self.generation, self._catalogue.recall)

    def close(self) -> None:
        """Close the catalogue."""
        self._catalogue.close()

    def _view(self, data: bytes, box: "Box | None" = None) -> View:
        with self._turn():
            return self._embedder.prepare(decode(data), box)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._decoders.acquire(timeout=self._max_wait):
            raise Busy("Too many pictures are being searched with at this moment. Try again in a few seconds.")
        try:
            yield
        finally:
            self._decoders.release()

    def _check(self, k: int, look: float | None) -> None:
        if not 1 <= k <= MAX_K:
            raise KOutOfRange(f"k must be between 1 and {MAX_K}, not {k}.")
        if look is None:
            return
        if not 0 <= look <= 1:  # nor is NaN
            raise LookOutOfRange(f"look must be between 0 (same kind) and 1 (same look), not {look}.")
        if self.look_share is None:
            raise LookNotAvailable(
                f"The model {self.card.name} does not tell the look of an item from its kind. Search without look."
            )

    def _weighted(self, vectors: Vectors, look: float | None) -> Vectors:
        return vectors if look is None else with_look(vectors, self.card.parts, look)

    def _answer(
        self,
        view: View,
        started: float,
        k: int,
        where: "Where | None",
        look: float | None,
        *,
        vector: Vectors | None = None,
        exclude: tuple[str, ...] = (),
    ) -> SearchResult:
        vectors, probabilities = self._embedder.embed([view])
        generation = self._catalogue.generation
        query = vectors if vector is None else vector
        return SearchResult(
            predictions=_predictions(self.card.classes, probabilities[0]),
            familiarity=float(self._embedder.familiarity(query)[0]),
            hits=self._matches(query, int(probabilities[0].argmax()), k, where, look, exclude),
            look=self.look_share if look is None else float(look),
            view=view,
            notes=view.notes,
            model=self.card.fingerprint,
            generation=generation,
            took_ms=(time.perf_counter() - started) * 1000,
        )

    def _matches(
        self,
        vector: Vectors,
        predicted: int,
        k: int,
        where: "Where | None",
        look: float | None,
        exclude: tuple[str, ...],
    ) -> Matches:
        hits = self._catalogue.search(self._weighted(vector, look), k, where, exclude=exclude)[0]
        cosines = np.array([hit.score for hit in hits], np.float32)
        if look is not None and look != self.look_share:
            # An item that has been deleted just now keeps its weighted cosine instead.
            with suppress(UnknownItem):
                cosines = self._catalogue.vectors([hit.item.id for hit in hits]) @ vector[0]
        confidence = self._embedder.confidence(np.array([predicted]), cosines[np.newaxis])[0]
        matches = (Match(hit.item, hit.score, float(chance)) for hit, chance in zip(hits, confidence, strict=True))
        return Matches(matches, exact=hits.exact)


def _predictions(classes: tuple[str, ...], probabilities: NDArray[np.float32]) -> tuple[Prediction, ...]:
    best_first = np.argsort(-probabilities, kind="stable")
    return tuple(Prediction(classes[index], float(probabilities[index])) for index in best_first)
