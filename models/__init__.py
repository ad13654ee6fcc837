"""The data set, pictures, the classifier and the embedder: everything that knows what a picture looks like."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.embedder import Embedder

PRETRAINED = Path(__file__).parent / "pretrained" / "fashion-mnist"
"""The bundle that ships with the project."""


def load(bundle: Path | str | None = None) -> "Embedder":
    """Return the embedder of a bundle directory, or of the shipped one.

    Raises BundleMissing, BundleDamaged or BundleTooNew.
    """
    from models.runtime import LiteRTEmbedder

    return LiteRTEmbedder(Path(bundle) if bundle is not None else PRETRAINED)
