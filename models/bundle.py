"""A bundle's files as they were when they were read, so that what becomes of them later does not matter."""

from dataclasses import dataclass
from pathlib import Path

from models.card import CONFIDENCE_FILE, FAMILIARITY_FILE, RUNTIME_FILE, ModelCard, read_card
from models.errors import BundleDamaged
from models.match_confidence import MatchConfidence
from models.ood_score import Familiarity


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """What an embedder is made of: the card, the graph as LiteRT reads it, and what the model knows of its answers."""

    directory: Path
    card: ModelCard
    graph: bytes
    known: Familiarity
    confidence: MatchConfidence


def read_bundle(directory: Path) -> Bundle:
    """Read the bundle in a directory. Raises BundleMissing, BundleDamaged, BundleTooNew or BundleTooOld."""
    card = read_card(directory)
    classes = len(card.classes)
    try:
        return Bundle(
            directory,
            card,
            (directory / RUNTIME_FILE).read_bytes(),
            Familiarity.load(directory / FAMILIARITY_FILE, classes, card.dim),
            MatchConfidence.load(directory / CONFIDENCE_FILE, classes),
        )
    except (ValueError, OSError) as error:
        raise BundleDamaged(f"What {directory} knows of its own answers can't be read: {error}") from error
