"""Reading pictures: fetched where only their address is given, decoded in turns, shown to the model, and the garments
found in them.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.predictions import predicted_class
from models.embedder import Embedder, View
from models.errors import LookalikeError
from models.garments.finding import find_garments, is_ruled_by_largest, outline_box
from models.garments.kinds import tells_kinds
from models.pictures.decoding import Picture, decode
from search_api.batches import MOST_SECONDS
from search_api.errors import Busy
from search_api.results import Garment
from search_api.seeing.addressed_pictures import AddressedPictures
from search_api.seeing.embedded_picture import EmbeddedPicture, sound

if TYPE_CHECKING:
    from indexer.sources.web.addresses import Address
    from models.embedder import Answers
    from models.pictures.boxes import Box

SEVERAL = "Several garments were found; the largest was searched with."
SEVERAL_BUT_WHOLE = "Several garments were found; the largest was searched with, in the picture as it is."

SAME = 0.6
"""Overlap with the box that was searched with from which on a garment is the one in it."""


class PictureReader:
    """Sees pictures with a model. Safe to use from several threads.

    At most `decoders` pictures (by default as many as there are processors) are decoded at once, whatever the number of
    threads; who waits for longer than `max_wait` seconds is told that it is busy.
    """

    def __init__(
        self, embedder: Embedder, decoders: int | None, max_wait: float, addressed: AddressedPictures | None = None
    ) -> None:
        self._embedder = embedder
        self._decoders = BoundedSemaphore(decoders or os.cpu_count() or 1)
        self._max_wait = max_wait
        self.addressed = addressed or AddressedPictures()

    def encoded(self, picture: "bytes | Address") -> bytes:
        """Return the bytes of a picture. Raises what `AddressedPictures.picture` does for one at an address."""
        return picture if isinstance(picture, bytes) else self.addressed.picture(picture)

    def view(self, data: "bytes | Address", box: "Box | None" = None) -> View:
        """Return what the model sees of an encoded picture, or of one at an address.

        `box` says where in the upright picture the garment is, and without it the garment is looked for. Raises
        UnsupportedPicture, DamagedPicture, PictureTooLarge, UnusablePicture or BlankPicture for the picture, Busy when
        too many pictures are being decoded, and what `encoded` does.
        """
        data = self.encoded(data)
        with self.turn():
            return self._embedder.prepare(decode(data), box)

    def embed(self, view: View) -> EmbeddedPicture:
        """Return a view with its vector and what it is taken for.

        Raises ValueError unless its pixels are uint8 in the shape of the card's input.
        """
        started = time.perf_counter()
        seen = embedded(view, self._embedder.answers([view]), 0)
        return replace(seen, timings={"embed": milliseconds_since(started)})

    def embed_picture(self, data: "bytes | Address", box: "Box | None" = None) -> EmbeddedPicture:
        """Return a picture, encoded or at an address, with its vector, what it is taken for, and the garments in it.

        Where there are several and no box says which is meant, the largest is what is embedded, and a note says so:
        what its box holds, or the whole picture where that is hardly more.
        Raises what `view` does.
        """
        return sound(self.embed_pictures([(data, box)])[0])

    def embed_pictures(
        self, pictures: "Sequence[tuple[bytes | Address, Box | None]]"
    ) -> "list[EmbeddedPicture | LookalikeError]":
        """Return what `embed_picture` does of each picture, or raises, from one pass through the model.

        Those at addresses are fetched together. Each picture is decoded in a turn of its own. Those that have not been
        begun after MOST_SECONDS are answered with Busy.
        """
        asked = time.perf_counter()
        fetched = self.addressed.fetched(data for data, _ in pictures if not isinstance(data, bytes))
        started = time.perf_counter()
        fetching = {"fetch": (started - asked) * 1000} if fetched else {}
        answers: dict[int, EmbeddedPicture | LookalikeError] = {}
        prepared: dict[int, tuple[Picture, View, float]] = {}
        for number, (source, box) in enumerate(pictures):
            begun = time.perf_counter()
            try:
                data = source if isinstance(source, bytes) else fetched[source]
                if isinstance(data, LookalikeError):
                    raise data
                if begun - started > MOST_SECONDS:
                    raise Busy("The pictures before this one took too long. Send fewer at a time.")
                with self.turn():
                    picture = decode(data)
                    view = self._embedder.prepare(picture, box)
                prepared[number] = picture, view, milliseconds_since(begun)
            except LookalikeError as error:
                answers[number] = error
        begun = time.perf_counter()
        seen = self._embedder.answers([view for _, view, _ in prepared.values()])
        share = milliseconds_since(begun) / max(len(prepared), 1)
        for at, (number, (picture, view, decoding)) in enumerate(prepared.items()):
            begun = time.perf_counter()
            one = embedded(view, seen, at)
            one = self.embed_garments(picture, one, pictures[number][1])
            steps = {**fetching, "decode": decoding, "embed": share + milliseconds_since(begun)}
            answers[number] = replace(one, timings=steps)
        return [answers[number] for number in range(len(pictures))]

    def embed_garments(self, picture: Picture, given: EmbeddedPicture, box: "Box | None") -> EmbeddedPicture:
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
        predicted = predicted_class(self._embedder.card.classes[best], float(probabilities[best]))
        return Garment(box, predicted, searched)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Let one picture be decoded. Raises Busy where too many are."""
        if not self._decoders.acquire(timeout=self._max_wait):
            raise Busy("Too many pictures are being searched with at this moment. Try again in a few seconds.")
        try:
            yield
        finally:
            self._decoders.release()


def embedded(view: View, seen: "Answers", at: int) -> EmbeddedPicture:
    """Return the view number `at` with what a model says of it."""
    targets = {name: of[at] for name, of in seen.targets.items()}
    return EmbeddedPicture(view, seen.vectors[at : at + 1], seen.probabilities[at], {}, targets=targets)


def milliseconds_since(started: float) -> float:
    """Return the milliseconds since a moment of `time.perf_counter`."""
    return (time.perf_counter() - started) * 1000
