"""The product itself: a picture or an item in, its class and the items that look like it out."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from indexer.fields import ID
from models.embedder import Embedder, View
from models.errors import LookalikeError
from models.garments.finding import find_garments, is_ruled_by_largest, outline_box
from models.garments.kinds import tells_kinds
from models.pictures.decoding import Picture, decode
from models.vector_parts import look_share
from search_api.batches import MOST_SECONDS, Strips, check_questions, pictures_of
from search_api.collapsing import NEAREST, duplicates
from search_api.engine_state import Answer, EmbeddedPicture, EngineState, Reading, Seen, predictions_of
from search_api.errors import Busy
from search_api.moderation.blocklists import Blocklists
from search_api.moderation.checks import reasons_of, strongest
from search_api.moderation.policy import DEFAULT, Policy
from search_api.moderation.policy_file import PolicyFile
from search_api.moderation.submissions import Opened, Submission, opened
from search_api.parameters import FACET_VALUES, LIMIT, MAX_WAIT
from search_api.query import ANY, Query
from search_api.results import Garment, Prediction, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.catalogue import Catalogue
    from indexer.catalogue.neighbours import Neighbourhoods
    from indexer.records import AttributeValue, DisplayCopy, Item, Where
    from models.card import ModelCard
    from models.pictures.boxes import Box
    from models.progress import Progress
    from search_api.batches import Question
    from search_api.recommending.recommendations import Recommendations
    from search_api.recommending.strips import Strip
    from search_api.results import EngineInfo, FacetCounts, Listing, Matches, SearchResult
    from search_api.writing import Writer

MODERATED_AT_ONCE = 16
"""Pictures that are embedded in one pass when many are moderated."""

SEVERAL = "Several garments were found; the largest was searched with."
SEVERAL_BUT_WHOLE = "Several garments were found; the largest was searched with, in the picture as it is."

SAME = 0.6
"""Overlap with the box that was searched with from which on a garment is the one in it."""


class Engine:
    """Answers every question of the command line, the API and the pages. Safe to use from several threads.

    A picture is first made into an `EmbeddedPicture`, which needs no catalogue; everything else is asked of one state
    of the catalogue, inside `reading`. The methods named like those of `EngineState` ask one question of the latest.

    At most `decoders` pictures (by default as many as there are processors) are decoded at once, whatever the
    number of threads: the largest picture accepted takes hundreds of megabytes while it is open.

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
    ) -> None:
        self._embedder = embedder
        self._catalogue = catalogue
        self._decoders = BoundedSemaphore(decoders or os.cpu_count() or 1)
        self._max_wait = max_wait
        self._blocklists = Blocklists(embedder.card.fingerprint)
        self._policy = None if policy is None else PolicyFile(policy, self._check_policy)
        with self.reading():
            pass

    @contextmanager
    def reading(self) -> Iterator[EngineState]:
        """Give the engine over the latest state of the catalogue, for as long as the block lasts.

        It is for the thread that opened it, and a block of a thread must end before its next begins: a picture is
        embedded before.
        """
        with self._catalogue.reading() as catalogue:
            state = EngineState(self._embedder, catalogue)
            self.last_read = state.reading
            yield state

    last_read: Reading
    """What the latest state was when it was last read, for those who answer without reading."""

    def view(self, data: bytes, box: "Box | None" = None) -> View:
        """Return what the model sees of an encoded picture.

        `box` says where in the upright picture the garment is, and without it the garment is looked for. Raises
        UnsupportedPicture, DamagedPicture, PictureTooLarge, UnusablePicture or BlankPicture for the picture, and Busy
        when too many pictures are being decoded.
        """
        with self._turn():
            return self._embedder.prepare(decode(data), box)

    def embed(self, view: View) -> EmbeddedPicture:
        """Return a view with its vector and what it is taken for.

        Raises ValueError unless its pixels are uint8 in the shape of the card's input.
        """
        started = time.perf_counter()
        vectors, probabilities = self._embedder.embed([view])
        return EmbeddedPicture(view, vectors, probabilities[0], {"embed": _milliseconds_since(started)})

    def embed_picture(self, data: bytes, box: "Box | None" = None) -> EmbeddedPicture:
        """Return an encoded picture with its vector, what it is taken for, and the garments that it shows.

        Where there are several and no box says which is meant, the largest is what is embedded, and a note says so:
        what its box holds, or the whole picture where that is hardly more.
        Raises what `view` does.
        """
        (embedded,) = self.embed_pictures([(data, box)])
        if isinstance(embedded, LookalikeError):
            raise embedded
        return embedded

    def embed_pictures(
        self, pictures: "Sequence[tuple[bytes, Box | None]]"
    ) -> "list[EmbeddedPicture | LookalikeError]":
        """Return what `embed_picture` does of each picture, or raises, from one pass through the model.

        Each picture is decoded in a turn of its own. Those that have not been begun after MOST_SECONDS are answered
        with Busy.
        """
        started = time.perf_counter()
        answers: dict[int, EmbeddedPicture | LookalikeError] = {}
        prepared: dict[int, tuple[Picture, View, float]] = {}
        for number, (data, box) in enumerate(pictures):
            begun = time.perf_counter()
            try:
                if begun - started > MOST_SECONDS:
                    raise Busy("The pictures before this one took too long. Send fewer at a time.")
                with self._turn():
                    picture = decode(data)
                    view = self._embedder.prepare(picture, box)
                prepared[number] = picture, view, _milliseconds_since(begun)
            except LookalikeError as error:
                answers[number] = error
        begun = time.perf_counter()
        vectors, probabilities = self._embedder.embed([view for _, view, _ in prepared.values()])
        share = _milliseconds_since(begun) / max(len(prepared), 1)
        for at, (number, (picture, view, decoding)) in enumerate(prepared.items()):
            begun = time.perf_counter()
            embedded = EmbeddedPicture(view, vectors[at : at + 1], probabilities[at], {})
            embedded = self._embed_garments(picture, embedded, pictures[number][1])
            steps = {"decode": decoding, "embed": share + _milliseconds_since(begun)}
            answers[number] = replace(embedded, timings=steps)
        return [answers[number] for number in range(len(pictures))]

    def _embed_garments(self, picture: Picture, given: EmbeddedPicture, box: "Box | None") -> EmbeddedPicture:
        """Return what is to be searched with, `given` or the largest garment, and all garments of the picture.

        `given` is what the box holds, or the whole picture where there is none.
        """
        whole = given
        if box is not None and tells_kinds(given.vectors):
            whole = self.embed(self._embedder.prepare(picture))
        several = find_garments(self._embedder, picture, whole.view, whole.vectors)
        if box is None and several:
            largest, note = several[0], SEVERAL_BUT_WHOLE
            if not is_ruled_by_largest(several, given.vectors):
                note = SEVERAL
                given = replace(given, view=largest.view, vectors=largest.vectors, probabilities=largest.probabilities)
            given = replace(given, view=replace(given.view, notes=(note, *given.view.notes)))
            box = largest.found.box
        searched = self._garment(outline_box(given.view) if box is None else box, given.probabilities, searched=True)
        overlaps = [one.found.box.overlap(searched.box) for one in several]
        place = overlaps.index(max(overlaps)) if max(overlaps, default=0) > SAME else None
        garments = [self._garment(one.found.box, one.probabilities, searched=False) for one in several]
        garments[0 if place is None else place : 0 if place is None else place + 1] = [searched]
        return replace(given, garments=tuple(garments))

    def _garment(self, box: "Box", probabilities: NDArray[np.float32], *, searched: bool) -> Garment:
        best = int(probabilities.argmax())
        return Garment(box, self.card.classes[best], float(probabilities[best]), searched)

    @property
    def writer(self) -> "Writer":
        """What writes to the catalogue."""
        from search_api.writing import Writer

        return Writer(self._embedder, self._catalogue, self._turn)

    @property
    def directory(self) -> "Path":
        """Where files that belong with the catalogue may be kept."""
        return self._catalogue.directory

    @property
    def policy(self) -> Policy:
        """The policy in force: what its file says now, or the default."""
        return DEFAULT if self._policy is None else self._policy.current()

    def moderate(
        self,
        data: bytes,
        policy: Policy | None = None,
        attributes: "Mapping[str, AttributeValue] | None" = None,
    ) -> Verdict:
        """Return what a policy, by default the one in force, says of an encoded picture and its item's attributes.

        Raises what `view` does for a picture that can't be read, but none for a blank one; InvalidPolicyValue for a
        policy that names no class of the model; what `LocalCatalogue.open` raises for its blocklist.
        """
        (answer,) = self.moderate_all([Submission(data, attributes or {})], policy)
        if isinstance(answer, LookalikeError):
            raise answer
        return answer

    def moderate_all(
        self, submissions: Sequence[Submission], policy: Policy | None = None
    ) -> list[Verdict | LookalikeError]:
        """Return what a policy says of each of many pictures: in place of a verdict, why one can't be read.

        Up to MODERATED_AT_ONCE are embedded in one pass. Raises as `moderate` does for the policy.
        """
        policy = policy or self.policy
        policy.require_classes(self.card.classes)
        answers: list[Verdict | LookalikeError] = []
        for start in range(0, len(submissions), MODERATED_AT_ONCE):
            answers += self._moderated(submissions[start : start + MODERATED_AT_ONCE], policy)
        return answers

    def _check_policy(self, policy: Policy) -> None:
        policy.require_classes(self.card.classes)
        if policy.blocklist.catalogue is not None:
            self._blocklists.check(policy.blocklist.catalogue)

    def _moderated(self, submissions: Sequence[Submission], policy: Policy) -> list[Verdict | LookalikeError]:
        started = time.perf_counter()
        seen: list[Opened | LookalikeError] = []
        for submission in submissions:
            try:
                with self._turn():
                    seen.append(opened(submission, self._embedder, policy))
            except Busy:
                raise
            except LookalikeError as error:
                seen.append(error)
        decoded = time.perf_counter()
        views = [one.view for one in seen if isinstance(one, Opened) and one.view is not None]
        vectors, probabilities = self._embedder.embed(views)
        steps = {"decode": (decoded - started) * 1000, "embed": _milliseconds_since(decoded)}
        steps = {step: taken / len(submissions) for step, taken in steps.items()}
        embedded = iter(
            EmbeddedPicture(*one, steps) for one in zip(views, vectors[:, None], probabilities, strict=True)
        )
        return [
            self._judged(one, next(embedded) if one.view is not None else None, submission, policy, steps)
            if isinstance(one, Opened)
            else one
            for one, submission in zip(seen, submissions, strict=True)
        ]

    def _judged(
        self,
        seen: Opened,
        whole: EmbeddedPicture | None,
        submission: Submission,
        policy: Policy,
        steps: Mapping[str, float],
    ) -> Verdict:
        started = time.perf_counter()
        found, familiarity = seen.findings, 0.0
        predictions: tuple[Prediction, ...] = ()
        garments: tuple[Garment, ...] = ()
        if whole is not None:
            picture = self._embed_garments(seen.picture, whole, None)
            garments, predictions = picture.garments, predictions_of(picture, self.card.classes)
            familiarity = float(self._embedder.familiarity(picture.vectors)[0])
            found = replace(
                found,
                garments=garments,
                known_class=familiarity,
                known_garment=float(self._embedder.familiarity(picture.vectors, others=True)[0]),
            )
            if policy.blocklist.catalogue is not None:  # which holds whole pictures
                match = self._blocklists.match(policy.blocklist.catalogue, whole.vectors, seen.fingerprints)
                found = replace(found, blocklist=match)
        reasons = reasons_of(policy, found, submission.attributes)
        return Verdict(
            verdict=strongest(reasons),
            reasons=reasons,
            predictions=predictions,
            familiarity=familiarity,
            garments=garments,
            model=self.card.fingerprint,
            policy=policy.name,
            timings={**steps, "judge": _milliseconds_since(started)},
        )

    def search(self, data: bytes, query: Query = ANY, box: "Box | None" = None) -> "SearchResult":
        """Answer an encoded picture. Raises what `view` and `EngineState.search` do."""
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
        return dict(zip(wanted, self.embed_pictures(wanted), strict=True)) if wanted else {}

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
        """Close the catalogue, and the blocklists."""
        self._blocklists.close()
        self._catalogue.close()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._decoders.acquire(timeout=self._max_wait):
            raise Busy("Too many pictures are being searched with at this moment. Try again in a few seconds.")
        try:
            yield
        finally:
            self._decoders.release()


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
