"""The data set, pictures, the classifier and the embedder: everything that knows what a picture looks like."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import ReportUnavailable, TrainingUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from models.card import ModelCard
    from models.datasets.fashion_mnist import Split
    from models.embedder import Embedder
    from models.evaluation.measure import Evaluation
    from models.evaluation.moderation_report import JudgedPictures
    from models.evaluation.product_metrics import ProductFindings
    from models.training.own_catalogue.examples import Example
    from models.training.recipes import Recipe

_SHIPPED = Path(__file__).parent / "pretrained"

PRETRAINED = _SHIPPED / "fashion-mnist"
"""The bundle for Fashion-MNIST and whatever is to be compared with it."""

PHOTOGRAPHS = "photographs"
"""The name of the shipped bundle for product pictures in colour."""

TUTORIAL = "tutorial"
"""The name of what every tutorial does with product pictures, where it is asked for to compare with."""

PIXELS = "pixels"
"""The name of raw pixels where a bundle is asked for to compare with."""


def shipped() -> "dict[str, Path]":
    """Return the directories of the bundles that ship with the project, by their names."""
    return {path.name: path for path in sorted(_SHIPPED.iterdir()) if path.is_dir()}


def bundle_directory(model: Path | str | None = None) -> Path:
    """Return the directory of a bundle: of the shipped one of that name, the directory given, or PRETRAINED."""
    return PRETRAINED if model is None else shipped().get(str(model), Path(model))


def bundle_of(fingerprint: str) -> Path | None:
    """Return the directory of the shipped bundle with a fingerprint; None where there is none.

    Raises BundleDamaged and what else `read_card` does.
    """
    from models.card import read_card

    return next((path for path in shipped().values() if read_card(path).fingerprint == fingerprint), None)


def load(model: Path | str | None = None) -> "Embedder":
    """Return the embedder of a bundle: of a shipped one by its name, of a directory, or of PRETRAINED.

    Raises BundleMissing, BundleDamaged, BundleTooNew or BundleTooOld.
    """
    from models.runtime import LiteRTEmbedder

    return LiteRTEmbedder(bundle_directory(model))


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


def train_photographs(
    out: Path,
    photographs: Path,
    data_dir: Path | None = None,
    progress: "Callable[[int, int], None]" = lambda done, total: None,
    say: "Callable[[str], None]" = lambda text: None,
    tune: bool = False,
) -> "ModelCard":
    """Fit the model for product pictures into `out` (`models.training.product_photos.bundle.train_photographs`).

    Its trunk is the shipped model's; with `tune` it is tuned anew, which takes a GPU minutes and two cores a day.
    Raises TrainingUnavailable when TensorFlow or the trunk's weights are not installed.
    """
    try:
        from models.training.product_photos import bundle
    except ModuleNotFoundError as error:
        raise TrainingUnavailable(
            f"Training needs {error.name}, which is not installed: pip install 'lookalike[train]'"
        ) from error
    trunk = None if tune else bundle_directory(PHOTOGRAPHS)
    return bundle.train_photographs(out, photographs, data_dir, progress, say, trunk)


def train_own(
    examples: "Sequence[Example]",
    targets: "Sequence[str]",
    parts: "Mapping[str, str]",
    rarest: int,
    seed: int | None,
    out: Path,
    goes_on: Path | None = None,
    progress: "Callable[[int, int], None]" = lambda done, total: None,
    say: "Callable[[str], None]" = lambda text: None,
) -> "ModelCard":
    """Learn a shop's own words into `out` (`models.training.own_catalogue.bundle.train_own`), on the shipped trunk.

    `parts` say of some targets which part of the vector they belong to. Raises TrainingUnavailable when TensorFlow is
    not installed.
    """
    try:
        from models.training.own_catalogue import bundle, heads
    except ModuleNotFoundError as error:
        raise TrainingUnavailable(
            f"Training needs {error.name}, which is not installed: pip install 'lookalike[train]'"
        ) from error
    seed = bundle.SEED if seed is None else seed
    training = bundle.OwnTraining(tuple(dict.fromkeys(targets)), parts, rarest, seed, heads.RECIPE)
    return bundle.train_own(examples, training, out, bundle_directory(PHOTOGRAPHS), progress, say, goes_on)


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

    embedder = LiteRTEmbedder(bundle_directory(bundle))
    other = LiteRTEmbedder(bundle_directory(against)) if against is not None and against != PIXELS else None
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


def evaluate_products(
    model: Path | str | None,
    against: Path | str | None,
    table: Path,
    by: "Sequence[str]" = (),
    progress: "Callable[[int, int], None]" = lambda done, total: None,
    most: int | None = None,
) -> "ProductFindings":
    """Measure a bundle, or the shipped one for photographs, on the products of a shop's table, each among the others.

    `against` is another bundle, or "tutorial" for what every tutorial does, which needs the packages for training;
    `by` names the columns in which those found should be like the query, several joined by +; `most` rows are read.
    Raises DatasetMissing, BundleMissing, BundleDamaged, BundleTooNew, BundleTooOld, or TrainingUnavailable.
    """
    from models.evaluation import product_metrics
    from models.runtime import LiteRTEmbedder

    products = product_metrics.read_products(table, most)
    looked_at = product_metrics.choose_looked_at(products, by)
    embedder = LiteRTEmbedder(bundle_directory(PHOTOGRAPHS if model is None else model))
    others: list[product_metrics.MakeVectors] = []
    if against == TUTORIAL:
        try:
            from models.training.product_photos.baselines import tutorial_vectors
        except ModuleNotFoundError as error:
            raise TrainingUnavailable(
                f"The tutorials' way needs {error.name}, which is not installed: pip install 'lookalike[train]'"
            ) from error
        others.append(tutorial_vectors)
    elif against is not None:
        others.append(product_metrics.embedded_by(LiteRTEmbedder(bundle_directory(against))))
    return product_metrics.evaluate_products(embedder, products, looked_at, others, progress)


def report_writer() -> "Callable[[Sequence[Evaluation], Path], Path]":
    """Return `models.evaluation.report.write_report`. Raises ReportUnavailable when what draws charts is missing."""
    with _charts_drawn():
        from models.evaluation.report import write_report
    return write_report


def moderation_report_writer() -> "Callable[[JudgedPictures, Sequence[JudgedPictures], str, Path], Path]":
    """Return `models.evaluation.moderation_report.write_moderation_report`. Raises as `report_writer` does."""
    with _charts_drawn():
        from models.evaluation.moderation_report import write_moderation_report
    return write_moderation_report


@contextmanager
def _charts_drawn() -> "Iterator[None]":
    try:
        yield
    except ModuleNotFoundError as error:
        raise ReportUnavailable(
            f"A report needs {error.name}, which is not installed: pip install 'lookalike[train]'"
        ) from error
