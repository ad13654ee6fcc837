"""Products to learn from, what they are to be told by, and which of them are held out together."""

import math
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.errors import TargetUnusable
from models.tagging.page import PictureFile

OTHER = "other"
"""The value that gathers rare ones."""

RAREST = 5
"""Products that a value needs to be learned for itself, where nothing else is asked for."""

FEW = 20
"""Products below which a value is learned badly, and named."""

LEAST_PRODUCTS = 50
"""Products below which nothing is learned."""

FOLDS = 4
"""Parts of a catalogue, each of which is held out once."""

_RESERVED = "class"
_DISTINCT = 0.5
"""The share of values that only one product has from which a target names products rather than kinds."""

_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
_MISSING = -1


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A product's picture, and what the shop says of the product by name. Several pictures may share an `id`."""

    id: str
    picture: PictureFile
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Learnable:
    """A target: its name, values in order of frequency, and which of them each example has, int64 (n,), -1 for none.

    `gathered` are the values that OTHER stands for, `few` those with fewer than FEW products.
    """

    name: str
    values: tuple[str, ...]
    labels: NDArray[np.int64]
    gathered: tuple[str, ...] = ()
    few: tuple[str, ...] = ()

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many examples have each value."""
        return np.bincount(self.labels[self.labels >= 0], minlength=len(self.values))


def learnable(examples: Sequence[Example], name: str, rarest: int = RAREST) -> Learnable:
    """Return a target of some examples. Raises TargetUnusable, which says why it can't be learned and what can be."""
    if name == _RESERVED:
        raise TargetUnusable(
            "A target can't be called class: that is what the ten classes of Fashion-MNIST are called in answers. "
            "Give the column another name, such as --column kind=class, and name that."
        )
    said = [one.values.get(name, "").strip() for one in examples]
    counts = Counter(value for value in said if value)
    if not counts:
        known = sorted({key for one in examples for key, value in one.values.items() if value.strip()})
        has = f"There are {', '.join(known[:30])}." if known else "They have no attributes at all."
        raise TargetUnusable(f"No product has anything in {name!r}. {has}")
    if len(counts) == 1:
        raise TargetUnusable(f"Every product's {name} is {next(iter(counts))!r}: there is nothing to tell apart.")
    if all(_NUMBER.fullmatch(value) for value in counts):
        raise TargetUnusable(
            f"{name} holds numbers, such as {next(iter(counts))}: kinds are learned, not amounts. "
            "Leave it out, or write ranges in words, such as 'up to 20'."
        )
    alone = sum(count == 1 for count in counts.values())
    if alone > _DISTINCT * sum(counts.values()):
        raise TargetUnusable(
            f"{alone} of {sum(counts.values())} products have a {name} that no other has: it names products, "
            "not kinds of them. Choose a column whose values many products share."
        )
    common = [value for value, count in counts.most_common() if count >= rarest and value != OTHER]
    gathered = tuple(sorted(counts.keys() - set(common) - {OTHER}))
    others = sum(counts[value] for value in (*gathered, OTHER))
    values = (*common, OTHER) if others >= rarest else tuple(common)
    if len(values) < 2 or not common:
        raise TargetUnusable(
            f"Only {len(common)} of the {len(counts)} values of {name} have {rarest} products or more. "
            "Learn from more products, or gather what is alike under fewer values."
        )
    places = {value: at for at, value in enumerate(values)}
    rest = places.get(OTHER, _MISSING)
    labels = np.array([places.get(value, rest) if value else _MISSING for value in said], np.int64)
    few = tuple(value for value in common if counts[value] < FEW)
    return Learnable(name, values, labels, gathered, few)


def folds_of(
    ids: Sequence[str], pictures: Sequence[str], labels: NDArray[np.int64], count: int = FOLDS, seed: int = 0
) -> NDArray[np.int64]:
    """Return the fold of each of n examples, int64 (n,), 0 to `count` - 1, with about as many of each label in each.

    Examples that share a product's id, or the digest of a picture, or are connected by others that do, never part.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from sklearn.model_selection import StratifiedGroupKFold

    n = len(ids)
    first: dict[tuple[str, str], int] = {}
    alike = [
        first.setdefault(key, at)
        for at, pair in enumerate(zip(ids, pictures, strict=True))
        for key in zip(("id", "picture"), pair, strict=True)
    ]
    edges = coo_array((np.ones(2 * n), (np.repeat(np.arange(n), 2), alike)), shape=(n, n))
    _, groups = connected_components(edges, directed=False)
    folds = np.empty(n, np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of values that have fewer products than there are folds
        splits = StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(labels, labels, groups)
        for fold, (_, held_out) in enumerate(splits):
            folds[held_out] = fold
    return folds


def expected_calibration_error(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the mean gap of confidence and accuracy over bins of about as many answers (Nixon et al., 1904.01685)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    order = np.argsort(confidence)
    bins = np.array_split(order, max(1, min(15, math.ceil(len(labels) / 20))))
    gaps = [abs(confidence[some].mean() - right[some].mean()) * len(some) for some in bins if len(some)]
    return float(sum(gaps) / max(1, len(labels)))
