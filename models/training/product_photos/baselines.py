"""What every tutorial does: the trunk's last map averaged; and the histogram of the garment's colours alone."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.arrays import Vectors
from models.pictures.decoding import decode
from models.preprocessing.product_photo import prepare_photo
from models.progress import Progress
from models.training.product_photos.imagenet_weights import find_weights, read_weights
from models.training.product_photos.network import build_features

if TYPE_CHECKING:
    from models.evaluation.product_metrics import Product

AVERAGE_POOL, HISTOGRAM = "EfficientNet-Lite0, average pool", "colour histogram of the garment"

_AT_ONCE = 32


def tutorial_vectors(products: Sequence["Product"], progress: Progress) -> Mapping[str, Vectors]:
    """Return unit vectors of products made in two obvious ways. Raises TrainingUnavailable."""
    features = build_features(read_weights(find_weights()))
    found: list[Mapping[str, Vectors]] = []
    for start in range(0, len(products), _AT_ONCE):
        some = products[start : start + _AT_ONCE]
        views = np.stack([prepare_photo(decode(one.picture.read_bytes())).pixels for one in some])
        found.append(features.predict_on_batch(views.astype(np.float32)))
        progress(start + len(some), len(products))
    last, colours = (np.concatenate([one[name] for one in found]) for name in ("last", "colours"))
    return {AVERAGE_POOL: last / np.linalg.norm(last, axis=1, keepdims=True), HISTOGRAM: colours}
