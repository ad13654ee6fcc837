"""Averaging the weights of a network before and after it learned something new (Wortsman et al., arXiv 2109.01903)."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np
from numpy.typing import NDArray


def average(
    network: keras.Model,
    before: Sequence[NDArray[np.float32]],
    share: float,
    batches: Iterable[NDArray[np.float32]],
) -> None:
    """Let a network's weights be those that it had `before`, by a share from 0 to 1, and else its own.

    The statistics of its normalisation are then taken anew on batches of views, as it is trained on: those of averaged
    weights are not the averages.
    """
    after = network.get_weights()
    network.set_weights([share * old + (1 - share) * new for old, new in zip(before, after, strict=True)])
    for views in batches:
        network(views, training=True)
