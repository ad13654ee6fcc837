"""The networks of a recipe, one after another: those that teach, and the one that is wanted at the end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.arrays import Probabilities
from models.files import written_whole
from models.progress import Progress
from models.training.distillation import taught_by
from models.training.photo_training_set import PhotographViews
from models.training.recipes import Recipe
from models.training.trainer import EpochReport, Training, TrainingData, train

_TAUGHT = "taught.npy"


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """One finished training run and its recipe."""

    recipe: Recipe
    training: Training


def study(
    recipe: Recipe,
    data: TrainingData,
    photographs: PhotographViews | None,
    checkpoints: Path,
    progress: Progress,
    say: Callable[[str], None],
) -> tuple[Study, ...]:
    """Train the networks before the recipe's own, then that, and return them all, its own the last.

    Each keeps its checkpoints in a directory of its name in `checkpoints`. Raises CheckpointMismatch.
    """
    every = (*recipe.before(), recipe)
    epochs = [one.epochs for one in every]
    done: dict[Recipe, Training] = {}
    for number, one in enumerate(every):
        directory = checkpoints / one.name
        if len(every) > 1 and not directory.exists():
            say(f"training {one.name}")
        taught = [_said_by(done[teacher], data, checkpoints / teacher.name, say) for teacher in one.teachers]
        begun = None if one.begins_as is None else done[one.begins_as].network
        besides = None
        if photographs is not None and one.photograph_views:
            besides = photographs.lesson(one.photograph_views, begun)
        done[one] = train(
            one,
            data,
            directory,
            _part(progress, epochs, number),
            lambda report: say(_line(report)),
            taught=np.mean(taught, axis=0) if taught else None,
            besides=besides,
            begin_with=None if begun is None else begun.get_weights(),
        )
    return tuple(Study(one, training) for one, training in done.items())


def _said_by(teacher: Training, data: TrainingData, directory: Path, say: Callable[[str], None]) -> Probabilities:
    """Return what a teacher says of the images to learn from, asked once and kept."""
    kept = directory / _TAUGHT
    if not kept.exists():
        say("asking the teacher")
        with written_whole(kept, directory / f"draft-{_TAUGHT}") as draft:
            np.save(draft, taught_by(teacher.network, data.images))
    taught: Probabilities = np.load(kept)
    return taught


def _part(progress: Progress, epochs: list[int], number: int) -> Progress:
    """Return a progress that counts the steps of one run among those of all."""

    def counted(done: int, total: int) -> None:
        steps = total // epochs[number]
        progress(sum(epochs[:number]) * steps + done, sum(epochs) * steps)

    return counted


def _line(report: EpochReport) -> str:
    return (
        f"epoch {report.epoch:>3}/{report.epochs}  loss {report.loss:.3f}  "
        f"accuracy {report.accuracy:.3f}, held out {report.held_out_accuracy:.4f}  {report.seconds:.0f} s"
    )
