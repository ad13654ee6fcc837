"""The stages of a recipe, a network each: the teachers one after another, and the one that is wanted at the end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.arrays import Probabilities
from models.files import written_whole
from models.progress import Progress
from models.training.distillation import soft_labels
from models.training.photo_training_set import PhotographViews
from models.training.recipes import Recipe
from models.training.trainer import Training, TrainingData, train

_SOFT_LABELS_FILE = "taught.npy"


@dataclass(frozen=True, slots=True, eq=False)
class TrainingStage:
    """One finished training run and its recipe."""

    recipe: Recipe
    training: Training


def train_stages(
    recipe: Recipe,
    data: TrainingData,
    photographs: PhotographViews | None,
    checkpoints: Path,
    progress: Progress,
    log: Callable[[str], None],
) -> tuple[TrainingStage, ...]:
    """Train the recipe's prerequisites, then the recipe's own network, and return them all, its own the last.

    Each keeps its checkpoints in a directory of its name in `checkpoints`. Raises CheckpointMismatch.
    """
    every = (*recipe.prerequisites(), recipe)
    epochs = [one.epochs for one in every]
    done: dict[Recipe, Training] = {}
    for number, one in enumerate(every):
        directory = checkpoints / one.name
        if len(every) > 1 and not directory.exists():
            log(f"training {one.name}")
        labels = [_kept_soft_labels(done[teacher], data, checkpoints / teacher.name, log) for teacher in one.teachers]
        initial = None if one.init_from is None else done[one.init_from].network
        extra = None
        if photographs is not None and one.photograph_views:
            extra = photographs.training_set(one.photograph_views, initial)
        done[one] = train(
            one,
            data,
            directory,
            _part(progress, epochs, number),
            lambda report: log(report.describe()),
            soft_labels=np.mean(labels, axis=0) if labels else None,
            extra=extra,
            init_weights=None if initial is None else initial.get_weights(),
            log=log,
        )
    return tuple(TrainingStage(one, training) for one, training in done.items())


def _kept_soft_labels(
    teacher: Training, data: TrainingData, directory: Path, log: Callable[[str], None]
) -> Probabilities:
    """Return a teacher's soft labels of the images to learn from, made once and kept."""
    kept = directory / _SOFT_LABELS_FILE
    if not kept.exists():
        log("asking the teacher")
        with written_whole(kept, directory / f"draft-{_SOFT_LABELS_FILE}") as draft:
            np.save(draft, soft_labels(teacher.network, data.images))
    labels: Probabilities = np.load(kept)
    return labels


def _part(progress: Progress, epochs: list[int], number: int) -> Progress:
    """Return a progress that counts the steps of one run among those of all."""

    def counted(done: int, total: int) -> None:
        steps = total // epochs[number]
        progress(sum(epochs[:number]) * steps + done, sum(epochs) * steps)

    return counted
