"""Averaging the weights of a network before and after it learned something new (Wortsman et al., arXiv 2109.01903)."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np
from numpy.typing import NDArray


def average(
    network: keras.Model,
    initial: Sequence[NDArray[np.float32]],
    weight: float,
    batches: Iterable[NDArray[np.float32]],
) -> None:
    """Average into a network's weights the initial ones by a weight from 0 (its own alone) to 1 (the initial alone).

    The statistics of its normalisation are then taken anew on batches of views, as it is trained on: those of averaged
    weights are not the averages.
    """
    trained = network.get_weights()
    network.set_weights([weight * old + (1 - weight) * new for old, new in zip(initial, trained, strict=True)])
    for views in batches:
        network(views, training=True)
