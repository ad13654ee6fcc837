"""Recipes: everything about a training run that a person chooses."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to train.

    `width` is the number of channels of the first residual stage; `kind_dim` and `look_dim` the dimensions of the
    vector's two parts and `look_share` (0 to 1) what the second contributes to the cosine; `contrast` the weight of
    the instance-contrastive loss and `contrast_temperature` its temperature; `second_views` the share of each batch
    that is seen twice for its sake; `erase` the share of images that lose a rectangle; `logit_scale` the factor from
    cosine to logit; `validation` the number of training images held out.
    """

    name: str
    epochs: int
    batch_size: int = 128
    width: int = 32
    kind_dim: int = 64
    look_dim: int = 64
    look_share: float = 0.15
    contrast: float = 0.3
    contrast_temperature: float = 0.1
    second_views: float = 0.25
    erase: float = 0.5
    logit_scale: float = 10.0
    label_smoothing: float = 0.05
    peak_learning_rate: float = 0.02
    others_rate: float = 2.0
    warm_up_epochs: float = 1.0
    precision: str = "mixed_bfloat16"
    validation: int = 5_000
    seed: int = 2017
    teacher_epochs: int = 0
    teacher_width: int = 48
    teacher_share: float = 0.7

    def teacher(self) -> "Recipe":
        """Return the recipe of the network that this one's learns from."""
        return replace(
            self, name=f"{self.name}-teacher", epochs=self.teacher_epochs, width=self.teacher_width, teacher_epochs=0
        )


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe("quick", epochs=17),
            Recipe("full", epochs=80, validation=2_500, teacher_epochs=40),
        )
    }
)
"""Recipes by name."""
