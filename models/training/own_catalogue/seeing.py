"""What a frozen trunk says of products' pictures, kept as it is found, so that a stopped run goes on."""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from models.card import KERAS_FILE
from models.errors import LookalikeError
from models.files import written_whole
from models.native_output import silenced
from models.pictures.decoding import decode
from models.preprocessing import PRODUCT_PHOTO
from models.progress import Progress
from models.training.own_catalogue.examples import Example
from models.training.product_photos.colours import FINE, colour_histogram

Features = Mapping[str, NDArray[np.float16]]
"""What is said of n pictures, float16 (n, ...), by the names of `build_seeing`."""

_AT_ONCE = 64
_SHOWN_AT_ONCE = 16
_KEPT_AFTER = 512
"""Pictures after which what was found is kept."""

_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Unread:
    """A picture that can't be learned from: the product's id, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """The examples that could be read, the digest of each one's picture, what was said of it, and the others."""

    examples: tuple[Example, ...]
    digests: tuple[str, ...]
    features: Features
    unread: tuple[Unread, ...]


@lru_cache(maxsize=1)
def base_network(base: Path) -> keras.Model:
    """Return the network of a bundle for product pictures, read once."""
    return keras.models.load_model(base / KERAS_FILE)


def build_seeing(base: Path) -> keras.Model:
    """Return what sees a view, float32 (n, 224, 224, 4), of a bundle for product pictures: its trunk as it is.

    Outputs are float32: `last`, `late` and `middle`, the means of the trunk's maps; `quarters`, the middle maps over
    the garment in each quarter, of unit length; `colours` and `fine`, the roots of shares of two histograms.
    """
    whole = base_network(base)
    views = whole.inputs[0]
    found = {name: whole.get_layer(name).output for name in ("last", "late", "middle")}
    found["quarters"] = whole.get_layer("look_axes").input
    found["colours"] = whole.get_layer("colour_axes").input
    own = keras.Input(views.shape[1:])
    histogram = colour_histogram(own[..., :3], own[..., 3:] / 255.0, FINE)
    found["fine"] = keras.Model(own, histogram, name="fine")(views)  # of its own: names of operations must differ
    return keras.Model(views, found, name="seeing")


def see(
    examples: Sequence[Example], seeing: keras.Model, kept: Path, known: Sequence[Path], progress: Progress
) -> Sight:
    """Show pictures to the trunk, and keep in the folder `kept` what it says of those that neither it nor `known` have.

    `progress` counts examples. A picture that can't be read is named in what is returned.
    """
    kept.mkdir(parents=True, exist_ok=True)
    found = {digest for folder in (kept, *known) for file in _shards(folder) for digest in _digests_in(file)}
    sound: list[Example] = []
    digests: list[str] = []
    unread: list[Unread] = []
    looking = _Looking(seeing, kept)
    with ThreadPoolExecutor(os.cpu_count()) as readers:
        for start in range(0, len(examples), _AT_ONCE):
            some = examples[start : start + _AT_ONCE]
            read = readers.map(partial(_read, found=frozenset(found)), some)
            for one, answer in zip(some, read, strict=True):
                if isinstance(answer, Unread):
                    unread.append(answer)
                    continue
                digest, view = answer
                sound.append(one)
                digests.append(digest)
                if view is not None and digest not in found:
                    found.add(digest)
                    looking.at(digest, view)
            progress(min(start + _AT_ONCE, len(examples)), len(examples))
    looking.keep()
    return Sight(tuple(sound), tuple(digests), _gathered(digests, (kept, *known)), tuple(unread))


def _read(one: Example, found: Set[str]) -> tuple[str, NDArray[np.uint8] | None] | Unread:
    """Return the digest of a picture, and its view unless that digest is among those `found`; or why it has none."""
    try:
        data = one.picture.read()
        digest = hashlib.sha256(data).hexdigest()[:_DIGITS]
        return digest, None if digest in found else PRODUCT_PHOTO.prepare(decode(data), None).pixels
    except LookalikeError as error:
        return Unread(one.id, str(error))


class _Looking:
    """Shows views to the trunk a batch at a time, and writes down what it says of some hundred."""

    def __init__(self, seeing: keras.Model, kept: Path) -> None:
        self._seeing = seeing
        self._graph: _Graph | None = None
        self._kept = kept
        self._views: list[NDArray[np.uint8]] = []
        self._found: list[Mapping[str, NDArray[np.float32]]] = []
        self._digests: list[str] = []

    def at(self, digest: str, view: NDArray[np.uint8]) -> None:
        self._views.append(view)
        self._digests.append(digest)
        if len(self._views) == _SHOWN_AT_ONCE:
            self._show()
        if len(self._digests) >= _KEPT_AFTER and not self._views:
            self.keep()

    def keep(self) -> None:
        if self._views:
            self._show()
        if not self._digests:
            return
        arrays = {
            name: np.concatenate([one[name] for one in self._found]).astype(np.float16) for name in self._found[0]
        }
        name = hashlib.sha256("".join(self._digests).encode()).hexdigest()[:_DIGITS]
        with written_whole(self._kept / f"{name}.npz", self._kept / "unfinished") as draft, draft.open("wb") as file:
            np.savez(file, allow_pickle=False, digests=np.array(self._digests), **arrays)
        self._found, self._digests = [], []

    def _show(self) -> None:
        self._graph = self._graph or _Graph(self._seeing)
        self._found.append(self._graph.said_of(np.stack(self._views)))
        self._views = []


class _Graph:
    """The trunk as the runtime has it, on every core: several times as fast as Keras on processors as shops have."""

    def __init__(self, seeing: keras.Model) -> None:
        with tempfile.TemporaryDirectory() as folder, silenced():
            file = Path(folder) / "seeing.tflite"
            seeing.export(file, format="litert", verbose=False)
            self._interpreter = Interpreter(model_content=file.read_bytes(), num_threads=os.cpu_count() or 1)
            self._input: int = self._interpreter.get_input_details()[0]["index"]
            self._interpreter.resize_tensor_input(self._input, (_SHOWN_AT_ONCE, *seeing.inputs[0].shape[1:]))
            self._interpreter.allocate_tensors()
        outputs = self._interpreter.get_signature_runner().get_output_details()
        self._outputs = {name: int(outputs[name]["index"]) for name in seeing.output}

    def said_of(self, views: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """Return what is said of at most _SHOWN_AT_ONCE views."""
        given = np.zeros((_SHOWN_AT_ONCE, *views.shape[1:]), np.float32)
        given[: len(views)] = views
        self._interpreter.set_tensor(self._input, given)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(at)[: len(views)] for name, at in self._outputs.items()}


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.npz"))


def _digests_in(file: Path) -> list[str]:
    with np.load(file, allow_pickle=False) as arrays:
        return [str(digest) for digest in arrays["digests"]]


def _gathered(digests: Sequence[str], folders: Sequence[Path]) -> Features:
    """Return what was said of pictures, in the order of their digests, from the files in some folders."""
    rows: dict[str, list[int]] = {}
    for at, digest in enumerate(digests):
        rows.setdefault(digest, []).append(at)
    found: dict[str, NDArray[np.float16]] = {}
    for file in (file for folder in folders for file in _shards(folder)):
        with np.load(file, allow_pickle=False) as arrays:
            pairs = [(at, row) for row, name in enumerate(arrays["digests"]) for at in rows.pop(str(name), ())]
            if not pairs:
                continue
            to, of = (list(numbers) for numbers in zip(*pairs, strict=True))
            for name in arrays.files:
                if name != "digests":
                    values = arrays[name]
                    kept = found.setdefault(name, np.empty((len(digests), values.shape[1]), np.float16))
                    kept[to] = values[of]
    return found
