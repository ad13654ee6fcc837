"""Retrieval sheets: queries and the ten nearest of each, chosen to show the usual, the best and the worst."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.measure import Evaluation
from models.evaluation.retrieval_metrics import Rankings

EXTREMES = 5
"""Queries on the sheets of the best and of the worst."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Queries, as rows of the test images, and why they were chosen."""

    title: str
    why: str
    queries: tuple[int, ...]


def choose_sheets(evaluation: Evaluation) -> tuple[Sheet, ...]:
    """Choose queries by the precision of their first ten, and then by their average precision at R."""
    rankings, labels = evaluation.rankings, evaluation.test.labels
    order = _worst_first(rankings)
    return (
        Sheet("Typical", "The median query of each class.", _medians(order, labels)),
        Sheet("Best", "The best queries, each of another class.", _one_of_each(order[::-1], labels)),
        Sheet("Worst", "The worst queries, each of another class.", _one_of_each(order, labels)),
    )


def _worst_first(rankings: Rankings) -> NDArray[np.intp]:
    return np.lexsort((rankings.average_precision_at_r, rankings.precision_at_10))


def _medians(order: NDArray[np.intp], labels: NDArray[np.integer]) -> tuple[int, ...]:
    of_classes = (order[labels[order] == label] for label in np.unique(labels))
    return tuple(int(members[len(members) // 2]) for members in of_classes)


def _one_of_each(order: NDArray[np.intp], labels: NDArray[np.integer]) -> tuple[int, ...]:
    _, firsts = np.unique(labels[order], return_index=True)
    return tuple(int(order[first]) for first in np.sort(firsts)[:EXTREMES])
