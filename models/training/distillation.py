"""Distillation: soft labels by which a trained network teaches another one (Hinton et al., arXiv 1503.02531)."""

from itertools import product

import keras
import numpy as np

from models.arrays import Images, Probabilities
from models.training.trainer import predict

_REACH = 1
"""Pixels by which each image is shifted either way."""


def soft_labels(teacher: keras.Model, images: Images) -> Probabilities:
    """Return the teacher's probabilities, float32 (n, classes), for images uint8 (n, height, width).

    Each is the mean over eighteen views of its image: as it is and flipped, in nine positions a pixel apart.
    """
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (_REACH, _REACH), (_REACH, _REACH)))
    steps = range(2 * _REACH + 1)
    views = [
        shifted[:, :, ::direction]
        for top, left in product(steps, steps)
        for shifted in (padded[:, top : top + height, left : left + width],)
        for direction in (1, -1)
    ]
    total = sum(keras.ops.softmax(predict(teacher, view)["logits"]) for view in views)
    labels: Probabilities = keras.ops.convert_to_numpy(total / len(views))
    return labels
