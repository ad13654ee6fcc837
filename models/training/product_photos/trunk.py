"""EfficientNet-Lite0 (Tan and Le, arXiv 1905.11946, in the variant without squeeze-and-excite), in Keras."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

Weights = Mapping[str, NDArray[np.float32]]


class Stage(NamedTuple):
    """Blocks of one shape: how many, kernel, stride of the first, expansion, channels in and out."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels_in: int
    channels_out: int


STAGES = (
    Stage(1, 3, 1, 1, 32, 16),
    Stage(2, 3, 2, 6, 16, 24),
    Stage(2, 5, 2, 6, 24, 40),
    Stage(3, 3, 2, 6, 40, 80),
    Stage(3, 5, 1, 6, 80, 112),
    Stage(4, 5, 2, 6, 112, 192),
    Stage(1, 3, 1, 6, 192, 320),
)

MIDDLE, LATE = 4, 5
"""Stages whose maps are used beside the last: 1/16 and 1/32 of a side."""

_WIDTH = 1280
_EPSILON = 1e-3
_OF_NORMALIZATION = "weight", "bias", "running_mean", "running_var"


class Maps(NamedTuple):
    """What the trunk makes of views (n, 224, 224): (n, 14, 14, 112), (n, 7, 7, 192) and (n, 7, 7, 1280)."""

    middle: Any
    late: Any
    last: Any


def trunk(pixels: Any, weights: Weights) -> Maps:
    """Return the trunk's maps of pixels, a tensor (n, height, width, 3) of sRGB levels 0 to 255."""
    maker = _Maker(weights)
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128)(pixels)
    x = maker.rectified(maker.normalized(maker.convolution(x, "_conv_stem", 2), "_bn0"))
    maps, number = [], 0
    for stage in STAGES:
        for place in range(stage.blocks):
            x = maker.block(x, f"_blocks.{number}.", stage, is_first=place == 0)
            number += 1
        maps.append(x)
    last = maker.rectified(maker.normalized(maker.convolution(x, "_conv_head"), "_bn1"))
    return Maps(maps[MIDDLE], maps[LATE], last)


class _Maker:
    """Makes layers with the weights that have their name."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights

    def block(self, x: Any, name: str, stage: Stage, *, is_first: bool) -> Any:
        y = x
        if stage.expansion != 1:
            y = self.rectified(self.normalized(self.convolution(y, f"{name}_expand_conv"), f"{name}_bn0"))
        y = self.depthwise(y, f"{name}_depthwise_conv", stage.stride if is_first else 1)
        y = self.rectified(self.normalized(y, f"{name}_bn1"))
        y = self.normalized(self.convolution(y, f"{name}_project_conv"), f"{name}_bn2")
        return y if is_first else keras.layers.Add()([x, y])

    def convolution(self, x: Any, name: str, stride: int = 1) -> Any:
        kernel = self._weights[f"{name}.weight"].transpose(2, 3, 1, 0)
        layer = keras.layers.Conv2D(kernel.shape[3], kernel.shape[0], stride, "same", use_bias=False, name=_layer(name))
        return _with(layer, x, _as_float16(kernel))

    def depthwise(self, x: Any, name: str, stride: int) -> Any:
        kernel = self._weights[f"{name}.weight"].transpose(2, 3, 0, 1)
        layer = keras.layers.DepthwiseConv2D(kernel.shape[0], stride, "same", use_bias=False, name=_layer(name))
        return _with(layer, x, _as_float16(kernel))

    def normalized(self, x: Any, name: str) -> Any:
        of = [self._weights[f"{name}.{kind}"] for kind in _OF_NORMALIZATION]
        return _with(keras.layers.BatchNormalization(epsilon=_EPSILON, name=_layer(name)), x, *of)

    @staticmethod
    def rectified(x: Any) -> Any:
        return keras.layers.ReLU(6.0)(x)


def weights_of(model: keras.Model) -> Weights:
    """Return the trunk's weights in a model that has its layers, by the names that `trunk` takes them by."""
    found: dict[str, NDArray[np.float32]] = {}
    for layer in model.layers:
        values, name = layer.get_weights(), f"_{layer.name}"
        if isinstance(layer, keras.layers.BatchNormalization):
            found |= {f"{name}.{kind}": value for kind, value in zip(_OF_NORMALIZATION, values, strict=True)}
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            found[f"{name}.weight"] = values[0].transpose(2, 3, 0, 1)
        elif isinstance(layer, keras.layers.Conv2D):
            found[f"{name}.weight"] = values[0].transpose(3, 2, 0, 1)
    return found


def _layer(name: str) -> str:
    """Return what the layer is called that has weights by a name: TensorFlow allows none to begin as these do."""
    return name.removeprefix("_")


def _with(layer: keras.Layer, x: Any, *weights: NDArray[np.float32]) -> Any:
    y = layer(x)
    layer.set_weights(weights)
    return y


def _as_float16(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round to what a half holds: it packs to half the size, and the runtime's graph holds no more."""
    return weights.astype(np.float16).astype(np.float32)
