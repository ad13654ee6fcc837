"""The serving embedder: the bundle's LiteRT graph, without TensorFlow.

An interpreter is fixed to one batch size and must not be shared between threads, so each thread keeps its own, made
when first needed.
"""

import math
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from models.arrays import Images, Probabilities, Vectors
from models.card import CONFIDENCE_FILE, OOD_SCORE_FILE, RUNTIME_FILE, ModelCard, read_card
from models.embedder import Answers, View
from models.errors import BundleDamaged
from models.match_confidence import MatchConfidence
from models.native_output import silenced
from models.ood_score import OodScore
from models.pictures.boxes import Box
from models.pictures.decoding import Picture
from models.preprocessing import preprocessing_named

_BATCH_SIZES = (256, 16, 1)
_PARALLEL_FROM = 16
"""Batches of at least this size use every core; smaller ones leave the cores to other requests."""

_BATCH_VALUES = 2**22
"""Numbers that the views of a batch hold at most: a network's maps take some ten times as much memory."""

_SHARE_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A bundle as its files were when they were read: whatever becomes of them later, this makes the same embedder."""

    directory: Path
    card: ModelCard
    graph: bytes
    familiarity: bytes
    confidence: bytes


def read_bundle(directory: Path) -> Bundle:
    """Read the files of a bundle. Raises BundleMissing, BundleDamaged, BundleTooNew or BundleTooOld."""
    card = read_card(directory)
    names = RUNTIME_FILE, OOD_SCORE_FILE, CONFIDENCE_FILE
    try:
        return Bundle(directory, card, *[(directory / name).read_bytes() for name in names])
    except OSError as error:
        raise BundleDamaged(f"What {directory} knows of its own answers can't be read: {error}") from error


class LiteRTEmbedder:
    """An `Embedder` over a bundle, given as its directory or as it was read before.

    Raises BundleMissing, BundleDamaged, BundleTooNew or BundleTooOld.
    """

    def __init__(self, bundle: Path | Bundle) -> None:
        bundle = read_bundle(bundle) if isinstance(bundle, Path) else bundle
        self._bundle = bundle.directory
        self._card = bundle.card
        self._preprocessing = preprocessing_named(self._card.preprocessing)
        self._graph = bundle.graph
        self._of_thread = threading.local()
        values = math.prod(self._card.input_shape)
        self._batch_sizes = tuple(size for size in _BATCH_SIZES if size == 1 or size * values <= _BATCH_VALUES)
        try:
            # The runtime announces its delegate once in a process's life, from C++.
            with silenced():
                self._check_views()
                self._interpreter(1)
                self._check_parts()
        except (ValueError, RuntimeError, KeyError) as error:
            raise BundleDamaged(
                f"{bundle.directory / RUNTIME_FILE} is not the graph that its card describes: {error}"
            ) from error
        directory, classes = bundle.directory, len(self._card.classes)
        least = 1 if self._card.targets else classes  # what a shop's own model knows are values of a target
        try:
            self._known = OodScore.load(directory / OOD_SCORE_FILE, least, self._card.dim, bundle.familiarity)
            self._confidence = MatchConfidence.load(directory / CONFIDENCE_FILE, classes, bundle.confidence)
        except ValueError as error:
            raise BundleDamaged(f"What {directory} knows of its own answers can't be read: {error}") from error

    @property
    def card(self) -> ModelCard:
        """The card of the loaded bundle."""
        return self._card

    @property
    def bundle(self) -> Path:
        """The directory of the loaded bundle."""
        return self._bundle

    @property
    def known(self) -> OodScore:
        """Where the vectors of known classes lie."""
        return self._known

    @property
    def graph_bytes(self) -> int:
        """Size of the graph file."""
        return len(self._graph)

    def prepare(self, picture: Picture, box: Box | None = None) -> View:
        """Return the view of a picture, or of what its box holds, by the preprocessing that the card names."""
        return self._preprocessing.prepare(picture, box)

    def embed(self, views: Sequence[View]) -> tuple[Vectors, Probabilities]:
        """Return vectors float32 (n, dim) of unit norm and probabilities float32 (n, classes) of n >= 0 views.

        Raises ValueError unless the pixels of each are uint8 of the card's `input_shape`.
        """
        answers = self.answers(views)
        return answers.vectors, answers.probabilities

    def answers(self, views: Sequence[View]) -> Answers:
        """Return all that the model says of n >= 0 views. Raises ValueError as `embed` does."""
        shape = self._card.input_shape
        for view in views:
            if view.pixels.shape != shape or view.pixels.dtype != np.uint8:
                raise ValueError(f"a view's pixels are {view.pixels.dtype} {view.pixels.shape}, not uint8 {shape}")
        n = len(views)
        vectors = np.empty((n, self._card.dim), np.float32)
        probabilities = np.empty((n, len(self._card.classes)), np.float32)
        targets = {one.name: np.empty((n, len(one.values)), np.float32) for one in self._card.targets}
        start = 0
        while start < n:
            size = next(size for size in self._batch_sizes if size <= n - start)
            rows = slice(start, start + size)
            pixels = np.stack([view.pixels for view in views[rows]])
            vectors[rows], probabilities[rows], *told = self._interpreter(size).run(pixels)
            for name, of in zip(targets, told, strict=True):
                targets[name][rows] = of
            start += size
        return Answers(vectors, probabilities, targets)

    def familiarity(self, vectors: Vectors, *, others: bool = False) -> NDArray[np.float32]:
        """Return the share of known pictures that are as strange as each of n vectors or more, float32 (n,)."""
        return self._known.of(vectors, others=others)

    def confidence(
        self, predicted: NDArray[np.integer], cosines: NDArray[np.float32], familiarity: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the chance of the same kind, float32 (n, k), for queries of predicted classes (n,)."""
        return self._confidence.of(predicted, cosines, familiarity)

    def _check_views(self) -> None:
        """Raise ValueError when the card's preprocessing makes no views of the shape that the card says."""
        if self._preprocessing.view_shape != self._card.input_shape:
            raise ValueError(f"{self._preprocessing.name} makes views of the shape {self._preprocessing.view_shape}")

    def _check_parts(self) -> None:
        """Raise ValueError when the parts of a vector don't have the shares that the card says."""
        parts = self._card.parts
        if not parts:
            return
        shape = self._card.input_shape
        view = np.arange(math.prod(shape)).astype(np.uint8).reshape(1, *shape)
        vector = self._interpreter(1).run(view)[0][0]
        pieces = np.split(vector, np.cumsum([part.dim for part in parts])[:-1])
        shares = [float(piece @ piece) for piece in pieces]
        if not np.allclose(shares, [part.share for part in parts], rtol=0, atol=_SHARE_TOLERANCE):
            raise ValueError(f"the parts of its vector have the shares {[round(share, 4) for share in shares]}")

    def _interpreter(self, size: int) -> "_FixedBatch":
        interpreters: dict[int, _FixedBatch] = self._of_thread.__dict__.setdefault("interpreters", {})
        if size not in interpreters:
            interpreters[size] = _FixedBatch(self._graph, size, self._card)
        return interpreters[size]


class _FixedBatch:
    def __init__(self, graph: bytes, size: int, card: ModelCard) -> None:
        threads = (os.cpu_count() or 1) if size >= _PARALLEL_FROM else 1
        self._interpreter = Interpreter(model_content=graph, num_threads=threads)
        outputs: dict[str, Any] = self._interpreter.get_signature_runner().get_output_details()
        names = "vector", "probabilities", *(one.output for one in card.targets)
        self._outputs: list[int] = [outputs[name]["index"] for name in names]
        (given,) = self._interpreter.get_input_details()
        self._shape = (size, *card.input_shape) if len(card.input_shape) == 3 else (size, *card.input_shape, 1)
        self._input: int = given["index"]
        self._interpreter.resize_tensor_input(self._input, self._shape, strict=True)
        self._interpreter.allocate_tensors()
        self._interpreter.invoke()  # some outputs have no shape before
        dims = [self._interpreter.get_tensor(index).shape for index in self._outputs]
        if dims != [
            (size, width) for width in (card.dim, len(card.classes), *(len(one.values) for one in card.targets))
        ]:
            raise ValueError(f"its outputs have the shapes {dims}")

    def run(self, pixels: Images) -> list[NDArray[np.float32]]:
        """Return vectors, probabilities of the classes, and those of each target."""
        interpreter = self._interpreter
        interpreter.set_tensor(self._input, pixels.reshape(self._shape).astype(np.float32))
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in self._outputs]
