"""The network for product pictures: what the trunk and the palette say of a view, and the vector made of that.

The penultimate layer is the embedding. Its three parts are *kind* (what the trunk's last maps say on average, and the
roots of the posteriors of two sets of classes), *look* (what its middle maps say of the garment in each quarter) and
*colour*. Each is turned onto main axes, made a unit vector, and weighed by its share.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from models.preprocessing.product_photo import SIDE
from models.training.product_photos.colours import colour_histogram
from models.training.product_photos.trunk import MIDDLE, STAGES, Weights, trunk
from models.vector_parts import LOOK, VectorPart

LATE_WEIGHT, MIDDLE_WEIGHT = 0.7, 0.5
"""What the late and the middle maps' means count beside the last's, each of unit length."""

PARTS = (VectorPart("kind", 148, 0.66), VectorPart(LOOK, 60, 0.2), VectorPart("colour", 48, 0.14))

FOLDERS_SHARE, CLASSES_SHARE = 0.25, 0.15
"""What the posterior of the photographs' kinds, and that of the ten classes, contribute to the kind's cosine."""

_GROUND_COUNTS = 0.02
"""What a place without garment counts beside one that is all garment."""


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """Where a unit vector begins and what it is turned onto: `centre` (dim,) and `axes` (dim, count)."""

    centre: NDArray[np.float32]
    axes: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """Logits of features: `kernel` (dim, classes) and `bias` (classes,)."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """All that is fitted: where features begin, the axes of each part, the two classifiers, and a temperature."""

    centres: Sequence[NDArray[np.float32]]
    kind: Axes
    look: Axes
    colour: Axes
    folders: Classifier
    classes: Classifier
    temperature: float


def build_features(weights: Weights) -> keras.Model:
    """Return what sees a view, float32 (n, 224, 224, 4): sRGB levels 0 to 255 and the garment's outline.

    Outputs are float32: `last` (n, 1280), `late` (n, 192) and `middle` (n, 112), the means of the trunk's maps;
    `quarters` (n, 448), those of the middle maps over the garment in each quarter; `colours`, roots of shares.
    """
    views = keras.Input((SIDE, SIDE, 4), name="views")
    pixels, outline = views[..., :3], views[..., 3:] / 255.0
    maps = trunk(pixels, weights)
    mean = keras.layers.GlobalAveragePooling2D
    return keras.Model(
        views,
        {
            "last": mean(name="last")(maps.last),
            "late": mean(name="late")(maps.late),
            "middle": mean(name="middle")(maps.middle),
            "quarters": _quarters(maps.middle, outline),
            "colours": colour_histogram(pixels, outline),
        },
        name="features",
    )


def build_classifier(features: keras.Model, heads: Heads) -> keras.Model:
    """Return the network in answering form, sharing the features' layers.

    Outputs are `vector`, float32 (n, 256) of L2 norm 1, made of PARTS, and `probabilities`, float32 (n, 10).
    """
    found = features.output
    whole = centred(found, heads.centres, keras.ops)
    logits = _dense(heads.classes, "class_logits")(whole)
    calibrated = keras.layers.Rescaling(1 / heads.temperature, name="calibrated_logits")(logits)
    probabilities = keras.layers.Softmax(name="probabilities")(calibrated)
    posteriors = [
        keras.ops.sqrt(keras.layers.Softmax()(_dense(heads.folders, "folder_logits")(whole))),
        keras.ops.sqrt(keras.layers.Softmax()(logits)),
    ]
    pieces = [
        _turned(whole, heads.kind, "kind"),
        *posteriors,
        _turned(_unit(found["quarters"], keras.ops), heads.look, "look"),
        _turned(found["colours"], heads.colour, "colour"),
    ]
    weighted = [piece * math.sqrt(share) for piece, share in zip(pieces, _shares(), strict=True)]
    joined = keras.layers.Concatenate()(weighted)
    vector = keras.layers.UnitNormalization(name="vector")(joined)  # the graph's weights are rounded to halves
    return keras.Model(features.input, {"vector": vector, "probabilities": probabilities}, name="eye")


def vectors_of(found: Mapping[str, NDArray[np.float32]], heads: Heads) -> NDArray[np.float32]:
    """Return what the network would: the vectors, float32 (n, 256), of features by their names."""
    whole = centred(found, heads.centres, np)
    posteriors = [np.sqrt(_softmax(whole @ one.kernel + one.bias)) for one in (heads.folders, heads.classes)]
    pieces = [
        _moved(whole, heads.kind),
        *posteriors,
        _moved(_unit(found["quarters"], np), heads.look),
        _moved(found["colours"], heads.colour),
    ]
    roots = [math.sqrt(share) for share in _shares()]
    return np.concatenate([piece * root for piece, root in zip(pieces, roots, strict=True)], axis=1).astype(np.float32)


def probabilities_of(found: Mapping[str, NDArray[np.float32]], heads: Heads) -> NDArray[np.float32]:
    """Return the calibrated probabilities, float32 (n, 10), of features by their names."""
    logits = centred(found, heads.centres, np) @ heads.classes.kernel + heads.classes.bias
    return _softmax(logits / heads.temperature)


def _shares() -> list[float]:
    """Return what each piece of the vector contributes to the cosine."""
    of = {part.name: part.share for part in PARTS}
    of_kind = 1 - FOLDERS_SHARE - CLASSES_SHARE, FOLDERS_SHARE, CLASSES_SHARE
    return [*(of["kind"] * share for share in of_kind), of[LOOK], of["colour"]]


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def _moved(vectors: NDArray[np.float32], onto: Axes) -> NDArray[np.float32]:
    return np.asarray(_unit((vectors - onto.centre) @ onto.axes, np), np.float32)


def centred(found: Any, centres: Sequence[NDArray[np.float32]], ops: Any) -> Any:
    """Return the means of the three maps, each from where it begins on and of unit length, side by side (n, 1584).

    `ops` is `keras.ops` for tensors and numpy for arrays.
    """
    weights = {"last": 1.0, "late": LATE_WEIGHT, "middle": MIDDLE_WEIGHT}
    pieces = [
        _unit(found[name] - centre, ops) * weight
        for (name, weight), centre in zip(weights.items(), centres, strict=True)
    ]
    return ops.concatenate(pieces, axis=1)


def _unit(x: Any, ops: Any) -> Any:
    return x / ops.maximum(ops.sqrt(ops.sum(x * x, axis=1, keepdims=True)), 1e-6)


def _turned(x: Any, onto: Axes, name: str) -> Any:
    turned = _dense(Classifier(onto.axes, -onto.centre @ onto.axes), f"{name}_axes")(x)
    return keras.layers.UnitNormalization(name=f"unit_{name}")(turned)


def _dense(head: Classifier, name: str) -> keras.Layer:
    layer = keras.layers.Dense(head.kernel.shape[1], name=name)
    layer.build((None, head.kernel.shape[0]))
    layer.set_weights([head.kernel, head.bias])
    return layer


def _quarters(middle: Any, outline: Any) -> Any:
    """Return the means of maps over the garment in each quarter: (n, 4 x channels)."""
    side = middle.shape[1]
    weight = keras.layers.AveragePooling2D(SIDE // side)(outline) + _GROUND_COUNTS
    pooled = keras.layers.AveragePooling2D(side // 2)
    means = pooled(middle * weight) / pooled(weight)
    return keras.ops.reshape(means, (-1, 4 * STAGES[MIDDLE].channels_out))
