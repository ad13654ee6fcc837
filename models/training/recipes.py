"""Recipes: everything about a training run that a person chooses."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from models.training.precision import AUTO


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to train.

    `width` is the number of channels of the first residual stage, and `bottlenecks` the number of inverted bottlenecks
    that the second stage has in place of plain convolutions; `kind_dim` and `look_dim` the dimensions of the
    vector's two parts and `look_share` (0 to 1) what the second contributes to the cosine; `belief_share` (0 to 1)
    what the class probabilities contribute to that of the first; `contrast` the weight of
    the instance-contrastive loss and `contrast_temperature` its temperature; `second_views` the share of each batch
    that is seen twice for its sake; `erase` the share of images that lose a rectangle; `logit_scale` the factor from
    cosine to logit; `validation` the number of training images held out.

    `precision` is Keras's name of a dtype policy, or "auto" for the one that this processor is fastest in
    (`models.training.precision`); `non_kernel_lr` multiplies the learning rate of variables that are no kernels.

    `teachers` are trained first, and the mean of their soft labels counts `teacher_share` of what the class loss aims
    at; `init_from` is one of them, of the same shape, whose weights are the initial ones, and are averaged into the
    last by `init_weight`. `photograph_views` is how many views of each photograph are learned from, where there are
    photographs.
    """

    name: str
    epochs: int
    batch_size: int = 128
    width: int = 32
    bottlenecks: int = 0
    kind_dim: int = 64
    look_dim: int = 64
    look_share: float = 0.15
    belief_share: float = 0.5
    contrast: float = 0.3
    contrast_temperature: float = 0.1
    second_views: float = 0.25
    erase: float = 0.5
    logit_scale: float = 10.0
    label_smoothing: float = 0.05
    peak_learning_rate: float = 0.02
    non_kernel_lr: float = 2.0
    warm_up_epochs: float = 1.0
    precision: str = AUTO
    validation: int = 5_000
    seed: int = 2017
    teachers: tuple["Recipe", ...] = ()
    teacher_share: float = 0.7
    init_from: "Recipe | None" = None
    init_weight: float = 0.0
    photograph_views: int = 0

    def prerequisites(self) -> tuple["Recipe", ...]:
        """Return the recipes of all networks that are trained before this one's, in their order."""
        needed: dict[Recipe, None] = {}
        for teacher in self.teachers:
            needed |= dict.fromkeys((*teacher.prerequisites(), teacher))
        return tuple(needed)

    def throughout(self, **changes: Any) -> "Recipe":
        """Return this recipe, and its prerequisites, with some fields changed, such as the seed."""
        return replace(
            self,
            **changes,
            teachers=tuple(teacher.throughout(**changes) for teacher in self.teachers),
            init_from=None if self.init_from is None else self.init_from.throughout(**changes),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return this recipe as cards and checkpoints keep it: plain values, other recipes by their names."""
        plain = {_NAMES_ON_DISK.get(field.name, field.name): getattr(self, field.name) for field in fields(self)}
        return plain | {
            "teachers": [teacher.name for teacher in self.teachers],
            "begins_as": None if self.init_from is None else self.init_from.name,
        }

    def is_kept_as(self, kept: Mapping[str, Any]) -> bool:
        """Tell whether what a card or checkpoint keeps is this recipe, in whichever precision it was trained."""
        return {**self.to_dict(), "precision": None} == {**kept, "precision": None}


_NAMES_ON_DISK = {"non_kernel_lr": "others_rate", "init_from": "begins_as", "init_weight": "kept_share"}
"""Cards keep the names that these fields had first."""


_TEACHER = Recipe("full-teacher", epochs=40, width=48, validation=2_500)
_FIRST = Recipe("full-first", epochs=80, validation=2_500, teachers=(_TEACHER,))
_SECOND = Recipe(
    "full-second",
    epochs=100,
    peak_learning_rate=0.014,
    validation=2_500,
    teachers=(_TEACHER, _FIRST),
    init_from=_FIRST,
)
_THIRD = Recipe("full-third", epochs=80, bottlenecks=3, validation=2_500, teachers=(_TEACHER, _FIRST, _SECOND))
_FOURTH = Recipe(
    "full-fourth",
    epochs=80,
    bottlenecks=3,
    contrast=0.2,
    peak_learning_rate=0.014,
    validation=2_500,
    teachers=(_TEACHER, _FIRST, _SECOND, _THIRD),
    init_from=_THIRD,
)
_FULL = Recipe(
    "full",
    epochs=5,
    bottlenecks=3,
    peak_learning_rate=0.0015,
    validation=2_500,
    teachers=(_TEACHER, _FIRST, _SECOND, _THIRD, _FOURTH),
    init_from=_FOURTH,
    init_weight=0.3,
    photograph_views=3,
)

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {recipe.name: recipe for recipe in (Recipe("quick", epochs=17), _FULL)}
)
"""Recipes by name."""
