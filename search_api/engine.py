"""The product itself: a picture or an item in, its class and the items that look like it out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from indexer.fields import ID
from models.embedder import Embedder, View
from models.errors import LookalikeError
from models.vector_parts import look_share
from search_api.access.image_hosts import ImageHosts
from search_api.batches import Strips, check_questions, pictures_of
from search_api.engine_state import Answer, EngineState, Reading
from search_api.moderation.moderator import Moderator
from search_api.moderation.policy import Policy
from search_api.moderation.submissions import Submission
from search_api.parameters import FACET_VALUES, LIMIT, MAX_WAIT
from search_api.picture_sizes import SizedPictures, sizes_of
from search_api.query import ANY, Query
from search_api.results import Verdict
from search_api.searching.collapsing import NEAREST, duplicates
from search_api.seeing.addressed_pictures import AddressedPictures
from search_api.seeing.embedded_picture import EmbeddedPicture, Seen
from search_api.seeing.picture_reader import PictureReader

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.catalogue import Catalogue
    from indexer.catalogue.neighbours import Neighbourhoods
    from indexer.records import AttributeValue, DisplayCopy, Item, Where
    from indexer.sources.web.addresses import Address
    from models.card import ModelCard
    from models.pictures.boxes import Box
    from models.progress import Progress
    from search_api.batches import Question
    from search_api.moderation.checks import Findings
    from search_api.recommending.recommendations import Recommendations
    from search_api.recommending.strips import Strip
    from search_api.results import EngineInfo, FacetCounts, Listing, Matches, SearchResult
    from search_api.writing import Writer


class Engine:
    """Answers every question of the command line, the API and the pages. Safe to use from several threads.

    A picture is first made into an `EmbeddedPicture`, which needs no catalogue; everything else is asked of one state
    of the catalogue, inside `reading`. The methods named like those of `EngineState` ask one question of the latest.

    At most `decoders` pictures (by default as many as there are processors) are decoded at once, whatever the
    number of threads: the largest picture accepted takes hundreds of megabytes while it is open.

    Pictures may be given by their addresses, where these are at one of `image_hosts`, none by default.
    `policy` is the file of what pictures are moderated by where nothing else is asked for. Raises what PolicyFile does,
    and what `LocalCatalogue.open` does of its blocklist.
    """

    def __init__(
        self,
        embedder: Embedder,
        catalogue: "Catalogue",
        decoders: int | None = None,
        max_wait: float = MAX_WAIT,
        policy: "Path | None" = None,
        image_hosts: ImageHosts | None = None,
    ) -> None:
        self._embedder = embedder
        self._catalogue = catalogue
        self._pictures = PictureReader(embedder, decoders, max_wait, AddressedPictures(image_hosts))
        self._moderator = Moderator(embedder, self._pictures, policy)
        self._sizes = SizedPictures()
        with self.reading():
            pass

    @contextmanager
    def reading(self) -> Iterator[EngineState]:
        """Give the engine over the latest state of the catalogue, for as long as the block lasts.

        It is for the thread that opened it, and a block of a thread must end before its next begins: a picture is
        embedded before.
        """
        with self._catalogue.reading() as catalogue:
            state = EngineState(self._embedder, catalogue, self._sizes)
            self.last_read = state.reading
            yield state

    last_read: Reading
    """What the latest state was when it was last read, for those who answer without reading."""

    def view(self, data: "bytes | Address", box: "Box | None" = None) -> View:
        """Return what the model sees of an encoded picture: see `PictureReader.view`."""
        return self._pictures.view(data, box)

    def embed(self, view: View) -> EmbeddedPicture:
        """Return a view with its vector and what it is taken for: see `PictureReader.embed`."""
        return self._pictures.embed(view)

    def embed_picture(self, data: "bytes | Address", box: "Box | None" = None) -> EmbeddedPicture:
        """Return an encoded picture with all that the model sees in it: see `PictureReader.embed_picture`."""
        return self._pictures.embed_picture(data, box)

    @property
    def writer(self) -> "Writer":
        """What writes to the catalogue."""
        from search_api.writing import Writer

        return Writer(self._embedder, self._catalogue, self._pictures)

    @property
    def directory(self) -> "Path":
        """Where files that belong with the catalogue may be kept."""
        return self._catalogue.directory

    @property
    def policy(self) -> Policy:
        """The policy in force: what its file says now, or the default."""
        return self._moderator.policy

    def moderate(
        self,
        data: "bytes | Address",
        policy: Policy | None = None,
        attributes: "Mapping[str, AttributeValue] | None" = None,
    ) -> Verdict:
        """Return what a policy, by default the one in force, says of an encoded picture and its item's attributes.

        Raises what `view` does for a picture that can't be read, but none for a blank one; InvalidPolicyValue for a
        policy that names no class of the model; what `LocalCatalogue.open` raises for its blocklist.
        """
        (answer,) = self.moderate_all([Submission(self._pictures.encoded(data), attributes or {})], policy)
        if isinstance(answer, LookalikeError):
            raise answer
        return answer

    def moderate_all(
        self, submissions: Sequence[Submission], policy: Policy | None = None
    ) -> list[Verdict | LookalikeError]:
        """Return what a policy says of each of many pictures: in place of a verdict, why one can't be read.

        Raises as `moderate` does for the policy.
        """
        judged = self._moderator.judge(submissions, policy)
        return [one if isinstance(one, LookalikeError) else one[0] for one in judged]

    def judge_all(
        self, submissions: Sequence[Submission], policy: Policy | None = None
    ) -> "list[tuple[Verdict, Findings] | LookalikeError]":
        """Return as `moderate_all` does, each verdict with what was found of its picture."""
        return self._moderator.judge(submissions, policy)

    def search(self, data: "bytes | Address", query: Query = ANY, box: "Box | None" = None) -> "SearchResult":
        """Answer an encoded picture, or one at an address. Raises what `view` and `EngineState.search` do."""
        embedded = self.embed_picture(data, box)
        with self.reading() as state:
            return state.search(embedded, query)

    def search_view(self, pixels: NDArray[np.uint8], query: Query = ANY) -> "SearchResult":
        """Answer a view's pixels. Raises what `embed` and `EngineState.search` do."""
        embedded = self.embed(View(pixels))
        with self.reading() as state:
            return state.search(embedded, query)

    def search_item(self, item_id: str, query: Query = ANY) -> "SearchResult":
        """Ask the latest state: see `EngineState.search_item`."""
        with self.reading() as state:
            return state.search_item(item_id, query)

    def search_words(self, query: Query) -> "Matches":
        """Ask the latest state: see `EngineState.search_words`."""
        with self.reading() as state:
            return state.search_words(query)

    def similar(self, item_id: str, query: Query = ANY) -> "Matches":
        """Ask the latest state: see `EngineState.similar`."""
        with self.reading() as state:
            return state.similar(item_id, query)

    def recommend(self, strips: "Sequence[Strip]", *, repeat: bool = False) -> "Recommendations":
        """Ask the latest state: see `EngineState.recommend`. Raises what `view` does for pictures, too."""
        (answer,) = self.batch([Strips(strips, repeat)])
        if isinstance(answer, LookalikeError):
            raise answer
        return cast("Recommendations", answer)

    def batch(self, questions: "Sequence[Question]") -> "list[Answer]":
        """Answer 1 to 64 questions from one state, all pictures seen in one pass through the model.

        Each has its answer, as the method that its kind names gives it, or the error that this would raise.
        Raises TooManyQuestions.
        """
        seen = self.see(questions)
        with self.reading() as state:
            return state.batch(questions, seen)

    def see(self, questions: "Sequence[Question]") -> "Seen":
        """Return what the model sees of all pictures in questions, each once. Raises TooManyQuestions."""
        check_questions(len(questions))
        wanted = list(dict.fromkeys(picture for question in questions for picture in pictures_of(question)))
        return dict(zip(wanted, self._pictures.embed_pictures(wanted), strict=True)) if wanted else {}

    def similar_to_all(self, weights: Mapping[str, float], query: Query = ANY) -> "Matches":
        """Ask the latest state: see `EngineState.similar_to_all`."""
        with self.reading() as state:
            return state.similar_to_all(weights, query)

    def neighbours(self, query: Query = ANY) -> "Neighbourhoods":
        """Ask the latest state: see `EngineState.neighbours`."""
        with self.reading() as state:
            return state.neighbours(query)

    def duplicates(self, progress: "Progress" = lambda done, total: None) -> tuple[list[tuple[str, ...]], int]:
        """Return the ids of items whose pictures are copies of each other, in groups of two and more, all in order.

        Each item is compared with the nearest of the latest state. Items without a fingerprint, which an earlier
        version has indexed, are passed over, and how many these are is returned as well. `progress(done, total)` counts
        items.
        """
        with self.reading() as state:
            neighbours, fingerprints = state.neighbours(Query(NEAREST)), state.fingerprints()
        unknown = sum(one is None for one in fingerprints.values())
        return duplicates(neighbours, fingerprints, progress), unknown

    def item(self, item_id: str) -> "Item":
        """Ask the latest state: see `EngineState.item`."""
        with self.reading() as state:
            return state.item(item_id)

    def display(self, item_id: str) -> "DisplayCopy":
        """Ask the latest state: see `EngineState.display`."""
        with self.reading() as state:
            return state.display(item_id)

    def sized(self, item_id: str, size: str = "medium") -> "DisplayCopy":
        """Return the picture of an item of the latest state as small, medium or large: see `EngineState.sized`."""
        with self.reading() as state:
            return state.sized(item_id, sizes_of(state.item(item_id).picture)[size])

    def browse(
        self,
        where: "Where | None" = None,
        offset: int = 0,
        limit: int = cast("int", LIMIT.default),
        sort: str = ID,
        cursor: str | None = None,
    ) -> "Listing":
        """Ask the latest state: see `EngineState.browse`."""
        with self.reading() as state:
            return state.browse(where, offset, limit, sort, cursor)

    def filter_notes(self, where: "Where | None") -> tuple[str, ...]:
        """Ask the latest state: see `EngineState.filter_notes`."""
        with self.reading() as state:
            return state.filter_notes(where)

    def facets(
        self,
        where: "Where | None" = None,
        fields: Sequence[str] | None = None,
        limit: int = cast("int", FACET_VALUES.default),
    ) -> "FacetCounts":
        """Ask the latest state: see `EngineState.facets`."""
        with self.reading() as state:
            return state.facets(where, fields, limit)

    def counts(self) -> Mapping[str, int]:
        """Ask the latest state: see `EngineState.counts`."""
        with self.reading() as state:
            return state.counts()

    def info(self) -> "EngineInfo":
        """Ask the latest state: see `EngineState.info`."""
        with self.reading() as state:
            return state.info()

    @property
    def generation(self) -> int:
        """The generation of the index that answers now."""
        with self.reading() as state:
            return state.reading.generation

    @property
    def is_current(self) -> bool:
        """Whether the catalogue is still the one that its address names; not after a reindexing."""
        return self._catalogue.is_current

    @property
    def card(self) -> "ModelCard":
        """The card of the model that answers."""
        return self._embedder.card

    @property
    def look_share(self) -> float | None:
        """What the look contributes to a score where nothing else is asked for; None where there is no such part."""
        return look_share(self.card.parts)

    def close(self) -> None:
        """Close the catalogue, the blocklists, and connections to other servers."""
        self._pictures.addressed.close()
        self._moderator.close()
        self._catalogue.close()
