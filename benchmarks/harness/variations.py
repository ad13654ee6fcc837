"""Any number of garments: Fashion-MNIST's 70,000 images, and changes of them that a shop's pictures show too.

Each has gone through the shipped model; what takes minutes is kept in a cache directory.
"""

import os
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

import models
from benchmarks.harness.measuring import Say
from models.arrays import Images, Vectors
from models.augmentations import flip, for_some, scale, shift, tone
from models.datasets import fashion_mnist
from models.embedder import Embedder, as_views
from models.files import written_whole

QUERIES = 400

_BATCH = 256
_CACHE_VARIABLE = "LOOKALIKE_BENCHMARK_CACHE"
_NEVER_AN_ITEM = 1 << 40  # the number of the round that queries are changed in


def vectors(count: int, say: Say) -> Vectors:
    """Return the vectors of so many pictures: float32 (count, dim), the 70,000 as they are first, then changed.

    They are a prefix of each other for every count. Kept in LOOKALIKE_BENCHMARK_CACHE, or the temporary directory.
    """
    embedder = models.load()
    directory = Path(os.environ.get(_CACHE_VARIABLE) or Path(tempfile.gettempdir()) / "lookalike-benchmark-cache")
    directory.mkdir(parents=True, exist_ok=True)
    images = _images()
    result = np.empty((count, embedder.card.dim), np.float32)
    for start in range(0, count, len(images)):
        round_ = start // len(images)
        some = min(len(images), count - start)
        file = directory / f"{embedder.card.fingerprint[:16]}-{round_:03}-{some}.npy"
        if not file.exists():
            say(f"embedding pictures {start:,} to {start + some:,} of {count:,}")
            with written_whole(file, file.with_suffix(f".{os.getpid()}.tmp.npy")) as draft:
                np.save(draft, _embedded(embedder, _varied(images[:some], round_)))
        result[start : start + some] = np.load(file)
    return result


@cache
def query_vectors() -> Vectors:
    """Return the vectors of QUERIES pictures that are no items: float32 (QUERIES, dim)."""
    images = _images()
    chosen = np.random.default_rng(_NEVER_AN_ITEM).choice(len(images), QUERIES, replace=False)
    return _embedded(models.load(), _varied(images[np.sort(chosen)], _NEVER_AN_ITEM))


@cache
def _images() -> Images:
    splits = [fashion_mnist.load("train"), fashion_mnist.load("test")]
    order = np.random.default_rng(0).permutation(sum(len(split.images) for split in splits))
    return np.concatenate([split.images for split in splits])[order]


def _varied(images: Images, round_: int) -> Images:
    """Return images changed as the round's number says, each in its own way; round 0 leaves them."""
    if round_ == 0:
        return images
    rng = np.random.default_rng(round_)
    images = shift(images, rng, most=2)
    images = scale(images, rng, most=0.1)
    images = tone(images, rng, low=0.7, high=1.2)
    return for_some(flip, 0.5, images, rng)


def _embedded(embedder: Embedder, images: Images) -> Vectors:
    starts = range(0, len(images), _BATCH)
    return np.concatenate([embedder.embed(as_views(images[start : start + _BATCH]))[0] for start in starts])
