"""The network: a small residual CNN whose penultimate layer is the embedding.

The penultimate layer has two parts, each of unit length: *kind*, which the class logits are read from, and *look*,
which is trained to recognise one item under changes. Weighted and set side by side they make one unit vector whose
inner product is the weighted sum of the two parts' cosines. In the vector, the kind also holds the posterior of the
classes: two pictures with the same posterior are of a kind.
"""

import math

import keras
import numpy as np
from numpy.typing import NDArray

from models.training.blocks import Blocks, Normalization
from models.training.recipes import Recipe


def build_network(
    recipe: Recipe,
    classes: int,
    view_shape: tuple[int, ...],
    normalization: Normalization = keras.layers.BatchNormalization,
) -> keras.Model:
    """Return the network in training form.

    `normalization` makes the batch normalisation layers; the weights fit whichever kind made them. The network maps
    float32 (n, *view_shape, 1) grey levels 0 to 255, `view_shape` being (height, width), to three float32 outputs:
    `logits` (n, classes), `kind` (n, kind_dim) and `look` (n, look_dim), the last two of L2 norm 1.
    """
    blocks = Blocks(normalization)
    width = recipe.width
    views = keras.Input((*view_shape, 1), name="views")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(views)
    x = blocks.convolution(x, width // 2)
    middle = blocks.residual(blocks.convolution(x, width, stride=2))
    if recipe.bottlenecks:
        x = blocks.convolution(middle, 5 * width // 2, stride=2)
        for _ in range(recipe.bottlenecks):
            x = blocks.bottleneck(x)
        late = blocks.convolution(x, 8 * width, 1)
    else:
        x = blocks.residual(blocks.convolution(middle, 2 * width, stride=2))
        late = blocks.convolution(x, 4 * width)

    kind = keras.layers.GlobalAveragePooling2D()(late)
    kind = keras.layers.Dense(recipe.kind_dim, use_bias=False)(kind)
    kind = keras.layers.UnitNormalization(dtype="float32", name="kind")(kind)
    # A look is where things are as well as what they are: keep the grid.
    look = keras.layers.Conv2D(8, 1)(keras.layers.AveragePooling2D(2)(middle))
    look = keras.layers.Concatenate()([look, keras.layers.Conv2D(8, 1)(x)])
    look = keras.layers.Dense(recipe.look_dim, use_bias=False)(keras.layers.Flatten()(look))
    look = keras.layers.UnitNormalization(dtype="float32", name="look")(look)

    cosines = keras.layers.Dense(
        classes, use_bias=False, kernel_constraint=keras.constraints.UnitNorm(axis=0), dtype="float32"
    )(kind)
    logits = keras.layers.Rescaling(recipe.logit_scale, dtype="float32", name="logits")(cosines)
    return keras.Model(views, {"logits": logits, "kind": kind, "look": look}, name="lookalike")


def build_embedder(network: keras.Model, recipe: Recipe, temperature: float, axes: NDArray[np.float32]) -> keras.Model:
    """Return the network in answering form, sharing its layers.

    Outputs are `vector`, float32 (n, kind_dim + look_dim) of L2 norm 1, and `probabilities`, float32 (n, classes):
    the softmax of the logits divided by `temperature`. The vector's kind is the network's own turned onto `axes`,
    (kind_dim, kind_dim - classes), and, `belief_share` of its cosine, the roots of the probabilities, so that two
    vectors' posteriors add the Bhattacharyya coefficient of their class distributions.
    """
    outputs = dict(zip(network.output_names, network.outputs, strict=True))
    calibrated = keras.layers.Rescaling(1 / temperature, dtype="float32", name="calibrated_logits")(outputs["logits"])
    probabilities = keras.layers.Softmax(dtype="float32", name="probabilities")(calibrated)
    turn = keras.layers.Dense(axes.shape[1], use_bias=False, dtype="float32", name="turned_kind")
    turned = keras.layers.UnitNormalization(dtype="float32", name="unit_kind")(turn(outputs["kind"]))
    turn.set_weights([axes])
    kind, posterior = 1 - recipe.look_share, recipe.belief_share
    weighted = [
        keras.layers.Rescaling(math.sqrt(share), dtype="float32", name=f"weighted_{name}")(part)
        for name, part, share in (
            ("kind", turned, kind * (1 - posterior)),
            ("belief", keras.ops.sqrt(probabilities), kind * posterior),
            ("look", outputs["look"], recipe.look_share),
        )
    ]
    vector = keras.layers.Concatenate(dtype="float32", name="vector")(weighted)
    return keras.Model(network.input, {"vector": vector, "probabilities": probabilities}, name="lookalike")


def main_axes(kinds: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return the directions along which kinds, (n, kind_dim), are longest: (kind_dim, count), at right angles."""
    _, _, rows = np.linalg.svd(kinds, full_matrices=False)
    axes: NDArray[np.float32] = np.ascontiguousarray(rows[:count].T, np.float32)
    return axes
