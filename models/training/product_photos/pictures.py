"""What the heads are fitted to: photographs, drawn products and Fashion-MNIST, as the trunk sees them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.arrays import Images
from models.datasets.fashion_mnist import CLASSES, Split
from models.datasets.photographs import Photograph, right_classes
from models.files import written_whole
from models.pictures.decoding import Picture
from models.preprocessing.product_photo import SIDE, photo_view
from models.progress import Progress
from models.training.product_photos.fine_tuning import Labelled
from sample_shop.products import Product, products

VIEWS = 2
"""Of each photograph: itself, and its garment on white, as a shop's lie."""

IMAGES, IMAGES_HELD_OUT = 3_000, 500
"""Of Fashion-MNIST's training images."""

DRAWN_SEED, DRAWN_SEED_HELD_OUT = 1_000, 1_001
"""Of the drawn products to learn from, and of those that are held out: neither are those of the sample shop."""

_AT_ONCE = 32
_PRODUCT_SIDE = 180
"""Of a Fashion-MNIST image on its white ground, in pixels of a view."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the trunk says of n pictures, float32 (n, ...) by name, and which of the ten classes are right, (n, 10).

    `folder` is the number of a photograph's kind, -1 for what is none; `held_out` is not learned from.
    """

    features: Mapping[str, NDArray[np.float32]]
    right: NDArray[np.bool_]
    folder: NDArray[np.int64]
    held_out: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_]) -> "Seen":
        """Return some of them alone."""
        features = {name: values[chosen] for name, values in self.features.items()}
        return Seen(features, self.right[chosen], self.folder[chosen], self.held_out[chosen])

    def __add__(self, other: "Seen") -> "Seen":
        return Seen(
            {name: np.concatenate([values, other.features[name]]) for name, values in self.features.items()},
            np.concatenate([self.right, other.right]),
            np.concatenate([self.folder, other.folder]),
            np.concatenate([self.held_out, other.held_out]),
        )


class Looking:
    """Shows pictures to the trunk, and keeps what it says of each set in a file, so that a stopped run goes on."""

    def __init__(self, features: keras.Model, kept: Path, progress: Progress, total: int) -> None:
        self._features = features
        self._kept = kept
        self._progress = progress
        self._total = total
        self._done = 0

    def at(self, name: str, views: Iterator[NDArray[np.uint8]], count: int) -> Mapping[str, NDArray[np.float32]]:
        """Return what the trunk says of `count` views, which are asked for only when that is not known yet."""
        path = self._kept / f"{name}.npz"
        if not path.exists():
            self._kept.mkdir(parents=True, exist_ok=True)
            found = [self._batch(some) for some in _batches(views)]
            arrays = {key: np.concatenate([one[key] for one in found]) for key in found[0]}
            with written_whole(path, self._kept / "unfinished.npz") as draft:
                np.savez(draft, allow_pickle=False, **arrays)
        else:
            self._done += count
            self._progress(self._done, self._total)
        with np.load(path) as arrays_of:
            return {key: arrays_of[key] for key in arrays_of.files}

    def _batch(self, views: Images) -> Mapping[str, NDArray[np.float32]]:
        found: Mapping[str, NDArray[np.float32]] = self._features.predict_on_batch(views.astype(np.float32))
        self._done += len(views)
        self._progress(self._done, self._total)
        return found


def photographs_seen(photographs: Sequence[Photograph], kinds: Sequence[str], looking: Looking) -> Seen:
    """Show every view of photographs."""
    views = (view for one in photographs for view in _views_of(one))
    features = looking.at("photographs", views, len(photographs) * VIEWS)
    shown = [one for one in photographs for _ in range(VIEWS)]
    return Seen(
        features,
        np.stack([right_classes(one.kind, CLASSES) for one in shown]),
        np.array([kinds.index(one.kind) for one in shown]),
        np.array([one.is_held_out for one in shown]),
    )


def drawn_seen(looking: Looking) -> Seen:
    """Show drawn products of other assortments than the sample shop's."""
    learned, held_out = products(DRAWN_SEED), products(DRAWN_SEED_HELD_OUT)
    drawn = [*learned, *held_out]
    features = looking.at("drawn", (photo_view(Picture(one.draw())).pixels for one in drawn), len(drawn))
    return Seen(features, _drawn_classes(drawn), np.full(len(drawn), -1), np.arange(len(drawn)) >= len(learned))


def images_seen(learn: Split, looking: Looking) -> Seen:
    """Show Fashion-MNIST's images as the product pictures that they were made from."""
    count = min(len(learn.images), IMAGES + IMAGES_HELD_OUT)
    features = looking.at(
        "fashion-mnist", (photo_view(product_of(image)).pixels for image in learn.images[:count]), count
    )
    right = np.eye(len(CLASSES), dtype=np.bool_)[learn.labels[:count]]
    return Seen(
        features,
        right,
        np.full(count, -1),
        np.arange(count) >= count - count * IMAGES_HELD_OUT // (IMAGES + IMAGES_HELD_OUT),
    )


def product_of(tile: NDArray[np.uint8]) -> Picture:
    """Return a Fashion-MNIST image, uint8 (28, 28), as a product on white, (224, 224, 3)."""
    enlarged = Image.fromarray(np.invert(tile)).resize((_PRODUCT_SIDE, _PRODUCT_SIDE), Image.Resampling.BICUBIC)
    ground = Image.new("L", (SIDE, SIDE), 255)
    ground.paste(enlarged, ((SIDE - _PRODUCT_SIDE) // 2,) * 2)
    return Picture(np.asarray(ground.convert("RGB")))


def views_to_tune(photographs: Sequence[Photograph], kinds: Sequence[str], learn: Split) -> Sequence[Labelled]:
    """Return the views that the trunk is tuned to: of photographs not held out, drawn products, images."""
    chosen = [one for one in photographs if not one.is_held_out]
    drawn = products(DRAWN_SEED)
    images = learn.images[:IMAGES]
    none = np.int32(-1)
    return (
        {
            "views": np.stack([photo_view(one.read()).pixels for one in chosen]),
            "folder": np.array([kinds.index(one.kind) for one in chosen], np.int32),
            "right": np.stack([right_classes(one.kind, CLASSES) for one in chosen]),
        },
        {
            "views": np.stack([photo_view(Picture(one.draw())).pixels for one in drawn]),
            "folder": np.full(len(drawn), none),
            "right": _drawn_classes(drawn),
        },
        {
            "views": np.stack([photo_view(product_of(image)).pixels for image in images]),
            "folder": np.full(len(images), none),
            "right": np.eye(len(CLASSES), dtype=np.bool_)[learn.labels[: len(images)]],
        },
    )


def _drawn_classes(drawn: Sequence[Product]) -> NDArray[np.bool_]:
    return np.stack([np.array([one.attributes["class"] == label for label in CLASSES]) for one in drawn])


def _views_of(photograph: Photograph) -> Iterator[NDArray[np.uint8]]:
    view = photo_view(photograph.read()).pixels
    yield view
    on_white = view.copy()
    on_white[..., :3] = np.where(view[..., 3:] > 127, view[..., :3], np.uint8(255))
    yield on_white


def _batches(views: Iterator[NDArray[np.uint8]]) -> Iterator[Images]:
    while some := list(islice(views, _AT_ONCE)):
        yield np.stack(some)
