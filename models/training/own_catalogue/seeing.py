"""What a frozen trunk says of products' pictures, kept as it is found, so that a stopped run goes on."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from models.card import KERAS_FILE
from models.embedder import View
from models.errors import LookalikeError
from models.files import written_whole
from models.pictures.decoding import decode
from models.preprocessing import PRODUCT_PHOTO
from models.progress import Progress
from models.training.own_catalogue.examples import Example
from models.training.product_photos.colours import FINE, colour_histogram

Features = Mapping[str, NDArray[np.float16]]
"""What is said of n pictures, float16 (n, ...), by the names of `build_seeing`."""

_AT_ONCE = 32
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


def build_seeing(base: Path) -> keras.Model:
    """Return what sees a view, float32 (n, 224, 224, 4), of a bundle for product pictures: its trunk as it is.

    Outputs are float32: `last`, `late` and `middle`, the means of the trunk's maps; `quarters`, the middle maps over
    the garment in each quarter, of unit length; `colours` and `fine`, the roots of shares of two histograms.
    """
    whole = keras.models.load_model(base / KERAS_FILE)
    views = whole.inputs[0]
    found = {name: whole.get_layer(name).output for name in ("last", "late", "middle")}
    found["quarters"] = whole.get_layer("look_axes").input
    found["colours"] = whole.get_layer("colour_axes").input
    found["fine"] = colour_histogram(views[..., :3], views[..., 3:] / 255.0, FINE)
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
    waiting: dict[str, View] = {}
    for done, one in enumerate(examples, 1):
        try:
            data = one.picture.read()
            digest = hashlib.sha256(data).hexdigest()[:_DIGITS]
            if digest not in found and digest not in waiting:
                waiting[digest] = PRODUCT_PHOTO.prepare(decode(data), None).without_display()
        except LookalikeError as error:
            unread.append(Unread(one.id, str(error)))
        else:
            sound.append(one)
            digests.append(digest)
        if len(waiting) == _KEPT_AFTER:
            _keep(waiting, seeing, kept)
            found |= waiting.keys()
            waiting = {}
        progress(done, len(examples))
    if waiting:
        _keep(waiting, seeing, kept)
    return Sight(tuple(sound), tuple(digests), _gathered(digests, (kept, *known)), tuple(unread))


def _keep(views: Mapping[str, View], seeing: keras.Model, kept: Path) -> None:
    pixels = (view.pixels for view in views.values())
    found = [seeing.predict_on_batch(np.stack(some).astype(np.float32)) for some in _batches(pixels)]
    arrays = {name: np.concatenate([one[name] for one in found]).astype(np.float16) for name in found[0]}
    digests = np.array(list(views))
    name = hashlib.sha256("".join(views).encode()).hexdigest()[:_DIGITS]
    with written_whole(kept / f"{name}.npz", kept / "unfinished") as draft, draft.open("wb") as file:
        np.savez(file, allow_pickle=False, digests=digests, **arrays)


def _batches(pixels: Iterator[NDArray[np.uint8]]) -> Iterator[list[NDArray[np.uint8]]]:
    while some := list(islice(pixels, _AT_ONCE)):
        yield some


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
