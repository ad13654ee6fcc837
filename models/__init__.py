"""The data set, pictures, the classifier and the embedder: everything that knows what a picture looks like."""

from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import TrainingUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.card import ModelCard
    from models.embedder import Embedder
    from models.recipes import Recipe

PRETRAINED = Path(__file__).parent / "pretrained" / "fashion-mnist"
"""The bundle that ships with the project."""


def load(bundle: Path | str | None = None) -> "Embedder":
    """Return the embedder of a bundle directory, or of the shipped one.

    Raises BundleMissing, BundleDamaged or BundleTooNew.
    """
    from models.runtime import LiteRTEmbedder

    return LiteRTEmbedder(Path(bundle) if bundle is not None else PRETRAINED)


def train(
    recipe: "Recipe",
    out: Path,
    data_dir: Path | None = None,
    progress: "Callable[[int, int], None]" = lambda done, total: None,
    say: "Callable[[str], None]" = lambda text: None,
) -> "ModelCard":
    """Train a bundle by a recipe into `out`, as `models.bundle.train_bundle` says.

    Raises TrainingUnavailable when TensorFlow is not installed.
    """
    try:
        from models.bundle import train_bundle
    except ModuleNotFoundError as error:
        raise TrainingUnavailable(
            f"Training needs {error.name}, which is not installed: pip install 'lookalike[train]'"
        ) from error
    return train_bundle(recipe, out, data_dir, progress, say)
