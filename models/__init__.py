"""The data set, pictures, the classifier and the embedder: everything that knows what a picture looks like."""

from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import ReportUnavailable, TrainingUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.card import ModelCard
    from models.datasets.fashion_mnist import Split
    from models.embedder import Embedder
    from models.evaluation.measure import Evaluation
    from models.training.recipes import Recipe

PRETRAINED = Path(__file__).parent / "pretrained" / "fashion-mnist"
"""The bundle that ships with the project."""

PIXELS = "pixels"
"""The name of raw pixels where a bundle is asked for to compare with."""


def load(bundle: Path | str | None = None) -> "Embedder":
    """Return the embedder of a bundle directory, or of the shipped one.

    Raises BundleMissing, BundleDamaged, BundleTooNew or BundleTooOld.
    """
    from models.runtime import LiteRTEmbedder

    return LiteRTEmbedder(Path(bundle) if bundle is not None else PRETRAINED)


def train(
    recipe: "Recipe",
    out: Path,
    data_dir: Path | None = None,
    progress: "Callable[[int, int], None]" = lambda done, total: None,
    say: "Callable[[str], None]" = lambda text: None,
    photographs: Path | None = None,
) -> "ModelCard":
    """Train a bundle by a recipe into `out`, with photographs or without (`models.training.export.train_bundle`).

    Raises TrainingUnavailable when TensorFlow is not installed.
    """
    try:
        from models.training.export import train_bundle
    except ModuleNotFoundError as error:
        raise TrainingUnavailable(
            f"Training needs {error.name}, which is not installed: pip install 'lookalike[train]'"
        ) from error
    return train_bundle(recipe, out, data_dir, progress, say, photographs)


def evaluate(
    bundle: Path | str | None,
    against: Path | str | None,
    test: "Split",
    progress: "Callable[[int, int], None]" = lambda done, total: None,
    strangers: Path | None = None,
    photographs: Path | None = None,
) -> "tuple[Evaluation, ...]":
    """Measure a bundle, or the shipped one, on test images, and behind it what it is set `against`, if anything.

    `against` is another bundle, or "pixels" for the cosine of raw pixels; `strangers` a folder with pictures of other
    things, a sub-folder a kind; of the `photographs` in a folder, those are measured that a bundle has not learned
    from. Raises BundleMissing, BundleDamaged, BundleTooNew, BundleTooOld, DatasetMissing or UnknownKind before
    anything is measured.
    """
    from models.datasets.photographs import find_photographs, unseen_by
    from models.evaluation import measure
    from models.evaluation.reliability import photographed
    from models.runtime import LiteRTEmbedder

    embedder = LiteRTEmbedder(Path(bundle) if bundle is not None else PRETRAINED)
    other = LiteRTEmbedder(Path(against)) if against is not None and against != PIXELS else None
    others = photographed(embedder, strangers) if strangers is not None else {}
    found = find_photographs(photographs) if photographs is not None else ()
    unseen = unseen_by([one.bundle for one in (embedder, other) if one is not None], found)
    if against is None:
        return (measure.evaluate(embedder, test, progress, others, unseen),)
    first = measure.evaluate(embedder, test, lambda done, total: progress(done, 2 * total), others, unseen)

    def later(done: int, total: int) -> None:
        progress(total + done, 2 * total)

    if other is None:
        return first, measure.evaluate_pixels(test, embedder.card.classes, later)
    return first, measure.evaluate(other, test, later, others, unseen)


def report_writer() -> "Callable[[Sequence[Evaluation], Path], Path]":
    """Return `models.evaluation.report.write_report`. Raises ReportUnavailable when what draws charts is missing."""
    try:
        from models.evaluation.report import write_report
    except ModuleNotFoundError as error:
        raise ReportUnavailable(
            f"A report needs {error.name}, which is not installed: pip install 'lookalike[train]'"
        ) from error
    return write_report
