"""Cells that a model fills, and cells that are likely wrong, by what it says of pictures that it did not learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.card import ModelCard, Target
from models.errors import BundleDamaged, NotLearned

LEARNED_FILE = "learned.npz"
"""In a bundle: what was said of each picture by heads that had not learned from it."""

FILLED, MISTAKE = "fill", "check"
"""What is to be done with a cell."""

_SURELY = 0.84
"""The normal quantile of the one-sided 80 % bound by which a precision holds for other products, too."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A cell: of the product number `at`, what its table says, what the model does, and how probable that is.

    `action` is FILLED for an empty cell, MISTAKE for one whose own value is so much less probable; `doubt`, -1 to 1, is
    by how much.
    """

    at: int
    id: str
    target: str
    said: str
    told: str
    probability: float
    action: str
    doubt: float


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """Held-out probabilities, float32 (pictures, values) by target, of the pictures that were learned from.

    `rows` are their numbers by the pictures' digests, `labels` int64 (pictures,) what was learned, -1 for nothing.
    """

    rows: Mapping[str, int]
    probabilities: Mapping[str, NDArray[np.float32]]
    labels: Mapping[str, NDArray[np.int64]]


def require_targets(card: ModelCard) -> tuple[Target, ...]:
    """Return what a model tells beside the class. Raises NotLearned where that is nothing."""
    if not card.targets:
        raise NotLearned(
            f"The model {card.name} tells the class alone. Train one on the shop's own words first: "
            "lookalike train TABLE --target type --out DIR"
        )
    return card.targets


def read_learned(bundle: Path, card: ModelCard) -> Learned:
    """Read what a bundle knows of the pictures that it learned from. Raises BundleDamaged."""
    try:
        with np.load(bundle / LEARNED_FILE, allow_pickle=False) as held:
            rows = {str(digest): at for at, digest in enumerate(held["digests"])}
            probabilities = {
                one.name: held[f"probabilities_{at}"].astype(np.float32) for at, one in enumerate(card.targets)
            }
            labels = {one.name: held[f"labels_{at}"].astype(np.int64) for at, one in enumerate(card.targets)}
    except (OSError, ValueError, KeyError) as error:
        raise BundleDamaged(f"{bundle / LEARNED_FILE} can't be read ({error}). Train the model again.") from error
    return Learned(rows, probabilities, labels)


def threshold_of(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], precision: float
) -> tuple[float, float]:
    """Return the least probability from which on values are right at a wanted precision, and the share that reach it.

    `probabilities` are (n, values), `labels` (n,) without -1. The lower bound of a one-sided 80 % interval counts
    (Wilson, 1927), so that it holds for other products. It is more than 1 where no probability is enough.
    """
    if not len(labels):
        return 1.01, 0.0
    surest = probabilities.max(axis=1)
    order = np.argsort(-surest, kind="stable")
    right = (probabilities.argmax(axis=1) == labels)[order]
    counted = np.arange(1, len(right) + 1)
    share, z = np.cumsum(right) / counted, _SURELY
    spread = z * np.sqrt(share * (1 - share) / counted + z * z / (4 * counted**2))
    bound = (share + z * z / (2 * counted) - spread) / (1 + z * z / counted)
    enough = np.flatnonzero(bound >= precision)
    if not len(enough):
        return 1.01, 0.0
    last = int(enough[-1])
    return float(surest[order[last]]), (last + 1) / len(right)


def thresholds(learned: Learned, precision: float) -> dict[str, float]:
    """Return from which probability on a cell of each target is filled."""
    found = {}
    for name, probabilities in learned.probabilities.items():
        known = learned.labels[name] >= 0
        found[name] = threshold_of(probabilities[known], learned.labels[name][known], precision)[0]
    return found


def tags_of(
    ids: Sequence[str],
    said: Sequence[Mapping[str, str]],
    targets: Sequence[Target],
    probabilities: Mapping[str, NDArray[np.float32]],
    fill_from: Mapping[str, float],
    other: str = "other",
) -> list[Tag]:
    """Return the cells to fill, the surest first, and then those that are likely wrong, the likeliest first.

    `said` is what the table says of each of n products, `probabilities` float32 (n, values) by target. A value that was
    gathered with others is as probable as they are together.
    """
    tags: list[Tag] = []
    for target in targets:
        places = {value: at for at, value in enumerate(target.values)}
        rest = places.get(other)
        for at, (id_, row) in enumerate(zip(ids, probabilities[target.name], strict=True)):
            own = said[at].get(target.name, "").strip()
            best = int(row.argmax())
            told, probability = target.values[best], float(row[best])
            if told == other and own == "":
                continue
            if not own:
                if probability >= fill_from[target.name]:
                    tags.append(Tag(at, id_, target.name, own, told, probability, FILLED, 0.0))
                continue
            place = places.get(own, rest)
            doubt = probability - (0.0 if place is None else float(row[place]))
            if place != best and doubt > 0:
                tags.append(Tag(at, id_, target.name, own, told, probability, MISTAKE, doubt))
    return sorted(tags, key=lambda tag: (tag.action != FILLED, -tag.doubt, -tag.probability))
