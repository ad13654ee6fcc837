"""The blocks that the network is built of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import keras

Normalization: TypeAlias = Callable[..., keras.layers.BatchNormalization]

_EXPANSION = 4
"""How many times as many channels a bottleneck has within as without."""
_SQUEEZE = 8
"""How many times fewer numbers its gates are made from than it has channels within."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Layers in their usual company, each applied to a tensor (n, height, width, channels).

    `normalization` makes the batch normalisation layers; the weights fit whichever kind made them.
    """

    normalization: Normalization

    def convolution(
        self, x: keras.KerasTensor, channels: int, side: int = 3, *, stride: int = 1, active: bool = True
    ) -> keras.KerasTensor:
        """Convolution, normalisation and, where it is active, a rectifier."""
        x = keras.layers.Conv2D(channels, side, stride, padding="same", use_bias=False)(x)
        return self._normalized(x, active=active)

    def residual(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Two convolutions beside the identity (He et al., arXiv 1512.03385)."""
        channels = x.shape[-1]
        inner = self.convolution(self.convolution(x, channels), channels, active=False)
        return keras.layers.ReLU()(keras.layers.Add()([x, inner]))

    def bottleneck(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """A depthwise convolution among many channels, gated, beside the identity (Howard et al., arXiv 1905.02244).

        It reaches as far as a convolution does for a fraction of the multiply-adds.
        """
        channels = x.shape[-1]
        inner = self.convolution(x, _EXPANSION * channels, 1)
        inner = self._normalized(keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False)(inner))
        inner = self.convolution(_gated(inner), channels, 1, active=False)
        return keras.layers.Add()([x, inner])

    def _normalized(self, x: keras.KerasTensor, *, active: bool = True) -> keras.KerasTensor:
        x = self.normalization(momentum=0.95)(x)
        return keras.layers.ReLU()(x) if active else x


def _gated(x: keras.KerasTensor) -> keras.KerasTensor:
    """Multiply each channel by a gate made from the means of all (Hu et al., arXiv 1709.01507)."""
    channels = x.shape[-1]
    squeezed = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    squeezed = keras.layers.Dense(channels // _SQUEEZE, activation="relu")(squeezed)
    gates = keras.layers.Dense(channels, activation="sigmoid")(squeezed)
    # From 0 to 2, so that a gate changes nothing at first.
    return keras.layers.Multiply()([x, keras.layers.Rescaling(2.0)(gates)])
